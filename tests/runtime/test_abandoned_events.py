"""events that a function gave up: who keeps them, and as what; on the injected clock"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from broker.core.commands import Command, FanOut, ReplaceMessages
from broker.core.event import Event
from broker.core.ledger import ATTEMPTS
from broker.core.message import Message, decode
from broker.core.names import Namespace, uuid_text
from broker.core.resources import (
    Archive,
    EventBus,
    EventInvokeConfig,
    EventReplay,
    Function,
    InputTransformer,
    Queue,
    Rule,
    Target,
)
from broker.plugin import Invocation, InvocationResult, InvokerUnavailable
from broker.runtime.broker import Broker
from broker.runtime.metrics import REGISTRY
from broker.store.clock import Clock
from broker.store.inline import open_inline_store
from broker.testing.broker import now_ms, open_broker, running_broker
from tests.runtime.conftest import FakeInvoker

NS = Namespace()
OTHER = Namespace("999999999999", "eu-west-1")
BUS = "shop"
F = NS.arn("lambda", "function:f")
EVENT = Event(source="shop", detail_type="sold", detail={"total": 12})
QUEUES = ("of-target", "of-bus", "of-f", f"dead-letters/{BUS}", "dead-letters/default")


async def fail(_: Invocation) -> InvocationResult:
    return InvocationResult(payload=b'{"errorMessage":"no stock"}', function_error="Unhandled")


async def refuse(_: Invocation) -> InvocationResult:
    raise InvokerUnavailable("it is down")


def world(
    *,
    target_dead: bool = False,
    bus_dead: bool = False,
    config: dict[str, Any] | None = None,
    target: dict[str, Any] | None = None,
    **function: Any,
) -> list[Any]:
    """A bus with a rule, whose target is a function that doesn't try again."""
    of_target = NS.arn("sqs", "of-target") if target_dead else None
    to_f = Target(id="1", arn=F, dead_letter_target_arn=of_target, **(target or {}))
    return [
        *(Queue(name=name) for name in ("of-target", "of-bus", "of-f")),
        EventBus(name=BUS, dead_letter_target_arn=NS.arn("sqs", "of-bus") if bus_dead else None),
        Function(name="f", invoker="fake", **{"retry_attempts": 0, **function}),
        *([EventInvokeConfig(name="f", **config)] if config else []),
        rule(to_f),
    ]


def rule(*targets: Target) -> Rule:
    pattern = '{"source":["shop"]}'
    return Rule(name=f"{BUS}|r", event_bus=BUS, event_pattern=pattern, targets=targets)


async def letters(broker: Broker, namespace: Namespace = NS) -> dict[str, list[Message]]:
    """The dead letters of each queue that has some."""
    found = {}
    for queue in QUEUES:
        if queue not in broker.registry.resources(namespace).queues:
            continue
        bodies = [decode(one.body) for one in await broker.queues.peek(namespace, queue, 10)]
        if bodies:
            found[queue] = [body for body in bodies if isinstance(body, Message)]
    return found


def attributes(letter: Message) -> dict[str, str | None]:
    return {name: each.string_value for name, each in (letter.attributes or {}).items()}


def undeliverable() -> float:
    return REGISTRY.get_sample_value("broker_undeliverable_total") or 0.0


async def waiting(broker: Broker, namespace: Namespace = NS) -> int:
    (counts,) = await broker.queues.counts(namespace, "function/f")
    return counts.visible + counts.in_flight + counts.delayed


@pytest.mark.parametrize(
    ("set_up", "queue"),
    [
        ({"target_dead": True, "bus_dead": True}, "of-target"),
        ({"bus_dead": True}, "of-bus"),
        ({}, f"dead-letters/{BUS}"),
    ],
)
async def test_an_event_whose_retries_are_exhausted_is_a_dead_letter_of_its_rule(
    directory: Path, autojump_clock: object, set_up: dict[str, Any], queue: str
) -> None:
    fake = FakeInvoker(fail)
    resources = world(**set_up, retry_attempts=2)
    async with open_broker(directory, resources, {"fake": fake}) as broker:
        before = undeliverable()
        event_id = await broker.events.put(NS, EVENT, BUS)
        await trio.sleep(300)
        assert len(fake.seen) == 3
        found = await letters(broker)
        assert list(found) == [queue]
        (letter,) = found[queue]
        assert json.loads(letter.body)["id"] == event_id
        assert attributes(letter) == {
            "RULE_ARN": NS.arn("events", f"rule/{BUS}/r"),
            "TARGET_ARN": F,
            "ERROR_CODE": "ERROR_FROM_TARGET",
            "ERROR_MESSAGE": "no stock",
            "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
            "RETRY_ATTEMPTS": "2",
        }
        assert await waiting(broker) == 0
        assert undeliverable() == before


