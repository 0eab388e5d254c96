"""Streams over real sockets: WebSocket by wsproto's client, server-sent events by httpx."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
import trio.testing
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from broker.core.limits import (
    MIB,
    STREAM_CREDIT_MAX,
    STREAM_DRAIN_S,
    STREAM_HEARTBEAT_S,
    STREAM_REQUEST_BYTES_MAX,
    STREAM_TAGS_MAX,
)
from broker.core.message import decode, message, rendered
from broker.core.names import Namespace
from broker.core.resources import Queue
from broker.edge.app import App
from broker.edge.guard import Guard
from broker.edge.health import Health
from broker.edge.http.connection import PROGRESS_S
from broker.edge.native.stream_sinks import WebSocketStream
from broker.edge.native.websocket import PIECE_BYTES
from broker.runtime.broker import Broker
from broker.runtime.stream import Asked, Stream
from broker.testing.broker import open_broker
from tests.edge.http.raw_client import Running, get, serving
from tests.edge.http.test_connections import REAPED_S, passes
from tests.edge.native.websocket_client import Rejected, WebSocketClient

NS = Namespace()
STREAM = "/v1/queues/orders/stream"
PAGE = "https://app.example"


@dataclass
class Served:
    """A broker with two queues, behind a port."""

    broker: Broker
    running: Running

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.running.port}"

    async def open(self, query: str = "", *subprotocols: str, **headers: str) -> WebSocketClient:
        """A WebSocket, behind its first frame."""
        client = await WebSocketClient.open(
            self.running.port, STREAM + query, subprotocols, **headers
        )
        assert (await client.frame())["type"] == "open"
        return client

    async def send(self, *bodies: str) -> None:
        await self.broker.queues.send(NS, "orders", [(message(each), 0) for each in bodies])

    async def receive(self, count: int) -> dict[str, int]:
        """So many messages, as they become visible; how often each was received before."""
        found: dict[str, int] = {}
        while len(found) < count:
            for one in await self.broker.queues.receive(NS, "orders", count, wait_time_s=20):
                body = rendered(decode(one.body), one.via, "").body
                found[body] = one.receive_count - 1
        return found

    async def counts(self) -> tuple[int, int]:
        """Visible and in flight."""
        (counts,) = await self.broker.queues.counts(NS, "orders")
        return counts.visible, counts.in_flight


@asynccontextmanager
async def served(directory: Path) -> AsyncIterator[Served]:
    queues = [
        Queue(name="orders", visibility_timeout_s=3_600),
        Queue(name="hasty", visibility_timeout_s=0),
    ]
    async with open_broker(directory, queues) as broker:
        app = App(broker, Guard([PAGE]), Health(broker), NS)
        async with serving(app.handle) as running:
            yield Served(broker, running)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Served]:
    async with served(tmp_path / "data") as shop:
        yield shop


# WebSocket: what is sent


async def test_the_first_frame_names_the_stream_and_its_settings(shop: Served) -> None:
    client = await WebSocketClient.open(shop.running.port, STREAM + "?credit=7&batch=3")
    frame = await client.frame()
    assert frame.pop("stream")
    assert frame == {
        "type": "open",
        "queue": "orders",
        "credit": 7,
        "batch": 3,
        "visibility_timeout_s": 3600,
    }


async def test_messages_come_in_batches_with_tags(shop: Served) -> None:
    client = await shop.open("?batch=2")
    await shop.send("a", "b", "c")
    first, second = await client.frame(), await client.frame()
    assert [each["tag"] for each in first["messages"]] == [1, 2]
    (each,) = second["messages"]
    assert (each["tag"], each["body"], each["receive_count"]) == (3, "c", 1)
    assert each["message_id"]
    assert each["sent_at_ms"] > 0


@pytest.mark.parametrize(
    ("query", "subprotocols", "chosen", "binary"),
    [
        ("", (), None, False),
        ("?format=json", (), None, False),
        ("?format=msgpack", (), None, True),
        ("", ("broker.msgpack",), "broker.msgpack", True),
        ("", ("mqtt", "broker.json", "broker.msgpack"), "broker.json", False),
        ("?format=msgpack", ("broker.json", "broker.msgpack"), "broker.msgpack", True),
    ],
)
async def test_frames_are_json_or_msgpack(
    shop: Served, query: str, subprotocols: tuple[str, ...], chosen: str | None, binary: bool
) -> None:
    client = await shop.open(query, *subprotocols)
    await shop.send("a", "ä\0")
    assert await client.bodies(2) == {1: "a", 2: "ä\0"}
    assert (client.subprotocol, client.binary) == (chosen, binary)


async def test_a_large_message_comes_whole(shop: Served) -> None:
    client = await shop.open()
    await shop.send("x" * MIB)
    assert await client.bodies(1) == {1: "x" * MIB}


# WebSocket: what is asked


async def test_each_frame_of_the_client_is_confirmed(shop: Served) -> None:
    client = await shop.open()
    await shop.send(*"abcde")
    await client.bodies(5)
    await client.ask(ack=[1, 2])
    assert await client.frame() == {"type": "confirmed", "frame": 1}
    await client.ask_packed(release=[3], extend=[4], visibility_timeout_s=60, credit=0)
    assert await client.frame() == {"type": "confirmed", "frame": 2}
    assert await shop.receive(1) == {"c": 0}
    assert await shop.counts() == (0, 3)


async def test_a_release_may_count_as_a_receive(shop: Served) -> None:
    client = await shop.open()
    await shop.send("a")
    await client.bodies(1)
    await client.ask(release=[1], spend_receive=True, credit=0)
    assert await shop.receive(1) == {"a": 1}


async def test_credit_bounds_what_is_sent(shop: Served) -> None:
    client = await shop.open("?credit=2")
    await shop.send(*"abc")
    assert await client.bodies(2) == {1: "a", 2: "b"}
    assert await shop.counts() == (1, 2)
    await client.ask(ack=[1])
    frames = [await client.frame(), await client.frame()]
    assert {frame["type"] for frame in frames} == {"confirmed", "messages"}
    assert await shop.counts() == (0, 2)


async def test_a_tag_that_is_not_held_is_told_and_the_others_done(shop: Served) -> None:
    client = await shop.open()
    await shop.send("a")
    await client.bodies(1)
    await client.ask(ack=[1, 9])
    confirmed = await client.frame()
    (error,) = confirmed.pop("errors")
    assert confirmed == {"type": "confirmed", "frame": 1}
    assert (error["tag"], error["code"], error["status"]) == (9, "TagIsInvalid", 409)
    assert await shop.counts() == (0, 0)


@pytest.mark.parametrize(
    ("frame", "code", "says"),
    [
        ("not JSON", "MalformedRequest", "malformed"),
        ("[]", "MalformedRequest", "object"),
        ("{}", "MalformedRequest", "nothing in it"),
        (b"\xc1", "MalformedRequest", "malformed"),
        ('{"ack": ["1"]}', "MalformedRequest", "ack[0]"),
        ('{"ack": [-1]}', "MalformedRequest", "ack[0]"),
        (f'{{"ack": [{10**30}]}}', "MalformedRequest", "ack[0]"),
        ('{"nack": [1]}', "MalformedRequest", "nack"),
        ('{"ack": 1}', "MalformedRequest", "ack"),
        ('{"extend": [1]}', "MissingParameter", "visibility_timeout_s"),
        ('{"extend": [1], "visibility_timeout_s": 0}', "MalformedRequest", ">= 1"),
        ('{"extend": [1], "visibility_timeout_s": 43201}', "MalformedRequest", "<= 43200"),
        ('{"ack": [1], "visibility_timeout_s": 5}', "InvalidParameter", "extend"),
        ('{"ack": [1], "spend_receive": true}', "InvalidParameter", "release"),
        ('{"credit": -1}', "MalformedRequest", "credit"),
        (f'{{"credit": {STREAM_CREDIT_MAX + 1}}}', "MalformedRequest", "credit"),
        (json.dumps({"ack": [1] * (STREAM_TAGS_MAX + 1)}), "MalformedRequest", "length"),
        (
            json.dumps({"ack": [1] * STREAM_TAGS_MAX, "release": [1]}),
            "TooManyEntriesInBatch",
            f"{STREAM_TAGS_MAX} tags",
        ),
    ],
)
async def test_a_frame_that_is_wrong_is_answered_and_loses_nothing(
    shop: Served, frame: str | bytes, code: str, says: str
) -> None:
    client = await shop.open()
    await shop.send("a")
    await client.bodies(1)
    await client.send_event(TextMessage(frame) if isinstance(frame, str) else BytesMessage(frame))
    error = await client.frame()
    assert (error["type"], error["frame"], error["code"]) == ("error", 1, code)
    assert says in error["detail"]
    await client.ask(ack=[1])
    assert await client.frame() == {"type": "confirmed", "frame": 2}


async def test_a_frame_in_pieces_is_one_frame(shop: Served) -> None:
    client = await shop.open()
    await shop.send("a")
    await client.bodies(1)
    await client.send_event(TextMessage('{"ac', message_finished=False))
    await client.send_event(TextMessage('k": [1]}'))
    assert await client.frame() == {"type": "confirmed", "frame": 1}


async def test_a_flood_of_small_frames_is_taken_in_between_others_turns(
    shop: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: dict[int, int] = {}  # frames, by the run of the event loop

    class Runs(trio.abc.Instrument):
        count = 0

        def before_io_wait(self, timeout: float) -> None:
            self.count += 1

    ask = Stream.ask

    def counted(stream: Stream, asked: Asked) -> None:
        heard[runs.count] = heard.get(runs.count, 0) + 1
        ask(stream, asked)

    monkeypatch.setattr(Stream, "ask", counted)
    runs = Runs()
    trio.lowlevel.add_instrument(runs)
    client = await shop.open()
    frame = client.protocol.send(TextMessage('{"credit": 1}'))
    await client.stream.send_all(frame * 3_000)
    told = 0
    while told < 3_000:
        told = (await client.frame())["frame"]
    trio.lowlevel.remove_instrument(runs)
    assert sum(heard.values()) == 3_000
    assert max(heard.values()) <= PIECE_BYTES // len(frame) + 1


async def test_pieces_of_a_frame_with_nothing_in_them_take_no_memory(
    shop: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = []
    hear = WebSocketStream._hear

    async def counted(stream: WebSocketStream, pieces: list[bytes | bytearray | str]) -> None:
        heard.append(len(pieces))
        await hear(stream, pieces)

    monkeypatch.setattr(WebSocketStream, "_hear", counted)
    client = await shop.open()
    for _ in range(100):
        await client.send_event(TextMessage("", message_finished=False))
    await client.send_event(TextMessage('{"credit": 1}'))
    assert await client.frame() == {"type": "confirmed", "frame": 1}
    assert heard == [2]


@pytest.mark.parametrize("pieces", [1, 4])
async def test_a_frame_that_is_too_large_ends_the_stream(shop: Served, pieces: int) -> None:
    client = await shop.open()
    await shop.send("a")
    await client.bodies(1)
    size = STREAM_REQUEST_BYTES_MAX // pieces + 1
    for _ in range(pieces):
        await client.send_event(TextMessage(" " * size, message_finished=False))
    assert await client.frame() == 1009
    assert await shop.receive(1) == {"a": 1}


@pytest.mark.parametrize("data", [b"\x81\x01x", b"\xff\x80\0\0\0\0", b"\x81\x81\0\0\0\0\xff"])
async def test_what_is_no_websocket_ends_the_stream(shop: Served, data: bytes) -> None:
    client = await shop.open()
    await shop.send("a")
    await client.bodies(1)
    await client.stream.send_all(data)
    assert await client.frame() in (1002, 1007)
    assert await shop.receive(1) == {"a": 1}


# WebSocket: how it ends


async def test_a_close_is_answered_when_all_that_was_asked_for_is_done(shop: Served) -> None:
    client = await shop.open()
    await shop.send("a", "b")
    await client.bodies(2)
    await client.ask(ack=[1])
    await client.send_event(CloseConnection(1000))
    while isinstance(answer := await client.frame(), dict):
        assert answer["type"] == "confirmed"
    assert answer == 1000
    assert await shop.receive(1) == {"b": 1}


async def test_what_comes_after_a_close_is_nobodys_business(
    shop: Served, caplog: pytest.LogCaptureFixture
) -> None:
    client = await shop.open()
    await client.send_event(CloseConnection(1000))
    assert await client.frame() == 1000
    await client.stream.send_all(b"\x81\x80\0\0\0\0" + b"more")
    await client.stream.aclose()
    other = await shop.open()
    await shop.send("a")
    assert await other.bodies(1) == {1: "a"}
    assert caplog.text == ""


async def test_a_client_that_vanishes_leaves_its_messages(shop: Served) -> None:
    client = await shop.open()
    await shop.send("a", "b")
    await client.bodies(2)
    await client.stream.aclose()
    assert await shop.receive(2) == {"a": 1, "b": 1}
    assert len(shop.broker.streams) == 0


async def test_a_client_that_vanishes_while_it_is_sent_to_leaves_what_it_did_not_get(
    shop: Served, caplog: pytest.LogCaptureFixture
) -> None:
    large = [f"{n:02}" * (MIB // 2) for n in range(30)]
    client = await shop.open()
    await shop.send(*large)
    await client.stream.receive_some(1)
    in_flight = 0
    while in_flight < 5:
        _, in_flight = await shop.counts()
    await client.stream.aclose()
    found = await shop.receive(len(large))
    assert found.keys() == set(large)
    assert 0 in found.values()
    assert caplog.text == ""


async def test_a_deleted_queue_ends_its_stream(shop: Served) -> None:
    client = await shop.open()
    await shop.broker.queues.delete(NS, "orders")
    assert (await client.frame())["code"] == "QueueDoesNotExist"
    assert await client.frame() == 4404


async def test_a_daemon_that_stops_says_so_and_takes_what_is_still_acknowledged(
    shop: Served,
) -> None:
    client = await shop.open()
    await shop.send("a")
    await client.bodies(1)
    shop.broker.streams.close()
    assert (await client.frame())["code"] == "ShuttingDown"
    await client.ask(ack=[1])
    assert await client.frame() == {"type": "confirmed", "frame": 1}
    assert await client.frame() == 1001
    assert await shop.counts() == (0, 0)


# WebSocket: time


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """Time that passes only when a test says so."""
    return trio.testing.MockClock()


async def test_a_quiet_stream_is_kept_open_by_pings_that_need_no_answer(
    tmp_path: Path, clock: trio.testing.MockClock
) -> None:
    async with served(tmp_path / "data") as shop:
        client = await shop.open()
        await passes(clock, 10 * STREAM_HEARTBEAT_S + 1)
        await shop.send("a")
        assert await client.bodies(1) == {1: "a"}
        assert client.pings == 10


async def test_a_reader_that_stops_is_cut_off_and_its_messages_go_back(
    tmp_path: Path, clock: trio.testing.MockClock
) -> None:
    large = [f"{n:02}" * (MIB // 2) for n in range(40)]
    async with served(tmp_path / "data") as shop:
        await shop.send(*large)
        client = await shop.open()
        await passes(clock, PROGRESS_S - 1)
        visible, in_flight = await shop.counts()
        assert visible > 10  # it was given no more than the sockets and one batch hold
        assert in_flight > 0
        await passes(clock, 1 + REAPED_S)
        found = await shop.receive(len(large))
        assert found.keys() == set(large)
        assert set(found.values()) == {0, 1}
        await client.stream.aclose()


async def test_at_shutdown_nobody_is_waited_for_long(
    tmp_path: Path, clock: trio.testing.MockClock
) -> None:
    async with served(tmp_path / "data") as shop:
        client = await shop.open()
        await shop.send("a")
        await client.bodies(1)
        shop.broker.streams.close()
        await passes(clock, STREAM_DRAIN_S + 0.5)
        assert (await client.frame())["type"] == "end"
        assert await client.frame() == 1001


# The handshake


async def rejected(shop: Served, target: str, *subprotocols: str, **headers: str) -> Rejected:
    with pytest.raises(Rejected) as caught:
        await WebSocketClient.open(shop.running.port, target, subprotocols, **headers)
    return caught.value


async def test_a_web_page_cannot_open_a_stream_unless_its_origin_is_allowed(
    shop: Served,
) -> None:
    assert (await rejected(shop, STREAM, Origin="https://evil.example")).status == 403
    assert (await rejected(shop, STREAM, host="evil.example")).status == 403
    await shop.open(Origin=PAGE)


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/v1/queues/none/stream", 404, "QueueDoesNotExist"),
        ("/v1/queues/hasty/stream", 400, "InvalidParameter"),
        (STREAM + "?credit=-1", 400, "MalformedRequest"),
        (STREAM + f"?credit={STREAM_CREDIT_MAX + 1}", 400, "MalformedRequest"),
        (STREAM + "?batch=0", 400, "MalformedRequest"),
        (STREAM + "?batch=1001", 400, "MalformedRequest"),
        (STREAM + "?visibility_timeout_s=0", 400, "MalformedRequest"),
        (STREAM + "?format=xml", 400, "MalformedRequest"),
        (STREAM + "?prefetch=1", 400, "MalformedRequest"),
    ],
)
async def test_what_cannot_be_streamed_is_refused(
    shop: Served, target: str, status: int, code: str
) -> None:
    refusal = await rejected(shop, target)
    assert (refusal.status, refusal.problem["code"]) == (status, code)


async def test_subprotocols_that_are_unknown_or_contradict_the_query_are_refused(
    shop: Served,
) -> None:
    for target, offered in ((STREAM, "mqtt"), (STREAM + "?format=json", "broker.msgpack")):
        refusal = await rejected(shop, target, offered)
        assert refusal.status == 400
        assert "broker.json and broker.msgpack" in refusal.problem["detail"]


@pytest.mark.parametrize(
    "headers",
    [
        ("Sec-WebSocket-Version: 8", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
        ("Sec-WebSocket-Version: 13",),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAA"),
        ("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: no base64"),
    ],
)
async def test_a_handshake_that_is_wrong_is_refused(shop: Served, headers: tuple[str, ...]) -> None:
    client = await shop.running.connect()
    request = get(STREAM, "Connection: Upgrade", "Upgrade: websocket", *headers)
    answer = await client.request(request)
    assert answer.status == 400
    assert b"Sec-WebSocket" in answer.body


async def test_anything_else_is_told_how_to_ask(shop: Served) -> None:
    client = await shop.running.connect()
    for accept in ((), ("Accept: application/json",), ("Accept: */*", "Upgrade: websocket")):
        answer = await client.request(get(STREAM, *accept))
        assert answer.status == 406
        assert b"Upgrade: websocket" in answer.body
        assert b"text/event-stream" in answer.body


# Server-sent events


class Events:
    """The events of one response."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()
        self.comments = 0

    async def next(self) -> tuple[str, Any]:
        """Name and data."""
        name = ""
        async for line in self._lines:
            if line.startswith(":"):
                self.comments += 1
            elif line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                return name, json.loads(line.removeprefix("data: "))
        raise EOFError


