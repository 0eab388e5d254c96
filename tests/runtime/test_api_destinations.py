"""events to API destinations: let in by their connection, at their rate, by the target's policy"""

import base64
import ipaddress
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import trio
import trio.testing

from broker.core.authorization import (
    ApiKey,
    Authorization,
    Basic,
    ClientCredentials,
    HttpParts,
    Method,
    Parameter,
)
from broker.core.event import Event
from broker.core.message import Message, decode
from broker.core.names import Namespace
from broker.core.resources import (
    ApiDestination,
    Connection,
    HttpParameters,
    InputTransformer,
    Queue,
    Rule,
    Target,
)
from broker.runtime.broker import Broker
from broker.runtime.endpoint import DeliveryOptions
from broker.testing.broker import open_broker
from tests.runtime.http_receiver import BODY, Answer, Posted, Receiver, answer, first, open_receiver

NS = Namespace()
OPTIONS = DeliveryOptions(allowed_networks=(ipaddress.ip_network("127.0.0.0/8"),))
EVENT = Event(source="shop", detail_type="sold", detail={"id": "a/b", "total": 12})
KEY = ApiKey(name="x-api-key", value="sesame")


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """Jumps only when nothing has happened for a moment."""
    return trio.testing.MockClock(autojump_threshold=0.03)


@asynccontextmanager
async def sending(
    directory: Path,
    url: str,
    method: Method = KEY,
    parts: HttpParts = HttpParts(),  # noqa: B008 (immutable)
    options: DeliveryOptions = OPTIONS,
    *,
    http_method: str = "POST",
    rate: int = 300,
    **target: Any,
) -> AsyncIterator[Broker]:
    """A broker with a rule that sends events to the URL."""
    async with open_broker(directory, [Queue(name="dead")], delivery_options=options) as broker:
        connection = Connection(name="c", id="1")
        await broker.connections.create(NS, connection, Authorization(method=method, parts=parts))
        destination = ApiDestination(
            name="d", id="2", connection="c", endpoint=url, http_method=http_method, rate=rate
        )
        await broker.connections.create_destination(NS, destination)
        wanted = Target(
            id="1",
            arn=NS.arn("events", "api-destination/d/2"),
            dead_letter_target_arn=NS.arn("sqs", "dead"),
            **target,
        )
        await broker.rules.put(
            NS,
            Rule(
                name="default|r",
                event_bus="default",
                event_pattern='{"source":["shop"]}',
                targets=(wanted,),
            ),
        )
        yield broker


async def put(broker: Broker, count: int = 1) -> float:
    for _ in range(count):
        await broker.events.put(NS, EVENT)
    return trio.current_time()


async def dead_letters(broker: Broker) -> list[dict[str, str]]:
    found = []
    for one in await broker.queues.peek(NS, "dead", 100):
        body = decode(one.body)
        assert isinstance(body, Message)
        attributes = body.attributes or {}
        found.append({name: each.string_value or "" for name, each in attributes.items()})
    return found


# Requests


async def test_a_target_with_a_concurrency_is_sent_so_many_at_a_time(
    directory: Path, clock: object
) -> None:
    async def slow(_: object) -> tuple[int, dict[str, str]]:
        await trio.sleep(1)
        return 200, {}

    async with (
        open_receiver(slow) as receiver,
        sending(directory, receiver.url, concurrency=2) as broker,
    ):
        await put(broker, 7)
        await trio.sleep(10)
        assert len(receiver.posted) == 7
        assert receiver.under_way_most == 2


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_an_event_is_posted_as_a_cloud_event(
    directory: Path, clock: object, mode: str
) -> None:
    template = "<broker.cloudevent>" if mode == "structured" else "<broker.cloudevent.binary>"
    async with open_receiver() as receiver:
        made = InputTransformer(template)
        async with sending(directory, receiver.url, input_transformer=made) as broker:
            await put(broker)
            await trio.sleep(1)
            (posted,) = receiver.posted
            headers, body = posted.headers, json.loads(posted.body)
            if mode == "structured":
                assert headers["content-type"] == "application/cloudevents+json"
                assert (body["type"], body["data"]) == ("sold", {"id": "a/b", "total": 12})
            else:
                assert headers["content-type"] == "application/json"
                assert (headers["ce-type"], body) == ("sold", {"id": "a/b", "total": 12})
                assert headers["ce-specversion"] == "1.0"


