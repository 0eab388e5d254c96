from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from broker.core.commands import Advance, Command, ReceiveMessages, ReleaseHidden
from broker.core.errors import StoreFull, TooManyRequests
from broker.core.message import Message, decode, message
from broker.core.names import Namespace
from broker.core.resources import Function, Queue
from broker.plugin import (
    Invocation,
    InvocationResult,
    InvokerThrottled,
    InvokerUnavailable,
)
from broker.runtime.broker import Broker
from broker.runtime.metrics import REGISTRY
from broker.store.clock import Clock
from broker.store.inline import open_inline_store
from broker.testing.broker import now_ms, open_broker, running_broker
from tests.runtime.conftest import FakeInvoker

NS = Namespace()
FAILED = InvocationResult(payload=b'{"errorMessage":"no stock"}', function_error="Unhandled")


async def succeed(_: Invocation) -> InvocationResult:
    return InvocationResult(payload=b'"done"')


async def fail(_: Invocation) -> InvocationResult:
    return FAILED


def function(**options: object) -> Function:
    return Function(name="f", invoker="fake", **options)  # type: ignore[arg-type]


async def dead_letters(broker: Broker) -> list[Message]:
    received = await broker.queues.receive(NS, "dead", 10)
    return [decode(one.body) for one in received]  # type: ignore[misc]


def abandoned(dead_lettered: str) -> float:
    labels = {"function": "f", "dead_lettered": dead_lettered}
    return REGISTRY.get_sample_value("broker_invocations_abandoned_total", labels) or 0.0


async def waiting(broker: Broker) -> tuple[int, int, int]:
    (counts,) = await broker.queues.counts(NS, "function/f")
    return counts.visible, counts.in_flight, counts.delayed


async def test_an_asynchronous_invocation_runs_once_and_is_gone(
    directory: Path, autojump_clock: object
) -> None:
    fake = FakeInvoker(succeed)
    async with open_broker(directory, [function()], {"fake": fake}) as broker:
        request_id = await broker.functions.invoke_async(NS, "f", b'{"n": 1}')
        await trio.sleep(1)
        (invocation,) = fake.seen
        assert (invocation.request_id, invocation.payload) == (request_id, b'{"n": 1}')
        assert await waiting(broker) == (0, 0, 0)


async def test_a_failing_function_is_retried_after_one_and_two_minutes_then_dead_lettered(
    directory: Path, autojump_clock: object
) -> None:
    fake = FakeInvoker(fail)
    failing = function(dead_letter_target_arn=NS.arn("sqs", "dead"))
    async with open_broker(directory, [failing, Queue(name="dead")], {"fake": fake}) as broker:
        request_id = await broker.functions.invoke_async(NS, "f", b'{"n":1}')
        start = trio.current_time()
        await trio.sleep(300)
        assert [at - start for at in fake.times] == pytest.approx([0, 60, 180], abs=0.1)
        assert [invocation.attempt for invocation in fake.seen] == [1, 2, 3]
        assert {invocation.request_id for invocation in fake.seen} == {request_id}
        (letter,) = await dead_letters(broker)
        assert letter.body == '{"n":1}'
        cause = {name: a.string_value for name, a in (letter.attributes or {}).items()}
        assert cause == {"RequestID": request_id, "ErrorCode": "200", "ErrorMessage": "no stock"}
        assert await waiting(broker) == (0, 0, 0)


