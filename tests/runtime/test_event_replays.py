"""replays of archives: at a rate, halted and resumed, over restarts"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from broker.core.errors import EventIsUnknown, InvalidParameter, ReplayIsOver
from broker.core.event import Event
from broker.core.message import Message, decode
from broker.core.names import Namespace
from broker.core.resources import Archive, EventBus, EventReplay, Function, Queue, Rule, Target
from broker.plugin import Invocation, InvocationResult
from broker.runtime.broker import Broker
from broker.runtime.ledger import LedgerOptions
from broker.store.clock import Clock
from broker.store.inline import open_inline_store
from broker.testing.broker import now_ms, open_broker
from tests.runtime.conftest import FakeInvoker

NS = Namespace()
REPLAY = EventReplay(name="again", archive="all", event_bus="default", from_ms=0, until_ms=1 << 50)


@asynccontextmanager
async def archived(directory: Path, count: int) -> AsyncIterator[Broker]:
    """A broker with so many events in an archive, and a rule that sends what comes to a queue."""
    async with open_broker(directory, [Queue(name="orders")]) as broker:
        if "all" not in broker.registry.resources(NS).archives:
            await broker.archives.create(NS, Archive(name="all", event_bus="default"))
            events = [
                Event(source="shop", detail_type="sold", detail={"n": n}) for n in range(count)
            ]
            await broker.events.put_each(NS, events)
            target = Target(id="1", arn=NS.arn("sqs", "orders"), input_path="$.detail.n")
            await broker.rules.put(
                NS,
                Rule(
                    name="default|r",
                    event_bus="default",
                    event_pattern='{"source":["shop"]}',
                    targets=(target,),
                ),
            )
        yield broker


async def numbers(broker: Broker, queue: str = "orders") -> list[Any]:
    found = []
    for one in await broker.queues.peek(NS, queue, 1_000):
        body = decode(one.body)
        assert isinstance(body, Message)
        found.append(msgspec.json.decode(body.body))
    return found


async def test_a_replay_keeps_its_rate(directory: Path, autojump_clock: object) -> None:
    async with archived(directory, 100) as broker:
        replay = msgspec.structs.replace(REPLAY, events_per_second=10)
        await broker.event_replays.start(NS, replay)
        await trio.sleep(4.5)
        assert 40 <= len(await numbers(broker)) <= 60
        await trio.sleep(10)
        assert await numbers(broker) == list(range(100))
        assert broker.event_replays.get(NS, "again").status == "COMPLETED"


SOME = '{"detail":{"n":[{"numeric":[">=",200,"<",230]}]}}'  # 30 of them


@pytest.mark.parametrize("archive", ["all", ""])
async def test_the_rate_is_that_of_events_put_not_of_those_passed_over(
    directory: Path, autojump_clock: object, archive: str
) -> None:
    async with archived(directory, 300) as broker:
        replay = msgspec.structs.replace(
            REPLAY, archive=archive, event_pattern=SOME, events_per_second=10
        )
        await broker.event_replays.start(NS, replay)
        await trio.sleep(0.5)
        assert await numbers(broker) == list(range(200, 210))
        await trio.sleep(1)
        assert await numbers(broker) == list(range(200, 220))
        await trio.sleep(1.6)
        assert await numbers(broker) == list(range(200, 230))
        done = broker.event_replays.get(NS, "again")
        assert (done.status, done.replayed) == ("COMPLETED", 30)


async def test_events_that_lie_apart_keep_the_rate_too(
    directory: Path, autojump_clock: object
) -> None:
    async with archived(directory, 1_000) as broker:
        every_fourth = msgspec.json.encode({"detail": {"n": list(range(0, 1_000, 4))}}).decode()
        replay = msgspec.structs.replace(REPLAY, event_pattern=every_fourth, events_per_second=100)
        await broker.event_replays.start(NS, replay)
        for second in (1, 2):
            await trio.sleep_until(second - 0.01)
            assert len(await numbers(broker)) <= 100 * second
        await trio.sleep_until(2.6)
        assert await numbers(broker) == list(range(0, 1_000, 4))


async def test_a_replay_that_passes_over_most_goes_on_where_it_was(
    directory: Path, autojump_clock: object
) -> None:
    replay = msgspec.structs.replace(REPLAY, event_pattern=SOME, events_per_second=10)
    async with archived(directory, 300) as broker:
        await broker.event_replays.start(NS, replay)
        await trio.sleep(0.5)
        await broker.event_replays.pause(NS, "again")
        await trio.sleep(60)
        assert await numbers(broker) == list(range(200, 210))
        await broker.event_replays.resume(NS, "again")
        await trio.sleep(0.5)
        assert await numbers(broker) == list(range(200, 220))
    async with archived(directory, 300) as broker:
        await trio.sleep(5)
        assert await numbers(broker) == list(range(200, 230))
        done = broker.event_replays.get(NS, "again")
        assert (done.status, done.replayed) == ("COMPLETED", 30)


async def test_the_ledger_of_a_bus_is_replayed(directory: Path, autojump_clock: object) -> None:
    async with archived(directory, 30) as broker:
        await broker.event_buses.create(NS, EventBus(name="other"))
        await broker.events.put(NS, Event(source="shop", detail_type="x", detail={}), "other")
        await broker.archives.delete(NS, "all")
        replay = msgspec.structs.replace(REPLAY, archive="")
        await broker.event_replays.start(NS, replay)
        await trio.sleep(5)
        assert await numbers(broker) == list(range(30))
        done = broker.event_replays.get(NS, "again")
        assert (done.status, done.replayed) == ("COMPLETED", 30)
        # What was replayed isn't in the ledger once more.
        again = msgspec.structs.replace(REPLAY, name="2", archive="")
        await broker.event_replays.start(NS, again)
        await trio.sleep(5)
        assert broker.event_replays.get(NS, "2").replayed == 30


async def test_what_a_replay_made_of_an_event_is_told_beside_what_came_of_it_first(
    directory: Path, autojump_clock: object
) -> None:
    async with archived(directory, 0) as broker:
        event = Event(source="shop", detail_type="sold", detail={"n": 1})
        event_id = await broker.events.put(NS, event)
        first = await broker.ledger.trace(NS, event_id)
        assert first.replays == []
        await trio.sleep(1)
        for name in ("again", "2"):
            await broker.event_replays.start(NS, msgspec.structs.replace(REPLAY, name=name))
            await trio.sleep(1)
        trace = await broker.ledger.trace(NS, event_id)
        assert (trace.put_at_ms, trace.trace) == (first.put_at_ms, first.trace)
        assert [each.replay for each in trace.replays] == ["again", "2"]
        assert [each.trace.rules for each in trace.replays] == [["default|r"], ["default|r"]]
        delivered = [trace, *trace.replays]
        named = [
            each.delivery.message_id
            for one in delivered
            for each in one.deliveries
            if each.delivery.queue == "orders"
        ]
        assert named == [one.message_id for one in await broker.queues.peek(NS, "orders", 10)]
        assert len(named) == 3


async def test_the_invocation_that_a_replay_led_to_is_told_with_its_attempts(
    directory: Path, autojump_clock: object
) -> None:
    async def succeed(_: Invocation) -> InvocationResult:
        return InvocationResult(payload=b'"done"')

    invokers = {"fake": FakeInvoker(succeed)}
    function = Function(name="f", invoker="fake")
    async with open_broker(directory, [function], invokers) as broker:
        event_id = await broker.events.put(NS, Event(source="shop", detail_type="sold", detail={}))
        replay = msgspec.structs.replace(REPLAY, archive="", function="f")
        await broker.event_replays.start(NS, replay)
        await trio.sleep(1)
        (told,) = (await broker.ledger.trace(NS, event_id)).replays
        (delivery,) = told.deliveries
        assert delivery.delivery.queue == "function/f"
        assert [attempt.outcome for attempt in delivery.attempts] == ["delivered"]


async def test_a_replayed_event_that_is_older_than_the_ledger_is_known_by_its_replay(
    directory: Path, autojump_clock: object
) -> None:
    async with archived(directory, 0) as broker:
        event_id = await broker.events.put(NS, Event(source="shop", detail_type="sold", detail={}))
        await trio.sleep(4 * 86_400)
        with pytest.raises(EventIsUnknown):
            await broker.ledger.trace(NS, event_id)
        await broker.event_replays.start(NS, REPLAY)
        await trio.sleep(1)
        trace = await broker.ledger.trace(NS, event_id)
        assert trace.put_at_ms is None
        assert trace.event["source"] == "shop"
        assert [each.replay for each in trace.replays] == ["again"]


async def test_without_a_ledger_there_is_nothing_to_replay_from(
    directory: Path, autojump_clock: object
) -> None:
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        broker = Broker(store, {}, now_ms, ledger_options=LedgerOptions(days=0))
        async with trio.open_nursery() as nursery:
            await nursery.start(broker.run)
            with pytest.raises(InvalidParameter, match="no ledger"):
                await broker.event_replays.start(NS, msgspec.structs.replace(REPLAY, archive=""))
            nursery.cancel_scope.cancel()


async def test_a_replay_is_halted_and_goes_on_where_it_was_even_in_another_daemon(
    directory: Path, autojump_clock: object
) -> None:
    async with archived(directory, 100) as broker:
        await broker.event_replays.start(NS, msgspec.structs.replace(REPLAY, events_per_second=10))
        await trio.sleep(2.5)
        await broker.event_replays.pause(NS, "again")
        await trio.sleep(60)
        halted = broker.event_replays.get(NS, "again")
        assert halted.status == "PAUSED"
        assert halted.replayed == len(await numbers(broker)) < 100
    async with archived(directory, 100) as broker:
        await trio.sleep(60)
        assert len(await numbers(broker)) == halted.replayed
        await broker.event_replays.resume(NS, "again")
        await trio.sleep(2)
    async with archived(directory, 100) as broker:
        await trio.sleep(60)
        assert await numbers(broker) == list(range(100))
        assert broker.event_replays.get(NS, "again").replayed == 100


async def test_a_cancelled_replay_ends_where_it_is(directory: Path, autojump_clock: object) -> None:
    async with archived(directory, 100) as broker:
        await broker.event_replays.start(NS, msgspec.structs.replace(REPLAY, events_per_second=10))
        await trio.sleep(2.5)
        await broker.event_replays.cancel(NS, "again")
        await trio.sleep(60)
        replay = broker.event_replays.get(NS, "again")
        assert (replay.status, replay.replayed) == ("CANCELLED", len(await numbers(broker)))
        assert replay.replayed < 100
        with pytest.raises(ReplayIsOver):
            await broker.event_replays.resume(NS, "again")
        await broker.event_replays.delete(NS, "again")
        assert broker.event_replays.all(NS) == []


async def test_only_what_a_pattern_matches_is_replayed(
    directory: Path, autojump_clock: object
) -> None:
    async with archived(directory, 100) as broker:
        pattern = '{"detail":{"n":[{"numeric":["<",3]}]}}'
        await broker.event_replays.start(NS, msgspec.structs.replace(REPLAY, event_pattern=pattern))
        await trio.sleep(1)
        assert await numbers(broker) == [0, 1, 2]


async def test_an_archive_that_is_deleted_meanwhile_fails_its_replay(
    directory: Path, autojump_clock: object
) -> None:
    async with archived(directory, 100) as broker:
        await broker.event_replays.start(NS, msgspec.structs.replace(REPLAY, events_per_second=10))
        await trio.sleep(2.5)
        with pytest.raises(InvalidParameter, match="cancel it first"):
            await broker.event_replays.delete(NS, "again")
        await broker.archives.delete(NS, "all")
        await trio.sleep(5)
        replay = broker.event_replays.get(NS, "again")
        assert (replay.status, replay.reason) == ("FAILED", "The archive was deleted.")


async def test_an_archive_forgets_what_is_too_old(directory: Path, autojump_clock: object) -> None:
    async with open_broker(directory, []) as broker:
        archive = Archive(name="all", event_bus="default", retention_days=1)
        await broker.archives.create(NS, archive)
        await broker.events.put(NS, Event(source="shop", detail_type="sold", detail={}))
        await trio.sleep(86_000)
        assert await broker.archives.events_kept(NS, "all") == 1
        await trio.sleep(3_000)
        assert await broker.archives.events_kept(NS, "all") == 0
