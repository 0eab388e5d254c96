"""Streams, whatever carries them: credit, tags, settling, and what comes of messages at the end."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from broker.core.commands import Command, DeleteMessages, Received
from broker.core.errors import BrokerError, StoreFailed, StreamDoesNotExist
from broker.core.limits import IN_FLIGHT_MAX, MIB, STREAM_DRAIN_S, STREAM_REQUESTS_MAX
from broker.core.message import decode, message, rendered
from broker.core.names import Namespace
from broker.core.resources import Queue
from broker.runtime.broker import Broker
from broker.runtime.stream import Asked, Ending, Stream, StreamSettings
from broker.testing.broker import open_broker

NS = Namespace()
ORDERS = Queue(name="orders")


def body(received: Received) -> str:
    return rendered(decode(received.body), received.via, "").body


@dataclass
class Client:
    """A receiver, as a stream's sink; it may stop taking what it is sent."""

    stream: Stream
    frames: list[list[str]] = field(default_factory=list)  # bodies
    received: dict[int, Received] = field(default_factory=dict)  # by tag
    confirmed_frames: list[int] = field(default_factory=list)
    end: Ending | None = None
    result: Ending | None = None
    readable: trio.Event = field(default_factory=trio.Event)

    def __post_init__(self) -> None:
        self.readable.set()

    @property
    def bodies(self) -> list[str]:
        return [each for frame in self.frames for each in frame]

    async def messages(self, first_tag: int, received: Sequence[Received]) -> bool:
        await self.readable.wait()
        self.frames.append([body(one) for one in received])
        self.received.update(enumerate(received, first_tag))
        return True

    def confirmed(self, asked: Sequence[Asked]) -> None:
        self.confirmed_frames += [each.frame for each in asked]

    async def ended(self, ending: Ending) -> None:
        self.end = ending

    async def ask(self, **what: Any) -> list[tuple[int, str | BrokerError]]:
        asked = Asked(**what)
        self.stream.ask(asked)
        await asked.done.wait()
        return asked.refused


@dataclass
class Shop:
    """A broker with a queue of orders, and clients with streams of it."""

    broker: Broker
    nursery: trio.Nursery

    async def send(self, *bodies: str) -> None:
        await self.broker.queues.send(NS, "orders", [(message(each), 0) for each in bodies])
        await self.settle()

    async def settle(self) -> None:
        await trio.testing.wait_all_tasks_blocked()

    async def open(
        self, credit: int = 100, batch: int = 10, timeout_s: int = 30, queue: str = "orders"
    ) -> Client:
        settings = StreamSettings(credit, batch, timeout_s)
        opened = trio.Event()
        clients: list[Client] = []

        async def run() -> None:
            with self.broker.streams.open(NS, queue, settings) as stream:
                clients.append(Client(stream))
                opened.set()
                clients[0].result = await stream.run(clients[0])

        self.nursery.start_soon(run)
        await opened.wait()
        await self.settle()
        return clients[0]

    async def left(self) -> list[tuple[str, int]]:
        """What is visible now, with how often each was received before."""
        await self.settle()
        received = await self.broker.queues.receive(NS, "orders", 100)
        return [(body(one), one.receive_count - 1) for one in received]


@asynccontextmanager
async def open_shop(directory: Path) -> AsyncIterator[Shop]:
    async with (
        open_broker(directory, [ORDERS, Queue(name="other")]) as broker,
        trio.open_nursery() as nursery,
    ):
        yield Shop(broker, nursery)
        nursery.cancel_scope.cancel()


@pytest.fixture
async def shop(directory: Path) -> AsyncIterator[Shop]:
    async with open_shop(directory) as shop:
        yield shop


# Sending


async def test_messages_come_as_they_are_sent_in_batches(
    shop: Shop, autojump_clock: object
) -> None:
    await shop.send(*"abc")
    client = await shop.open(batch=2)
    await shop.send("d")
    assert client.frames == [["a", "b"], ["c"], ["d"]]
    assert list(client.received) == [1, 2, 3, 4]


