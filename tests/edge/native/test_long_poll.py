"""A client that hangs up while it waits for a message, over a real socket."""

import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import wait_all_tasks_blocked

from broker.core.commands import Command, ReceiveMessages
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


NOW = json.dumps({"count": 10}).encode()
RECEIVE = (
    b"POST /v1/queues/orders/receive HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(NOW), NOW)
)


async def received_again(api: Api) -> list[tuple[str, int]]:
    """What is visible after a moment, far from any visibility timeout, and how often received."""
    await trio.sleep(MOMENT_S)
    return [(each["body"], each["receive_count"]) for each in await api.receive("orders")]


async def test_a_client_that_hangs_up_during_the_commit_takes_no_message_with_it(
    api: Api,
) -> None:
    await api.send("orders", "a")
    store = api.broker.store
    submit = store.submit

    async def hang_up_first(namespace: str, commands: Sequence[Command]) -> list[Any]:
        if isinstance(commands[0], ReceiveMessages):
            store.submit = submit  # type: ignore[method-assign]
            client.close()
            await trio.sleep(MOMENT_S)
        return await submit(namespace, commands)

    for request in (POLL, RECEIVE):
        store.submit = hang_up_first  # type: ignore[method-assign]
        async with connected(api) as client:
            client.send(request)
            await wait_all_tasks_blocked(MOMENT_S)

        (again,) = await received_again(api)
        assert again == ("a", 1)
        await api.broker.queues.purge(HERE, "orders")
        await trio.sleep(60)
        await api.send("orders", "a")


async def test_a_response_that_cannot_be_sent_leaves_its_messages(api: Api) -> None:
    await api.send("orders", "a", "b")
    async with connected(api) as client:
        client.shutdown(socket.SHUT_RD)  # it sends, and takes nothing
        client.send(RECEIVE)
        await wait_all_tasks_blocked(MOMENT_S)

    assert await received_again(api) == [("a", 1), ("b", 1)]


async def test_a_response_that_is_sent_in_part_leaves_its_messages(api: Api) -> None:
    large = ["x" * 1_000_000, "y" * 1_000_000]
    await api.send("orders", *large)
    async with connected(api) as client:
        client.send(RECEIVE)
        assert await read(client)  # some of it
        client.close()
        await wait_all_tasks_blocked(MOMENT_S)

    assert await received_again(api) == [(body, 1) for body in large]


async def test_of_requests_sent_together_only_what_is_sent_is_received(api: Api) -> None:
    await api.send("orders", "x" * 1_000_000, "y")
    one = RECEIVE.replace(b'{"count": 10}', b'{"count":  1}')
    async with connected(api) as client:
        client.send(one + one)
        await wait_all_tasks_blocked(MOMENT_S)
        # The first answer is on its way: nothing is received for the second as yet.
        assert (await api.broker.queues.counts(HERE, "orders"))[0].in_flight == 1
        client.close()
        await wait_all_tasks_blocked(MOMENT_S)

    assert sorted((body[0], count) for body, count in await received_again(api)) == [
        ("x", 1),
        ("y", 1),
    ]


async def test_messages_that_were_sent_stay_with_their_receiver(api: Api) -> None:
    await api.send("orders", "a")
    async with connected(api) as client:
        client.send(RECEIVE)
        assert b'"body":"a"' in await read(client)

    assert await received_again(api) == []
