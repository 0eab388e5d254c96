from pathlib import Path

import pytest
import trio

from broker.core.commands import NewMessage
from broker.core.errors import (
    InvalidParameter,
    MoveTaskDoesNotExist,
    MoveTaskRunning,
    QueueDoesNotExist,
)
from broker.core.message import decode, encode, message, rendered
from broker.core.names import Namespace
from broker.core.resources import MessageMoveTask, Queue, RedrivePolicy
from broker.runtime.broker import Broker
from broker.testing.broker import open_broker

NS = Namespace()
DEAD = NS.arn("sqs", "dead")
QUEUES = [
    Queue(name="dead"),
    Queue(name="orders", redrive_policy=RedrivePolicy(DEAD, 1)),
    Queue(name="invoices", redrive_policy=RedrivePolicy(DEAD, 1)),
    Queue(name="attic"),
]
FIFOS = [Queue(name="dead.fifo", fifo=True), Queue(name="orders.fifo", fifo=True)]


async def send(broker: Broker, queue: str, *bodies: str) -> None:
    await broker.queues.send(NS, queue, [(message(body), 0) for body in bodies])


async def receive(broker: Broker, queue: str, count: int = 10, timeout_s: float = 30) -> list[str]:
    received = await broker.queues.receive(NS, queue, count, timeout_s)
    return [rendered(decode(one.body), one.via, "").body for one in received]


async def let_die(broker: Broker, queue: str, *bodies: str) -> None:
    """Send messages and receive them once too often."""
    await send(broker, queue, *bodies)
    await receive(broker, queue, timeout_s=0)
    assert await receive(broker, queue) == []


async def ended(broker: Broker, task: MessageMoveTask) -> MessageMoveTask:
    for _ in range(10_000):
        now = broker.message_moves.get(NS, task.name)
        if now.status not in ("RUNNING", "CANCELLING"):
            return now
        await trio.sleep(0.01)
    raise AssertionError("the task doesn't end")


async def test_dead_letters_go_back_to_where_they_came_from(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, QUEUES) as broker:
        await let_die(broker, "orders", "a", "b")
        await let_die(broker, "invoices", "c")
        task = await broker.message_moves.start(NS, "dead")
        now = await ended(broker, task)
        assert (now.status, now.moved, now.to_move) == ("COMPLETED", 3, 3)
        assert await receive(broker, "orders") == ["a", "b"]
        assert await receive(broker, "invoices") == ["c"]


async def test_moved_messages_are_new_ones(directory: Path, autojump_clock: object) -> None:
    async with open_broker(directory, QUEUES) as broker:
        await let_die(broker, "orders", "a")
        (letter,) = await broker.queues.peek(NS, "dead")
        await trio.sleep(60)
        await ended(broker, await broker.message_moves.start(NS, "dead", "attic"))
        (moved,) = await broker.queues.peek(NS, "attic")
        assert moved.message_id != letter.message_id
        assert moved.sent_at_ms == letter.sent_at_ms + 60_000
        assert moved.receive_count == 0
        assert moved.dead_letter_source_arn == NS.arn("sqs", "orders")


async def test_a_rate_is_kept(directory: Path, autojump_clock: object) -> None:
    async with open_broker(directory, QUEUES) as broker:
        await send(broker, "dead", *(str(n) for n in range(10)))
        task = await broker.message_moves.start(NS, "dead", "attic", messages_per_second=2)
        await trio.sleep(2.4)
        assert broker.message_moves.get(NS, task.name).moved == 5
        await trio.sleep(2.0)
        assert broker.message_moves.get(NS, task.name).moved == 9


async def test_what_was_moved_before_a_cancel_stays_moved(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, QUEUES) as broker:
        await send(broker, "dead", *"abcdef")
        task = await broker.message_moves.start(NS, "dead", "attic", messages_per_second=1)
        await trio.sleep(2.5)
        cancelling = await broker.message_moves.cancel(NS, task.name)
        assert (cancelling.status, cancelling.moved) == ("CANCELLING", 3)
        assert (await ended(broker, task)).status == "CANCELLED"
        assert await receive(broker, "attic") == ["a", "b", "c"]
        assert await receive(broker, "dead") == ["d", "e", "f"]
        with pytest.raises(MoveTaskDoesNotExist):
            await broker.message_moves.cancel(NS, task.name)


