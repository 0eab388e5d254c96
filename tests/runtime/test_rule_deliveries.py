"""targets in other namespaces: each waits in a queue of its own until it is routed there"""

from pathlib import Path

import pytest
import trio
import trio.testing

from broker.core.event import Event
from broker.core.message import Message, decode
from broker.core.names import Namespace
from broker.core.resources import EventBus, Queue, Rule, Target
from broker.runtime.broker import Broker
from broker.testing.broker import open_broker

NS = Namespace()
OTHER = Namespace("999999999999", "eu-west-1")
EVENT = Event(source="shop", detail_type="sold", detail={"total": 12})
PATTERN = '{"source":["shop"]}'


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """Jumps only when nothing has happened for a moment."""
    return trio.testing.MockClock(autojump_threshold=0.03)


def rule(*targets: Target, bus: str = "default") -> Rule:
    return Rule(name=f"{bus}|r", event_bus=bus, event_pattern=PATTERN, targets=targets)


async def texts(broker: Broker, namespace: Namespace, queue: str) -> list[Message]:
    found = []
    for one in await broker.queues.peek(namespace, queue, 10):
        body = decode(one.body)
        assert isinstance(body, Message)
        found.append(body)
    return found


async def test_a_queue_of_another_account_gets_its_text(directory: Path, clock: object) -> None:
    async with open_broker(directory, []) as broker:
        await broker.queues.create(OTHER, Queue(name="orders"))
        target = Target(id="1", arn=OTHER.arn("sqs", "orders"), input_path="$.detail")
        await broker.rules.put(NS, rule(target))
        await broker.events.put(NS, EVENT)
        await trio.sleep(1)
        (message,) = await texts(broker, OTHER, "orders")
        assert message.body == '{"total":12}'
        (counts,) = await broker.queues.counts(NS, "target/default|r|1")
        assert (counts.visible, counts.in_flight, counts.delayed) == (0, 0, 0)


async def test_a_bus_of_another_account_gets_the_event_as_it_is(
    directory: Path, clock: object
) -> None:
    async with open_broker(directory, []) as broker:
        await broker.queues.create(OTHER, Queue(name="orders"))
        await broker.event_buses.create(OTHER, EventBus(name="shop"))
        here = Target(id="1", arn=OTHER.arn("events", "event-bus/shop"))
        there = Target(id="1", arn=OTHER.arn("sqs", "orders"), input_path="$.account")
        await broker.rules.put(NS, rule(here))
        await broker.rules.put(OTHER, rule(there, bus="shop"))
        event_id = await broker.events.put(NS, EVENT)
        await trio.sleep(1)
        (message,) = await texts(broker, OTHER, "orders")
        assert message.body == f'"{NS.account}"'
        # Each account tells what became of it there.
        assert (await broker.ledger.trace(NS, event_id)).trace.rules == ["default|r"]
        found = await broker.ledger.trace(OTHER, event_id)
        assert found.trace.rules == ["shop|r"]
        assert [each.delivery.queue for each in found.deliveries] == ["orders"]


async def test_accounts_that_forward_to_each_other_end_in_a_dead_letter(
    directory: Path, clock: object
) -> None:
    async with open_broker(directory, []) as broker:
        await broker.rules.put(
            NS, rule(Target(id="1", arn=OTHER.arn("events", "event-bus/default")))
        )
        await broker.rules.put(
            OTHER, rule(Target(id="1", arn=NS.arn("events", "event-bus/default")))
        )
        await broker.events.put(NS, EVENT)
        await trio.sleep(5)
        letters = [
            *await texts(broker, NS, "dead-letters/default"),
            *await texts(broker, OTHER, "dead-letters/default"),
        ]
        (letter,) = letters
        assert letter.attributes is not None
        assert letter.attributes["ERROR_CODE"].string_value == "TOO_MANY_HOPS"