@asynccontextmanager
async def events_of(
    shop: Served, query: str = "", **headers: str
) -> AsyncIterator[tuple[Events, httpx.AsyncClient, str]]:
    """The events, a client for requests, and the stream's own path."""
    accept = {"accept": "text/event-stream", **headers}
    async with (
        httpx.AsyncClient(base_url=shop.url, trust_env=False, timeout=None) as http,
        http.stream("GET", STREAM + query, headers=accept) as response,
    ):
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream"
        events = Events(response)
        name, opened = await events.next()
        assert name == "open"
        yield events, http, f"/v1/queues/orders/streams/{opened['stream']}"


async def test_events_bring_messages_that_are_settled_by_post(shop: Served) -> None:
    await shop.send(*"abc")
    async with events_of(shop, "?credit=2") as (events, http, path):
        name, frame = await events.next()
        assert name == "messages"
        assert [(each["tag"], each["body"]) for each in frame["messages"]] == [(1, "a"), (2, "b")]

        answer = await http.post(path, json={"ack": [1, 5], "release": [2], "credit": 0})

        assert answer.status_code == 200
        (error,) = answer.json()["errors"]
        assert (error["tag"], error["code"]) == (5, "TagIsInvalid")
        assert await shop.receive(2) == {"b": 0, "c": 0}