async def test_no_more_is_sent_than_there_is_credit_for(shop: Shop, autojump_clock: object) -> None:
    client = await shop.open(credit=2)
    await shop.send(*"abcd")
    assert client.bodies == ["a", "b"]
    await client.ask(acknowledge=[1])
    await shop.settle()
    assert client.bodies == ["a", "b", "c"]
    await client.ask(credit=4)
    await shop.settle()
    assert client.bodies == ["a", "b", "c", "d"]


async def test_a_stream_without_credit_waits_for_some(shop: Shop, autojump_clock: object) -> None:
    client = await shop.open(credit=0)
    await shop.send("a")
    assert client.bodies == []
    await client.ask(credit=1)
    await shop.settle()
    assert client.bodies == ["a"]


async def test_less_credit_holds_from_the_next_message_on(
    shop: Shop, autojump_clock: object
) -> None:
    client = await shop.open(credit=5)
    await client.ask(credit=1)
    await shop.send(*"abc")
    assert client.bodies == ["a"]


async def test_streams_of_a_queue_take_turns(shop: Shop, autojump_clock: object) -> None:
    clients = [await shop.open() for _ in range(3)]
    for text in "abcdef":
        await shop.send(text)
    assert [client.bodies for client in clients] == [["a", "d"], ["b", "e"], ["c", "f"]]