async def test_an_event_that_expired_before_the_function_could_be_reached_is_one_too(
    directory: Path, autojump_clock: object
) -> None:
    resources = world(target_dead=True, maximum_event_age_s=3_600)
    async with open_broker(directory, resources, {"fake": FakeInvoker(refuse)}) as broker:
        await broker.events.put(NS, EVENT, BUS)
        await trio.sleep(3_500)
        assert await letters(broker) == {}
        await trio.sleep(600)
        found = await letters(broker)
        assert list(found) == ["of-target"]
        (letter,) = found["of-target"]
        told = attributes(letter)
        assert told["EXHAUSTED_RETRY_CONDITION"] == "MaximumEventAgeInSeconds"
        assert told["ERROR_MESSAGE"] == "EventAgeExceeded"
        assert told["RETRY_ATTEMPTS"] == "0"
        assert await waiting(broker) == 0


async def test_where_nothing_is_to_run_the_event_is_a_dead_letter_at_once(
    directory: Path, autojump_clock: object
) -> None:
    resources = world(reserved_concurrency=0)
    async with open_broker(directory, resources, {"fake": FakeInvoker(fail)}) as broker:
        await broker.events.put(NS, EVENT, BUS)
        await trio.sleep(1)
        (letter,) = (await letters(broker))[f"dead-letters/{BUS}"]
        told = attributes(letter)
        assert (told["ERROR_CODE"], told["ERROR_MESSAGE"]) == (
            "THROTTLING",
            "ZeroReservedConcurrency",
        )
        assert "EXHAUSTED_RETRY_CONDITION" not in told


async def test_the_target_s_retry_policy_is_not_the_function_s(
    directory: Path, autojump_clock: object
) -> None:
    fake = FakeInvoker(fail)
    policy = {"retry_attempts": 0, "maximum_event_age_s": 60}
    resources = world(target_dead=True, target=policy, retry_attempts=2)
    async with open_broker(directory, resources, {"fake": fake}) as broker:
        await broker.events.put(NS, EVENT, BUS)
        await trio.sleep(300)
        assert len(fake.seen) == 3


async def test_a_function_with_a_dead_letter_queue_keeps_the_event_alone(
    directory: Path, autojump_clock: object
) -> None:
    resources = world(target_dead=True, bus_dead=True, dead_letter_target_arn=NS.arn("sqs", "of-f"))
    async with open_broker(directory, resources, {"fake": FakeInvoker(fail)}) as broker:
        await broker.events.put(NS, EVENT, BUS)
        await trio.sleep(1)
        found = await letters(broker)
        assert list(found) == ["of-f"]
        (letter,) = found["of-f"]
        assert attributes(letter)["ErrorMessage"] == "no stock"


async def test_a_function_with_a_destination_for_failures_keeps_the_event_alone(
    directory: Path, autojump_clock: object
) -> None:
    resources = world(target_dead=True, config={"on_failure": NS.arn("sqs", "of-f")})
    async with open_broker(directory, resources, {"fake": FakeInvoker(fail)}) as broker:
        await broker.events.put(NS, EVENT, BUS)
        await trio.sleep(1)
        found = await letters(broker)
        assert {queue: len(there) for queue, there in found.items()} == {"of-f": 1}


@pytest.mark.parametrize(
    "gone",
    [
        {"dead_letter_target_arn": NS.arn("sqs", "gone")},
        {"dead_letter_target_arn": NS.arn("sns", "gone")},
        {"config": {"on_failure": NS.arn("sqs", "gone")}},
    ],
)
async def test_what_the_function_can_t_keep_goes_to_the_rule_s_dead_letters(
    directory: Path, autojump_clock: object, gone: dict[str, Any]
) -> None:
    resources = world(target_dead=True, **gone)
    async with open_broker(directory, resources, {"fake": FakeInvoker(fail)}) as broker:
        before = undeliverable()
        await broker.events.put(NS, EVENT, BUS)
        await trio.sleep(1)
        found = await letters(broker)
        assert {queue: len(there) for queue, there in found.items()} == {"of-target": 1}
        assert undeliverable() == before + 1, "the place that is gone"


