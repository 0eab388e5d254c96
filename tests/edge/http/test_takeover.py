"""Connections that their handler takes over: after a 101, or for a body without a known length."""

import contextlib

import pytest
import trio
import trio.testing

from broker.edge.http.channel import Channel
from broker.edge.http.connection import PROGRESS_S
from broker.edge.http.message import Request, Response
from tests.edge.http.raw_client import Hung, get, post, serving
from tests.edge.http.test_connections import REAPED_S, open_connections, passes

UPGRADE = ("Connection: Upgrade", "Upgrade: websocket")


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """Time that passes only when a test says so."""
    return trio.testing.MockClock()


async def echo(request: Request) -> Response:
    """Switches to a protocol that says everything twice, if that is asked for."""
    if request.upgrade != "websocket":
        return Response(200, b"plain")

    async def run(channel: Channel) -> None:
        while data := await channel.receive():
            await channel.send(data * 2)

    return Response(101, headers=[("Upgrade", "websocket")], takeover=run)


async def test_a_101_leaves_the_connection_to_the_handler() -> None:
    async with serving(echo) as running:
        client = await running.connect()
        answer = await client.request(get("/", *UPGRADE))
        assert answer.status == 101
        assert not {"content-length", "transfer-encoding", "connection"} & answer.headers.keys()
        for text in (b"a", b"bc"):
            await client.send(text)
            assert await client.stream.receive_some() == text * 2


async def test_what_was_sent_right_behind_the_request_is_not_lost() -> None:
    async with serving(echo) as running:
        client = await running.connect()
        await client.request(get("/", *UPGRADE) + b"early")
        await client.read_some()
        await client.stream.send_eof()
        assert await client.rest() == b"earlyearly"


async def test_requests_before_the_one_that_switches_are_answered_first() -> None:
    async with serving(echo) as running:
        client = await running.connect()
        await client.send(get() + get("/", *UPGRADE) + b"x")
        assert (await client.answer()).body == b"plain"
        assert (await client.answer()).status == 101
        await client.stream.send_eof()
        assert await client.rest() == b"xx"


@pytest.mark.parametrize(
    "request_bytes",
    [
        get("/", "Upgrade: websocket"),
        get("/", "Connection: Upgrade", "Upgrade: h2c"),
        get("/", *UPGRADE).replace(b"GET", b"DELETE"),
        post(b"body", *UPGRADE),
        get("/", *UPGRADE).replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
)
async def test_only_a_proper_request_for_it_can_switch(request_bytes: bytes) -> None:
    async with serving(echo) as running:
        client = await running.connect()
        assert (await client.request(request_bytes)).body == b"plain"


async def test_a_request_to_switch_that_is_answered_otherwise_is_the_last() -> None:
    async def refuse(request: Request) -> Response:
        return Response(403, b"no")

    async with serving(refuse) as running:
        client = await running.connect()
        answer = await client.request(get("/", *UPGRADE) + b"\x81\x00")
        assert (answer.status, answer.headers["connection"]) == (403, "close")
        assert await client.rest() == b""


# Bodies of unknown length


async def counting(request: Request) -> Response:
    async def run(channel: Channel) -> None:
        for number in range(3):
            await channel.send(b"%d\n" % number)
        await channel.finish()

    return Response(200, content_type="text/plain", takeover=run)


async def test_a_body_of_unknown_length_comes_in_chunks() -> None:
    async with serving(counting) as running:
        client = await running.connect()
        answer = await client.request(get())
        assert answer.headers["transfer-encoding"] == "chunked"
        assert "content-length" not in answer.headers
        assert answer.headers["connection"] == "close"
        assert await client.rest() == b"2\r\n0\n\r\n2\r\n1\n\r\n2\r\n2\n\r\n0\r\n\r\n"


async def test_for_http_1_0_the_end_of_the_connection_is_the_end_of_the_body() -> None:
    async with serving(counting) as running:
        client = await running.connect()
        answer = await client.request(get().replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert "transfer-encoding" not in answer.headers
        assert await client.rest() == b"0\n1\n2\n"


async def test_a_head_request_gets_the_head_alone() -> None:
    async with serving(counting) as running:
        client = await running.connect()
        answer = await client.request(get().replace(b"GET", b"HEAD"), head=True)
        assert answer.headers["transfer-encoding"] == "chunked"
        assert await client.rest() == b""


async def test_a_handler_that_fails_ends_its_connection_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail(request: Request) -> Response:
        async def run(channel: Channel) -> None:
            raise RuntimeError("bug")

        return Response(200, takeover=run) if request.path == "/bug" else Response(200, b"fine")

    async with serving(fail) as running:
        client, other = await running.connect(), await running.connect()
        await client.request(get("/bug"))
        assert await client.rest() == b""
        assert (await other.request(get())).body == b"fine"
    assert "/bug failed" in caplog.text


async def test_the_handler_hears_of_a_client_that_hangs_up() -> None:
    heard = trio.Event()

    async def wait(request: Request) -> Response:
        async def run(channel: Channel) -> None:
            await channel.wait_hung_up()
            heard.set()

        return Response(200, takeover=run)

    async with serving(wait) as running:
        client = await running.connect()
        await client.request(get())
        await client.stream.aclose()
        await heard.wait()


async def flood(request: Request) -> Response:
    async def run(channel: Channel) -> None:
        with contextlib.suppress(OSError):
            while True:
                await channel.send(b"x" * (1 << 20))

    return Response(101, takeover=run)


async def test_a_client_that_takes_nothing_for_too_long_is_cut_off(
    clock: trio.testing.MockClock,
) -> None:
    async with serving(flood) as running:
        client = await running.connect()
        await client.request(get("/", *UPGRADE))
        await passes(clock, PROGRESS_S - 1)
        for _ in range(8):  # it moves again
            await client.read_some()
        await passes(clock, PROGRESS_S - 1)
        assert open_connections(running) == 1
        await passes(clock, 1 + REAPED_S)
        assert open_connections(running) == 0


async def test_a_quiet_connection_may_stay(clock: trio.testing.MockClock) -> None:
    async with serving(echo) as running:
        client = await running.connect()
        await client.request(get("/", *UPGRADE))
        await passes(clock, 600)
        await client.send(b"x")
        assert await client.stream.receive_some() == b"xx"


async def test_a_send_that_is_cancelled_halfway_is_the_last() -> None:
    torn = trio.Event()

    async def run(channel: Channel) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.send, b"x" * (64 << 20))
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        with pytest.raises(BrokenPipeError):
            await channel.send(b"never")
        torn.set()

    async def tear(request: Request) -> Response:
        return Response(101, takeover=run)

    async with serving(tear) as running:
        client = await running.connect()
        await client.request(get("/", *UPGRADE))
        await torn.wait()
        with contextlib.suppress(Hung):
            assert b"never" not in await client.rest()
