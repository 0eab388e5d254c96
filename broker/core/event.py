"""an event as it is put on a bus, and the envelope around it that patterns and targets see"""

import base64
from dataclasses import dataclass, field
from typing import Any

from broker.core.json_text import InvalidJson, parse_json
from broker.core.message import MessageAttribute, Notification, iso_time
from broker.core.names import Namespace

__all__ = ["Event", "envelope", "notification_event", "published_document", "text_of"]

_BRACKETS = ("{", "[")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What a publisher says of an event; the rest of the envelope is the broker's."""

    source: str
    detail_type: str
    detail: dict[str, Any]
    resources: list[str] = field(default_factory=list)
    time_ms: int | None = None  # None: now
    id: str | None = None  # None: a new one
    cloud_event: dict[str, Any] | None = None  # attributes that have no place elsewhere
    trace_header: str | None = None  # not part of the envelope


def envelope(event: Event, event_id: str, namespace: Namespace, now_ms: int) -> dict[str, Any]:
    """The whole event, members in EventBridge's order; one that was a CloudEvent has one more."""
    whole: dict[str, Any] = {
        "version": "0",
        "id": event_id,
        "detail-type": event.detail_type,
        "source": event.source,
        "account": namespace.account,
        "time": iso_time(event.time_ms if event.time_ms is not None else now_ms)[:19] + "Z",
        "region": namespace.region,
        "resources": event.resources,
        "detail": event.detail,
    }
    if event.cloud_event:
        whole["cloudevent"] = event.cloud_event
    return whole


def notification_event(notification: Notification) -> Event:
    """A publish to a topic as the event that a subscribed bus gets; a form of our own."""
    return Event(
        source="broker.sns",
        detail_type="Notification",
        detail=published_document(notification),
        resources=[notification.topic_arn],
        time_ms=notification.timestamp_ms,
    )


def published_document(notification: Notification) -> dict[str, Any]:
    """A publish for programs: what a bus gets of it, and what live filters are matched against.

    The message is parsed if it is a JSON object or array, else it is the text; there is no subject
    if none was given. An attribute is what its type says: a number, an array (String.Array), base64
    of a binary one, else text.
    """
    document: dict[str, Any] = {
        "message_id": notification.message_id,
        "topic_arn": notification.topic_arn,
        "message": _parsed(text_of(notification)),
        "attributes": {
            name: _value(each) for name, each in (notification.attributes or {}).items()
        },
    }
    if notification.subject is not None:
        document["subject"] = notification.subject
    return document


def text_of(notification: Notification) -> str:
    """The message as a receiver sees it that is none of SNS's protocols."""
    if notification.by_protocol is None:
        return notification.message
    return notification.by_protocol["default"]


def _parsed(text: str) -> Any:
    if not text.lstrip().startswith(_BRACKETS):
        return text
    try:
        return parse_json(text)
    except InvalidJson:
        return text


def _value(attribute: MessageAttribute) -> Any:
    text = attribute.string_value
    if text is None:
        return base64.b64encode(attribute.binary_value or b"").decode()
    kind = attribute.data_type
    if kind.startswith("Number") or kind == "String.Array":
        try:
            return parse_json(text)
        except InvalidJson:
            return text
    return text