async def test_the_dead_letter_is_the_event_whatever_text_was_made_of_it(
    directory: Path, autojump_clock: object
) -> None:
    fake = FakeInvoker(fail)
    resources = world(target_dead=True, target={"input_path": "$.detail"})
    async with open_broker(directory, resources, {"fake": fake}) as broker:
        event_id = await broker.events.put(NS, EVENT, BUS)
        await trio.sleep(1)
        (invocation,) = fake.seen
        assert invocation.payload == b'{"total":12}'
        (letter,) = (await letters(broker))["of-target"]
        assert json.loads(letter.body)["id"] == event_id
        assert set(letter.system_attributes or ()) <= {"AWSTraceHeader"}


@pytest.mark.parametrize(
    ("gone", "queue"),
    [("queue", f"dead-letters/{BUS}"), ("rule", "of-bus"), ("bus", f"dead-letters/{BUS}")],
)
async def test_a_dead_letter_goes_to_the_next_best_place_if_the_best_is_gone(
    directory: Path, autojump_clock: object, gone: str, queue: str
) -> None:
    resources = world(target_dead=True, bus_dead=gone == "rule", retry_attempts=1)
    async with open_broker(directory, resources, {"fake": FakeInvoker(fail)}) as broker:
        event_id = await broker.events.put(NS, EVENT, BUS)
        await trio.sleep(1)
        if gone == "queue":
            await broker.queues.delete(NS, "of-target")
        else:
            await broker.rules.remove_targets(NS, BUS, "r", ["1"], 0)
            await broker.rules.delete(NS, BUS, "r")
        if gone == "bus":
            await broker.event_buses.delete(NS, BUS)
        await trio.sleep(100)
        found = await letters(broker)
        assert list(found) == [queue]
        (letter,) = found[queue]
        assert json.loads(letter.body)["id"] == event_id
        assert attributes(letter)["RULE_ARN"] == NS.arn("events", f"rule/{BUS}/r")


async def test_the_trace_tells_where_the_dead_letter_is(
    directory: Path, autojump_clock: object
) -> None:
    resources = world(target_dead=True)
    async with open_broker(directory, resources, {"fake": FakeInvoker(fail)}) as broker:
        event_id = await broker.events.put(NS, EVENT, BUS)
        await trio.sleep(1)
        (delivery,) = (await broker.ledger.trace(NS, event_id)).deliveries
        (attempt,) = delivery.attempts
        assert (attempt.outcome, attempt.dead_letter_queue) == ("given up", "of-target")
        (letter,) = await broker.queues.peek(NS, "of-target", 10)
        assert uuid_text(attempt.dead_letter_id) == uuid_text(letter.message_id)


async def test_a_dead_letter_is_one_commit_with_the_end_of_its_delivery(
    directory: Path, autojump_clock: object
) -> None:
    ends: list[Sequence[Command]] = []
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        apply = store.submit

        async def submit(namespace: str, commands: Sequence[Command]) -> list[Any]:
            if any(isinstance(each, ReplaceMessages) for each in commands):
                ends.append(commands)
            return await apply(namespace, commands)

        store.submit = submit  # type: ignore[method-assign]
        resources = world(target_dead=True)
        async with running_broker(store, resources, {"fake": FakeInvoker(fail)}) as broker:
            await broker.events.put(NS, EVENT, BUS)
            await trio.sleep(1)
            ((end, note),) = ends
            assert isinstance(end, ReplaceMessages)
            assert [entry.queue for entry in end.entries] == ["of-target"]
            assert isinstance(note, FanOut)
            assert [entry.queue for entry in note.entries] == [ATTEMPTS]


@asynccontextmanager
async def before_the_end(
    directory: Path, meanwhile: Callable[[Broker], Awaitable[object]]
) -> AsyncIterator[Broker]:
    """A broker in which this happens before the end of a delivery is committed."""
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        apply = store.submit

        async def submit(namespace: str, commands: Sequence[Command]) -> list[Any]:
            if any(isinstance(each, ReplaceMessages) for each in commands):
                await meanwhile(broker)
            return await apply(namespace, commands)

        store.submit = submit  # type: ignore[method-assign]
        resources = world(target_dead=True)
        async with running_broker(store, resources, {"fake": FakeInvoker(fail)}) as broker:
            yield broker


async def test_a_dead_letter_queue_that_is_deleted_at_that_moment_loses_nothing(
    directory: Path, autojump_clock: object
) -> None:
    async with before_the_end(directory, lambda b: b.queues.delete(NS, "of-target")) as broker:
        before = undeliverable()
        await broker.events.put(NS, EVENT, BUS)
        await trio.sleep(1)
        assert list(await letters(broker)) == [f"dead-letters/{BUS}"]
        assert undeliverable() == before


