"""queue attributes: SQS's strings to and from a queue's settings"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from broker.core.commands import QueueCounts
from broker.core.errors import (
    BrokerError,
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidParameter,
)
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import (
    DELAY_S_MAX,
    KMS_REUSE_S_DEFAULT,
    KMS_REUSE_S_MAX,
    KMS_REUSE_S_MIN,
    MAX_RECEIVE_COUNT_MAX,
    MESSAGE_BYTES_MAX,
    MESSAGE_BYTES_MIN_SETTING,
    RETENTION_S_MAX,
    RETENTION_S_MIN,
    VISIBILITY_TIMEOUT_S_MAX,
    WAIT_TIME_S_MAX,
)
from broker.core.names import Arn, Namespace, is_internal
from broker.core.resources import Queue, RedrivePolicy

_DIGITS = re.compile(r"[0-9]{1,10}")

# SQS's name: the setting's name and its range.
NUMBERS = {
    "DelaySeconds": ("delay_s", 0, DELAY_S_MAX),
    "MaximumMessageSize": ("maximum_message_size", MESSAGE_BYTES_MIN_SETTING, MESSAGE_BYTES_MAX),
    "MessageRetentionPeriod": ("retention_s", RETENTION_S_MIN, RETENTION_S_MAX),
    "ReceiveMessageWaitTimeSeconds": ("receive_wait_time_s", 0, WAIT_TIME_S_MAX),
    "VisibilityTimeout": ("visibility_timeout_s", 0, VISIBILITY_TIMEOUT_S_MAX),
}
TEXTS = {"Policy": "policy", "RedriveAllowPolicy": "redrive_allow_policy"}
# Encryption at rest is the disk's affair here: these are kept and returned, as SDKs expect.
KEPT = ("SqsManagedSseEnabled", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds")
FIFO = ("FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit")
COUNTS = {
    "ApproximateNumberOfMessages": "visible",
    "ApproximateNumberOfMessagesNotVisible": "in_flight",
    "ApproximateNumberOfMessagesDelayed": "delayed",
}
READ_ONLY = ("QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", *COUNTS)
NAMES = frozenset((*NUMBERS, *TEXTS, *KEPT, *FIFO, *READ_ONLY, "RedrivePolicy", "All"))


def with_attributes(queue: Queue, namespace: Namespace, attributes: Mapping[str, str]) -> Queue:
    """The queue with these attributes set.

    Raises: InvalidAttributeName, InvalidAttributeValue, InvalidParameter.
    """
    changes: dict[str, Any] = {}
    kept = dict(queue.other_attributes)
    for name, value in attributes.items():
        if name in NUMBERS:
            setting, low, high = NUMBERS[name]
            changes[setting] = _number(name, value, low, high)
        elif name == "RedrivePolicy":
            changes["redrive_policy"] = _redrive_policy(namespace, value)
        elif name in TEXTS:
            changes[TEXTS[name]] = _json_object(name, value)
        elif name in KEPT:
            kept.pop(name, None)
            if (text := _kept(name, value)) is not None:
                kept[name] = text
        else:
            raise _not_settable(name, value)
    if attributes.get("KmsMasterKeyId"):
        if attributes.get("SqsManagedSseEnabled") == "true":
            raise InvalidAttributeName(
                "You can use one type of server-side encryption (SSE) at one time. "
                "You can either enable KMS SSE or SQS SSE."
            )
        kept.pop("SqsManagedSseEnabled", None)
    return msgspec.structs.replace(queue, other_attributes=kept, **changes)


def _not_settable(name: str, value: str) -> BrokerError:
    if name == "FifoQueue" and value != "false":
        return InvalidAttributeValue(
            "Invalid value for the parameter FifoQueue. "
            "Reason: Modifying queue type is not supported."
        )
    if name in ("DeduplicationScope", "FifoThroughputLimit"):
        return InvalidAttributeName(
            f"You can specify the {name} only when FifoQueue is set to true."
        )
    return InvalidAttributeName(f"Unknown Attribute {name}.")


def attributes_of(
    queue: Queue, namespace: Namespace, names: Iterable[str], counts: QueueCounts
) -> dict[str, str]:
    """The named attributes; `All` is all of them. Raises: InvalidAttributeName."""
    wanted = set(names)
    for name in wanted - NAMES:
        raise InvalidAttributeName(f"Unknown Attribute {name}.")
    every = {
        "QueueArn": namespace.arn("sqs", queue.name),
        **{name: str(getattr(counts, field)) for name, field in COUNTS.items()},
        "CreatedTimestamp": str(queue.created_at_ms // 1000),
        "LastModifiedTimestamp": str(queue.modified_at_ms // 1000),
        **{name: str(getattr(queue, setting)) for name, (setting, _, _) in NUMBERS.items()},
        "SqsManagedSseEnabled": "false" if "KmsMasterKeyId" in queue.other_attributes else "true",
        **queue.other_attributes,
    }
    if queue.redrive_policy is not None:
        every["RedrivePolicy"] = msgspec.json.encode(
            {
                "deadLetterTargetArn": queue.redrive_policy.dead_letter_target_arn,
                "maxReceiveCount": queue.redrive_policy.max_receive_count,
            }
        ).decode()
    for name, setting in TEXTS.items():
        if text := getattr(queue, setting):
            every[name] = text
    if "All" in wanted:
        return every
    return {name: value for name, value in every.items() if name in wanted}


def _number(name: str, value: str, low: int, high: int) -> int:
    # Not just int(): it takes blanks, underscores and digits of other scripts too.
    number = int(value) if _DIGITS.fullmatch(value) else low - 1
    if not low <= number <= high:
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    return number


def _kept(name: str, value: str) -> str | None:
    """The value to keep, checked; None for what stands for nothing."""
    if name == "SqsManagedSseEnabled" and value not in ("true", "false"):
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    if name == "KmsDataKeyReusePeriodSeconds" and value:
        reuse_s = _number(name, value, KMS_REUSE_S_MIN, KMS_REUSE_S_MAX)
        return str(reuse_s) if reuse_s != KMS_REUSE_S_DEFAULT else None
    return value or None


def _json_object(name: str, value: str) -> str | None:
    if not value:
        return None
    try:
        document = parse_json(value)
    except InvalidJson:
        document = None
    if not isinstance(document, dict):
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    return value


def _redrive_policy(namespace: Namespace, value: str) -> RedrivePolicy | None:
    if not value:
        return None

    def invalid(reason: str) -> InvalidParameter:
        return InvalidParameter(
            f"Value {value} for parameter RedrivePolicy is invalid. Reason: {reason}"
        )

    try:
        policy = parse_json(value)
    except InvalidJson:
        raise invalid("Redrive policy is not a valid JSON map.") from None
    if not isinstance(policy, dict) or set(policy) != {"deadLetterTargetArn", "maxReceiveCount"}:
        raise invalid("Redrive policy must hold deadLetterTargetArn and maxReceiveCount.")
    arn = Arn.parse(str(policy["deadLetterTargetArn"]))
    if arn is None or arn.service != "sqs" or arn.namespace != namespace:
        raise invalid("Invalid value for deadLetterTargetArn.")
    if is_internal(arn.resource):
        raise invalid("Invalid value for deadLetterTargetArn.")
    text = str(policy["maxReceiveCount"])
    count = int(text) if _DIGITS.fullmatch(text) else 0
    if not 1 <= count <= MAX_RECEIVE_COUNT_MAX:
        raise invalid(
            f"Invalid value for maxReceiveCount: {text}, "
            "valid values are from 1 to 1000 both inclusive."
        )
    return RedrivePolicy(str(arn), count)