async def test_large_messages_come_in_frames_of_their_own(
    shop: Shop, autojump_clock: object
) -> None:
    large = ["x" * (MIB // 2), "y" * (MIB // 2), "z" * (MIB // 4)]
    await shop.send("a", *large, "b")
    client = await shop.open()
    assert client.frames[0][0] == "a"
    assert client.bodies == ["a", *large, "b"]
    assert all(sum(map(len, frame)) <= MIB for frame in client.frames)


async def test_a_reader_that_takes_nothing_keeps_no_more_than_one_batch(
    shop: Shop, autojump_clock: object
) -> None:
    client = await shop.open(credit=100, batch=2)
    client.readable = trio.Event()
    await shop.send(*"abcdef")
    (counts,) = await shop.broker.queues.counts(NS, "orders")
    assert (counts.in_flight, counts.visible) == (2, 4)
    client.readable.set()
    await shop.settle()
    assert client.bodies == list("abcdef")


async def test_too_many_messages_in_flight_are_waited_out(
    shop: Shop, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert IN_FLIGHT_MAX > 2
    monkeypatch.setattr("broker.core.queue.receive.IN_FLIGHT_MAX", 1)
    first = await shop.open(credit=1)
    await shop.send(*"ab")
    second = await shop.open()
    await first.ask(acknowledge=[1], credit=0)
    await trio.sleep(5)
    assert (first.bodies, second.bodies) == (["a"], ["b"])


# Settling


async def test_what_is_acknowledged_is_gone(shop: Shop, autojump_clock: object) -> None:
    await shop.send(*"abc")
    client = await shop.open()
    assert await client.ask(acknowledge=[1, 3]) == []
    client.stream.leave()
    assert await shop.left() == [("b", 1)]


async def test_what_is_extended_stays_hidden_for_longer(shop: Shop, autojump_clock: object) -> None:
    await shop.send(*"ab")
    client = await shop.open(timeout_s=10)
    await trio.sleep(5)
    assert await client.ask(credit=2, extend=[1], visibility_timeout_s=10) == []
    await trio.sleep(6)
    assert await shop.left() == [("b", 1)]
    await trio.sleep(4)
    assert await shop.left() == [("a", 1)]


@pytest.mark.parametrize(("spend", "count"), [(False, 0), (True, 1)])
async def test_what_is_released_is_visible_at_once(
    shop: Shop, autojump_clock: object, spend: bool, count: int
) -> None:
    await shop.send("a")
    client = await shop.open(credit=1)
    assert await client.ask(credit=0, release=[1], spend_receive=spend) == []
    assert await shop.left() == [("a", count)]


async def test_a_tag_is_good_once(shop: Shop, autojump_clock: object) -> None:
    await shop.send(*"ab")
    client = await shop.open(credit=2)
    await client.ask(credit=0, acknowledge=[1], release=[2])
    refused = await client.ask(
        acknowledge=[1, 7], extend=[2], visibility_timeout_s=5, release=[1, -1]
    )
    assert refused == [(tag, "TagIsInvalid") for tag in (1, 7, 2, 1, -1)]


async def test_a_message_whose_time_was_up_and_that_another_has_is_not_deleted(
    shop: Shop,
    autojump_clock: object,
) -> None:
    await shop.send("a")
    client = await shop.open(credit=1, timeout_s=1)
    await trio.sleep(2)
    assert await shop.left() == [("a", 1)]
    refused = await client.ask(credit=0, extend=[1], visibility_timeout_s=5)
    assert refused == [(1, "MessageNotInFlight")]
    assert await client.ask(acknowledge=[1]) == []
    await trio.sleep(60)
    assert await shop.left() == [("a", 2)]


async def test_what_gathers_during_a_commit_is_settled_in_the_next_one(
    shop: Shop, autojump_clock: object
) -> None:
    await shop.send(*"abcdef")
    client = await shop.open()
    commits = count_submits(shop, DeleteMessages)
    for tag in range(1, 7):
        client.stream.ask(Asked(acknowledge=[tag], frame=tag))
    await shop.settle()
    assert commits == [6]
    assert client.confirmed_frames == [1, 2, 3, 4, 5, 6]


async def test_whoever_asks_faster_than_the_disk_is_slowed_down(
    shop: Shop, autojump_clock: object
) -> None:
    client = await shop.open()
    for _ in range(STREAM_REQUESTS_MAX):
        await client.stream.wait_room()
        client.stream.ask(Asked(credit=5))
    with trio.CancelScope() as scope:
        scope.cancel()
        await client.stream.wait_room()
        raise AssertionError("there should be no room")
    await shop.settle()
    await client.stream.wait_room()


async def test_what_the_store_could_not_do_is_refused_and_may_be_asked_again(
    shop: Shop, autojump_clock: object
) -> None:
    await shop.send("a")
    client = await shop.open()
    fail_once(shop, DeleteMessages)
    ((tag, error),) = await client.ask(acknowledge=[1])
    assert (tag, type(error)) == (1, StoreFailed)
    assert await client.ask(acknowledge=[1]) == []
    client.stream.leave()
    assert await shop.left() == []


# Ending


async def test_what_was_sent_and_not_settled_goes_back_with_its_receive_spent(
    shop: Shop, autojump_clock: object
) -> None:
    await shop.send(*"ab")
    client = await shop.open(timeout_s=3_600)
    client.stream.leave()
    assert await shop.left() == [("a", 1), ("b", 1)]
    assert client.result is not None
    assert client.result.code == "ReceiverLeft"
    assert client.end is None  # nobody is there to hear it


async def test_what_was_not_sent_in_full_goes_back_as_if_never_received(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker:
        async with trio.open_nursery() as nursery:
            shop = Shop(broker, nursery)
            client = await shop.open(timeout_s=3_600)
            await shop.send("a")
            client.readable = trio.Event()
            await shop.send("b")
            nursery.cancel_scope.cancel()  # the connection is cut
        assert client.bodies == ["a"]
        await broker.queues.returns.wait_empty()
        received = await broker.queues.receive(NS, "orders", 10)
        assert [(body(one), one.receive_count) for one in received] == [("a", 2), ("b", 1)]


async def test_the_next_receiver_in_line_gets_what_comes_back(
    shop: Shop, autojump_clock: object
) -> None:
    first = await shop.open(timeout_s=3_600)
    await shop.send(*"ab")
    second = await shop.open()
    first.stream.leave()
    await shop.settle()
    assert second.bodies == ["a", "b"]


@pytest.mark.parametrize("cut", [True, False])
async def test_what_was_asked_for_before_the_end_is_still_done(
    directory: Path, autojump_clock: object, cut: bool
) -> None:
    async with open_broker(directory, [ORDERS]) as broker:
        async with trio.open_nursery() as nursery:
            shop = Shop(broker, nursery)
            client = await shop.open()
            await shop.send(*"abc")
            client.stream.ask(Asked(acknowledge=[1]))
            client.stream.ask(Asked(acknowledge=[3]))
            if cut:
                nursery.cancel_scope.cancel()
            else:
                client.stream.leave()
        await broker.queues.returns.wait_empty()
        received = await broker.queues.receive(NS, "orders", 10)
        assert [body(one) for one in received] == ["b"]


async def test_a_deleted_queue_ends_its_streams_and_no_others(
    shop: Shop, autojump_clock: object
) -> None:
    clients = [await shop.open(), await shop.open(credit=0), await shop.open(queue="other")]
    await shop.broker.queues.delete(NS, "orders")
    await shop.settle()
    codes = [client.end and client.end.code for client in clients]
    assert codes == ["QueueDoesNotExist", "QueueDoesNotExist", None]
    assert [client.result for client in clients] == [client.end for client in clients]


async def test_at_shutdown_a_client_may_settle_what_it_holds(
    shop: Shop, autojump_clock: object
) -> None:
    await shop.send(*"ab")
    client = await shop.open()
    idle = await shop.open()
    shop.broker.streams.close()
    await shop.settle()
    assert client.end is not None
    assert client.end.code == "ShuttingDown"
    assert idle.result is not None  # it held nothing
    await shop.send("c")
    assert await client.ask(acknowledge=[1]) == []
    assert client.result is None
    assert await client.ask(acknowledge=[2]) == []
    await shop.settle()
    assert client.result == client.end
    assert client.bodies == ["a", "b"]
    late = await shop.open()
    assert late.end == client.end


async def test_at_shutdown_a_client_that_settles_nothing_is_not_waited_for_long(
    shop: Shop,
    autojump_clock: object,
) -> None:
    await shop.send("a")
    client = await shop.open()
    shop.broker.streams.close()
    await trio.sleep(STREAM_DRAIN_S - 1)
    assert client.result is None
    await trio.sleep(1.1)
    assert client.result is not None
    assert await shop.left() == [("a", 1)]


async def test_a_stream_is_found_by_its_id_among_those_of_its_queue(
    shop: Shop, autojump_clock: object
) -> None:
    client = await shop.open()
    streams = shop.broker.streams
    assert streams.find(NS, "orders", client.stream.id) is client.stream
    for place in ((NS, "other", client.stream.id), (NS, "orders", "none")):
        with pytest.raises(StreamDoesNotExist):
            streams.find(*place)
    client.stream.leave()
    await shop.settle()
    with pytest.raises(StreamDoesNotExist):
        streams.find(NS, "orders", client.stream.id)


# A store that is watched


def count_submits(shop: Shop, kind: type[DeleteMessages]) -> list[int]:
    """How many handles each submit of that command has, from now on."""
    found: list[int] = []

    def watch(command: Command) -> None:
        if isinstance(command, kind):
            found.append(len(command.receipt_handles))

    _watch(shop, watch)
    return found


def fail_once(shop: Shop, kind: type[Command]) -> None:
    """Have the next such command fail."""
    waiting = [StoreFailed()]

    def watch(command: Command) -> None:
        if isinstance(command, kind) and waiting:
            raise waiting.pop()

    _watch(shop, watch)


def _watch(shop: Shop, watch: Callable[[Command], None]) -> None:
    store = shop.broker.store
    submit = store.submit

    async def watched(namespace: str, commands: Sequence[Command]) -> list[Any]:
        try:
            for command in commands:
                watch(command)
        except BrokerError as error:
            return [error for _ in commands]
        return await submit(namespace, commands)

    store.submit = watched  # type: ignore[method-assign]