async def test_a_daemon_that_dies_before_that_commit_makes_the_letter_after_its_start(
    directory: Path, autojump_clock: object
) -> None:
    async def never(_: Broker) -> None:
        await trio.sleep_forever()

    async with before_the_end(directory, never) as broker:
        await broker.events.put(NS, EVENT, BUS)
        await trio.sleep(1)
        assert await letters(broker) == {}
    async with open_broker(directory, [], {"fake": FakeInvoker(fail)}) as broker:
        await trio.sleep(1_000)
        found = await letters(broker)
        assert {queue: len(there) for queue, there in found.items()} == {"of-target": 1}
        assert await waiting(broker) == 0


@pytest.mark.parametrize(("bus_dead", "queue"), [(True, "of-bus"), (False, f"dead-letters/{BUS}")])
async def test_a_replay_s_event_that_its_function_gave_up_is_a_dead_letter_of_the_bus(
    directory: Path, autojump_clock: object, bus_dead: bool, queue: str
) -> None:
    resources = world(bus_dead=bus_dead)[:-1]
    async with open_broker(directory, resources, {"fake": FakeInvoker(fail)}) as broker:
        await broker.archives.create(NS, Archive(name="all", event_bus=BUS))
        event_id = await broker.events.put(NS, EVENT, BUS)
        replay = EventReplay(
            name="again", archive="all", event_bus=BUS, from_ms=0, until_ms=1 << 50, function="f"
        )
        await broker.event_replays.start(NS, replay)
        await trio.sleep(5)
        found = await letters(broker)
        assert list(found) == [queue]
        (letter,) = found[queue]
        event = json.loads(letter.body)
        assert (event["id"], event["replay-name"]) == (event_id, "again")
        told = attributes(letter)
        assert told["EVENT_BUS_ARN"] == NS.arn("events", f"event-bus/{BUS}")
        assert told["TARGET_ARN"] == F
        assert told["ERROR_CODE"] == "ERROR_FROM_TARGET"
        assert "RULE_ARN" not in told


async def test_an_event_of_another_account_s_rule_is_a_dead_letter_where_the_function_is(
    directory: Path, autojump_clock: object
) -> None:
    # Here there is a rule of that name too: it must not be taken for the other account's.
    resources = world(target_dead=True)
    there = Target(id="1", arn=F)
    async with open_broker(directory, resources, {"fake": FakeInvoker(fail)}) as broker:
        await broker.event_buses.create(OTHER, EventBus(name=BUS))
        await broker.rules.put(OTHER, rule(there))
        event_id = await broker.events.put(OTHER, EVENT, BUS)
        await trio.sleep(5)
        found = await letters(broker)
        assert list(found) == ["dead-letters/default"]
        (letter,) = found["dead-letters/default"]
        assert json.loads(letter.body)["id"] == event_id
        assert attributes(letter)["RULE_ARN"] == OTHER.arn("events", f"rule/{BUS}/r")


async def test_a_template_names_the_other_account_s_rule_as_it_is(
    directory: Path, autojump_clock: object
) -> None:
    fake = FakeInvoker(fail)
    template = InputTransformer(template="<aws.events.rule-arn>")
    async with open_broker(directory, world(), {"fake": fake}) as broker:
        await broker.event_buses.create(OTHER, EventBus(name=BUS))
        await broker.rules.put(OTHER, rule(Target(id="1", arn=F, input_transformer=template)))
        await broker.events.put(OTHER, EVENT, BUS)
        await trio.sleep(5)
        (invocation,) = fake.seen
        assert json.loads(invocation.payload) == OTHER.arn("events", f"rule/{BUS}/r")


async def test_a_replay_on_a_default_bus_without_rules_has_a_place_for_its_dead_letters(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, world()[:-1], {"fake": FakeInvoker(fail)}) as broker:
        await broker.archives.create(NS, Archive(name="all", event_bus="default"))
        await broker.events.put(NS, EVENT)
        replay = EventReplay(
            name="again",
            archive="all",
            event_bus="default",
            from_ms=0,
            until_ms=1 << 50,
            function="f",
        )
        await broker.event_replays.start(NS, replay)
        await trio.sleep(5)
        found = await letters(broker)
        assert {queue: len(there) for queue, there in found.items()} == {"dead-letters/default": 1}


async def test_an_invocation_that_came_by_no_bus_is_nobody_else_s_dead_letter(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, world(), {"fake": FakeInvoker(fail)}) as broker:
        await broker.functions.invoke_async(NS, "f", msgspec.json.encode({"source": "shop"}))
        await trio.sleep(1)
        assert await letters(broker) == {}
        assert await waiting(broker) == 0
