"""pipes: batches, filters, enrichment and targets; what failure and want of room cost"""

import ipaddress
import json
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from broker.core.authorization import ApiKey, Authorization
from broker.core.errors import InvalidParameter, NotSupported
from broker.core.message import Message, Notification, decode
from broker.core.names import Namespace
from broker.core.resources import (
    ApiDestination,
    BatchSource,
    Connection,
    EventBus,
    Function,
    Pipe,
    PipeEnrichment,
    PipeTarget,
    Queue,
    RedrivePolicy,
    Rule,
    Subscription,
    Target,
    Topic,
)
from broker.plugin import Invocation, InvocationResult, InvokerThrottled
from broker.runtime.broker import Broker
from broker.runtime.endpoint import DeliveryOptions
from broker.runtime.functions import changes_for
from broker.testing.broker import open_broker
from tests.runtime.batches import Behaviour, counts, fails, says, send, send_fifo
from tests.runtime.conftest import FakeInvoker
from tests.runtime.http_receiver import BODY, answer, first, open_receiver

NS = Namespace()
OPTIONS = DeliveryOptions(allowed_networks=(ipaddress.ip_network("127.0.0.0/8"),))
ORDERS = Queue(
    name="orders",
    visibility_timeout_s=30,
    redrive_policy=RedrivePolicy(NS.arn("sqs", "dead"), 3),
)
DEAD, DONE = Queue(name="dead"), Queue(name="done")
F = Function(name="f", invoker="fake", timeout_s=60)
TO_DONE = PipeTarget(arn=NS.arn("sqs", "done"))
TO_F = PipeTarget(arn=NS.arn("lambda", "function:f"))


@pytest.fixture
def clock() -> trio.testing.MockClock:
    """Jumps only when nothing has happened for a moment."""
    return trio.testing.MockClock(autojump_threshold=0.03)


def pipe(target: PipeTarget = TO_DONE, source: str = "orders", **options: Any) -> Pipe:
    enrichment = options.pop("enrichment", None)
    of_source = {k: options.pop(k) for k in ("batch_size", "window_s", "filters") if k in options}
    return Pipe(
        name="p",
        source=BatchSource(arn=NS.arn("sqs", source), **of_source),
        target=target,
        enrichment=enrichment,
        **options,
    )


def by_f(**options: Any) -> PipeEnrichment:
    return PipeEnrichment(arn=NS.arn("lambda", "function:f"), **options)


def opened(directory: Path, *resources: Any, behaviour: Behaviour = fails, **options: Any) -> Any:
    @asynccontextmanager
    async def running() -> Any:
        fake = FakeInvoker(behaviour)
        everything = [DEAD, DONE, ORDERS, F, *resources]
        async with open_broker(directory, everything, {"fake": fake}, **options) as broker:
            yield broker, fake

    return running()


async def set_function(broker: Broker, function: Function) -> None:
    await broker.registrar.change(NS, changes_for(function))


async def texts(broker: Broker, name: str = "done") -> list[str]:
    found = []
    for one in await broker.queues.peek(NS, name, 1_000):
        body = decode(one.body)
        found.append(body.body if isinstance(body, Message) else str(body))
    return found


async def bodies(broker: Broker, name: str = "done") -> list[str]:
    """Of records that came through a pipe."""
    return [json.loads(text)["body"] for text in await texts(broker, name)]


# To resources of the broker


async def test_a_message_goes_through_whole_and_once(directory: Path, clock: object) -> None:
    async with opened(directory) as (broker, _):
        await broker.pipes.create(NS, pipe())
        await send(broker, "a")
        await trio.sleep(1)
        (record,) = [json.loads(text) for text in await texts(broker)]
        assert record["body"] == "a"
        assert record["eventSource"] == "aws:sqs"
        assert record["eventSourceARN"] == NS.arn("sqs", "orders")
        assert record["attributes"]["ApproximateReceiveCount"] == "1"
        assert await counts(broker) == (0, 0, 0)


