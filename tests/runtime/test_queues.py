from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from broker.core.commands import Command, Received, ReceiveMessages, VisibilityChange
from broker.core.errors import PurgeQueueInProgress, QueueDoesNotExist
from broker.core.message import decode, message, rendered
from broker.core.names import Namespace
from broker.core.resources import Queue, RedrivePolicy
from broker.runtime.broker import Broker
from broker.store.clock import Clock
from broker.store.inline import open_inline_store
from broker.testing.broker import now_ms, open_broker, running_broker

NS = Namespace()
ORDERS = Queue(name="orders")


class Slow:
    """A store's submit that takes `delay_s` for the next receive."""

    broker: Broker

    def __init__(self, submit: Callable[[str, Sequence[Command]], Awaitable[list[Any]]]) -> None:
        self._submit = submit
        self.delay_s = 0.0

    async def submit(self, namespace: str, commands: Sequence[Command]) -> list[Any]:
        if isinstance(commands[0], ReceiveMessages):
            delay_s, self.delay_s = self.delay_s, 0.0
            await trio.sleep(delay_s)
        return await self._submit(namespace, commands)


async def send(broker: Broker, *bodies: str, delay_s: int = 0) -> None:
    await broker.queues.send(NS, "orders", [(message(body), delay_s) for body in bodies])


async def receive(broker: Broker, count: int = 10, **options: float) -> list[str]:
    received = await broker.queues.receive(NS, "orders", count, **options)
    return [rendered(decode(one.body), one.via, "").body for one in received]


