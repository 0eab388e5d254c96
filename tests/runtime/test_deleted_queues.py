"""Names of deleted queues, which SQS gives to no new queue for a while."""

from pathlib import Path

import pytest
import trio

from broker.core.errors import QueueDeletedRecently, StoreFull
from broker.core.limits import MIB
from broker.core.message import message
from broker.core.names import Namespace
from broker.core.resources import Queue
from broker.runtime.broker import Broker
from broker.runtime.deleted_queues import FORGOTTEN_AT_ONCE
from broker.runtime.queues import QueueOptions
from broker.store.clock import Clock
from broker.store.inline import open_inline_store
from broker.testing.broker import now_ms, open_broker

NS = Namespace()
ORDERS = Queue(name="orders")


async def create(broker: Broker, name: str = "orders") -> None:
    """As SQS does it."""
    await broker.queues.create(NS, Queue(name=name), unless_deleted_recently=True)


async def fill(broker: Broker) -> None:
    while True:
        await broker.queues.send(NS, "orders", [(message("x" * 100_000), 0)])


def notes(broker: Broker) -> set[str]:
    return set(broker.registry.resources(NS).deleted_queues)


async def test_a_deleted_name_is_blocked_for_60_seconds_also_across_a_restart(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory) as broker:
        await create(broker)
        await broker.queues.delete(NS, "orders")
        with pytest.raises(QueueDeletedRecently, match="You must wait 60 seconds"):
            await create(broker)
    await trio.sleep(59.9)
    async with open_broker(directory) as broker:
        with pytest.raises(QueueDeletedRecently):
            await create(broker)
        await trio.sleep(0.1)
        await create(broker)
        assert notes(broker) == set()


async def test_what_does_not_ask_is_not_blocked(directory: Path, autojump_clock: object) -> None:
    async with open_broker(directory, [ORDERS]) as broker:
        await broker.queues.delete(NS, "orders")
        await broker.queues.create(NS, ORDERS)
        assert notes(broker) == set()
        await broker.queues.delete(NS, "orders")
    async with open_broker(directory, [ORDERS]) as broker:
        assert broker.queues.get(NS, "orders").declared is False


async def test_notes_go_with_later_deletions_once_their_time_is_over(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory) as broker:
        many = [f"old-{n}" for n in range(FORGOTTEN_AT_ONCE + 1)]
        for name in (*many, "a", "b"):
            await create(broker, name)
        for name in many:
            await broker.queues.delete(NS, name)
        await trio.sleep(60)
        await broker.queues.delete(NS, "a")
        assert len(notes(broker)) == 2, "a hundred at once: a commit has bounds"
        await broker.queues.delete(NS, "b")
        assert notes(broker) == {"a", "b"}


async def test_nothing_is_blocked_if_the_configuration_says_so(
    directory: Path, autojump_clock: object, nursery: trio.Nursery
) -> None:
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        broker = Broker(store, {}, now_ms, queue_options=QueueOptions(deleted_name_blocked_s=0))
        await nursery.start(broker.run)
        await create(broker)
        await broker.queues.delete(NS, "orders")
        assert notes(broker) == set()
        await create(broker)
        nursery.cancel_scope.cancel()


async def test_a_queue_is_deleted_also_when_the_store_is_full(
    directory: Path, autojump_clock: object, nursery: trio.Nursery
) -> None:
    """Deleting is how room is made; the note of it must not stand in the way."""
    with open_inline_store(directory, Clock(now_ms, now_ms), quota_bytes=4 * MIB) as store:
        broker = Broker(store, {}, now_ms)
        await nursery.start(broker.run)
        await create(broker)
        with pytest.raises(StoreFull):
            await fill(broker)
        with pytest.raises(StoreFull):
            await create(broker, "other")
        await broker.queues.delete(NS, "orders")
        assert notes(broker) == {"orders"}
        await trio.sleep(1)  # housekeeping gives the room back
        await create(broker, "other")
        nursery.cancel_scope.cancel()