async def test_a_pipe_runs_on_after_a_restart(directory: Path, clock: object) -> None:
    async with opened(directory) as (broker, _):
        await broker.pipes.create(NS, pipe())
    async with opened(directory) as (broker, _):
        await send(broker, "a", "b")
        await trio.sleep(1)
        assert sorted(await bodies(broker)) == ["a", "b"]


async def test_what_no_filter_wants_is_deleted(directory: Path, clock: object) -> None:
    filters = ('{"body":{"total":[{"numeric":[">",10]}]}}', '{"body":{"vip":[true]}}')
    async with opened(directory) as (broker, _):
        await broker.pipes.create(NS, pipe(filters=filters))
        await send(broker, '{"total":9}', '{"total":11}', '{"vip":true}', "no JSON")
        await trio.sleep(1)
        assert sorted(await bodies(broker)) == ['{"total":11}', '{"vip":true}']
        assert await counts(broker) == (0, 0, 0)


async def test_a_template_makes_the_text(directory: Path, clock: object) -> None:
    template = '{"id": "<$.messageId>", "sku": <$.body.sku>, "pipe": <aws.pipes.pipe-name>}'
    target = msgspec.structs.replace(TO_DONE, input_template=template)
    async with opened(directory) as (broker, _):
        await broker.pipes.create(NS, pipe(target))
        await send(broker, '{"sku":"mug"}')
        await trio.sleep(1)
        (made,) = [json.loads(text) for text in await texts(broker)]
        assert (made["sku"], made["pipe"]) == ("mug", "p")
        assert len(made["id"]) == 36


async def test_each_event_of_a_batch_has_a_trace_of_its_own(directory: Path, clock: object) -> None:
    rule = Rule(
        name="shop|r",
        event_bus="shop",
        event_pattern='{"source":["orders"]}',
        targets=(Target(id="1", arn=NS.arn("sqs", "done")),),
    )
    target = PipeTarget(
        arn=NS.arn("events", "event-bus/shop"), input_template="<$.body>", source="orders"
    )
    async with opened(directory, EventBus(name="shop"), rule) as (broker, _):
        await send(broker, *(json.dumps({"n": n}) for n in range(3)))
        await broker.pipes.create(NS, pipe(target, batch_size=3))
        await trio.sleep(1)
        ids = [json.loads(text)["id"] for text in await texts(broker)]
        traces = [await broker.ledger.trace(NS, event_id) for event_id in ids]
        assert [each.trace.rules for each in traces] == [["shop|r"]] * 3
        assert [len(each.deliveries) for each in traces] == [1] * 3
        assert len({repr(each.deliveries[0].delivery) for each in traces}) == 3


async def test_a_topic_a_bus_and_a_function_get_events(directory: Path, clock: object) -> None:
    bus_target = PipeTarget(
        arn=NS.arn("events", "event-bus/shop"),
        input_template="<$.body>",
        detail_type="$.body.kind",
        source="orders",
        time="$.body.at",
        resources=("$.eventSourceARN",),
    )
    rule = Rule(
        name="shop|r",
        event_bus="shop",
        event_pattern='{"source":["orders"]}',
        targets=(Target(id="1", arn=NS.arn("sqs", "done")),),
    )
    to_done = Subscription(
        name="t:1",
        topic="t",
        protocol="sqs",
        endpoint=NS.arn("sqs", "done"),
        raw_message_delivery=True,
    )
    resources = (EventBus(name="shop"), rule, Topic(name="t"), to_done)
    async with opened(directory, *resources, behaviour=says(1)) as (broker, fake):
        await broker.pipes.create(NS, pipe(bus_target))
        await send(broker, '{"kind":"sold","at":"2026-01-02T03:04:05Z"}')
        await trio.sleep(1)
        (event,) = [json.loads(text) for text in await texts(broker)]
        assert (event["detail-type"], event["source"]) == ("sold", "orders")
        assert event["time"] == "2026-01-02T03:04:05Z"
        assert event["resources"] == [NS.arn("sqs", "orders")]
        assert event["detail"]["kind"] == "sold"

        await broker.queues.purge(NS, "done")
        to_topic = PipeTarget(arn=NS.arn("sns", "t"), input_template="<$.body>")
        await broker.pipes.update(NS, pipe(to_topic))
        await send(broker, "hello")
        await trio.sleep(1)
        (told,) = [decode(one.body) for one in await broker.queues.peek(NS, "done", 10)]
        assert isinstance(told, Notification)
        assert told.message == '"hello"'

        later = msgspec.structs.replace(TO_F, waits_for_function=False)
        await broker.pipes.update(NS, pipe(later))
        await send(broker, "for f")
        await trio.sleep(1)
        (invocation,) = fake.seen
        assert json.loads(invocation.payload)["body"] == "for f"
        assert await counts(broker) == (0, 0, 0)


