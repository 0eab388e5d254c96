"""Which queue may be another's dead-letter queue."""

import pytest

from broker.core.dead_letters import check_redrive_policy, source_queues
from broker.core.errors import InvalidRedrivePolicy
from broker.core.names import Namespace, is_fifo
from broker.core.resources import Queue, RedrivePolicy

NS = Namespace()


def queue(name: str, target: str | None = None, allow: str | None = None) -> Queue:
    policy = RedrivePolicy(NS.arn("sqs", target), 3) if target else None
    return Queue(name=name, redrive_policy=policy, redrive_allow_policy=allow, fifo=is_fifo(name))


def check(new: Queue, *there: Queue) -> None:
    check_redrive_policy(new, NS, {each.name: each for each in there})


def test_a_queue_without_a_policy_and_one_whose_target_is_there() -> None:
    check(queue("a"))
    check(queue("a", "dead"), queue("dead"))
    check(queue("a.fifo", "dead.fifo"), queue("dead.fifo"))
    check(queue("a", "b"), queue("b", "dead"), queue("dead"))


@pytest.mark.parametrize(
    ("new", "there", "reason"),
    [
        (queue("a", "a"), [queue("a")], "A queue can't be its own dead-letter queue."),
        (queue("a", "b"), [], "Dead letter target does not exist."),
        (
            queue("a", "function/f"),
            [queue("function/f")],
            "Dead letter target does not exist.",
        ),
        (
            queue("a", "b.fifo"),
            [queue("b.fifo")],
            "Dead-letter queue must be same type of queue as the source..",
        ),
        (
            queue("a", "b"),
            [queue("a"), queue("b", "a")],
            "Dead-letter queues can't form a circle: a -> b -> a.",
        ),
        (
            queue("a", "b"),
            [queue("a", "x"), queue("b", "c"), queue("c", "a")],
            "Dead-letter queues can't form a circle: a -> b -> c -> a.",
        ),
        (
            queue("a", "b"),
            [queue("b", "c"), queue("c", "b")],
            "Dead-letter queues can't form a circle: a -> b -> c -> b.",
        ),
    ],
)
def test_policies_that_cannot_work(new: Queue, there: list[Queue], reason: str) -> None:
    with pytest.raises(InvalidRedrivePolicy) as caught:
        check(new, *there)
    assert caught.value.message == reason


@pytest.mark.parametrize(
    ("allow", "allowed"),
    [
        ('{"redrivePermission":"allowAll"}', True),
        ('{"redrivePermission":"denyAll"}', False),
        (f'{{"redrivePermission":"byQueue","sourceQueueArns":["{NS.arn("sqs", "a")}"]}}', True),
        (f'{{"redrivePermission":"byQueue","sourceQueueArns":["{NS.arn("sqs", "b")}"]}}', False),
    ],
)
def test_a_dead_letter_queue_may_choose_its_sources(allow: str, allowed: bool) -> None:
    new, target = queue("a", "dead"), queue("dead", allow=allow)
    if allowed:
        check(new, target)
        return
    with pytest.raises(InvalidRedrivePolicy):
        check(new, target)


def test_sources_are_found_by_the_arn_of_their_target() -> None:
    there = {each.name: each for each in (queue("b", "dead"), queue("a", "dead"), queue("c"))}
    assert source_queues(NS.arn("sqs", "dead"), there) == ["a", "b"]