async def test_a_post_that_is_wrong_is_refused_and_loses_nothing(shop: Served) -> None:
    await shop.send("a")
    async with events_of(shop) as (events, http, path):
        await events.next()
        for body in ({}, {"ack": [1], "spend_receive": False}, {"acks": [1]}):
            assert (await http.post(path, json=body)).status_code == 400
        assert (await http.post(path, json={"ack": [1]})).json() == {"errors": []}
        for wrong in (path + "x", path.replace("orders", "hasty")):
            refused = await http.post(wrong, json={"ack": [1]})
            assert (refused.status_code, refused.json()["code"]) == (404, "StreamDoesNotExist")


async def test_a_reader_of_events_that_leaves_leaves_its_messages(shop: Served) -> None:
    await shop.send("a", "b")
    async with events_of(shop) as (events, http, path):
        await events.next()
        await http.post(path, json={"ack": [1]})
    assert await shop.receive(1) == {"b": 1}
    async with httpx.AsyncClient(base_url=shop.url, trust_env=False) as http:
        assert (await http.post(path, json={"ack": [2]})).status_code == 404


async def test_the_last_event_says_why(shop: Served) -> None:
    async with events_of(shop) as (events, _, _):
        await shop.broker.queues.delete(NS, "orders")
        name, frame = await events.next()
        assert (name, frame["type"], frame["code"]) == ("end", "end", "QueueDoesNotExist")
        with pytest.raises(EOFError):
            await events.next()


async def test_quiet_events_are_kept_open_by_comments(
    tmp_path: Path, clock: trio.testing.MockClock
) -> None:
    async with served(tmp_path / "data") as shop, events_of(shop) as (events, _, _):
        await passes(clock, 3 * STREAM_HEARTBEAT_S + 1)
        await shop.send("a")
        await events.next()
        assert events.comments == 3


async def test_events_for_a_page_whose_origin_is_allowed_may_be_read_by_it(shop: Served) -> None:
    client = await shop.running.connect()
    head = get(STREAM, "Accept: text/event-stream", f"Origin: {PAGE}").replace(b"GET", b"HEAD")
    answer = await client.request(head, head=True)
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert len(shop.broker.streams) == 0  # it has only looked


async def test_events_do_not_come_in_msgpack(shop: Served) -> None:
    client = await shop.running.connect()
    answer = await client.request(get(STREAM + "?format=msgpack", "Accept: text/event-stream"))
    assert answer.status == 400