async def test_message_reappears_when_its_visibility_timeout_ends(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker:
        await send(broker, "a")
        assert await receive(broker, visibility_timeout_s=30) == ["a"]
        await trio.sleep(29.9)
        assert await receive(broker) == []
        await trio.sleep(0.1)
        assert await receive(broker) == ["a"]


async def test_delayed_message_appears_when_its_delay_ends(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker:
        await send(broker, "later", delay_s=10)
        assert await receive(broker) == []
        (counts,) = await broker.queues.counts(NS, "orders")
        assert (counts.visible, counts.in_flight, counts.delayed) == (0, 0, 1)
        await trio.sleep(10)
        assert await receive(broker) == ["later"]


async def test_long_poll_returns_as_soon_as_a_message_arrives(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker, trio.open_nursery() as nursery:
        answers: list[tuple[float, list[str]]] = []

        async def wait() -> None:
            start = trio.current_time()
            bodies = await receive(broker, wait_time_s=20)
            answers.append((trio.current_time() - start, bodies))

        nursery.start_soon(wait)
        await trio.sleep(7)
        await send(broker, "a")
        await trio.testing.wait_all_tasks_blocked()
        assert answers == [(pytest.approx(7), ["a"])]


async def test_long_poll_returns_empty_when_its_time_is_up(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker:
        start = trio.current_time()
        assert await receive(broker, wait_time_s=20) == []
        assert trio.current_time() - start == pytest.approx(20)


async def test_long_poll_sees_a_delay_end(directory: Path, autojump_clock: object) -> None:
    async with open_broker(directory, [ORDERS]) as broker:
        await send(broker, "soon", delay_s=5)
        start = trio.current_time()
        assert await receive(broker, wait_time_s=20) == ["soon"]
        assert trio.current_time() - start == pytest.approx(5, abs=0.02)


async def test_one_message_wakes_one_receiver_the_first_in_line(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker, trio.open_nursery() as nursery:
        served: list[int] = []

        async def wait(number: int) -> None:
            if await receive(broker, 1, wait_time_s=20, visibility_timeout_s=60):
                served.append(number)

        for number in range(3):
            nursery.start_soon(wait, number)
            await trio.testing.wait_all_tasks_blocked()
        await send(broker, "a")
        await trio.testing.wait_all_tasks_blocked()
        assert served == [0]
        await send(broker, "b", "c")
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(served) == [0, 1, 2]


async def test_a_receiver_that_leaves_takes_no_message_with_it(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker, trio.open_nursery() as nursery:
        got: list[str] = []

        async def wait() -> None:
            got.extend(await receive(broker, 1, wait_time_s=20))

        gone = trio.CancelScope()

        async def leave() -> None:
            with gone:
                await receive(broker, 1, wait_time_s=20)

        nursery.start_soon(leave)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        gone.cancel()
        await send(broker, "a")
        await trio.testing.wait_all_tasks_blocked()
        assert got == ["a"]


@asynccontextmanager
async def slow_receives(directory: Path, resources: list[Queue]) -> AsyncIterator[Slow]:
    """A broker whose store can be told to take its time with receives."""
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        slow = Slow(store.submit)
        store.submit = slow.submit  # type: ignore[method-assign]
        async with running_broker(store, resources) as broker:
            slow.broker = broker
            yield slow


async def test_a_receiver_cancelled_during_the_commit_gives_back_what_it_took(
    directory: Path, autojump_clock: object
) -> None:
    async with slow_receives(directory, [ORDERS]) as slow, trio.open_nursery() as nursery:
        first = trio.CancelScope()
        answers: list[Received] = []

        async def receive_first() -> None:
            with first:
                await slow.broker.queues.receive(NS, "orders", wait_time_s=20)
                raise AssertionError("it was cancelled")

        async def receive_next() -> None:
            answers.extend(await slow.broker.queues.receive(NS, "orders", wait_time_s=20))
            assert trio.current_time() - start < 1

        nursery.start_soon(receive_first)
        await trio.sleep(0.1)
        nursery.start_soon(receive_next)
        await trio.sleep(0.1)
        start = trio.current_time()
        slow.delay_s = 0.2  # of one receive, the first in line's
        await send(slow.broker, "a")
        await trio.sleep(0.1)
        first.cancel()
    (received,) = answers
    assert decode(received.body) == message("a")
    assert received.receive_count == 1


@pytest.mark.parametrize("queue", ["orders", "gone"])
async def test_messages_are_given_back_without_waiting_and_all_at_once(
    queue: str, directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS, Queue(name="gone")]) as broker:
        await broker.queues.send(NS, queue, [(message(body), 0) for body in "abc"])
        received = await broker.queues.receive(NS, queue, 10)

        broker.queues.give_back(NS, queue, received[:1])
        broker.queues.give_back(NS, queue, received[1:])
        if queue == "gone":
            await broker.queues.delete(NS, queue)  # which is no trouble for the others
        else:
            again = await broker.queues.receive(NS, queue, 10, wait_time_s=1)
            assert [one.receive_count for one in again] == [1, 1, 1]
        await broker.queues.returns.wait_empty()


async def test_receivers_of_a_queue_that_is_deleted_are_told(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker, trio.open_nursery() as nursery:

        async def wait() -> None:
            with pytest.raises(QueueDoesNotExist):
                await receive(broker, wait_time_s=20)
            assert trio.current_time() - start < 1

        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await trio.sleep(5)
        start = trio.current_time()
        await broker.queues.delete(NS, "orders")


async def test_a_message_received_too_often_goes_to_the_dead_letter_queue(
    directory: Path, autojump_clock: object
) -> None:
    policy = RedrivePolicy(NS.arn("sqs", "dead"), max_receive_count=2)
    orders = Queue(name="orders", redrive_policy=policy)
    async with open_broker(directory, [orders, Queue(name="dead")]) as broker:
        await send(broker, "poison")
        assert await receive(broker, visibility_timeout_s=1) == ["poison"]
        await trio.sleep(1)
        assert await receive(broker, visibility_timeout_s=1) == ["poison"]
        await trio.sleep(1)
        assert await receive(broker) == []
        (letter,) = await broker.queues.receive(NS, "dead")
        assert decode(letter.body) == message("poison")
        assert letter.dead_letter_source_arn == NS.arn("sqs", "orders")
        assert letter.receive_count == 1


async def test_expired_messages_go(directory: Path, autojump_clock: object) -> None:
    async with open_broker(directory, [Queue(name="orders", retention_s=60)]) as broker:
        await send(broker, "old")
        await trio.sleep(59)
        await send(broker, "young")
        await trio.sleep(1)
        assert await receive(broker) == ["young"]
        (counts,) = await broker.queues.counts(NS, "orders")
        assert (counts.visible, counts.in_flight) == (0, 1)


async def test_changed_visibility_counts_from_now(directory: Path, autojump_clock: object) -> None:
    async with open_broker(directory, [ORDERS]) as broker:
        await send(broker, "a")
        (received,) = await broker.queues.receive(NS, "orders", visibility_timeout_s=10)
        await trio.sleep(5)
        change = VisibilityChange(received.receipt_handle, 10_000)
        assert await broker.queues.change_visibility(NS, "orders", [change]) == [None]
        await trio.sleep(9.9)
        assert await receive(broker) == []
        assert await broker.queues.delete_messages(NS, "orders", [received.receipt_handle]) == [
            None
        ]
        await trio.sleep(60)
        assert await receive(broker) == []


async def test_purge_takes_everything_and_only_once_a_minute(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker:
        await send(broker, *"abc")
        await receive(broker, 1)
        await broker.queues.purge(NS, "orders")
        (counts,) = await broker.queues.counts(NS, "orders")
        assert (counts.visible, counts.in_flight, counts.delayed) == (0, 0, 0)
        with pytest.raises(PurgeQueueInProgress):
            await broker.queues.purge(NS, "orders")
        await trio.sleep(60)
        await broker.queues.purge(NS, "orders")


async def test_messages_survive_a_restart(directory: Path, autojump_clock: object) -> None:
    async with open_broker(directory, [ORDERS]) as broker:
        await send(broker, "a", "b")
        assert await receive(broker, 1, visibility_timeout_s=30) == ["a"]
    async with open_broker(directory) as broker:
        assert await receive(broker, visibility_timeout_s=60) == ["b"]
        await trio.sleep(30)
        assert await receive(broker) == ["a"]


async def test_a_deleted_queue_is_gone_with_its_messages(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker:
        await send(broker, "a")
        await broker.queues.delete(NS, "orders")
        with pytest.raises(QueueDoesNotExist):
            await receive(broker)
        await broker.queues.create(NS, ORDERS)
        assert await receive(broker) == []


async def test_a_stopping_daemon_sends_waiting_receivers_home(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [ORDERS]) as broker, trio.open_nursery() as nursery:
        answers: list[tuple[float, list[str]]] = []

        async def wait() -> None:
            bodies = await receive(broker, wait_time_s=20)
            answers.append((trio.current_time(), bodies))

        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        at = trio.current_time()
        broker.waiters.close()
        await trio.testing.wait_all_tasks_blocked()
        assert answers == [(pytest.approx(at), [])]
