"""the ledger keeps the newest events, however many come"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from broker.core import ledger
from broker.core.errors import EventIsUnknown
from broker.core.event import Event
from broker.core.names import Namespace
from broker.runtime.broker import Broker
from broker.runtime.ledger import LedgerOptions
from broker.store.clock import Clock
from broker.store.inline import open_inline_store
from broker.testing.broker import now_ms

NS = Namespace()


@asynccontextmanager
async def with_ledger(directory: Path, events_max: int) -> AsyncIterator[Broker]:
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        broker = Broker(store, {}, now_ms, ledger_options=LedgerOptions(events_max=events_max))
        async with trio.open_nursery() as nursery:
            await nursery.start(broker.run)
            yield broker
            nursery.cancel_scope.cancel()


async def put(broker: Broker, count: int) -> list[str]:
    events = [Event(source="shop", detail_type="sold", detail={"n": n}) for n in range(count)]
    ids = await broker.events.put_each(NS, events)
    return [id_ for id_ in ids if isinstance(id_, str)]


async def known(broker: Broker, ids: list[str]) -> list[str]:
    found = []
    for id_ in ids:
        try:
            await broker.ledger.trace(NS, id_)
        except EventIsUnknown:
            continue
        found.append(id_)
    return found


@pytest.mark.parametrize("together", [1, 60])
async def test_the_newest_events_are_known_and_the_oldest_forgotten(
    directory: Path, autojump_clock: object, together: int
) -> None:
    async with with_ledger(directory, 50) as broker:
        ids: list[str] = []
        while len(ids) < 60:
            ids += await put(broker, together)
        assert await known(broker, ids) == ids[10:]
        (counts,) = await broker.queues.counts(NS, ledger.EVENTS)
        assert counts.visible == 50


async def test_fewer_events_in_the_configuration_forget_the_oldest(
    directory: Path, autojump_clock: object
) -> None:
    async with with_ledger(directory, 50) as broker:
        ids = await put(broker, 40)
        assert await known(broker, ids) == ids
    async with with_ledger(directory, 15) as broker:
        await trio.sleep(1)
        assert await known(broker, ids) == ids[-15:]


async def test_a_ledger_of_an_earlier_version_gets_the_queue_that_it_lacks(
    directory: Path, autojump_clock: object
) -> None:
    async with with_ledger(directory, 50) as broker:
        await put(broker, 1)
        await broker.registrar.change(NS, [("queue", ledger.REPLAYS, None, None)])
    async with with_ledger(directory, 50) as broker:
        assert ledger.REPLAYS in broker.registry.resources(NS).queues
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        broker = Broker(store, {}, now_ms, ledger_options=LedgerOptions(days=0))
        async with trio.open_nursery() as nursery:
            await nursery.start(broker.run)
            assert not any(map(ledger.is_ledger, broker.registry.resources(NS).queues))
            nursery.cancel_scope.cancel()
