"""group commit: what a batch may do to the others in it"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.core import apply, commands, resources
from broker.core.commands import NewMessage, RecordChange
from broker.core.errors import StoreFailed
from broker.store.clock import Clock
from broker.store.engine import Engine
from tests.store.invariants import check_engine

NAMESPACE = "000000000000/us-east-1"


class Time:
    """A wall clock and a monotonic one, moved by hand."""

    def __init__(self) -> None:
        self.wall_ms = 1_700_000_000_000
        self.monotonic_ms = 0

    def clock(self) -> Clock:
        return Clock(lambda: self.wall_ms, lambda: self.monotonic_ms)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def engine(tmp_path: Path, time: Time) -> Iterator[Engine]:
    engine = Engine(tmp_path / "data", time.clock())
    value = resources.encode(resources.Queue(name="orders"))
    run(engine, commands.Configure([RecordChange("queue", "orders", value)]))
    yield engine
    check_engine(engine)
    engine.close()


def run(engine: Engine, *batch: Any) -> list[Any]:
    return engine.apply([(NAMESPACE, command) for command in batch]).outcomes


def send(text: str) -> commands.SendMessages:
    return commands.SendMessages("orders", [NewMessage(text.encode().ljust(16), text.encode())])


def bodies(engine: Engine) -> list[str]:
    (peeked,) = run(engine, commands.PeekMessages("orders", 100))
    return [message.body.decode() for message in peeked]


def test_commands_of_one_commit_are_applied_in_order(engine: Engine) -> None:
    _, first, _, second = run(
        engine,
        send("a"),
        commands.PeekMessages("orders", 10),
        send("b"),
        commands.PeekMessages("orders", 10),
    )
    assert [message.body for message in first] == [b"a"]
    assert [message.body for message in second] == [b"a", b"b"]


def test_a_bug_in_one_command_fails_only_that_command(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def buggy(view: Any, namespace: str, command: commands.SendMessages) -> None:
        real(view, namespace, command)  # the bug strikes after the first write
        if command.messages[0].body == b"bad":
            raise ZeroDivisionError("a bug")

    real = apply.APPLY[commands.SendMessages]
    monkeypatch.setitem(apply.APPLY, commands.SendMessages, buggy)
    first, bad, last = run(engine, send("a"), send("bad"), send("b"))
    assert (first, last) == (None, None)
    assert isinstance(bad, StoreFailed)
    assert "a bug" in bad.message
    assert bodies(engine) == ["a", "b"]


def test_a_name_that_the_map_cannot_hold_fails_only_its_command(engine: Engine) -> None:
    put = commands.Configure([RecordChange("topic", "x" * 600, b"")])
    first, refused, last = run(engine, send("a"), put, send("b"))
    assert (first, last) == (None, None)
    assert isinstance(refused, StoreFailed)
    assert bodies(engine) == ["a", "b"]


def test_time_does_not_go_back_when_a_batch_is_thrown_away(
    engine: Engine, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    def buggy(view: Any, namespace: str, command: Any) -> None:
        raise ZeroDivisionError

    run(engine, send("a"))
    time.wall_ms += 10_000
    before_ms = engine.apply([(NAMESPACE, commands.ReadRecords())]).status.now_ms
    time.wall_ms -= 3_600_000
    monkeypatch.setitem(apply.APPLY, commands.PurgeQueue, buggy)
    run(engine, commands.PurgeQueue("orders"))
    assert engine.apply([(NAMESPACE, commands.ReadRecords())]).status.now_ms >= before_ms