async def test_an_event_is_posted_with_the_key(directory: Path, clock: object) -> None:
    async with open_receiver() as receiver, sending(directory, receiver.url) as broker:
        await put(broker)
        await trio.sleep(1)
        (posted,) = receiver.posted
        assert posted.document["detail"] == EVENT.detail
        assert posted.headers["x-api-key"] == "sesame"
        assert posted.headers["user-agent"] == "Amazon/EventBridge/ApiDestinations"
        assert posted.headers["content-type"] == "application/json; charset=utf-8"
        (counts,) = await broker.queues.counts(NS, "target/default|r|1")
        assert (counts.visible, counts.in_flight, counts.delayed) == (0, 0, 0)


async def test_a_name_and_a_password(directory: Path, clock: object) -> None:
    method = Basic(username="ann", password="se:cret")
    async with open_receiver() as receiver, sending(directory, receiver.url, method) as broker:
        await put(broker)
        await trio.sleep(1)
        header = receiver.posted[0].headers["authorization"]
        assert base64.b64decode(header.removeprefix("Basic ")) == b"ann:se:cret"


async def test_parameters_of_the_target_and_of_the_connection(
    directory: Path, clock: object
) -> None:
    parts = HttpParts(
        headers=(Parameter(key="x-both", value="connection"),),
        query=(Parameter(key="key", value="q&a", secret=True),),
        body=(Parameter(key="tenant", value="t1"),),
    )
    parameters = HttpParameters(
        ("$.detail.id", "fixed"),
        {"x-both": "target", "x-total": "$.detail.total"},
        {"source": "$.source", "none": "$.detail.gone"},
    )
    async with open_receiver() as receiver:
        url = receiver.url.replace("/hook", "/orders/*/of/*")
        async with sending(
            directory, url, KEY, parts, http_parameters=parameters, input_path="$.detail"
        ) as broker:
            await put(broker)
            await trio.sleep(1)
            (posted,) = receiver.posted
    path, _, query = posted.path.partition("?")
    assert path == "/orders/a%2Fb/of/fixed"
    assert parse_qs(query, keep_blank_values=True) == {
        "source": ["shop"],
        "none": [""],
        "key": ["q&a"],
    }
    assert posted.headers["x-both"] == "connection"
    assert posted.headers["x-total"] == "12"
    assert posted.document == {"id": "a/b", "total": 12, "tenant": "t1"}


async def test_a_get_has_no_body(directory: Path, clock: object) -> None:
    async with (
        open_receiver() as receiver,
        sending(directory, receiver.url, http_method="GET") as broker,
    ):
        await put(broker)
        await trio.sleep(1)
        assert receiver.posted[0].body == b""


# Tokens


class TokenServer:
    """Gives a new token to everybody who asks, and lets in who has the last one."""

    def __init__(self, life_s: float = 3_600) -> None:
        self.life_s = life_s
        self.asked: list[Posted] = []

    async def __call__(self, posted: Posted) -> Answer:
        if posted.path.startswith("/token"):
            self.asked.append(posted)
            text = {"access_token": f"t{len(self.asked)}", "expires_in": self.life_s}
            return 200, {BODY: json.dumps(text)}
        good = posted.headers.get("authorization") == f"Bearer t{len(self.asked)}"
        return (200 if good else 401), {}


def credentials(receiver: Receiver) -> ClientCredentials:
    return ClientCredentials(
        client_id="me",
        client_secret="shh",
        endpoint=receiver.url.replace("/hook", "/token"),
        method="POST",
        parts=HttpParts(body=(Parameter(key="scope", value="all"),)),
    )


async def test_a_token_is_asked_for_once_and_used_until_it_ends(
    directory: Path, clock: object
) -> None:
    server = TokenServer(life_s=600)
    async with (
        open_receiver(server) as receiver,
        sending(directory, receiver.url, credentials(receiver)) as broker,
    ):
        await put(broker, 5)
        await trio.sleep(1)
        assert len(server.asked) == 1
        asked = server.asked[0]
        assert parse_qs(asked.body.decode()) == {
            "grant_type": ["client_credentials"],
            "scope": ["all"],
        }
        header = asked.headers["authorization"].removeprefix("Basic ")
        assert base64.b64decode(header) == b"me:shh"
        await trio.sleep(600)
        await put(broker)
        await trio.sleep(1)
        assert len(server.asked) == 2
        assert await dead_letters(broker) == []


async def test_a_token_that_is_refused_is_replaced(directory: Path, clock: object) -> None:
    server = TokenServer()
    async with (
        open_receiver(server) as receiver,
        sending(directory, receiver.url, credentials(receiver)) as broker,
    ):
        await put(broker)
        await trio.sleep(1)
        server.asked.append(server.asked[0])  # somebody else has got a token since
        await put(broker)
        await trio.sleep(5)
        assert len(server.asked) == 3
        (counts,) = await broker.queues.counts(NS, "target/default|r|1")
        assert (counts.visible, counts.delayed) == (0, 0)


