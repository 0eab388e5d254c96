"""A client that hangs up while it waits for a message, over a real socket."""

import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from trio.testing import wait_all_tasks_blocked

from broker.edge.http.connection import Connection
from broker.edge.http.message import Request, Response
from broker.edge.http.turns import Turns
from tests.edge.native.conftest import HERE, Api, bodies

BODY = json.dumps({"wait_time_s": 20}).encode()
POLL = (
    b"POST /v1/queues/orders/receive HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
# Long enough to let the other tasks run, too short to end a poll.
MOMENT_S = 0.001


@asynccontextmanager
async def connected(api: Api) -> AsyncIterator[socket.socket]:
    """The client's end of a connection whose other end the API serves."""

    async def handle(request: Request) -> Response:
        return await api.native.handle(request, HERE)

    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    with ours, theirs:
        async with trio.open_nursery() as tasks:
            turns = Turns()
            tasks.start_soon(turns.run)
            tasks.start_soon(Connection(theirs, "", handle, lambda *_: 1_000, turns).serve)
            yield ours
            tasks.cancel_scope.cancel()


async def read(client: socket.socket) -> bytes:
    await trio.lowlevel.wait_readable(client)
    return client.recv(65_536)


async def test_a_client_that_hangs_up_takes_no_message_with_it(api: Api) -> None:
    async with connected(api) as client:
        client.send(POLL)
        await wait_all_tasks_blocked(MOMENT_S)
        client.shutdown(socket.SHUT_RDWR)
        await wait_all_tasks_blocked(MOMENT_S)

        await api.send("orders", "a")

    (message,) = await api.receive("orders")
    assert (message["body"], message["receive_count"]) == ("a", 1)


async def test_a_client_that_stays_gets_the_message_it_waits_for(api: Api) -> None:
    async with connected(api) as client:
        client.send(POLL)
        await wait_all_tasks_blocked(MOMENT_S)

        await api.send("orders", "a")

        head, _, body = (await read(client)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert bodies(json.loads(body)["messages"]) == ["a"]


async def test_the_connection_goes_on_after_a_long_poll(api: Api) -> None:
    async with connected(api) as client:
        for text in ("a", "b"):
            client.send(POLL)
            await wait_all_tasks_blocked(MOMENT_S)
            await api.send("orders", text)

            answer = await read(client)
            assert text.encode() in answer.partition(b"\r\n\r\n")[2]


async def test_a_request_behind_a_long_poll_is_no_hang_up(api: Api) -> None:
    async with connected(api) as client:
        client.send(POLL)
        await wait_all_tasks_blocked(MOMENT_S)
        client.send(POLL)
        await wait_all_tasks_blocked(MOMENT_S)

        await api.send("orders", "a")

        assert b'"body":"a"' in await read(client)
        await api.send("orders", "b")
        assert b'"body":"b"' in await read(client)