async def test_an_event_that_the_target_can_t_take_is_dead_lettered_by_its_queue(
    directory: Path, clock: object
) -> None:
    small = Queue(name="small", maximum_message_size=1_200)
    async with opened(directory, small) as (broker, _):
        await broker.pipes.create(NS, pipe(PipeTarget(arn=NS.arn("sqs", "small")), batch_size=10))
        await send(broker, "a", "x" * 1_200, "b")
        await trio.sleep(1)
        assert sorted(await bodies(broker, "small")) == ["a", "b"]
        assert await counts(broker) == (0, 1, 0)
        await trio.sleep(95)
        assert await texts(broker, "dead") == ["x" * 1_200]
        assert await counts(broker) == (0, 0, 0)


async def test_a_target_that_is_gone_loses_nothing(directory: Path, clock: object) -> None:
    async with opened(directory) as (broker, _):
        await broker.pipes.create(NS, pipe())
        await broker.queues.delete(NS, "done")
        await send(broker, "a")
        await trio.sleep(95)
        assert await texts(broker, "dead") == ["a"]


# Functions


async def test_a_function_gets_batches_and_says_which_have_failed(
    directory: Path, clock: object
) -> None:
    async def all_but_b(invocation: Invocation) -> InvocationResult:
        failed = [r["messageId"] for r in json.loads(invocation.payload) if r["body"] == "b"]
        report = {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}
        return InvocationResult(payload=json.dumps(report).encode())

    async with opened(directory, behaviour=all_but_b) as (broker, fake):
        await broker.pipes.create(NS, pipe(TO_F, window_s=2))
        await send(broker, "a", "b", "c")
        await trio.sleep(3)
        (invocation,) = fake.seen
        assert [r["body"] for r in json.loads(invocation.payload)] == ["a", "b", "c"]
        assert await counts(broker) == (0, 1, 0)
        await trio.sleep(95)
        assert await texts(broker, "dead") == ["b"]


async def test_a_full_batch_doesn_t_wait_for_its_window(directory: Path, clock: object) -> None:
    async with opened(directory, behaviour=says(None)) as (broker, fake):
        await broker.pipes.create(NS, pipe(TO_F, window_s=100, batch_size=3))
        start = trio.current_time()
        await send(broker, *"abcd")
        await trio.sleep(300)
        first_batch, second = fake.seen
        assert len(json.loads(first_batch.payload)) == 3
        assert len(json.loads(second.payload)) == 1
        assert [at - start for at in fake.times] == pytest.approx([0, 100], abs=0.5)


async def test_a_function_without_room_costs_no_receive(directory: Path, clock: object) -> None:
    full = Function(name="f", invoker="fake", reserved_concurrency=0)
    async with opened(directory, behaviour=says(None)) as (broker, fake):
        await set_function(broker, full)
        await broker.pipes.create(NS, pipe(TO_F))
        await send(broker, "a")
        await trio.sleep(600)
        assert not fake.seen
        assert await texts(broker, "dead") == []
        await set_function(broker, F)
        await trio.sleep(61)
        (invocation,) = fake.seen
        (record,) = json.loads(invocation.payload)
        assert record["attributes"]["ApproximateReceiveCount"] == "1"
        assert await counts(broker) == (0, 0, 0)


