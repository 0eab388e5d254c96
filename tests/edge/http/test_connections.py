"""How connections end: deadlines, the connection limit, draining, and refusals that arrive."""

import logging
import os
import socket
import struct

import pytest
import trio
import trio.testing

from broker.edge.http.connection import HEAD_S, IDLE_S, LINGER_S, PROGRESS_S, Connection
from broker.edge.http.message import Request, Response
from tests.edge.http.raw_client import Running, get, post, serving

REAPED_S = 2.0  # within which the reaper comes by after a deadline


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """Time that passes only when a test says so."""
    return trio.testing.MockClock()


async def passes(clock: trio.testing.MockClock, seconds: float) -> None:
    """Let time go by in steps that the server keeps up with."""
    while seconds > 0:
        step = min(seconds, 0.5)
        await trio.testing.wait_all_tasks_blocked()
        clock.jump(step)
        seconds -= step
    await trio.testing.wait_all_tasks_blocked()


def open_connections(running: Running) -> int:
    return len(running.server.connections)


# Deadlines


async def test_an_idle_connection_is_closed_without_a_word(clock: trio.testing.MockClock) -> None:
    async with serving() as running:
        client = await running.connect()
        await client.request(get())
        await passes(clock, IDLE_S)
        assert open_connections(running) == 1
        await passes(clock, REAPED_S)
        assert open_connections(running) == 0
        assert await client.rest() == b""


async def test_a_connection_on_which_nothing_ever_comes_is_closed(
    clock: trio.testing.MockClock,
) -> None:
    async with serving() as running:
        client = await running.connect()
        await passes(clock, IDLE_S + REAPED_S)
        assert await client.rest() == b""


async def test_a_header_that_trickles_in_is_cut_off_with_408(clock: trio.testing.MockClock) -> None:
    async with serving() as running:
        client = await running.connect()
        for byte in get("/", "X: " + "x" * 100)[: int(HEAD_S) - 1]:
            await client.send(bytes([byte]))
            await passes(clock, 1)
        assert open_connections(running) == 1
        await passes(clock, 1 + REAPED_S)
        assert (await client.answer()).status == 408
        assert await client.rest() == b""


async def test_time_spent_idle_is_not_taken_from_the_header(clock: trio.testing.MockClock) -> None:
    async with serving() as running:
        client = await running.connect()
        await passes(clock, IDLE_S - 1)
        request = get()
        await client.send(request[:5])
        await passes(clock, HEAD_S - 1)
        assert (await client.request(request[5:])).status == 200


async def test_a_body_may_take_its_time_while_it_moves(clock: trio.testing.MockClock) -> None:
    async with serving() as running:
        client = await running.connect()
        request = post(b"body")
        await client.send(request[:-4])
        for byte in b"bod":
            await passes(clock, PROGRESS_S - 1)
            await client.send(bytes([byte]))
        assert (await client.request(b"y")).body == b"POST / body"


async def test_a_body_that_stops_is_cut_off_with_408(clock: trio.testing.MockClock) -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(post(b"body")[:-1])
        await passes(clock, PROGRESS_S + REAPED_S)
        assert (await client.answer()).status == 408
        assert await client.rest() == b""
        assert running.requests == []


async def test_a_handler_may_take_as_long_as_it_needs(clock: trio.testing.MockClock) -> None:
    async def slow(request: Request) -> Response:
        await trio.sleep(10 * IDLE_S)
        return Response(200)

    async with serving(slow) as running:
        client = await running.connect()
        await client.send(get())
        await passes(clock, 10 * IDLE_S)
        assert (await client.answer()).status == 200


LARGE = b"x" * (64 << 20)  # more than both sockets buffer


async def large(request: Request) -> Response:
    return Response(200, LARGE)


async def test_a_client_that_stops_reading_is_cut_off(clock: trio.testing.MockClock) -> None:
    async with serving(large) as running:
        client = await running.connect()
        await client.send(get())
        await passes(clock, PROGRESS_S)
        assert open_connections(running) == 1
        await passes(clock, REAPED_S)
        assert open_connections(running) == 0
        received = await client.rest()
        assert b" 408 " not in received
        assert len(received) < len(LARGE)


async def test_a_client_that_reads_slowly_gets_everything(clock: trio.testing.MockClock) -> None:
    async with serving(large) as running:
        client = await running.connect()
        await client.send(get())
        for _ in range(3):
            await passes(clock, PROGRESS_S - 2)
            for _ in range(16):  # enough for the sender's buffer to open again
                await client.read_some()
        assert (await client.answer()).body == LARGE


# The connection limit