# Failures


async def test_it_is_tried_as_often_as_the_target_says_and_then_a_dead_letter(
    directory: Path, clock: object
) -> None:
    async with (
        open_receiver(answer(503)) as receiver,
        sending(directory, receiver.url, retry_attempts=3) as broker,
    ):
        await put(broker)
        await trio.sleep(60)
        assert len(receiver.posted) == 4
        (letter,) = await dead_letters(broker)
        assert letter["ERROR_CODE"] == "ERROR_FROM_TARGET"
        assert letter["ERROR_MESSAGE"] == "HTTP status 503"
        assert letter["EXHAUSTED_RETRY_CONDITION"] == "MaximumRetryAttempts"
        assert letter["RETRY_ATTEMPTS"] == "3"
        assert letter["TARGET_ARN"].endswith(":api-destination/d/2")


async def test_it_is_tried_as_long_as_the_target_says(directory: Path, clock: object) -> None:
    async with (
        open_receiver(answer(500)) as receiver,
        sending(directory, receiver.url, maximum_event_age_s=60) as broker,
    ):
        since = await put(broker)
        await trio.sleep(600)
        times = [posted.at - since for posted in receiver.posted]
        assert times[-1] <= 60
        (letter,) = await dead_letters(broker)
        assert letter["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"


async def test_backpressure_costs_no_attempt(directory: Path, clock: object) -> None:
    behaviour = first(answer(429, retry_after="30"), answer(503, retry_after="30"), answer(429))
    async with (
        open_receiver(behaviour) as receiver,
        sending(directory, receiver.url, retry_attempts=0) as broker,
    ):
        since = await put(broker)
        await trio.sleep(200)
        times = [posted.at - since for posted in receiver.posted]
        assert len(times) == 4
        assert 30 <= times[1] < 31
        assert 60 <= times[2] < 61
        assert await dead_letters(broker) == []


@pytest.mark.parametrize("status", [400, 403, 404, 410])
async def test_a_refusal_is_final(directory: Path, clock: object, status: int) -> None:
    async with (
        open_receiver(answer(status)) as receiver,
        sending(directory, receiver.url) as broker,
    ):
        await put(broker)
        await trio.sleep(60)
        assert len(receiver.posted) == 1
        (letter,) = await dead_letters(broker)
        assert letter["ERROR_MESSAGE"] == f"HTTP status {status}"
        assert "EXHAUSTED_RETRY_CONDITION" not in letter


async def test_a_private_address_is_not_asked(directory: Path, clock: object) -> None:
    async with (
        open_receiver() as receiver,
        sending(directory, receiver.url, options=DeliveryOptions()) as broker,
    ):
        await put(broker)
        await trio.sleep(1)
        assert receiver.posted == []
        (letter,) = await dead_letters(broker)
        assert letter["ERROR_CODE"] == "SDK_CLIENT_ERROR"


async def test_a_destination_that_is_gone_makes_dead_letters(
    directory: Path, clock: object
) -> None:
    async with open_receiver() as receiver, sending(directory, receiver.url) as broker:
        await broker.connections.delete_destination(NS, "d")
        await put(broker)
        await trio.sleep(1)
        (letter,) = await dead_letters(broker)
        assert letter["ERROR_CODE"] == "NO_RESOURCE"


async def test_a_connection_without_its_secret_is_waited_for(
    directory: Path, clock: object
) -> None:
    async with open_receiver() as receiver, sending(directory, receiver.url) as broker:
        connection = broker.connections.get(NS, "c")
        await broker.connections.configure(NS, connection, None)
        await put(broker)
        await trio.sleep(1)
        assert receiver.posted == []
        await broker.connections.configure(
            NS, broker.connections.get(NS, "c"), Authorization(method=KEY)
        )
        await trio.sleep(10)
        assert len(receiver.posted) == 1


async def test_the_rate_of_a_destination_is_kept(directory: Path, clock: object) -> None:
    async with open_receiver() as receiver, sending(directory, receiver.url, rate=2) as broker:
        since = await put(broker, 10)
        await trio.sleep(20)
        times = [posted.at - since for posted in receiver.posted]
        assert len(times) == 10
        assert times[-1] >= 4.4


# Secrets


async def test_secrets_are_in_no_file_and_in_no_text(directory: Path, clock: object) -> None:
    async with open_receiver() as receiver, sending(directory, receiver.url) as broker:
        connection = broker.connections.get(NS, "c")
        assert "sesame" not in repr(connection)
        assert "sesame" not in repr(broker.connections.authorization(connection))
        await put(broker)
        await trio.sleep(1)
    assert b"sesame" not in everything(directory)


def everything(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in directory.rglob("*") if file.is_file())
