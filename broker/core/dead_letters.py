"""dead-letter queues: which queue may be another's, whose it is, and where its letters may go

The rules look at the queues as they are at the moment of the change. What happens to a dead-letter
queue later doesn't undo a redrive policy: while it is gone, messages stay where they are.
"""

from collections.abc import Mapping

from broker.core.errors import InvalidParameter, InvalidRedrivePolicy
from broker.core.json_text import parse_json
from broker.core.names import Arn, Namespace, is_internal
from broker.core.resources import Queue


def check_redrive_policy(queue: Queue, namespace: Namespace, queues: Mapping[str, Queue]) -> None:
    """Refuse a redrive policy that can't work; `queues` are all that are there, by name.

    The dead-letter queue must exist in the same namespace, be of the same type, let this source
    use it, and not pass its own dead letters on in a circle: a message that nobody can handle would
    go round for ever and never be found.
    Raises: InvalidRedrivePolicy, with the reason. Source: SQS developer guide, dead-letter queues.
    """
    target = dead_letter_queue_of(queue)
    if target is None:
        return
    if target == queue.name:
        raise InvalidRedrivePolicy("A queue can't be its own dead-letter queue.")
    found = queues.get(target)
    if found is None or is_internal(target):
        raise InvalidRedrivePolicy("Dead letter target does not exist.")
    if found.fifo != queue.fifo:
        # The two full stops are SQS's.
        raise InvalidRedrivePolicy("Dead-letter queue must be same type of queue as the source..")
    if not _allows(found, namespace.arn("sqs", queue.name)):
        raise InvalidRedrivePolicy(
            "The redrive allow policy of the dead-letter queue does not allow this source queue."
        )
    path = [queue.name]
    following: str | None = target
    while following is not None and following not in path:
        path.append(following)
        next_one = queues.get(following)
        following = dead_letter_queue_of(next_one) if next_one else None
    if following is not None:
        circle = " -> ".join((*path, following))
        raise InvalidRedrivePolicy(f"Dead-letter queues can't form a circle: {circle}.")


def check_move(source: Queue, destination: Queue) -> None:
    """Refuse to move messages from one queue to another of a different type, or to itself.

    Raises: InvalidParameter.
    """
    if source.name == destination.name:
        raise InvalidParameter("A queue's messages can't be moved to itself.")
    if source.fifo and not destination.fifo:
        raise InvalidParameter("A FIFO queue's messages can only be moved to a FIFO queue.")
    if destination.fifo and not source.fifo:
        raise InvalidParameter("Only a FIFO queue's messages can be moved to a FIFO queue.")


def source_queues(arn: str, queues: Mapping[str, Queue]) -> list[str]:
    """Names of the queues whose dead-letter queue has this ARN, in order."""
    return sorted(
        queue.name
        for queue in queues.values()
        if queue.redrive_policy is not None and queue.redrive_policy.dead_letter_target_arn == arn
    )


def dead_letter_queue_of(queue: Queue) -> str | None:
    """The name of the queue's dead-letter queue."""
    if queue.redrive_policy is None:
        return None
    arn = Arn.parse(queue.redrive_policy.dead_letter_target_arn)
    return arn.resource if arn else None


def _allows(target: Queue, source_arn: str) -> bool:
    if target.redrive_allow_policy is None:
        return True
    policy = parse_json(target.redrive_allow_policy)
    permission = policy.get("redrivePermission")
    if permission == "byQueue":
        return source_arn in policy.get("sourceQueueArns", [])
    return bool(permission != "denyAll")