async def test_what_is_not_there_is_a_dead_letter_of_the_sender(
    directory: Path, clock: object
) -> None:
    gone = OTHER.arn("sqs", "gone")
    async with open_broker(directory, [Queue(name="dead")]) as broker:
        target = Target(id="1", arn=gone, dead_letter_target_arn=NS.arn("sqs", "dead"))
        await broker.rules.put(NS, rule(target))
        event_id = await broker.events.put(NS, EVENT)
        await trio.sleep(1)
        (letter,) = await texts(broker, NS, "dead")
        assert event_id in letter.body
        assert letter.attributes is not None
        assert letter.attributes["TARGET_ARN"].string_value == gone


async def test_a_removed_target_s_queue_goes_with_it(directory: Path, clock: object) -> None:
    async with open_broker(directory, []) as broker:
        target = Target(id="1", arn=OTHER.arn("sqs", "orders"))
        await broker.rules.put(NS, rule(target))
        queues = broker.registry.resources(NS).queues
        assert "target/default|r|1" in queues
        await broker.rules.remove_targets(NS, "default", "r", ["1"], 0)
        assert "target/default|r|1" not in queues
        await broker.rules.put_targets(NS, "default", "r", [target], 0)
        assert "target/default|r|1" in queues


async def test_what_waits_for_a_target_that_is_changed_is_sent_where_it_is_now(
    directory: Path, clock: object
) -> None:
    async with open_broker(directory, [Queue(name="orders")]) as broker:
        await broker.rules.put(NS, rule(Target(id="1", arn=OTHER.arn("sqs", "orders"))))
        broker.dispatchers.stop()
        await broker.events.put(NS, EVENT)
        here = Target(id="1", arn=NS.arn("sqs", "orders"))
        await broker.rules.put_targets(NS, "default", "r", [here], 0)
    async with open_broker(directory) as broker:
        await trio.sleep(1)
        assert len(await broker.queues.peek(NS, "orders", 10)) == 1
        await broker.rules.remove_targets(NS, "default", "r", ["1"], 0)
        assert "target/default|r|1" not in broker.registry.resources(NS).queues


async def test_what_waited_when_the_daemon_ended_is_sent_after_it(
    directory: Path, clock: object
) -> None:
    async with open_broker(directory, []) as broker:
        await broker.queues.create(OTHER, Queue(name="orders"))
        await broker.rules.put(NS, rule(Target(id="1", arn=OTHER.arn("sqs", "orders"))))
        broker.dispatchers.stop()
        event_id = await broker.events.put(NS, EVENT)
    async with open_broker(directory, []) as broker:
        await trio.sleep(1)
        (message,) = await texts(broker, OTHER, "orders")
        assert event_id in message.body


async def test_a_target_with_a_rate_gets_events_at_it_and_none_twice(
    directory: Path, clock: object
) -> None:
    async with open_broker(directory, [Queue(name="orders"), Queue(name="all")]) as broker:
        slow = Target(
            id="1", arn=NS.arn("sqs", "orders"), input_path="$.detail.n", events_per_second=2
        )
        await broker.rules.put(NS, rule(slow, Target(id="2", arn=NS.arn("sqs", "all"))))
        for n in range(20):
            await broker.events.put(NS, Event(source="shop", detail_type="x", detail={"n": n}))
        assert len(await broker.queues.peek(NS, "all", 100)) == 20
        await trio.sleep(4.75)
        assert 8 <= len(await broker.queues.peek(NS, "orders", 100)) <= 11
        await trio.sleep(6)
        found = await broker.queues.peek(NS, "orders", 100)
        assert len(found) == 20
        bodies = [body.body for body in await texts(broker, NS, "orders")]
        assert len(bodies) == len(set(bodies))


async def test_a_rate_that_is_taken_away_loses_nothing(directory: Path, clock: object) -> None:
    async with open_broker(directory, [Queue(name="orders")]) as broker:
        slow = Target(id="1", arn=NS.arn("sqs", "orders"), events_per_second=0.1)
        await broker.rules.put(NS, rule(slow))
        for _ in range(5):
            await broker.events.put(NS, EVENT)
        await broker.rules.put(NS, rule(Target(id="1", arn=NS.arn("sqs", "orders"))))
        await broker.events.put(NS, EVENT)
        await trio.sleep(60)
        assert len(await broker.queues.peek(NS, "orders", 100)) == 6
