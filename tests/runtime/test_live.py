"""Following topics and buses live: what is offered to whom, what is missed, and how it ends."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.core.errors import StoreFull
from broker.core.event import Event, published_document
from broker.core.limits import LIVE_BATCH_MAX, LIVE_BUFFER_BYTES, LIVE_BUFFER_MAX, MIB
from broker.core.message import MessageAttribute, Notification
from broker.core.names import Namespace
from broker.core.pattern import Pattern, matches, parse
from broker.core.publication import Publication
from broker.core.registry import Registry
from broker.core.resources import EventBus, Queue, Rule, Subscription, Target, Topic
from broker.core.routed import Routed
from broker.runtime.broker import Broker
from broker.runtime.live import Envelope, Follower, Live
from broker.runtime.stream import Ending
from broker.testing.broker import open_broker

NS = Namespace()
NEWS_ARN = NS.arn("sns", "news")
RESOURCES = [
    Topic(name="news"),
    EventBus(name="shop"),
    Queue(name="heard"),
    Subscription(name="news:1", topic="news", protocol="sqs", endpoint=NS.arn("sqs", "heard")),
    Rule(
        name="shop|sales",
        event_bus="shop",
        event_pattern='{"detail-type": ["sold"]}',
        targets=(Target(id="1", arn=NEWS_ARN),),
    ),
]


@dataclass
class Reader:
    """One who follows and reads on, unless told not to."""

    follower: Follower[Any]
    seen: list[Any] = field(default_factory=list)  # messages or details; (count,) where missed
    ending: Ending | None = None
    reads: trio.Event = field(default_factory=trio.Event)

    async def run(self) -> None:
        await self.reads.wait()
        async for batch in self.follower:
            if batch.missed:
                self.seen.append((batch.missed,))
            for each in batch.events:
                self.seen.append(each.message if isinstance(each, Notification) else each["detail"])
        self.ending = self.follower.ending


@dataclass
class Desk:
    """A broker with a topic of news and a bus of a shop, and readers who follow them."""

    broker: Broker
    nursery: trio.Nursery
    open: AsyncExitStack

    async def publish(self, *messages: str, **how: Any) -> None:
        for message in messages:
            await self.broker.topics.publish(NS, "news", Publication(message=message, **how))
        await trio.testing.wait_all_tasks_blocked()

    async def put(self, *details: Any, source: str = "till", detail_type: str = "seen") -> None:
        for detail in details:
            event = Event(source=source, detail_type=detail_type, detail=detail)
            await self.broker.events.put(NS, event, "shop")
        await trio.testing.wait_all_tasks_blocked()

    async def follow_topic(self, filter: Any = None, *, buffer: int = 100, **how: Any) -> Reader:
        pattern = None if filter is None else parse(json.dumps(filter))
        return await self._follow(self.broker.live.follow_topic(NS, "news", pattern, buffer), **how)

    async def follow_bus(self, filter: Any = None, *, buffer: int = 100, **how: Any) -> Reader:
        pattern = None if filter is None else parse(json.dumps(filter))
        return await self._follow(self.broker.live.follow_bus(NS, "shop", pattern, buffer), **how)

    async def _follow(self, opened: Any, *, reads: bool = True) -> Reader:
        reader = Reader(self.open.enter_context(opened))
        self.nursery.start_soon(reader.run)
        if reads:
            reader.reads.set()
        await trio.testing.wait_all_tasks_blocked()
        return reader

    async def read(self, reader: Reader) -> list[Any]:
        """Have it read what is there."""
        reader.reads.set()
        await trio.testing.wait_all_tasks_blocked()
        return reader.seen


@pytest.fixture
async def desk(directory: Path) -> AsyncIterator[Desk]:
    async with (
        open_broker(directory, RESOURCES) as broker,
        trio.open_nursery() as nursery,
        AsyncExitStack() as stack,
    ):
        yield Desk(broker, nursery, stack)
        nursery.cancel_scope.cancel()


# What is offered


async def test_what_is_published_comes_in_order_to_all_who_follow(desk: Desk) -> None:
    await desk.publish("before")
    readers = [await desk.follow_topic(), await desk.follow_topic()]
    await desk.publish("a", "b")
    await desk.broker.topics.publish_each(
        NS, "news", [Publication(message="c"), Publication(message="d")]
    )
    await trio.testing.wait_all_tasks_blocked()
    assert [reader.seen for reader in readers] == [["a", "b", "c", "d"]] * 2


async def test_what_is_put_on_a_bus_comes_as_its_rules_see_it(desk: Desk) -> None:
    with desk.broker.live.follow_bus(NS, "shop", None, 10) as follower:
        await desk.put({"ducks": 10})
        await desk.broker.events.put_each(
            NS, [Event(source="till", detail_type="seen", detail={"ducks": 11}, id="7")], "shop"
        )
        batch = await anext(follower)
    assert [each["detail"] for each in batch.events] == [{"ducks": 10}, {"ducks": 11}]
    assert batch.events[1].keys() >= {"id", "source", "detail-type", "time", "account", "region"}
    assert batch.events[1]["id"] == "7"


async def test_what_a_rule_publishes_to_a_topic_comes_too(desk: Desk) -> None:
    reader = await desk.follow_topic()
    await desk.put({"ducks": 1})
    await desk.put({"ducks": 2}, detail_type="sold")
    (message,) = reader.seen
    assert json.loads(message)["detail"] == {"ducks": 2}


async def test_another_namespace_is_another_topic(desk: Desk) -> None:
    other = Namespace("111111111111")
    await desk.broker.topics.create(other, Topic(name="news"))
    reader = await desk.follow_topic()
    await desk.broker.topics.publish(other, "news", Publication(message="theirs"))
    await desk.publish("ours")
    assert reader.seen == ["ours"]


async def test_what_was_refused_is_not_offered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    reader, other = await desk.follow_topic(), await desk.follow_bus()

    async def refuse(namespace: str, commands: list[Any]) -> list[Any]:
        return [StoreFull()] * len(commands)

    with monkeypatch.context() as patched:
        patched.setattr(desk.broker.store, "submit", refuse)
        with pytest.raises(StoreFull):
            await desk.publish("a")
        with pytest.raises(StoreFull):
            await desk.put({"n": 1}, detail_type="sold")
        await desk.broker.topics.publish_each(NS, "news", [Publication(message="b")])
    await desk.publish("c")
    await desk.put({"n": 2})
    assert (reader.seen, other.seen) == (["c"], [{"n": 2}])


async def test_what_is_offered_is_on_disk_and_not_yet_answered(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    submit = desk.broker.store.submit

    async def submitted(*given: Any) -> Any:
        results = await submit(*given)
        happened.append("committed")
        return results

    def offered(follower: Follower[Any], event: Any, size: int) -> None:
        happened.append("offered")

    monkeypatch.setattr(desk.broker.store, "submit", submitted)
    monkeypatch.setattr(Follower, "offer", offered)
    await desk.follow_topic()
    await desk.publish("a")
    happened.append("answered")
    assert happened == ["committed", "offered", "answered"]


async def test_one_who_has_left_is_offered_nothing_and_nothing_is_kept(desk: Desk) -> None:
    live = desk.broker.live
    with live.follow_topic(NS, "news", parse('{"message": ["a"]}'), 10) as first:
        with live.follow_topic(NS, "news", None, 10) as second:
            second.leave()
            await desk.publish("a")
            with pytest.raises(StopAsyncIteration):
                await anext(second)
        assert (await anext(first)).events[0].message == "a"
    assert live._topics._found == {}


# Filters


async def test_a_filter_chooses_among_messages(desk: Desk) -> None:
    large = await desk.follow_topic({"message": {"total": [{"numeric": [">", 100]}]}})
    texts = await desk.follow_topic({"message": [{"prefix": "plain"}]})
    berlin = await desk.follow_topic({"subject": ["sale"], "attributes": {"shop": ["Berlin"]}})
    everything = await desk.follow_topic()
    shop = {"shop": MessageAttribute("String", "Berlin")}
    await desk.publish('{"total": 99}', '{"total": 101}', "plain text", "{not JSON")
    await desk.publish("x", subject="sale", attributes=shop)
    await desk.publish("y", subject="other", attributes=shop)
    assert large.seen == ['{"total": 101}']
    assert texts.seen == ["plain text"]
    assert berlin.seen == ["x"]
    assert len(everything.seen) == 6


def test_a_message_is_matched_as_what_it_says() -> None:
    attributes = {
        "n": MessageAttribute("Number.int", "10"),
        "list": MessageAttribute("String.Array", '["a", 1]'),
        "photo": MessageAttribute("Binary", None, b"\x00"),
        "text": MessageAttribute("String", "10"),
    }
    by_protocol = {"default": "[1]", "sqs": "else"}
    plain = Notification(NEWS_ARN, "id-1", 0, "null")
    rich = Notification(NEWS_ARN, "id-2", 0, "{}", "sold", attributes, by_protocol)
    assert published_document(plain) == {
        "message_id": "id-1",
        "topic_arn": NEWS_ARN,
        "message": "null",
        "attributes": {},
    }
    assert published_document(rich) == {
        "message_id": "id-2",
        "topic_arn": NEWS_ARN,
        "subject": "sold",
        "message": [1],
        "attributes": {"n": 10, "list": ["a", 1], "photo": "AA==", "text": "10"},
    }


async def test_a_message_too_deep_to_be_parsed_is_matched_as_text(desk: Desk) -> None:
    deep = "[" * 100_000
    reader = await desk.follow_topic({"message": [{"prefix": "[["}]})
    await desk.publish(deep)
    assert reader.seen == [deep]


async def test_a_filter_chooses_among_events(desk: Desk) -> None:
    reader = await desk.follow_bus({"source": ["till"], "detail": {"ducks": [10]}})
    await desk.put({"ducks": 10}, {"ducks": 11})
    await desk.put({"ducks": 10}, source="web")
    assert reader.seen == [{"ducks": 10}]


async def test_a_thousand_filters_are_one_look(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    readers = [
        desk.open.enter_context(
            desk.broker.live.follow_topic(NS, "news", parse(f'{{"message": ["{n}"]}}'), 10)
        )
        for n in range(1_000)
    ]
    made = 0

    def counted(notification: Notification) -> dict[str, Any]:
        nonlocal made
        made += 1
        return published_document(notification)

    monkeypatch.setattr("broker.runtime.live.published_document", counted)
    await desk.publish("700")
    assert made == 1
    assert [n for n, reader in enumerate(readers) if reader._waiting] == [700]


async def test_a_filter_takes_part_whole_or_not_at_all(desk: Desk) -> None:
    """Two filters of one topic: adding and removing one never disturbs the other."""
    stays = await desk.follow_topic({"message": ["a", "b"]})
    for _ in range(3):
        with desk.broker.live.follow_topic(NS, "news", parse('{"message": ["a"]}'), 10) as comes:
            await desk.publish("a", "b")
            assert [each.message for each in (await anext(comes)).events] == ["a"]
        desk.broker.live._topics._found[NS.text, "news"]._filters.check_invariants()
    assert stays.seen == ["a", "b"] * 3


# Slow readers


async def test_a_slow_reader_is_told_exactly_how_many_it_missed(desk: Desk) -> None:
    slow = await desk.follow_topic(buffer=3, reads=False)
    quick = await desk.follow_topic(buffer=3)
    await desk.publish(*"abcdefgh")
    assert quick.seen == list("abcdefgh")
    assert await desk.read(slow) == [(5,), "f", "g", "h"]
    await desk.publish("i")
    assert slow.seen == [(5,), "f", "g", "h", "i"]


async def test_only_what_a_filter_matches_can_be_missed(desk: Desk) -> None:
    slow = await desk.follow_topic({"message": ["a"]}, buffer=1, reads=False)
    await desk.publish("a", "b", "b", "a", "b")
    assert await desk.read(slow) == [(1,), "a"]


async def test_what_waits_is_bounded_in_bytes_too(desk: Desk) -> None:
    slow = await desk.follow_bus(buffer=LIVE_BUFFER_MAX, reads=False)
    size = MIB // 2
    for n in range(20):
        await desk.put({"n": n, "text": "x" * size})
    assert slow.follower._bytes <= LIVE_BUFFER_BYTES
    (missed,), *events = await desk.read(slow)
    assert missed + len(events) == 20
    assert len(events) == LIVE_BUFFER_BYTES // (size + 1_000)
    assert [each["n"] for each in events] == list(range(missed, 20))
    assert slow.follower._bytes == 0


async def test_an_event_larger_than_all_there_is_room_for_is_missed() -> None:
    follower: Follower[str] = Follower(10)
    follower.offer("small", 1)
    follower.offer("vast", LIVE_BUFFER_BYTES + 1)
    batch = await anext(follower)
    assert (batch.missed, batch.events) == (2, [])


async def test_a_batch_is_bounded() -> None:
    follower: Follower[int] = Follower(LIVE_BUFFER_MAX)
    for n in range(LIVE_BATCH_MAX + 1):
        follower.offer(n, 1)
    follower.offer(-1, MIB)
    follower.offer(-2, MIB)
    assert [len((await anext(follower)).events) for _ in range(3)] == [LIVE_BATCH_MAX, 1, 1]
    assert (await anext(follower)).events == [-2]


async def test_nobody_who_reads_slowly_holds_up_a_publish(
    desk: Desk, autojump_clock: object
) -> None:
    for _ in range(100):
        await desk.follow_topic(buffer=1, reads=False)
    began = trio.current_time()
    await desk.publish(*"abc")
    assert trio.current_time() == began


async def test_one_who_is_cancelled_while_waiting_loses_nothing(
    desk: Desk, autojump_clock: object
) -> None:
    with desk.broker.live.follow_topic(NS, "news", None, 10) as follower:
        with trio.move_on_after(1):
            await anext(follower)
        await desk.publish("a")
        with trio.CancelScope() as scope:
            scope.cancel()
            await anext(follower)
        assert [each.message for each in (await anext(follower)).events] == ["a"]


# The end


async def test_a_topic_that_is_deleted_ends_those_who_follow_it(desk: Desk) -> None:
    reader, slow = await desk.follow_topic(), await desk.follow_topic(reads=False)
    await desk.publish("a")
    await desk.broker.topics.delete(NS, "news")
    await desk.broker.topics.create(NS, Topic(name="news"))
    again = await desk.follow_topic()
    await desk.publish("b")
    assert reader.ending is not None
    assert (reader.seen, reader.ending.code) == (["a"], "TopicDoesNotExist")
    assert (await desk.read(slow), slow.ending) == (["a"], reader.ending)
    assert again.seen == ["b"]


async def test_a_bus_that_is_deleted_ends_those_who_follow_it(desk: Desk) -> None:
    await desk.broker.event_buses.create(NS, EventBus(name="brief"))
    with desk.broker.live.follow_bus(NS, "brief", None, 10) as follower:
        await desk.broker.event_buses.delete(NS, "brief")
        with pytest.raises(StopAsyncIteration):
            await anext(follower)
        assert follower.ending.code == "EventBusDoesNotExist"


async def test_what_was_deleted_before_it_is_followed_ends_at_once(desk: Desk) -> None:
    with desk.broker.live.follow_topic(NS, "none", None, 10) as follower:
        await follower.wait_ended()
        assert follower.ending.code == "TopicDoesNotExist"
    with desk.broker.live.follow_bus(NS, "none", None, 10) as other:
        await other.wait_ended()
        assert other.ending.code == "EventBusDoesNotExist"


async def test_at_shutdown_all_are_told_once_they_have_read_what_waits(desk: Desk) -> None:
    slow, bus = await desk.follow_topic(reads=False), await desk.follow_bus()
    await desk.publish("a")
    desk.broker.live.close()
    late = await desk.follow_topic()
    assert await desk.read(slow) == ["a"]
    for reader in (slow, bus, late):
        assert reader.ending is not None
        assert reader.ending.code == "ShuttingDown"


async def test_nothing_is_offered_after_the_end(desk: Desk) -> None:
    slow = await desk.follow_topic(reads=False)
    desk.broker.live.close()
    await desk.publish("a")
    assert await desk.read(slow) == []


# Any order of events, filters and readers

SOURCES = st.sampled_from(["a", "b", "c"])
DETAILS = st.dictionaries(SOURCES, st.integers(0, 3), max_size=3)
FILTERS = st.one_of(
    st.none(),
    st.fixed_dictionaries({"source": st.lists(SOURCES, min_size=1)}),
    st.fixed_dictionaries(
        {"detail": st.dictionaries(SOURCES, st.lists(st.integers(0, 3), min_size=1), min_size=1)}
    ),
    st.just({"detail": {"a": [{"exists": False}]}}),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    filters=st.lists(FILTERS, min_size=1, max_size=5),
    events=st.lists(st.tuples(SOURCES, DETAILS), max_size=30),
    pauses=st.lists(st.booleans(), min_size=30, max_size=30),
    buffer=st.integers(1, 5),
)
def test_one_who_keeps_up_sees_exactly_what_matches_and_one_who_does_not_can_count_it(
    filters: list[Any], events: list[tuple[str, Any]], pauses: list[bool], buffer: int
) -> None:
    puts: list[Envelope] = [
        {"source": source, "detail": detail, "n": n} for n, (source, detail) in enumerate(events)
    ]

    async def run() -> None:
        live = Live(Registry())
        patterns = [None if each is None else parse(json.dumps(each)) for each in filters]
        eager: list[list[Any]] = [[] for _ in filters]
        lazy: list[list[Any]] = [[] for _ in filters]
        async with trio.open_nursery() as nursery, AsyncExitStack() as stack:

            def follow(pattern: Pattern | None) -> Follower[Envelope]:
                return stack.enter_context(live.follow_bus(NS, "default", pattern, buffer))

            for pattern, seen in zip(patterns, eager, strict=True):
                nursery.start_soon(read, follow(pattern), seen)
            resting = [follow(pattern) for pattern in patterns]
            for put, reads in zip(puts, pauses, strict=False):
                live.committed(NS, Routed(events=[("default", put)]))
                await trio.testing.wait_all_tasks_blocked()
                for follower, seen in zip(resting, lazy, strict=True):
                    if reads:
                        with trio.move_on_after(1):
                            await read(follower, seen)
            live.close()
            for follower, seen in zip(resting, lazy, strict=True):
                await read(follower, seen)
        for pattern, all_seen, some_seen in zip(patterns, eager, lazy, strict=True):
            wanted = [put for put in puts if pattern is None or matches(pattern, put)]
            assert all_seen == wanted
            at = 0
            for each in some_seen:
                if isinstance(each, int):
                    at += each
                else:
                    assert each == wanted[at]
                    at += 1
            assert at == len(wanted)

    async def read(follower: Follower[Envelope], seen: list[Any]) -> None:
        async for batch in follower:
            seen.extend([batch.missed] if batch.missed else [])
            seen.extend(batch.events)

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