async def test_a_failing_function_s_batch_ends_in_the_dead_letter_queue(
    directory: Path, clock: object
) -> None:
    async with opened(directory) as (broker, fake):
        await broker.pipes.create(NS, pipe(TO_F))
        start = trio.current_time()
        await send(broker, "a")
        await trio.sleep(100)
        assert [at - start for at in fake.times] == pytest.approx([0, 30, 60], abs=0.5)
        assert await texts(broker, "dead") == ["a"]


async def test_failures_shrink_how_many_batches_are_out_and_success_grows_it(
    directory: Path, clock: object
) -> None:
    bad = True

    async def behave(_: Invocation) -> InvocationResult:
        await trio.sleep(1)
        return await fails(_) if bad else InvocationResult(payload=b"null")

    plenty = msgspec.structs.replace(ORDERS, redrive_policy=None)
    async with opened(directory, plenty, behaviour=behave) as (broker, fake):
        await broker.pipes.create(NS, pipe(TO_F, batch_size=1))
        await send(broker, *map(str, range(40)))
        await trio.sleep(20)
        assert fake.running_most == 5
        fake.running_most = 0
        await trio.sleep(10)
        assert fake.running_most == 1
        bad = False
        await trio.sleep(60)
        assert fake.running_most > 5
        assert await counts(broker) == (0, 0, 0)


# FIFO


async def test_a_fifo_queue_s_groups_keep_their_order_through_a_pipe(
    directory: Path, clock: object
) -> None:
    source = Queue(name="orders.fifo", fifo=True, visibility_timeout_s=30)
    target = Queue(name="done.fifo", fifo=True)
    seen: list[list[str]] = []

    async def behave(invocation: Invocation) -> InvocationResult:
        bodies = [r["body"] for r in json.loads(invocation.payload)]
        seen.append(bodies)
        if len(seen) == 1:
            return await fails(invocation)
        if len(seen) == 2:
            raise InvokerThrottled(5)
        return InvocationResult(payload=b"null")

    async with opened(directory, source, target, behaviour=behave) as (broker, _):
        await broker.pipes.create(NS, pipe(TO_F, source="orders.fifo", batch_size=2))
        await send_fifo(broker, "g", *"abcd")
        await trio.sleep(100)
        assert seen == [["a", "b"], ["a", "b"], ["a", "b"], ["c", "d"]]

        to_fifo = PipeTarget(arn=NS.arn("sqs", "done.fifo"), message_group_id="$.body.g")
        await broker.pipes.update(NS, pipe(to_fifo, source="orders.fifo"))
        for n in range(20):
            await send_fifo(broker, f"g{n % 3}", json.dumps({"g": str(n % 3), "n": n}))
        await trio.sleep(10)
        moved = [json.loads(body) for body in await bodies(broker, "done.fifo")]
        for group in "012":
            numbers = [each["n"] for each in moved if each["g"] == group]
            assert numbers == sorted(numbers)
        assert len(moved) == 20


async def test_behind_a_fifo_message_that_can_t_go_on_its_group_waits(
    directory: Path, clock: object
) -> None:
    source = Queue(name="orders.fifo", fifo=True, visibility_timeout_s=30)
    target = Queue(name="done.fifo", fifo=True)
    async with opened(directory, source, target) as (broker, _):
        to_fifo = PipeTarget(arn=NS.arn("sqs", "done.fifo"), message_group_id="$.body.g")
        await broker.pipes.create(NS, pipe(to_fifo, source="orders.fifo", running=False))
        await send_fifo(broker, "a", '{"g":"a","n":1}', '{"n":2}', '{"g":"a","n":3}')
        await send_fifo(broker, "b", '{"g":"b","n":4}')
        await broker.pipes.run(NS, "p", running=True)
        await trio.sleep(100)
        moved = [json.loads(body)["n"] for body in await bodies(broker, "done.fifo")]
        assert sorted(moved) == [1, 4]
        assert sum(await counts(broker, "orders.fifo")) == 2


# Enrichment


