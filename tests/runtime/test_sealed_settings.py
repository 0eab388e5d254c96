"""Secrets in functions' settings: sealed in the store, whole in the invoker's hands."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
import trio

from broker.core.errors import InvokerFailed
from broker.core.names import Namespace
from broker.core.resources import Function
from broker.plugin import Invocation, InvocationResult, Secret
from broker.runtime.broker import Broker
from broker.runtime.declare import declare
from broker.runtime.sealed_settings import sealed, unsealed
from broker.runtime.secret_box import SecretBox, Unreadable
from broker.testing.broker import open_broker
from broker_http.settings import HttpSettings
from broker_lambda.settings import LambdaSettings
from tests.runtime.conftest import FakeInvoker

NS = Namespace()


class Reference(msgspec.Struct, forbid_unknown_fields=True):
    file: str


class Key(msgspec.Struct, tag="key"):
    name: str
    value: Secret | Reference


class Token(msgspec.Struct, tag="token"):
    token: Secret


class Tree(msgspec.Struct):
    branches: "list[Tree]" = []
    key: Secret = ""


class Kind(msgspec.Struct, kw_only=True, rename="camel"):
    plain: str = ""
    whole_secret: Secret = ""
    perhaps: Annotated[Secret | None, msgspec.Meta(description="of something")] = None
    authorization: Key | Token | None = None
    many: list[Secret] = []
    named: dict[str, Secret] = {}


@pytest.fixture
def box() -> Callable[[], SecretBox]:
    made = SecretBox.in_memory()
    return lambda: made


SETTINGS = {
    "plain": "seen",
    "wholeSecret": "hidden",
    "perhaps": "hidden",
    "authorization": {"type": "key", "name": "seen", "value": "hidden"},
    "many": ["hidden", "hidden"],
    "named": {"seen": "hidden"},
    "unknown": "seen",
}


def test_what_is_typed_secret_is_sealed_and_nothing_else(box: Callable[[], SecretBox]) -> None:
    stored = sealed(SETTINGS, Kind, box)
    text = msgspec.json.encode(stored).decode()
    assert "hidden" not in text
    assert text.count("seen") == 4
    assert text.count("$sealed") == 6
    assert unsealed(stored, Kind, box) == SETTINGS


def test_what_is_sealed_is_not_sealed_again(box: Callable[[], SecretBox]) -> None:
    stored = sealed(SETTINGS, Kind, box)
    assert sealed(stored, Kind, box) == stored


@pytest.mark.parametrize(
    "settings",
    [
        {"authorization": {"type": "key", "name": "x", "value": {"file": "/secret"}}},
        {"authorization": {"type": "unheard of", "token": "x"}},
        {"authorization": "x", "many": "x", "named": ["x"], "perhaps": None},
        {"plain": {"$sealed": "x"}},
    ],
)
def test_all_else_stays_as_it_is(settings: Any, box: Callable[[], SecretBox]) -> None:
    assert sealed(settings, Kind, box) == unsealed(settings, Kind, box) == settings


def test_a_type_may_hold_others_of_its_own(box: Callable[[], SecretBox]) -> None:
    settings = {"branches": [{"branches": [{"key": "hidden"}]}]}
    assert "hidden" not in str(sealed(settings, Tree, box))


def test_another_key_opens_nothing(box: Callable[[], SecretBox]) -> None:
    stored = sealed(SETTINGS, Kind, box)
    with pytest.raises(Unreadable):
        unsealed(stored, Kind, SecretBox.in_memory)


def test_an_invoker_that_does_not_say_what_it_takes_has_no_secrets() -> None:
    assert sealed(SETTINGS, None, SecretBox.in_memory) == SETTINGS


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"authorization": {"type": "basic", "username": "u", "password": "hidden"}}, HttpSettings),
        ({"authorization": {"type": "bearer", "token": "hidden"}}, HttpSettings),
        ({"authorization": {"type": "api_key", "name": "k", "value": "hidden"}}, HttpSettings),
        (
            {"authorization": {"type": "oauth", "client_id": "hidden", "client_secret": "hidden"}},
            HttpSettings,
        ),
        ({"headers": {"X-Key": "hidden"}}, HttpSettings),
        ({"secret_access_key": "hidden", "session_token": "hidden"}, LambdaSettings),
    ],
)
def test_the_first_partys_secrets(settings: Any, kind: Any, box: Callable[[], SecretBox]) -> None:
    assert "hidden" not in str(sealed(settings, kind, box))


# In a broker


class Invoker(FakeInvoker):
    settings_type = Kind


async def succeed(_: Invocation) -> InvocationResult:
    return InvocationResult(payload=b"1")


def function(secret: str = "hidden") -> Function:
    return Function(name="f", invoker="fake", settings={**SETTINGS, "wholeSecret": secret})


def contents_of(directory: Path) -> list[bytes]:
    return [path.read_bytes() for path in directory.rglob("*") if path.is_file()]


def stored(broker: Broker) -> Function:
    return broker.functions.get(NS, "f")


async def test_the_invoker_has_them_whole(tmp_path: Path, autojump_clock: object) -> None:
    invoker = Invoker(succeed)
    async with open_broker(tmp_path, [function()], {"fake": invoker}) as broker:
        assert "hidden" not in str(stored(broker).settings)
        await broker.functions.invoke(NS, "f", b"1")
    (seen,) = invoker.seen
    assert seen.settings == SETTINGS


async def test_nothing_of_them_is_on_disk(tmp_path: Path, autojump_clock: object) -> None:
    secret = "a secret that would be found"
    async with open_broker(tmp_path, [function(secret)], {"fake": Invoker(succeed)}):
        await trio.sleep(1)
    contents = contents_of(tmp_path)
    assert contents
    assert not any(secret.encode() in each for each in contents)


async def test_the_same_declared_again_is_no_change(tmp_path: Path, autojump_clock: object) -> None:
    async with open_broker(tmp_path, [function()], {"fake": Invoker(succeed)}) as broker:
        before = stored(broker)
        assert await declare(broker, NS, [function()]) == 0
        assert stored(broker) == before
        assert await declare(broker, NS, [function("another")]) == 1
        assert stored(broker).revision_id != before.revision_id


async def test_one_that_was_stored_as_it_was_given_is_sealed(
    tmp_path: Path, autojump_clock: object
) -> None:
    async with open_broker(tmp_path, [function()], {"fake": Invoker(succeed)}) as broker:
        before = msgspec.structs.replace(stored(broker), settings=SETTINGS)
        await broker.registrar.put(NS, before)
        assert await declare(broker, NS, [function()]) == 1
        assert "hidden" not in str(stored(broker).settings)
        assert stored(broker).revision_id == before.revision_id


async def test_with_the_key_lost_it_waits_until_it_is_declared_anew(
    tmp_path: Path, autojump_clock: object
) -> None:
    async with open_broker(tmp_path, [function()], {"fake": Invoker(succeed)}):
        pass
    async with open_broker(tmp_path, [], {"fake": Invoker(succeed)}) as broker:
        with pytest.raises(InvokerFailed, match="a secret of function f can't be read"):
            await broker.functions.invoke(NS, "f", b"1")
        assert await declare(broker, NS, [function()]) == 1
        await broker.functions.invoke(NS, "f", b"1")
