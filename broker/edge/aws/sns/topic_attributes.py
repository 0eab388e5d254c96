"""topic attributes: SNS's strings to and from a topic's settings"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from broker.core.delivery_policy import effective_topic_text, parse_topic_policy
from broker.core.errors import InvalidParameter
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import (
    ARCHIVE_RETENTION_DAYS_MAX,
    DISPLAY_NAME_CHARS_MAX,
    MESSAGE_BYTES_MIN_SETTING,
    TOPIC_MESSAGE_BYTES_DEFAULT,
    TOPIC_MESSAGE_BYTES_MAX,
)
from broker.core.message import iso_time
from broker.core.names import Namespace
from broker.core.replay_policy import archive_begins_ms
from broker.core.resources import Topic
from broker.edge.aws.sns.policy import checked_policy, effective_policy

_DIGITS = re.compile(r"[0-9]{1,10}")
_FEEDBACK = re.compile(
    r"(?:HTTP|Firehose|Lambda|Application|SQS)"
    r"(?:SuccessFeedbackRoleArn|SuccessFeedbackSampleRate|FailureFeedbackRoleArn)"
)
_FIFO_ONLY = ("ContentBasedDeduplication", "FifoThroughputScope", "ArchivePolicy")
_CHOICES = {
    "ContentBasedDeduplication": ("true", "false"),
    "FifoThroughputScope": ("Topic", "MessageGroup"),
    "SignatureVersion": ("1", "2"),
    "TracingConfig": ("PassThrough", "Active"),
}


def with_attributes(topic: Topic, attributes: Mapping[str, str], now_ms: int) -> Topic:
    """The topic with these attributes set. Raises: InvalidParameter."""
    for name, value in attributes.items():
        topic = msgspec.structs.replace(topic, **_changed(topic, name, value, now_ms))
    return topic


def _changed(topic: Topic, name: str, value: str, now_ms: int) -> dict[str, Any]:
    if name in _FIFO_ONLY and not topic.fifo:
        raise InvalidParameter(f"Invalid parameter: {name}: it is for FIFO topics")
    if name in _CHOICES and value.lower() not in [each.lower() for each in _CHOICES[name]]:
        either = " or ".join(_CHOICES[name])
        raise InvalidParameter(f"Invalid parameter: {name}: must be {either}")
    match name:
        case "DisplayName":
            return {"display_name": _display_name(value)}
        case "Policy":
            return {"policy": checked_policy(value)}
        case "DeliveryPolicy":
            if value:
                parse_topic_policy(value)
            return {"delivery_policy": value or None}
        case "MaximumMessageSize":
            return {"maximum_message_size": _maximum_message_size(value)}
        case "SignatureVersion":
            return {"signature_version": value}
        case "ContentBasedDeduplication":
            return {"content_based_deduplication": value.lower() == "true"}
        case "FifoThroughputScope":
            return {"fifo_throughput_scope": value}
        case "ArchivePolicy":
            return _archive(topic, value, now_ms)
        case "TracingConfig" if topic.fifo:
            raise InvalidParameter("Invalid parameter: TracingConfig: it is for standard topics")
        case "TracingConfig" | "KmsMasterKeyId":
            pass
        case _ if _FEEDBACK.fullmatch(name):
            if name.endswith("SampleRate") and not _is_between(value, 0, 100):
                raise InvalidParameter(f"Invalid parameter: {name}")
        case _:
            raise InvalidParameter("Invalid parameter: AttributeName")
    kept = {**topic.other_attributes, name: value}
    return {"other_attributes": {name: text for name, text in kept.items() if text}}


def _display_name(value: str) -> str:
    if len(value) > DISPLAY_NAME_CHARS_MAX:
        raise InvalidParameter(
            f"Invalid parameter: DisplayName: at most {DISPLAY_NAME_CHARS_MAX} characters"
        )
    return value


def _maximum_message_size(value: str) -> int:
    if not _is_between(value, MESSAGE_BYTES_MIN_SETTING, TOPIC_MESSAGE_BYTES_MAX):
        raise InvalidParameter(
            f"Invalid parameter: MaximumMessageSize: must be between {MESSAGE_BYTES_MIN_SETTING} "
            f"and {TOPIC_MESSAGE_BYTES_MAX}"
        )
    return int(value)


def _archive(topic: Topic, value: str, now_ms: int) -> dict[str, Any]:
    try:
        policy = parse_json(value) if value else {}
    except InvalidJson:
        policy = None
    if policy == {}:
        return {"archive_retention_days": None, "archive_began_ms": 0}
    days = str(policy.get("MessageRetentionPeriod", "")) if isinstance(policy, dict) else ""
    if not isinstance(policy, dict) or set(policy) != {"MessageRetentionPeriod"}:
        raise InvalidParameter(
            "Invalid parameter: ArchivePolicy: it has MessageRetentionPeriod, and nothing else"
        )
    if not _is_between(days, 1, ARCHIVE_RETENTION_DAYS_MAX):
        raise InvalidParameter(
            "Invalid parameter: ArchivePolicy: MessageRetentionPeriod must be between 1 and "
            f"{ARCHIVE_RETENTION_DAYS_MAX}"
        )
    began_ms = topic.archive_began_ms if topic.archive_retention_days is not None else now_ms
    return {"archive_retention_days": int(days), "archive_began_ms": began_ms}


def _is_between(value: str, low: int, high: int) -> bool:
    return _DIGITS.fullmatch(value) is not None and low <= int(value) <= high


def attributes_of(
    namespace: Namespace, topic: Topic, counts: Mapping[str, int], now_ms: int
) -> dict[str, str]:
    """All attributes as SNS shows them; what has its default is mostly left out."""
    shown = {
        "TopicArn": namespace.arn("sns", topic.name),
        "Owner": namespace.account,
        "DisplayName": topic.display_name,
        "Policy": effective_policy(namespace, topic),
        "EffectiveDeliveryPolicy": effective_topic_text(topic.delivery_policy),
        "SubscriptionsConfirmed": str(counts["confirmed"]),
        "SubscriptionsPending": str(counts["pending"]),
        "SubscriptionsDeleted": str(counts["deleted"]),
        **topic.other_attributes,
    }
    if topic.delivery_policy is not None:
        shown["DeliveryPolicy"] = topic.delivery_policy
    if topic.maximum_message_size != TOPIC_MESSAGE_BYTES_DEFAULT:
        shown["MaximumMessageSize"] = str(topic.maximum_message_size)
    if topic.signature_version is not None:
        shown["SignatureVersion"] = topic.signature_version
    if topic.fifo:
        shown["FifoTopic"] = "true"
        deduplicates = topic.content_based_deduplication
        shown["ContentBasedDeduplication"] = "true" if deduplicates else "false"
        shown["FifoThroughputScope"] = topic.fifo_throughput_scope
    begins_ms = archive_begins_ms(topic, now_ms)
    if begins_ms is not None:
        policy = {"MessageRetentionPeriod": str(topic.archive_retention_days)}
        shown["ArchivePolicy"] = msgspec.json.encode(policy).decode()
        shown["BeginningArchiveTime"] = iso_time(begins_ms)
    return shown
