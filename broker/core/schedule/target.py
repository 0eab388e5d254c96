"""a schedule's target: what it may be, and what it asks for in a run"""

from broker.core.errors import InvalidParameter, NotSupported
from broker.core.event import Event
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import (
    EVENT_RETRY_AGE_S_MAX,
    EVENT_RETRY_AGE_S_MIN,
    EVENT_RETRY_ATTEMPTS_MAX,
    SCHEDULE_INPUT_BYTES_MAX,
)
from broker.core.names import Arn, Namespace, event_bus_name, is_fifo, is_internal
from broker.core.publication import Publication
from broker.core.resources import Schedule, ScheduleTarget
from broker.core.schedule.api_action import API_ACTION_PREFIX, requests_of_action
from broker.core.schedule.occasion import Occasion
from broker.core.schedule.target_request import (
    Invocation,
    Publish,
    PutEvent,
    SendMessage,
    TargetRequest,
)

__all__ = ["check_schedule_target", "dead_letter_queue_of", "requests_of", "role_of"]


def requests_of(occasion: Occasion) -> list[TargetRequest]:
    """What a run asks for. Raises: InvalidParameter, NotSupported for what was never checked."""
    target = occasion.schedule.target
    if target.arn.startswith(API_ACTION_PREFIX):
        action = target.arn.removeprefix(API_ACTION_PREFIX)
        if target.input is None:
            raise InvalidParameter(f"The universal target {action} needs an Input.")
        return requests_of_action(action, occasion.input, occasion.namespace)
    arn = Arn.parse(target.arn)
    if arn is None:
        raise InvalidParameter("Provided Arn is not in correct format.")
    if arn.service == "sqs" and not is_internal(arn.resource):
        return [SendMessage(arn=arn, body=occasion.input, group=target.message_group_id)]
    if arn.service == "sns":
        return [Publish(arn=arn, publication=Publication(message=occasion.input))]
    if arn.service == "lambda":
        return [Invocation(arn=arn, payload=occasion.input)]
    if arn.service == "events" and event_bus_name(arn.resource):
        return [PutEvent(arn=arn, event=_event(occasion))]
    kind = f"{arn.service} {arn.resource.partition('/')[0]}"
    raise NotSupported(f"Targets of the kind {kind!r} are not supported by this broker.")


def _event(occasion: Occasion) -> Event:
    target = occasion.schedule.target
    if target.detail_type is None or target.source is None:
        raise InvalidParameter("EventBridgeParameters are required for an event bus.")
    try:
        detail = parse_json(occasion.input) if target.input is not None else {}
    except InvalidJson:
        detail = None
    if not isinstance(detail, dict):
        raise InvalidParameter("The Input for an event bus has to be a JSON object.")
    return Event(
        source=target.source,
        detail_type=target.detail_type,
        detail=detail,
        resources=[occasion.schedule_arn],
        time_ms=occasion.at_ms,
    )


def check_schedule_target(schedule: Schedule, namespace: Namespace) -> None:
    """Raises: InvalidParameter, NotSupported, for a target that could never be reached."""
    target = schedule.target
    if target.input is not None and len(target.input.encode()) > SCHEDULE_INPUT_BYTES_MAX:
        raise InvalidParameter(
            f"The Input can have {SCHEDULE_INPUT_BYTES_MAX} bytes in UTF-8 at most."
        )
    for request in requests_of(Occasion(namespace, schedule, 0, bytes(16))):
        _check_request(request, target)
    _check_parameters(target)
    _check_dead_letters(target, namespace)
    _check_range("MaximumRetryAttempts", target.retry_attempts, 0, EVENT_RETRY_ATTEMPTS_MAX)
    _check_range(
        "MaximumEventAgeInSeconds",
        target.maximum_event_age_s,
        EVENT_RETRY_AGE_S_MIN,
        EVENT_RETRY_AGE_S_MAX,
    )


def _check_request(request: TargetRequest, target: ScheduleTarget) -> None:
    if isinstance(request, SendMessage):
        fifo = is_fifo(request.arn.resource)
        if fifo and not request.group:
            raise InvalidParameter("A FIFO queue needs a MessageGroupId.")
        if not fifo and request.deduplication_id is not None:
            raise InvalidParameter("Only a FIFO queue takes a MessageDeduplicationId.")
    elif isinstance(request, Publish):
        if is_fifo(request.arn.resource) and not request.publication.group:
            raise InvalidParameter(
                "A FIFO topic needs a MessageGroupId, which the universal target sns:publish takes."
            )
    elif isinstance(request, Invocation) and target.input is not None:
        try:
            parse_json(request.payload)
        except InvalidJson:
            raise InvalidParameter("The Input for a function has to be JSON.") from None


def _check_parameters(target: ScheduleTarget) -> None:
    """Those that only one kind of target takes."""
    arn = Arn.parse(target.arn)
    service = arn.service if arn is not None else ""
    if target.message_group_id is not None and service != "sqs":
        raise InvalidParameter("SqsParameters are for a queue only.")
    if (target.detail_type is not None or target.source is not None) and service != "events":
        raise InvalidParameter("EventBridgeParameters are for an event bus only.")


def _check_dead_letters(target: ScheduleTarget, namespace: Namespace) -> None:
    if target.dead_letter_target_arn is None:
        return
    arn = Arn.parse(target.dead_letter_target_arn)
    if arn is None or arn.service != "sqs" or is_internal(arn.resource) or is_fifo(arn.resource):
        raise InvalidParameter("A dead-letter queue is a standard SQS queue.")
    if arn.namespace != namespace:
        raise InvalidParameter("A dead-letter queue is in the schedule's own account and region.")


def dead_letter_queue_of(target: ScheduleTarget) -> str | None:
    """The name of its dead-letter queue, if it has one."""
    arn = Arn.parse(target.dead_letter_target_arn or "")
    return arn.resource if arn is not None else None


def _check_range(name: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise InvalidParameter(f"{name} must be between {low} and {high}.")


def role_of(namespace: Namespace) -> str:
    """The role of a schedule for which none was named; on AWS each has one."""
    return f"arn:aws:iam::{namespace.account}:role/event-broker"
