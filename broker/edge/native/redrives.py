"""/v1/queues/{name}/redrives: message move tasks, which move all visible messages of a queue"""

from typing import Annotated

import msgspec

from broker.core import errors
from broker.core.errors import MoveTaskDoesNotExist, MoveTaskRunning, QueueDoesNotExist, StoreFull
from broker.core.limits import MOVE_RATE_MAX
from broker.core.resources import MessageMoveTask
from broker.edge.native.messages import queue_of
from broker.edge.native.operation import Call, Result, Shape, operations


class NewRedrive(Shape, frozen=True, kw_only=True):
    """Where to, and how fast."""

    destination: Annotated[
        str | None,
        msgspec.Meta(
            description="A queue of the same namespace and type; by default each message goes "
            "back to the queue it was dead-lettered from."
        ),
    ] = None
    messages_per_second: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=MOVE_RATE_MAX)] | None,
        msgspec.Meta(description="As fast as others leave room for, by default."),
    ] = None


class Redrive(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A message move task."""

    id: str
    source: str
    destination: str | None  # null: where each message was dead-lettered from
    messages_per_second: int | None
    status: str  # RUNNING, COMPLETED, FAILED, CANCELLING or CANCELLED
    failure_reason: str | None
    moved: int
    to_move: int | None  # how many there were when it began; null until it has counted them
    started_at_ms: int
    modified_at_ms: int


class Redrives(Result, frozen=True, kw_only=True, omit_defaults=False):
    """The latest tasks of a queue, ten at most, the latest first."""

    redrives: list[Redrive]


@operations.add(
    "POST",
    "/v1/queues/{name}/redrives",
    body=NewRedrive,
    answers={201: Redrive},
    raises=(QueueDoesNotExist, MoveTaskRunning, errors.LimitExceeded, StoreFull),
)
async def start_redrive(call: Call, name: str, new: NewRedrive) -> Redrive:
    """Begin to move the queue's visible messages; answered when the task is on disk.

    It moves what is there when it begins, in order, and goes on after a restart with nothing lost
    or moved twice. Messages in flight or delayed stay. Moved messages have new ids. A message that
    can't be moved ends it as FAILED; what was moved stays moved.
    """
    queue_of(call, name)
    if new.destination is not None:
        destination_of(call, new.destination)
    moves = call.broker.message_moves
    return _shown(await moves.start(call.namespace, name, new.destination, new.messages_per_second))


@operations.add(
    "GET", "/v1/queues/{name}/redrives", answers={200: Redrives}, raises=(QueueDoesNotExist,)
)
async def list_redrives(call: Call, name: str) -> Redrives:
    """The latest tasks of the queue, running or ended."""
    queue_of(call, name)
    tasks = call.broker.message_moves.of_source(call.namespace, name)
    return Redrives(redrives=[_shown(task) for task in tasks])


@operations.add(
    "GET",
    "/v1/queues/{name}/redrives/{task}",
    answers={200: Redrive},
    raises=(QueueDoesNotExist, MoveTaskDoesNotExist),
)
async def get_redrive(call: Call, name: str, task: str) -> Redrive:
    """How far a task has come."""
    return _shown(_task_of(call, name, task))


@operations.add(
    "DELETE",
    "/v1/queues/{name}/redrives/{task}",
    answers={200: Redrive},
    raises=(QueueDoesNotExist, MoveTaskDoesNotExist),
)
async def cancel_redrive(call: Call, name: str, task: str) -> Redrive:
    """End a task; what it has moved stays moved. One that has ended is answered as it ended."""
    found = _task_of(call, name, task)
    if found.status != "RUNNING":
        return _shown(found)
    try:
        return _shown(await call.broker.message_moves.cancel(call.namespace, task))
    except MoveTaskDoesNotExist:  # it came to its end meanwhile
        return _shown(_task_of(call, name, task))


def destination_of(call: Call, name: str) -> None:
    """Refuse a destination that isn't there, by its name. Raises: QueueDoesNotExist."""
    try:
        queue_of(call, name)
    except QueueDoesNotExist:
        raise QueueDoesNotExist(f"The destination queue {name!r} does not exist.") from None


def _task_of(call: Call, name: str, task: str) -> MessageMoveTask:
    """Raises: QueueDoesNotExist, MoveTaskDoesNotExist."""
    queue_of(call, name)
    found = call.broker.message_moves.get(call.namespace, task)
    if found.source != name:
        raise MoveTaskDoesNotExist
    return found


def _shown(task: MessageMoveTask) -> Redrive:
    return Redrive(
        id=task.name,
        source=task.source,
        destination=task.destination,
        messages_per_second=task.messages_per_second,
        status=task.status,
        failure_reason=task.failure_reason or None,
        moved=task.moved,
        to_move=task.to_move,
        started_at_ms=task.created_at_ms,
        modified_at_ms=task.modified_at_ms,
    )
