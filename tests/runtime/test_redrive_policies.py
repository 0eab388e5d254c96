"""Redrive policies are judged by the queues as they are when the policy is stored."""

from pathlib import Path

import msgspec
import trio

from broker.core.errors import InvalidRedrivePolicy
from broker.core.names import Namespace
from broker.core.resources import Queue, RedrivePolicy
from broker.testing.broker import open_broker

NS = Namespace()


async def test_of_two_that_make_a_circle_at_once_one_is_refused(
    directory: Path, autojump_clock: object
) -> None:
    """Rules that look at other queues look when no other change is under way."""
    async with open_broker(directory, [Queue(name="a"), Queue(name="b")]) as broker:
        refused: list[str] = []

        async def point(name: str, target: str) -> None:
            policy = RedrivePolicy(NS.arn("sqs", target), 1)
            try:
                await broker.queues.configure(NS, Queue(name=name, redrive_policy=policy))
            except InvalidRedrivePolicy:
                refused.append(name)

        async with trio.open_nursery() as both:
            both.start_soon(point, "a", "b")
            both.start_soon(point, "b", "a")
        assert len(refused) == 1


async def test_a_policy_that_stays_as_it_is_is_not_judged_again(
    directory: Path, autojump_clock: object
) -> None:
    source = Queue(name="a", redrive_policy=RedrivePolicy(NS.arn("sqs", "dead"), 1))
    async with open_broker(directory, [source, Queue(name="dead")]) as broker:
        await broker.queues.delete(NS, "dead")
        changed = msgspec.structs.replace(broker.queues.get(NS, "a"), delay_s=5)
        await broker.queues.configure(NS, changed)
        assert broker.queues.get(NS, "a").delay_s == 5
