"""Destinations of asynchronous invocations, on the injected clock: who is told what, and when."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from broker.core.message import decode
from broker.core.names import Namespace
from broker.core.resources import EventInvokeConfig, Function, Queue, Topic
from broker.plugin import Invocation, InvocationResult
from broker.runtime.broker import Broker
from broker.testing.broker import open_broker
from tests.runtime.conftest import FakeInvoker

NS = Namespace()


async def succeed(_: Invocation) -> InvocationResult:
    return InvocationResult(payload=b'"done"')


async def fail(_: Invocation) -> InvocationResult:
    return InvocationResult.failed("Broken", "no stock")


def resources(**config: Any) -> list[Any]:
    arns = {
        name: NS.arn("sqs", queue) if isinstance(queue, str) else queue
        for name, queue in config.items()
    }
    return [
        Function(name="f", invoker="fake"),
        EventInvokeConfig(name="f", **arns),
        Queue(name="done"),
        Queue(name="failed"),
    ]


async def records(broker: Broker, queue: str) -> list[Any]:
    received = await broker.queues.receive(NS, queue, 10)
    return [json.loads(decode(one.body).body) for one in received]  # type: ignore[union-attr]


async def test_success_and_failure_have_places_of_their_own(
    tmp_path: Path, autojump_clock: object
) -> None:
    declared = resources(on_success="done", on_failure="failed")
    async with open_broker(tmp_path, declared, {"fake": FakeInvoker(succeed)}) as broker:
        request_id = await broker.functions.invoke_async(NS, "f", b'{"n": 1}')
        await trio.sleep(1)
        (record,) = await records(broker, "done")
        assert record["requestContext"] == {
            "requestId": request_id,
            "functionArn": NS.arn("lambda", "function:f:$LATEST"),
            "condition": "Success",
            "approximateInvokeCount": 1,
        }
        assert (record["requestPayload"], record["responsePayload"]) == ({"n": 1}, "done")
        assert await records(broker, "failed") == []


async def test_a_failure_is_told_after_all_attempts(tmp_path: Path, autojump_clock: object) -> None:
    declared = resources(on_failure="failed", retry_attempts=1)
    async with open_broker(tmp_path, declared, {"fake": FakeInvoker(fail)}) as broker:
        await broker.functions.invoke_async(NS, "f", b"{}")
        await trio.sleep(59)
        assert await records(broker, "failed") == []
        await trio.sleep(2)
        (record,) = await records(broker, "failed")
        assert record["requestContext"]["condition"] == "RetriesExhausted"
        assert record["requestContext"]["approximateInvokeCount"] == 2
        assert record["responseContext"]["functionError"] == "Unhandled"


async def test_an_event_that_would_be_too_old_for_its_next_attempt_ends(
    tmp_path: Path, autojump_clock: object
) -> None:
    declared = resources(on_failure="failed", maximum_event_age_s=60)
    fake = FakeInvoker(fail)
    async with open_broker(tmp_path, declared, {"fake": fake}) as broker:
        await broker.functions.invoke_async(NS, "f", b"{}")
        await trio.sleep(70)
        (record,) = await records(broker, "failed")
        assert record["requestContext"]["condition"] == "EventAgeExceeded"
        assert len(fake.seen) == 2  # at once, and after a minute


async def test_a_destination_that_is_gone_is_named(
    tmp_path: Path, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    declared = resources(on_success="gone")
    async with open_broker(tmp_path, declared, {"fake": FakeInvoker(succeed)}) as broker:
        await broker.functions.invoke_async(NS, "f", b"{}")
        await trio.sleep(1)
        (counts,) = await broker.queues.counts(NS, "function/f")
        assert (counts.visible, counts.in_flight, counts.delayed) == (0, 0, 0)
    assert f"can't deliver to {NS.arn('sqs', 'gone')}: NO_RESOURCE" in caplog.text


async def test_dead_letters_may_go_to_a_topic(tmp_path: Path, autojump_clock: object) -> None:
    topic = NS.arn("sns", "news")
    declared = [
        Function(name="f", invoker="fake", retry_attempts=0, dead_letter_target_arn=topic),
        Topic(name="news"),
        Queue(name="heard"),
    ]
    async with open_broker(tmp_path, declared, {"fake": FakeInvoker(fail)}) as broker:
        await broker.subscriptions.subscribe(NS, "news", "sqs", NS.arn("sqs", "heard"), {})
        await broker.functions.invoke_async(NS, "f", b'{"n": 1}')
        await trio.sleep(1)
        (received,) = await broker.queues.receive(NS, "heard", 10)
        body = decode(received.body)
        assert body.message == '{"n": 1}'  # type: ignore[union-attr]
