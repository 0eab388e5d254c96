"""at the start rules are taken into their buses' nets while other work goes on"""

from pathlib import Path

import pytest
import trio

from broker.core.event import Event
from broker.core.names import Namespace
from broker.core.resources import EventBus, Queue, Rule, Target
from broker.runtime import rule_nets
from broker.runtime.broker import Broker
from broker.testing.broker import open_broker

NS = Namespace()
RESOURCES = [Queue(name="orders"), EventBus(name="big"), EventBus(name="small")]
EVENT = Event(source="shop", detail_type="sold", detail={})


def rule(bus: str, name: str, source: str, arn: str) -> Rule:
    return Rule(
        name=f"{bus}|{name}",
        event_bus=bus,
        event_pattern=f'{{"source":["{source}"]}}',
        targets=(Target(id="1", arn=arn),),
    )


async def seed(directory: Path) -> None:
    """A bus with one rule for the event and 500 others, and one that passes it on to that."""
    async with open_broker(directory, RESOURCES) as broker:
        queue = NS.arn("sqs", "orders")
        others = [rule("big", f"r{n}", f"s{n}", queue) for n in range(500)]
        for each in [*others, rule("big", "r", "shop", queue)]:
            await broker.rules.put(NS, each)
        await broker.rules.put(NS, rule("small", "r", "shop", NS.arn("events", "event-bus/big")))


def waiting(broker: Broker, bus: str) -> int:
    return broker.registry.resources(NS).rule_nets[bus].waiting


async def orders(broker: Broker) -> int:
    (counts,) = await broker.queues.counts(NS, "orders")
    return counts.visible


@pytest.fixture
def slow_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is taken in by itself."""

    async def nothing(_: object) -> None:
        pass

    monkeypatch.setattr("broker.runtime.broker.take_in_all", nothing)


async def test_a_put_waits_for_its_own_bus_alone(
    directory: Path, autojump_clock: object, slow_start: None
) -> None:
    await seed(directory)
    async with open_broker(directory) as broker:
        assert waiting(broker, "big") == 501
        await broker.events.put(NS, Event(source="x", detail_type="x", detail={}), "small")
        assert (waiting(broker, "small"), waiting(broker, "big")) == (0, 501)
        await broker.events.put(NS, EVENT, "big")
        assert (waiting(broker, "big"), await orders(broker)) == (0, 1)


async def test_what_is_passed_on_to_a_bus_finds_all_its_rules(
    directory: Path, autojump_clock: object, slow_start: None
) -> None:
    await seed(directory)
    async with open_broker(directory) as broker:
        await broker.events.put(NS, EVENT, "small")
        assert await orders(broker) == 1


async def test_a_rule_that_is_changed_meanwhile_is_the_new_one(
    directory: Path, autojump_clock: object, slow_start: None
) -> None:
    await seed(directory)
    async with open_broker(directory) as broker:
        await broker.rules.put(NS, rule("big", "r", "web", NS.arn("sqs", "orders")))
        await broker.events.put(NS, EVENT, "big")
        assert await orders(broker) == 0


async def test_all_are_taken_in_in_slices(
    directory: Path, autojump_clock: object, slow_start: None
) -> None:
    await seed(directory)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with open_broker(directory) as broker, trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        await rule_nets.take_in_all(broker.registry)
        nursery.cancel_scope.cancel()
        assert waiting(broker, "big") == 0
    assert turns >= 501 / rule_nets.SLICE - 1
