"""queue attributes: SQS's strings to and from a queue's settings"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from broker.core.commands import QueueCounts
from broker.core.errors import InvalidAttributeName, InvalidAttributeValue
from broker.core.limits import (
    DELAY_S_MAX,
    MESSAGE_BYTES_MAX,
    MESSAGE_BYTES_MIN_SETTING,
    RETENTION_S_MAX,
    RETENTION_S_MIN,
    VISIBILITY_TIMEOUT_S_MAX,
    WAIT_TIME_S_MAX,
)
from broker.core.names import Namespace
from broker.core.resources import Queue
from broker.edge.aws.sqs import encryption, fifo_attributes
from broker.edge.aws.sqs.policy import checked_policy
from broker.edge.aws.sqs.redrive_policy import (
    checked_redrive_allow_policy,
    parse_redrive_policy,
    redrive_policy_text,
)

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
COUNTS = {
    "ApproximateNumberOfMessages": "visible",
    "ApproximateNumberOfMessagesNotVisible": "in_flight",
    "ApproximateNumberOfMessagesDelayed": "delayed",
}
READ_ONLY = ("QueueArn", "CreatedTimestamp", "LastModifiedTimestamp", *COUNTS)
SETTABLE = (*NUMBERS, *TEXTS, "RedrivePolicy", *encryption.NAMES, *fifo_attributes.NAMES)
NAMES = frozenset((*SETTABLE, *READ_ONLY, "All"))


def with_attributes(queue: Queue, namespace: Namespace, attributes: Mapping[str, str]) -> Queue:
    """The queue with these attributes set.

    Raises: InvalidAttributeName, InvalidAttributeValue, InvalidParameter, OverLimit.
    """
    changes: dict[str, Any] = {}
    for name, value in attributes.items():
        if name in NUMBERS:
            setting, low, high = NUMBERS[name]
            changes[setting] = number(name, value, low, high)
        elif name == "RedrivePolicy":
            changes["redrive_policy"] = parse_redrive_policy(namespace, value)
        elif name == "RedriveAllowPolicy":
            changes["redrive_allow_policy"] = checked_redrive_allow_policy(value)
        elif name == "Policy":
            changes["policy"] = checked_policy(value)
        elif name not in SETTABLE:
            raise InvalidAttributeName(f"Unknown Attribute {name}.")
    changes |= fifo_attributes.changes(queue, attributes)
    changes["other_attributes"] = encryption.changed(queue.other_attributes, attributes)
    return msgspec.structs.replace(queue, **changes)


def number(name: str, value: str, low: int, high: int) -> int:
    """An attribute's number. Raises: InvalidAttributeValue."""
    # Not just int(): it takes blanks, underscores and digits of other scripts too.
    found = int(value) if _DIGITS.fullmatch(value) else low - 1
    if not low <= found <= high:
        raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    return found


def attributes_of(
    queue: Queue, namespace: Namespace, names: Iterable[str], counts: QueueCounts
) -> dict[str, str]:
    """The named attributes; `All` is all of them. Raises: InvalidAttributeName."""
    wanted = set(names)
    for name in sorted(wanted - NAMES):
        raise InvalidAttributeName(f"Unknown Attribute {name}.")
    every = {
        "QueueArn": namespace.arn("sqs", queue.name),
        **{name: str(getattr(counts, field)) for name, field in COUNTS.items()},
        "CreatedTimestamp": str(queue.created_at_ms // 1000),
        "LastModifiedTimestamp": str(queue.modified_at_ms // 1000),
        **{name: str(getattr(queue, setting)) for name, (setting, _, _) in NUMBERS.items()},
        **encryption.shown(queue.other_attributes),
        **fifo_attributes.shown(queue),
    }
    if queue.redrive_policy is not None:
        every["RedrivePolicy"] = redrive_policy_text(queue.redrive_policy)
    for name, setting in TEXTS.items():
        if text := getattr(queue, setting):
            every[name] = text
    if "All" in wanted:
        return every
    return {name: value for name, value in every.items() if name in wanted}