async def test_an_enrichment_makes_other_events_of_the_batch(
    directory: Path, clock: object
) -> None:
    async def each_twice(invocation: Invocation) -> InvocationResult:
        made = [{"n": r["n"] * k} for r in json.loads(invocation.payload) for k in (1, 10)]
        return InvocationResult(payload=json.dumps(made).encode())

    async with opened(directory, behaviour=each_twice) as (broker, fake):
        enrichment = by_f(input_template='{"n": <$.body.n>}')
        await broker.pipes.create(NS, pipe(enrichment=enrichment, window_s=1))
        await send(broker, '{"n":1}', '{"n":2}')
        await trio.sleep(2)
        assert len(fake.seen) == 1
        assert [json.loads(text)["n"] for text in await texts(broker)] == [1, 10, 2, 20]
        assert await counts(broker) == (0, 0, 0)


async def test_an_enrichment_may_make_many_events_of_one(directory: Path, clock: object) -> None:
    async with opened(directory, behaviour=says([{"n": n} for n in range(1_200)])) as (broker, _):
        await broker.pipes.create(NS, pipe(enrichment=by_f()))
        await send(broker, "a")
        await trio.sleep(5)
        assert await counts(broker, "done") == (1_200, 0, 0)
        assert await counts(broker) == (0, 0, 0)


@pytest.mark.parametrize("nothing", [None, "", {}, []])
async def test_an_enrichment_may_keep_events_from_the_target(
    directory: Path, clock: object, nothing: Any
) -> None:
    async with opened(directory, behaviour=says(nothing)) as (broker, _):
        await broker.pipes.create(NS, pipe(enrichment=by_f()))
        await send(broker, "a")
        await trio.sleep(1)
        assert await texts(broker) == []
        assert await counts(broker) == (0, 0, 0)


async def test_a_failing_enrichment_loses_nothing(directory: Path, clock: object) -> None:
    async with opened(directory) as (broker, _):
        await broker.pipes.create(NS, pipe(enrichment=by_f()))
        await send(broker, "a")
        await trio.sleep(100)
        assert await texts(broker) == []
        assert await texts(broker, "dead") == ["a"]


async def test_an_enrichment_that_takes_longer_than_the_visibility_timeout_delivers_once(
    directory: Path, clock: object
) -> None:
    async def slow_at_first(_: Invocation) -> InvocationResult:
        await trio.sleep(40 if len(fake.seen) == 1 else 1)
        return InvocationResult(payload=b'[{"n":1}]')

    async with opened(directory, behaviour=slow_at_first) as (broker, fake):
        await broker.pipes.create(NS, pipe(enrichment=by_f()))
        await send(broker, "a")
        await trio.sleep(100)
        assert len(fake.seen) == 2
        assert await texts(broker) == ['{"n":1}']
        assert await counts(broker) == (0, 0, 0)


# HTTP


async def test_an_api_destination_gets_events_and_may_enrich_them(
    directory: Path, clock: object
) -> None:
    enriched = answer(200, **{BODY: '{"n": 7}'})
    behaviour = first(enriched, answer(500), enriched, then=answer(200))
    async with open_receiver(behaviour) as receiver:
        arn = NS.arn("events", "api-destination/d/2")
        async with opened(directory, delivery_options=OPTIONS) as (broker, _):
            key = Authorization(method=ApiKey(name="x-api-key", value="sesame"))
            await broker.connections.create(NS, Connection(name="c", id="1"), key)
            destination = ApiDestination(
                name="d", id="2", connection="c", endpoint=receiver.url, http_method="POST"
            )
            await broker.connections.create_destination(NS, destination)
            made = pipe(
                PipeTarget(arn=arn, input_template='{"seven": <$.n>}'),
                enrichment=PipeEnrichment(arn=arn),
            )
            await broker.pipes.create(NS, made)
            await send(broker, "a")
            await trio.sleep(100)
            sent = [json.loads(posted.body) for posted in receiver.posted]
            assert [each["body"] for each in sent[0]] == ["a"]
            assert sent[1] == {"seven": 7}  # refused: all of it is done again
            assert [each["body"] for each in sent[2]] == ["a"]
            assert sent[3] == {"seven": 7}
            assert {posted.headers["x-api-key"] for posted in receiver.posted} == {"sesame"}
            assert await counts(broker) == (0, 0, 0)


# Life


