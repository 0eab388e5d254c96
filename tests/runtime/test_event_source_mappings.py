"""event source mappings: batches, partial failures, concurrency, and what want of room costs"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from broker.core.errors import InvalidParameter, MappingExists
from broker.core.message import Message, decode
from broker.core.names import Namespace
from broker.core.resources import (
    BatchSource,
    EventSourceMapping,
    Function,
    Queue,
    RedrivePolicy,
)
from broker.plugin import Invocation, InvocationResult, InvokerThrottled, InvokerUnavailable
from broker.runtime.broker import Broker
from broker.runtime.functions import changes_for
from broker.testing.broker import open_broker
from tests.runtime.batches import Behaviour, counts, fails, says, send, send_fifo
from tests.runtime.conftest import FakeInvoker

NS = Namespace()
ORDERS = Queue(
    name="orders",
    visibility_timeout_s=60,
    redrive_policy=RedrivePolicy(NS.arn("sqs", "dead"), 3),
)
FIFO = Queue(name="orders.fifo", fifo=True, visibility_timeout_s=60)
F = Function(name="f", invoker="fake", timeout_s=30)


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """Jumps only when nothing has happened for a moment."""
    return trio.testing.MockClock(autojump_threshold=0.03)


def mapping(queue: str = "orders", **options: Any) -> EventSourceMapping:
    of_source = {k: options.pop(k) for k in ("batch_size", "window_s", "filters") if k in options}
    source = BatchSource(arn=NS.arn("sqs", queue), **of_source)
    return EventSourceMapping(name="", source=source, function="f", **options)


def bodies(invocation: Invocation) -> list[str]:
    return [record["body"] for record in json.loads(invocation.payload)["Records"]]


@asynccontextmanager
async def opened(
    directory: Path, behaviour: Behaviour, *more: Any
) -> AsyncIterator[tuple[Broker, FakeInvoker]]:
    fake = FakeInvoker(behaviour)
    resources = [Queue(name="dead"), ORDERS, FIFO, F, *more]
    async with open_broker(directory, resources, {"fake": fake}) as broker:
        yield broker, fake


async def dead_letters(broker: Broker) -> list[str]:
    found = []
    for one in await broker.queues.peek(NS, "dead", 1_000):
        body = decode(one.body)
        assert isinstance(body, Message)
        found.append(body.body)
    return found


async def test_a_function_is_invoked_with_records_and_they_are_deleted(
    directory: Path, clock: object
) -> None:
    async with opened(directory, says(None)) as (broker, fake):
        made = await broker.event_source_mappings.create(NS, mapping())
        await send(broker, "a")
        await trio.sleep(1)
        (invocation,) = fake.seen
        (record,) = json.loads(invocation.payload)["Records"]
        assert (record["body"], record["eventSource"]) == ("a", "aws:sqs")
        assert record["eventSourceARN"] == NS.arn("sqs", "orders")
        assert await counts(broker) == (0, 0, 0)
        assert broker.event_source_mappings.last_result(NS, made.name) == "OK"


async def test_a_declared_mapping_works_too(directory: Path, clock: object) -> None:
    declared = EventSourceMapping(
        name="6a0c3f0e-57c1-5f0c-9a52-3d4f6f0f6f0d", source=mapping().source, function="f"
    )
    async with opened(directory, says(None), declared) as (broker, fake):
        await send(broker, "a")
        await trio.sleep(1)
        assert [bodies(each) for each in fake.seen] == [["a"]]


async def test_a_mapping_goes_on_after_a_restart(directory: Path, clock: object) -> None:
    async with opened(directory, says(None)) as (broker, _):
        await broker.event_source_mappings.create(NS, mapping())
    async with opened(directory, says(None)) as (broker, fake):
        await send(broker, "a")
        await trio.sleep(1)
        assert [bodies(each) for each in fake.seen] == [["a"]]


async def test_what_no_filter_wants_is_deleted(directory: Path, clock: object) -> None:
    filters = ('{"body":{"vip":[true]}}',)
    async with opened(directory, says(None)) as (broker, fake):
        await broker.event_source_mappings.create(NS, mapping(filters=filters))
        await send(broker, '{"vip":false}', '{"vip":true}')
        await trio.sleep(1)
        assert [bodies(each) for each in fake.seen] == [['{"vip":true}']]
        assert await counts(broker) == (0, 0, 0)


@pytest.mark.parametrize("reports", [True, False])
async def test_a_partial_failure_counts_if_the_mapping_says_so(
    directory: Path, clock: object, reports: bool
) -> None:
    async def all_but_b(invocation: Invocation) -> InvocationResult:
        records = json.loads(invocation.payload)["Records"]
        failed = [{"itemIdentifier": r["messageId"]} for r in records if r["body"] == "b"]
        return InvocationResult(payload=json.dumps({"batchItemFailures": failed}).encode())

    async with opened(directory, all_but_b) as (broker, _):
        made = mapping(window_s=1, reports_failures=reports)
        await broker.event_source_mappings.create(NS, made)
        await send(broker, "a", "b", "c")
        await trio.sleep(200)
        assert await dead_letters(broker) == (["b"] if reports else [])
        assert await counts(broker) == (0, 0, 0)


@pytest.mark.parametrize(
    "malformed",
    [
        {"batchItemFailures": [{"itemIdentifier": "nothing of the batch"}]},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"id": "x"}]},
        {"batchItemFailures": "all"},
    ],
)
async def test_an_answer_that_can_t_be_understood_fails_the_whole_batch(
    directory: Path, clock: object, malformed: Any
) -> None:
    async with opened(directory, says(malformed)) as (broker, _):
        await broker.event_source_mappings.create(NS, mapping(reports_failures=True))
        await send(broker, "a")
        await trio.sleep(200)
        assert await dead_letters(broker) == ["a"]


@pytest.mark.parametrize("empty", [None, "", {}, {"batchItemFailures": []}, [], "done"])
async def test_an_answer_without_failures_is_success(
    directory: Path, clock: object, empty: Any
) -> None:
    async with opened(directory, says(empty)) as (broker, _):
        await broker.event_source_mappings.create(NS, mapping(reports_failures=True))
        await send(broker, "a")
        await trio.sleep(1)
        assert await counts(broker) == (0, 0, 0)


async def test_reserved_concurrency_holds_and_costs_no_receive(
    directory: Path, clock: object
) -> None:
    async def slow(_: Invocation) -> InvocationResult:
        await trio.sleep(20)
        return InvocationResult(payload=b"null")

    two = Function(name="f", invoker="fake", timeout_s=30, reserved_concurrency=2)
    async with opened(directory, slow, two) as (broker, fake):
        await broker.registrar.change(NS, changes_for(two))
        await broker.event_source_mappings.create(NS, mapping(batch_size=1))
        await send(broker, *map(str, range(20)))
        await trio.sleep(300)
        assert fake.running_most == 2
        assert sorted(int(body) for each in fake.seen for body in bodies(each)) == list(range(20))
        records = [json.loads(each.payload)["Records"][0] for each in fake.seen]
        assert {r["attributes"]["ApproximateReceiveCount"] for r in records} == {"1"}
        assert await dead_letters(broker) == []


async def test_a_mapping_s_own_concurrency_holds(directory: Path, clock: object) -> None:
    async def slow(_: Invocation) -> InvocationResult:
        await trio.sleep(5)
        return InvocationResult(payload=b"null")

    async with opened(directory, slow) as (broker, fake):
        made = mapping(batch_size=1, maximum_concurrency=2)
        await broker.event_source_mappings.create(NS, made)
        await send(broker, *map(str, range(10)))
        await trio.sleep(60)
        assert fake.running_most == 2
        assert await counts(broker) == (0, 0, 0)


@pytest.mark.parametrize("refusal", [InvokerThrottled(None), InvokerUnavailable("gone")])
async def test_an_invoker_that_has_no_room_costs_no_receive(
    directory: Path, clock: object, refusal: Exception
) -> None:
    async def refuse_at_first(_: Invocation) -> InvocationResult:
        if len(fake.seen) < 8:
            raise refusal
        return InvocationResult(payload=b"null")

    async with opened(directory, refuse_at_first) as (broker, fake):
        await broker.event_source_mappings.create(NS, mapping())
        await send(broker, "a")
        await trio.sleep(300)
        assert len(fake.seen) == 8
        (record,) = json.loads(fake.seen[-1].payload)["Records"]
        assert record["attributes"]["ApproximateReceiveCount"] == "1"
        assert await dead_letters(broker) == []


async def test_no_room_is_held_while_a_batch_gathers(directory: Path, clock: object) -> None:
    one = Function(name="f", invoker="fake", timeout_s=30, reserved_concurrency=1)
    async with opened(directory, says(None)) as (broker, fake):
        await broker.registrar.change(NS, changes_for(one))
        await broker.event_source_mappings.create(NS, mapping(window_s=20))
        await send(broker, "a")
        await trio.sleep(5)
        await broker.functions.invoke(NS, "f", b"{}")
        await trio.sleep(20)
        first, second = fake.seen
        assert first.payload == b"{}"
        assert bodies(second) == ["a"]


async def test_a_failing_function_s_messages_end_in_the_dead_letter_queue(
    directory: Path, clock: object
) -> None:
    async with opened(directory, fails) as (broker, fake):
        made = await broker.event_source_mappings.create(NS, mapping())
        start = trio.current_time()
        await send(broker, "a")
        await trio.sleep(200)
        assert [at - start for at in fake.times] == pytest.approx([0, 60, 120], abs=0.5)
        assert await dead_letters(broker) == ["a"]
        assert (
            broker.event_source_mappings.last_result(NS, made.name)
            == "PROBLEM: Function call failed"
        )


async def test_fifo_groups_keep_their_order_through_failures(
    directory: Path, clock: object
) -> None:
    async def fail_first_b(invocation: Invocation) -> InvocationResult:
        seen.append(bodies(invocation))
        first = "b1" in seen[-1] and sum("b1" in each for each in seen) == 1
        return await fails(invocation) if first else InvocationResult(payload=b"null")

    seen: list[list[str]] = []
    async with opened(directory, fail_first_b) as (broker, _):
        await broker.event_source_mappings.create(NS, mapping("orders.fifo", batch_size=1))
        for n in range(1, 4):
            await send_fifo(broker, "a", f"a{n}")
            await send_fifo(broker, "b", f"b{n}")
        await trio.sleep(5)
        assert [each for (each,) in seen if each.startswith("a")] == ["a1", "a2", "a3"]
        assert [each for (each,) in seen if each.startswith("b")] == ["b1"]
        await trio.sleep(60)
        assert [each for (each,) in seen if each.startswith("b")] == ["b1", "b1", "b2", "b3"]


async def test_a_batch_that_is_too_large_as_json_goes_in_two(
    directory: Path, clock: object
) -> None:
    large = Queue(name="orders", visibility_timeout_s=60, maximum_message_size=1_048_576)
    text = "\x01" * 500_000  # six bytes each, as JSON
    async with opened(directory, says(None), large) as (broker, fake):
        await broker.event_source_mappings.create(NS, mapping(window_s=1))
        await send(broker, text, text, text)
        await trio.sleep(5)
        assert sum(len(bodies(each)) for each in fake.seen) == 3
        assert all(len(each.payload) <= 6 * 1024 * 1024 for each in fake.seen)
        assert await counts(broker) == (0, 0, 0)


async def test_a_disabled_mapping_takes_nothing(directory: Path, clock: object) -> None:
    async with opened(directory, says(None)) as (broker, fake):
        made = await broker.event_source_mappings.create(NS, mapping(enabled=False))
        await send(broker, "a")
        await trio.sleep(60)
        assert await counts(broker) == (1, 0, 0)
        enabled = mapping().source
        changed = EventSourceMapping(name=made.name, source=enabled, function="f")
        await broker.event_source_mappings.configure(NS, changed)
        await trio.sleep(1)
        assert [bodies(each) for each in fake.seen] == [["a"]]


async def test_what_can_not_be_mapped_is_refused(directory: Path, clock: object) -> None:
    async with opened(directory, says(None)) as (broker, _):
        create = broker.event_source_mappings.create
        await broker.queues.create(NS, Queue(name="short", visibility_timeout_s=10))
        with pytest.raises(InvalidParameter, match="Queue visibility timeout: 10 seconds is less"):
            await create(NS, mapping("short"))
        with pytest.raises(InvalidParameter, match="The specified queue does not exist"):
            await create(NS, mapping("nowhere"))
        with pytest.raises(InvalidParameter, match="between 2 and 1000"):
            await create(NS, mapping(maximum_concurrency=1))
        made = await create(NS, mapping())
        with pytest.raises(MappingExists, match=made.name):
            await create(NS, mapping())