async def test_a_task_goes_on_after_a_restart(directory: Path, autojump_clock: object) -> None:
    bodies = [str(n) for n in range(1_000)]
    async with open_broker(directory, QUEUES) as broker:
        await send(broker, "dead", *bodies)
        task = await broker.message_moves.start(NS, "dead", "attic", messages_per_second=500)
        await trio.sleep(0.5)
    async with open_broker(directory) as broker:
        assert 0 < broker.message_moves.get(NS, task.name).moved < 1_000
        now = await ended(broker, task)
        assert (now.status, now.moved) == ("COMPLETED", 1_000)
        peeked = await broker.queues.peek(NS, "attic", 2_000)
        assert [rendered(decode(one.body), one.via, "").body for one in peeked] == bodies


async def test_messages_that_come_back_do_not_keep_a_task_going(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, QUEUES) as broker:
        await let_die(broker, "orders", *"abc")
        task = await broker.message_moves.start(NS, "dead", messages_per_second=1)
        await trio.sleep(0.5)
        assert await receive(broker, "orders", timeout_s=0) == ["a"]
        assert await receive(broker, "orders") == []  # dead again
        now = await ended(broker, task)
        assert now.moved == 3
        assert await receive(broker, "dead") == ["a"]


async def test_a_message_without_an_origin_fails_the_task(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, QUEUES) as broker:
        await let_die(broker, "orders", "a")
        await send(broker, "dead", "sent here")
        now = await ended(broker, await broker.message_moves.start(NS, "dead"))
        assert (now.status, now.moved) == ("FAILED", 1)
        assert now.failure_reason == "CouldNotDetermineMessageSource"
        assert await receive(broker, "dead") == ["sent here"]


async def test_a_queue_that_goes_away_fails_the_task(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, QUEUES) as broker:
        await send(broker, "dead", "a", "b", "c")
        task = await broker.message_moves.start(NS, "dead", "attic", messages_per_second=1)
        await trio.sleep(0.5)
        await broker.queues.delete(NS, "attic")
        now = await ended(broker, task)
        assert (now.status, now.moved) == ("FAILED", 1)
        assert now.failure_reason == "AWS.SimpleQueueService.NonExistentQueue"
        assert await receive(broker, "dead") == ["b", "c"]


async def test_fifo_order_is_kept_and_a_locked_group_left_alone(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, FIFOS) as broker:
        sent = [("g", "g1"), ("h", "h1"), ("g", "g2"), ("h", "h2"), ("g", "g3")]
        new = [
            NewMessage(text.encode().ljust(16), encode(message(text)), 0, group, text)
            for group, text in sent
        ]
        await broker.queues.send_encoded(NS, "dead.fifo", new)
        assert await receive(broker, "dead.fifo", 1) == ["g1"]
        now = await ended(broker, await broker.message_moves.start(NS, "dead.fifo", "orders.fifo"))
        assert (now.status, now.moved) == ("COMPLETED", 2)
        assert await receive(broker, "orders.fifo") == ["h1", "h2"]
        await trio.sleep(30)
        assert await receive(broker, "dead.fifo") == ["g1", "g2", "g3"]


async def test_a_source_has_one_active_task(directory: Path, autojump_clock: object) -> None:
    async with open_broker(directory, QUEUES) as broker:
        await send(broker, "dead", "a", "b")
        first = await broker.message_moves.start(NS, "dead", "attic", messages_per_second=1)
        with pytest.raises(MoveTaskRunning):
            await broker.message_moves.start(NS, "dead", "attic")
        await ended(broker, first)
        await ended(broker, await broker.message_moves.start(NS, "dead", "attic"))


async def test_the_last_ten_tasks_of_a_source_are_remembered(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, QUEUES) as broker:
        tasks = []
        for _ in range(12):
            tasks.append(await ended(broker, await broker.message_moves.start(NS, "dead")))
            await trio.sleep(1)
        remembered = broker.message_moves.of_source(NS, "dead")
        assert [task.name for task in remembered] == [task.name for task in tasks[:1:-1]]


async def test_what_cannot_be_moved_is_refused(directory: Path, autojump_clock: object) -> None:
    async with open_broker(directory, [*QUEUES, *FIFOS]) as broker:
        for source, destination in (("nowhere", None), ("dead", "nowhere")):
            with pytest.raises(QueueDoesNotExist):
                await broker.message_moves.start(NS, source, destination)
        for source, destination, rate in (
            ("dead", "dead", None),
            ("dead", "dead.fifo", None),
            ("dead", "attic", 0),
            ("dead", "attic", 501),
        ):
            with pytest.raises(InvalidParameter):
                await broker.message_moves.start(NS, source, destination, rate)
