"""what a rule's target may be, checked before it is stored"""

from broker.core.errors import InvalidParameter
from broker.core.limits import (
    EVENT_RETRY_AGE_S_MAX,
    EVENT_RETRY_AGE_S_MIN,
    EVENT_RETRY_ATTEMPTS_MAX,
    TARGET_GROUP_ID_CHARS_MAX,
)
from broker.core.names import (
    LOG_GROUP_NAME,
    Arn,
    Namespace,
    destination_name,
    event_bus_name,
    is_fifo,
    is_internal,
    log_file_name,
    log_group_name,
)
from broker.core.resources import Target
from broker.core.target_input import check_input, is_binary_cloud_event

__all__ = ["check_dead_letter_arn", "check_target"]

FILE_NAME_CHARS_MAX = 240  # file systems take 255, and full files get a number


def check_target(target: Target, namespace: Namespace) -> None:
    """Raises: InvalidParameter, for a target that could never be delivered to.

    `namespace` is the rule's.
    """
    arn = Arn.parse(target.arn)
    if arn is None:
        raise _invalid(target.arn, "Provided Arn is not in correct format.")
    bus = event_bus_name(arn.resource) if arn.service == "events" else ""
    group = log_group_name(arn)
    if group and not LOG_GROUP_NAME.fullmatch(group):
        raise _invalid(target.arn, "it names no log group.")
    if group and len(log_file_name(group)) > FILE_NAME_CHARS_MAX:
        raise _invalid(target.arn, "the log group's name is too long for a file of this broker.")
    known = arn.service in ("sqs", "sns", "lambda") or bus or destination_name(arn) or group
    if not known:
        kind = f"{arn.service} {arn.resource.partition('/')[0]}"
        raise _invalid(target.arn, f"targets of the kind {kind!r} are not supported.")
    if arn.service == "sqs" and is_internal(arn.resource):
        raise _invalid(target.arn, "it names no queue.")
    if arn.service == "sns" and is_fifo(arn.resource):
        raise _invalid(target.arn, "a FIFO topic can't be the target of a rule.")
    if arn.service == "sqs" and is_fifo(arn.resource) and not target.message_group_id:
        raise InvalidParameter(
            f"Parameter(s) SqsParameters must be specified for target: {target.id}."
        )
    _check_group(target, arn)
    if target.http_parameters is not None and not destination_name(arn):
        raise InvalidParameter(
            f"HttpParameters for target {target.id} is not valid: it is no API destination."
        )
    if is_binary_cloud_event(target) and not destination_name(arn):
        raise InvalidParameter(
            f"InputTransformer for target {target.id} is not valid: only an API destination gets "
            "CloudEvents in binary mode."
        )
    _check_input(target, bus)
    check_dead_letter_arn(target.dead_letter_target_arn, namespace)
    _check_range(
        "MaximumRetryAttempts", target.retry_attempts, 0, EVENT_RETRY_ATTEMPTS_MAX, target.id
    )
    _check_range(
        "MaximumEventAgeInSeconds",
        target.maximum_event_age_s,
        EVENT_RETRY_AGE_S_MIN,
        EVENT_RETRY_AGE_S_MAX,
        target.id,
    )


def check_dead_letter_arn(text: str | None, namespace: Namespace) -> None:
    """Raises: InvalidParameter, unless it names a standard queue, or is none at all.

    The queue lies in `namespace`, the bus's: a letter goes to the queue of that name there.
    """
    if text is None:
        return
    arn = Arn.parse(text)
    if arn is None or arn.service != "sqs" or is_internal(arn.resource):
        raise _invalid(text, "a dead-letter queue is an SQS queue.")
    if is_fifo(arn.resource):
        raise _invalid(text, "a dead-letter queue is a standard queue.")
    if arn.namespace != namespace:
        raise _invalid(text, "a dead-letter queue is in the event bus's own account and region.")


def _check_group(target: Target, arn: Arn) -> None:
    group = target.message_group_id
    if group is None:
        return
    if arn.service != "sqs":
        raise InvalidParameter(
            f"SqsParameters for target {target.id} is not valid: it is no queue."
        )
    if not 1 <= len(group) <= TARGET_GROUP_ID_CHARS_MAX:
        raise InvalidParameter(
            f"MessageGroupId for target {target.id} may have 1 to {TARGET_GROUP_ID_CHARS_MAX} "
            "characters."
        )


def _check_input(target: Target, bus: str) -> None:
    check_input(target)
    given = (target.input, target.input_path, target.input_transformer)
    if bus and any(each is not None for each in given):
        raise InvalidParameter(
            f"Input for target {target.id} is not valid: an event bus gets the event as it is."
        )


def _check_range(name: str, value: int | None, low: int, high: int, id_: str) -> None:
    if value is not None and not low <= value <= high:
        raise InvalidParameter(f"{name} for target {id_} must be between {low} and {high}.")


def _invalid(value: str, reason: str) -> InvalidParameter:
    return InvalidParameter(f"Parameter {value} is not valid. Reason: {reason}")
