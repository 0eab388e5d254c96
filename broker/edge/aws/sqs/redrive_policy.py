"""RedrivePolicy and RedriveAllowPolicy: the two documents, each checked by itself

Whether a queue can have the dead-letter queue that its policy names is `core.dead_letters`' to say.
"""

import re
from typing import Any

import msgspec

from broker.core.errors import BrokerError, InvalidAttributeValue, InvalidParameter
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import MAX_RECEIVE_COUNT_MAX, SOURCE_QUEUE_ARNS_MAX
from broker.core.names import QUEUE_NAME, Arn, Namespace
from broker.core.resources import RedrivePolicy

TARGET, COUNT = "deadLetterTargetArn", "maxReceiveCount"
PERMISSION, SOURCES = "redrivePermission", "sourceQueueArns"

_DIGITS = re.compile(r"[0-9]{1,10}")
_CANNOT_ALLOW = "Amazon SQS can't create the redrive allow policy"


def invalid_redrive_policy(value: str, reason: str) -> InvalidParameter:
    """The refusal of a redrive policy, as SQS words it."""
    return InvalidParameter(
        f"Value {value} for parameter RedrivePolicy is invalid. Reason: {reason}"
    )


def parse_redrive_policy(namespace: Namespace, value: str) -> RedrivePolicy | None:
    """The policy that the document describes; an empty text is none. Raises: InvalidParameter."""
    if not value:
        return None
    try:
        policy = parse_json(value)
    except InvalidJson:
        policy = None
    if not isinstance(policy, dict):
        raise invalid_redrive_policy(value, "Redrive policy is not a valid JSON map.")
    for name in (COUNT, TARGET):
        if name not in policy:
            reason = f"Redrive policy does not contain mandatory attribute: {name}."
            raise invalid_redrive_policy(value, reason)
    if len(policy) > 2:
        reason = f"Only following attributes are supported: [{TARGET}, {COUNT}]."
        raise invalid_redrive_policy(value, reason)
    arn = Arn.parse(str(policy[TARGET]))
    if (
        arn is None
        or arn.service != "sqs"
        or arn.namespace != namespace
        or not QUEUE_NAME.fullmatch(arn.resource)
    ):
        raise invalid_redrive_policy(value, f"Invalid value for {TARGET}.")
    text = str(policy[COUNT])
    count = int(text) if _DIGITS.fullmatch(text) else 0
    if not 1 <= count <= MAX_RECEIVE_COUNT_MAX:
        raise invalid_redrive_policy(
            value,
            f"Invalid value for {COUNT}: {text}, valid values are from 1 to "
            f"{MAX_RECEIVE_COUNT_MAX} both inclusive.",
        )
    return RedrivePolicy(str(arn), count)


def redrive_policy_text(policy: RedrivePolicy) -> str:
    """The document of a policy, as it is returned."""
    document = {TARGET: policy.dead_letter_target_arn, COUNT: policy.max_receive_count}
    return msgspec.json.encode(document).decode()


def checked_redrive_allow_policy(value: str) -> str | None:
    """The document as given; an empty text is none.

    Raises: InvalidAttributeValue, InvalidParameter.
    """
    if not value:
        return None
    try:
        policy = parse_json(value)
    except InvalidJson:
        policy = None
    if not _has_the_shape(policy):
        raise InvalidAttributeValue(
            "Invalid value for the parameter RedriveAllowPolicy. "
            f"Reason: {_CANNOT_ALLOW}, as it’s in an unsupported format."  # noqa: RUF001 (SQS's own)
        )
    sources = policy.get(SOURCES)
    if policy[PERMISSION] != "byQueue":
        if sources is not None:
            raise _invalid_allow_policy(
                value,
                "To specify one or more source queue ARNs, you must set redrivePermission to "
                "byQueue.",
            )
    elif not sources:
        raise _invalid_allow_policy(
            value,
            "When you specify the byQueue permission type, you must also specify one or more "
            "sourceQueueArns values.",
        )
    elif len(sources) > SOURCE_QUEUE_ARNS_MAX:
        raise _invalid_allow_policy(
            value,
            f"The maximum number of source queue ARNs you can specify is {SOURCE_QUEUE_ARNS_MAX}.",
        )
    return value


def _has_the_shape(policy: Any) -> bool:
    if not isinstance(policy, dict) or not policy.keys() <= {PERMISSION, SOURCES}:
        return False
    if policy.get(PERMISSION) not in ("allowAll", "denyAll", "byQueue"):
        return False
    sources = policy.get(SOURCES, [])
    return isinstance(sources, list) and all(_is_queue_arn(each) for each in sources)


def _is_queue_arn(value: Any) -> bool:
    arn = Arn.parse(value) if isinstance(value, str) else None
    return arn is not None and arn.service == "sqs"


def _invalid_allow_policy(value: str, reason: str) -> BrokerError:
    return InvalidParameter(
        f"Value {value} for parameter RedriveAllowPolicy is invalid. "
        f"Reason: {_CANNOT_ALLOW}. {reason}"
    )
