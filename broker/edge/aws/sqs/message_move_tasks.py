"""SQS actions on message move tasks: dead letters go back to their source, or to another queue"""

import base64
import binascii
from typing import ClassVar

import msgspec

from broker.core.dead_letters import source_queues
from broker.core.errors import InvalidParameter, MoveTaskDoesNotExist, ResourceNotFound
from broker.core.limits import LIST_MOVE_TASKS_MAX, MOVE_RATE_MAX
from broker.core.names import Arn, Namespace, is_internal
from broker.core.resources import MessageMoveTask
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sqs.service import sqs
from broker.edge.aws.sqs.validation import out_of_range


class _TaskHandle(msgspec.Struct, rename="camel"):
    """What a handle says, written as JSON in base64."""

    task_id: str
    source_arn: str


class StartMessageMoveTaskRequest(Members, kw_only=True):
    source_arn: str
    destination_arn: str | None = None
    max_number_of_messages_per_second: int | None = None


class StartMessageMoveTaskResponse(Members, kw_only=True):
    task_handle: str


@sqs.action("StartMessageMoveTask", StartMessageMoveTaskRequest)
async def start_message_move_task(
    call: Call, request: StartMessageMoveTaskRequest
) -> StartMessageMoveTaskResponse:
    """Begin to move a dead-letter queue's messages; answered when the task is on disk."""
    rate = request.max_number_of_messages_per_second
    if rate is not None and not 1 <= rate <= MOVE_RATE_MAX:
        raise out_of_range(
            "MaxNumberOfMessagesPerSecond", rate, f"Must be between 1 and {MOVE_RATE_MAX}."
        )
    source = _queue(call, "SourceArn", request.source_arn)
    destination = None
    if request.destination_arn is not None:
        destination = _queue(call, "DestinationArn", request.destination_arn)
    queues = call.broker.registry.resources(call.namespace).queues
    if not source_queues(request.source_arn, queues):
        raise InvalidParameter("Source queue must be configured as a Dead Letter Queue.")
    task = await call.broker.message_moves.start(call.namespace, source, destination, rate)
    return StartMessageMoveTaskResponse(task_handle=_handle(call.namespace, task))


class CancelMessageMoveTaskRequest(Members, kw_only=True):
    task_handle: str


class CancelMessageMoveTaskResponse(Members, kw_only=True):
    approximate_number_of_messages_moved: int


@sqs.action("CancelMessageMoveTask", CancelMessageMoveTaskRequest)
async def cancel_message_move_task(
    call: Call, request: CancelMessageMoveTaskRequest
) -> CancelMessageMoveTaskResponse:
    """End a task that is running; what it has moved stays moved."""
    handle = _parse_handle(request.task_handle)
    source = _queue(call, "SourceArn", handle.source_arn)
    moves = call.broker.message_moves
    if moves.get(call.namespace, handle.task_id).source != source:
        raise MoveTaskDoesNotExist
    task = await moves.cancel(call.namespace, handle.task_id)
    return CancelMessageMoveTaskResponse(approximate_number_of_messages_moved=task.moved)


class ListMessageMoveTasksRequest(Members, kw_only=True):
    source_arn: str
    max_results: int = 1


class ListMessageMoveTasksResultEntry(Members, kw_only=True):
    task_handle: str | None = None  # only of a task that can be cancelled
    status: str
    source_arn: str
    destination_arn: str | None = None
    max_number_of_messages_per_second: int | None = None
    approximate_number_of_messages_moved: int
    approximate_number_of_messages_to_move: int | None = None  # once the task has counted them
    failure_reason: str | None = None
    started_timestamp: int  # milliseconds


class ListMessageMoveTasksResponse(Members, kw_only=True):
    query_names: ClassVar = {"Results": "ListMessageMoveTasksResultEntry"}
    results: list[ListMessageMoveTasksResultEntry]


@sqs.action("ListMessageMoveTasks", ListMessageMoveTasksRequest)
async def list_message_move_tasks(
    call: Call, request: ListMessageMoveTasksRequest
) -> ListMessageMoveTasksResponse:
    """The latest tasks of a source queue, up to ten."""
    count = request.max_results
    if not 1 <= count <= LIST_MOVE_TASKS_MAX:
        raise out_of_range(
            "MaxResults", count, f"Must be between 1 and {LIST_MOVE_TASKS_MAX}, if provided."
        )
    source = _queue(call, "SourceArn", request.source_arn)
    tasks = call.broker.message_moves.of_source(call.namespace, source)[:count]
    return ListMessageMoveTasksResponse(
        results=[_described(call.namespace, each) for each in tasks]
    )


def _described(namespace: Namespace, task: MessageMoveTask) -> ListMessageMoveTasksResultEntry:
    return ListMessageMoveTasksResultEntry(
        task_handle=_handle(namespace, task) if task.status == "RUNNING" else None,
        status=task.status,
        source_arn=namespace.arn("sqs", task.source),
        destination_arn=namespace.arn("sqs", task.destination) if task.destination else None,
        max_number_of_messages_per_second=task.messages_per_second,
        approximate_number_of_messages_moved=task.moved,
        approximate_number_of_messages_to_move=task.to_move,
        failure_reason=task.failure_reason or None,
        started_timestamp=task.created_at_ms,
    )


def _queue(call: Call, parameter: str, text: str) -> str:
    """The name of the queue that an ARN names, in the caller's namespace.

    Raises: InvalidParameter, ResourceNotFound.
    """
    arn = Arn.parse(text)
    if arn is None or arn.service != "sqs":
        raise InvalidParameter(
            f"You must use this format to specify the {parameter}: "
            "arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
        )
    queues = call.broker.registry.resources(call.namespace).queues
    name = arn.resource
    if arn.namespace != call.namespace or name not in queues or is_internal(name):
        raise ResourceNotFound(
            f"The resource that you specified for the {parameter} parameter doesn't exist."
        )
    return name


def _handle(namespace: Namespace, task: MessageMoveTask) -> str:
    handle = _TaskHandle(task.name, namespace.arn("sqs", task.source))
    return base64.b64encode(msgspec.json.encode(handle)).decode()


def _parse_handle(text: str) -> _TaskHandle:
    try:
        return msgspec.json.decode(base64.b64decode(text, validate=True), type=_TaskHandle)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise InvalidParameter("Value for parameter TaskHandle is invalid.") from None