async def test_a_stopped_pipe_takes_nothing_and_started_goes_on(
    directory: Path, clock: object
) -> None:
    async with opened(directory) as (broker, _):
        await broker.pipes.create(NS, pipe(running=False))
        await send(broker, "a")
        await trio.sleep(60)
        assert await counts(broker) == (1, 0, 0)
        await broker.pipes.run(NS, "p", running=True)
        await trio.sleep(1)
        assert await bodies(broker) == ["a"]
        await broker.pipes.run(NS, "p", running=False)
        await send(broker, "b")
        await trio.sleep(60)
        assert await counts(broker) == (1, 0, 0)


async def test_a_source_that_is_deleted_and_made_again_is_taken_from_again(
    directory: Path, clock: object
) -> None:
    async with opened(directory) as (broker, _):
        await broker.pipes.create(NS, pipe())
        await broker.queues.delete(NS, "orders")
        await trio.sleep(100)
        await broker.queues.create(NS, ORDERS)
        await send(broker, "a")
        await trio.sleep(11)
        assert await bodies(broker) == ["a"]


async def test_a_window_that_is_cut_short_gives_its_messages_back(
    directory: Path, clock: object
) -> None:
    async with opened(directory, behaviour=says(None)) as (broker, fake):
        await broker.pipes.create(NS, pipe(TO_F, window_s=100))
        await send(broker, "a")
        await trio.sleep(5)
        assert await counts(broker) == (0, 1, 0)
        await broker.pipes.delete(NS, "p")
        await trio.sleep(1)
        assert await counts(broker) == (1, 0, 0)
        (one,) = await broker.queues.receive(NS, "orders")
        assert one.receive_count == 1
        assert not fake.seen


async def test_deleted_while_a_batch_is_out_lets_it_end(directory: Path, clock: object) -> None:
    async def slow(_: Invocation) -> InvocationResult:
        await trio.sleep(10)
        return InvocationResult(payload=b"null")

    async with opened(directory, behaviour=slow) as (broker, _):
        await broker.pipes.create(NS, pipe(TO_F))
        await send(broker, "a")
        await trio.sleep(5)
        await broker.pipes.delete(NS, "p")
        await trio.sleep(10)
        assert await counts(broker) == (0, 0, 0)


# Refusals


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (pipe(source="nowhere"), InvalidParameter, "Source does not exist"),
        (pipe(PipeTarget(arn=NS.arn("sqs", "nowhere"))), InvalidParameter, "Target does not"),
        (pipe(PipeTarget(arn=NS.arn("kinesis", "s"))), NotSupported, "kinesis"),
        (pipe(PipeTarget(arn="x")), InvalidParameter, "no ARN"),
        (pipe(enrichment=PipeEnrichment(arn=NS.arn("sqs", "done"))), NotSupported, "Enrichment by"),
        (pipe(batch_size=11), InvalidParameter, "window"),
        (pipe(filters=("{",)), InvalidParameter, "Invalid filter pattern"),
        (pipe(filters=('{"a":[{"wildcard":"x*"}]}',)), InvalidParameter, "wildcard"),
        (
            pipe(PipeTarget(arn=NS.arn("sqs", "done"), source="x")),
            InvalidParameter,
            "EventBridgeEventBusParameters does not apply",
        ),
        (
            pipe(PipeTarget(arn=NS.arn("sqs", "done"), input_template="<$.a[>")),
            InvalidParameter,
            "InputTemplate",
        ),
        (
            pipe(PipeTarget(arn=NS.arn("sqs", "done"), input_template="order <$.body.id>")),
            InvalidParameter,
            "makes no JSON",
        ),
        (
            pipe(PipeTarget(arn=NS.arn("sqs", "done"), input_template="<aws.pipes.nothing>")),
            InvalidParameter,
            "placeholder",
        ),
    ],
)
async def test_a_pipe_through_which_nothing_could_go_is_refused(
    directory: Path, clock: object, wrong: Pipe, error: type[Exception], text: str
) -> None:
    async with opened(directory) as (broker, _):
        with pytest.raises(error, match=text):
            await broker.pipes.create(NS, wrong)
        assert broker.pipes.all(NS) == []