async def test_a_dead_letter_that_finds_no_queue_is_counted_and_logged(
    directory: Path, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    failing = function(dead_letter_target_arn=NS.arn("sqs", "gone"), retry_attempts=0)
    async with open_broker(directory, [failing], {"fake": FakeInvoker(fail)}) as broker:
        lost, taken = abandoned("no"), abandoned("yes")
        await broker.functions.invoke_async(NS, "f", b"{}")
        await trio.sleep(1)
        assert (abandoned("no"), abandoned("yes")) == (lost + 1, taken)
        assert "function f can't deliver to gone: no such resource" in caplog.text
        assert await waiting(broker) == (0, 0, 0)


@pytest.mark.parametrize(
    "refusal", [InvokerThrottled("slow down", retry_after_s=30), InvokerUnavailable("refused")]
)
async def test_a_throttled_or_broken_target_costs_no_attempt(
    directory: Path, autojump_clock: object, refusal: Exception
) -> None:
    refusals = 4

    async def refuse_at_first(invocation: Invocation) -> InvocationResult:
        if len(fake.seen) <= refusals:
            raise refusal
        return InvocationResult()

    fake = FakeInvoker(refuse_at_first)
    async with open_broker(directory, [function()], {"fake": fake}) as broker:
        await broker.functions.invoke_async(NS, "f", b"{}")
        await trio.sleep(600)
        assert [invocation.attempt for invocation in fake.seen] == [1] * (refusals + 1)
        assert await waiting(broker) == (0, 0, 0)


async def test_invocations_beyond_the_reservation_wait_and_lose_no_attempt(
    directory: Path, autojump_clock: object
) -> None:
    async def work(_: Invocation) -> InvocationResult:
        await trio.sleep(2)
        return InvocationResult()

    fake = FakeInvoker(work)
    async with open_broker(directory, [function(reserved_concurrency=2)], {"fake": fake}) as broker:
        for _ in range(7):
            await broker.functions.invoke_async(NS, "f", b"{}")
        await trio.sleep(60)
        assert fake.running_most == 2
        assert [invocation.attempt for invocation in fake.seen] == [1] * 7


async def test_a_synchronous_invocation_beyond_the_limit_is_refused_with_its_reason(
    directory: Path, autojump_clock: object
) -> None:
    release = trio.Event()

    async def hold(_: Invocation) -> InvocationResult:
        await release.wait()
        return InvocationResult()

    fake = FakeInvoker(hold)
    async with (
        open_broker(
            directory, [function(reserved_concurrency=1, timeout_s=900.0)], {"fake": fake}
        ) as broker,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(broker.functions.invoke, NS, "f", b"{}")
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(TooManyRequests) as refusal:
            await broker.functions.invoke(NS, "f", b"{}")
        reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert refusal.value.details["reason"] == reason
        assert refusal.value.details["retry_after_s"] > 0
        release.set()


async def test_a_timeout_is_a_function_error_as_lambda_words_it(
    directory: Path, autojump_clock: object
) -> None:
    async def hang(_: Invocation) -> InvocationResult:
        await trio.sleep_forever()
        raise AssertionError

    fake = FakeInvoker(hang)
    async with open_broker(directory, [function(timeout_s=1.5)], {"fake": fake}) as broker:
        invoked = await broker.functions.invoke(NS, "f", b"{}")
        assert invoked.attempt.timed_out
        assert invoked.attempt.result.payload == (
            b'{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: %s Error: '
            b'Task timed out after 1.50 seconds"}' % invoked.request_id.encode()
        )


async def test_invocations_under_way_when_the_daemon_died_run_again(
    directory: Path, autojump_clock: object
) -> None:
    async def hang(_: Invocation) -> InvocationResult:
        await trio.sleep_forever()
        raise AssertionError

    first = FakeInvoker(hang)
    async with open_broker(directory, [function(timeout_s=900.0)], {"fake": first}) as broker:
        await broker.functions.invoke_async(NS, "f", b"{}")
        await trio.sleep(1)
        assert len(first.seen) == 1
    second = FakeInvoker(succeed)
    async with open_broker(directory, [], {"fake": second}) as broker:
        await trio.sleep(1)
        assert [invocation.request_id for invocation in second.seen] == [
            invocation.request_id for invocation in first.seen
        ]
        assert await waiting(broker) == (0, 0, 0)


async def test_a_full_function_does_not_hold_up_another(
    directory: Path, autojump_clock: object
) -> None:
    async def hang_if_f(invocation: Invocation) -> InvocationResult:
        if invocation.function_name == "f":
            await trio.sleep_forever()
        return InvocationResult()

    fake = FakeInvoker(hang_if_f)
    functions = [
        function(reserved_concurrency=1, timeout_s=900.0),
        Function(name="g", invoker="fake"),
    ]
    async with open_broker(directory, functions, {"fake": fake}) as broker:
        for _ in range(5):
            await broker.functions.invoke_async(NS, "f", b"{}")
        await broker.functions.invoke_async(NS, "g", b"{}")
        await trio.sleep(1)
        assert sorted(i.function_name for i in fake.seen) == ["f", "g"]


async def test_a_stopped_dispatcher_finishes_what_it_runs_and_takes_no_more(
    directory: Path, autojump_clock: object
) -> None:
    finish = trio.Event()

    async def work(_: Invocation) -> InvocationResult:
        await finish.wait()
        return InvocationResult()

    fake = FakeInvoker(work)
    slow = function(timeout_s=900.0, reserved_concurrency=1)
    async with open_broker(directory, [slow], {"fake": fake}) as broker:
        for _ in range(2):
            await broker.functions.invoke_async(NS, "f", b"{}")
        await trio.sleep(1)
        broker.dispatchers.stop()
        finish.set()
        await broker.dispatchers.wait_done()
        assert len(fake.seen) == 1
        assert await waiting(broker) == (1, 0, 0)


async def test_an_invocation_whose_invoker_is_not_installed_waits_for_it(
    directory: Path, autojump_clock: object
) -> None:
    fake = FakeInvoker(succeed)
    async with open_broker(directory, [function()], {"fake": fake}) as broker:
        await broker.functions.invoke_async(NS, "f", b"{}")
        broker.dispatchers.stop()
    async with open_broker(directory, [], {}) as broker:
        await broker.functions.invoke_async(NS, "f", b"{}")
        await trio.sleep(600)
    late = FakeInvoker(succeed)
    async with open_broker(directory, [], {"fake": late}) as broker:
        await trio.sleep(600)
        assert late.seen
        assert {invocation.attempt for invocation in late.seen} == {1}


@pytest.mark.parametrize("refused", [ReceiveMessages, ReleaseHidden, Advance])
async def test_a_full_disk_puts_the_daemons_own_work_off_and_ends_nothing(
    directory: Path, autojump_clock: object, refused: type[Command]
) -> None:
    fake = FakeInvoker(succeed)
    refusals = 0
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        apply = store.submit

        async def submit(namespace: str, commands: Sequence[Command]) -> list[Any]:
            nonlocal refusals
            if isinstance(commands[0], refused) and trio.current_time() - start < 30:
                refusals += 1
                await trio.lowlevel.checkpoint()
                store.listener(store.status, [])
                return [StoreFull()]
            return await apply(namespace, commands)

        start = trio.current_time()
        store.submit = submit  # type: ignore[method-assign]
        resources = [function(), Queue(name="q")]
        async with running_broker(store, resources, {"fake": fake}) as broker:
            await broker.queues.send(NS, "q", [(message("later"), 10)])
            await broker.functions.invoke_async(NS, "f", b"{}")
            await trio.sleep(60)
            assert refusals > 1
            assert len(fake.seen) == 1
            assert await waiting(broker) == (0, 0, 0)


async def test_an_invoker_that_answers_with_anything_else_fails_its_function_alone(
    directory: Path, autojump_clock: object
) -> None:
    async def answer_nothing(_: Invocation) -> None:
        return None

    fake = FakeInvoker(answer_nothing)
    resources = [
        function(retry_attempts=0, dead_letter_target_arn=NS.arn("sqs", "dead")),
        Queue(name="dead"),
    ]
    async with open_broker(directory, resources, {"fake": fake}) as broker:
        await broker.functions.invoke_async(NS, "f", b"{}")
        await trio.sleep(1)
        assert len(await dead_letters(broker)) == 1
        invoked = await broker.functions.invoke(NS, "f", b"{}")
        assert b"Invoker.Failed" in invoked.attempt.result.payload


@pytest.mark.parametrize("retry_after_s", [float("inf"), -5.0, float("nan")])
async def test_a_retry_after_that_makes_no_sense_ends_nothing(
    directory: Path, autojump_clock: object, retry_after_s: float
) -> None:
    async def throttle(_: Invocation) -> InvocationResult:
        if len(fake.seen) == 1:
            raise InvokerThrottled("later", retry_after_s=retry_after_s)
        return InvocationResult()

    fake = FakeInvoker(throttle)
    async with open_broker(
        directory, [function(maximum_event_age_s=21_600)], {"fake": fake}
    ) as broker:
        await broker.functions.invoke_async(NS, "f", b"{}")
        await trio.sleep(1)
        assert len(fake.seen) >= 1
        assert sum(await waiting(broker)) == (0 if retry_after_s < 0 else 1)
