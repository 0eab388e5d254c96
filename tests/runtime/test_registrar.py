import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from broker.core.commands import Command, Configure, ReadRecords
from broker.core.errors import BrokerError, InvalidParameter
from broker.core.names import Namespace
from broker.core.resources import Function, Queue, Target, Topic, decode
from broker.core.targeting import check_target
from broker.store.clock import Clock
from broker.store.inline import open_inline_store
from broker.store.seam import submit_one
from broker.testing.broker import now_ms, open_broker, running_broker
from tests.runtime.conftest import FakeInvoker

NS = Namespace()


async def test_the_registry_takes_in_changes_in_the_order_of_the_store(
    directory: Path, autojump_clock: object
) -> None:
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        apply = store.submit

        async def submit(namespace: str, commands: Sequence[Command]) -> list[Any]:
            outcomes = await apply(namespace, commands)
            if isinstance(commands[0], Configure):  # answered together with others of its second
                await trio.sleep_until(trio.current_time() // 1 + 1)
            return outcomes

        store.submit = submit  # type: ignore[method-assign]
        async with running_broker(store) as broker:
            for number in range(20):
                async with trio.open_nursery() as callers:
                    for delay_s in (5, 6, 7):
                        queue = Queue(name=f"q{number}", delay_s=delay_s)
                        callers.start_soon(broker.registrar.put, NS, queue)
            records = await submit_one(store, "", ReadRecords())
            stored = {record.name: decode(record.value) for record in records}
            assert broker.registry.resources(NS).queues == stored


async def test_a_topic_that_is_deleted_leaves_no_subscription_behind(
    directory: Path, autojump_clock: object
) -> None:
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        async with running_broker(store, [Topic(name="t"), Queue(name="q")]) as broker:

            async def subscribe() -> None:
                with contextlib.suppress(BrokerError):
                    await broker.subscriptions.subscribe(NS, "t", "sqs", NS.arn("sqs", "q"), {})

            for _ in range(10):
                async with trio.open_nursery() as callers:
                    callers.start_soon(subscribe)
                    callers.start_soon(broker.topics.delete, NS, "t")
                assert broker.subscriptions.all(NS) == []
                await broker.topics.create(NS, Topic(name="t"))


async def test_a_functions_own_queue_is_no_endpoint_and_no_target(
    directory: Path, autojump_clock: object
) -> None:
    internal = NS.arn("sqs", "function/f")
    function = Function(name="f", invoker="fake")
    resources = [Topic(name="t"), function]
    async with open_broker(directory, resources, {"fake": FakeInvoker(print)}) as broker:
        with pytest.raises(InvalidParameter):
            await broker.subscriptions.subscribe(NS, "t", "sqs", internal, {})
        with pytest.raises(InvalidParameter):
            check_target(Target(id="1", arn=internal), NS)