async def test_a_connection_too_many_is_turned_away_with_503() -> None:
    async with serving(connections_max=2) as running:
        first, second = await running.connect(), await running.connect()
        for client in (first, second):
            assert (await client.request(get())).status == 200
        third = await running.connect()
        answer = await third.answer()
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        assert "date" in answer.headers
        assert await third.rest() == b""
        await first.stream.aclose()
        await trio.testing.wait_all_tasks_blocked()
        fourth = await running.connect()
        assert (await fourth.request(get())).status == 200


# Draining


class Gate:
    """A handler whose answers wait until they are let through."""

    def __init__(self) -> None:
        self.entered = trio.Event()
        self.opened = trio.Event()

    async def __call__(self, request: Request) -> Response:
        self.entered.set()
        await self.opened.wait()
        return Response(200, b"done")


async def test_draining_closes_what_is_idle_and_takes_nobody_new() -> None:
    async with serving() as running:
        idle, unused = await running.connect(), await running.connect()
        await idle.request(get())
        await trio.testing.wait_all_tasks_blocked()
        running.drain()
        assert await idle.rest() == b""
        assert await unused.rest() == b""
        assert open_connections(running) == 0


async def test_draining_lets_a_request_finish_and_then_closes() -> None:
    gate = Gate()
    async with serving(gate) as running:
        client = await running.connect()
        await client.send(get() + get("/never"))
        await gate.entered.wait()
        running.drain()
        gate.opened.set()
        answer = await client.answer()
        assert (answer.body, answer.headers["connection"]) == (b"done", "close")
        assert await client.rest() == b""
        assert len(running.requests) == 1


async def test_draining_lets_half_a_request_come_in_and_be_answered() -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(post(b"body")[:-1])
        await trio.testing.wait_all_tasks_blocked()
        running.drain()
        answer = await client.request(b"y")
        assert (answer.body, answer.headers["connection"]) == (b"POST / body", "close")


async def test_draining_answers_a_request_that_has_arrived_but_was_not_read() -> None:
    async with serving() as running:
        clients = [await running.connect() for _ in range(3)]
        for client in clients:
            await client.request(get())
        for client in clients:
            client.stream.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sender = socket.socket(fileno=os.dup(client.stream.socket.fileno()))
            with sender:
                sender.send(get("/late"))
        running.drain()
        for client in clients:
            assert (await client.answer()).body == b"GET /late "
            assert await client.rest() == b""


async def test_draining_does_not_cut_an_answer_that_is_being_sent() -> None:
    async with serving(large) as running:
        client = await running.connect()
        await client.send(get())
        await trio.testing.wait_all_tasks_blocked()
        running.drain()
        assert (await client.answer()).body == LARGE
        assert await client.rest() == b""
        assert open_connections(running) == 0


# Refusals and failures


async def test_a_refusal_reaches_a_client_that_is_still_sending() -> None:
    # Closing with unread input sends a reset, which throws away what the client has not read.
    async with serving() as running:
        client = await running.connect()
        await client.send(post(b"")[:-4].replace(b"Length: 0", b"Length: %d" % (8 << 20)))
        await client.send(b"\r\n\r\n" + b"x" * (8 << 20))
        assert (await client.answer()).status == 413
        assert await client.rest() == b""


async def test_a_refused_client_that_never_leaves_is_left(clock: trio.testing.MockClock) -> None:
    async with serving() as running:
        client = await running.connect()
        await client.send(b"nonsense\r\n\r\n")
        await passes(clock, LINGER_S + REAPED_S)
        assert open_connections(running) == 0
        assert (await client.answer()).status == 400


async def test_a_reset_ends_one_connection_only() -> None:
    gate = Gate()
    async with serving(gate) as running:
        other, client = await running.connect(), await running.connect()
        await client.send(get())
        await gate.entered.wait()
        no_linger = struct.pack("ii", 1, 0)
        client.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)
        await client.stream.aclose()
        gate.opened.set()
        assert (await other.request(get())).status == 200


@pytest.mark.parametrize("error", [OSError(113, "No route to host"), RuntimeError("a bug")])
async def test_no_failure_of_one_connection_ends_another(
    error: Exception, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving() as running:
        other = await running.connect()
        await other.request(get())

        async def fail(self: Connection, request: Request) -> bool:
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(Connection, "_answer", fail)
            client = await running.connect()
            await client.send(get())
            assert await client.rest() == b""
        assert (await other.request(get())).status == 200
        bugs = [record for record in caplog.records if record.levelno >= logging.ERROR]
        assert len(bugs) == isinstance(error, RuntimeError)
