"""what those who follow a topic or an event bus live are sent: frames, the same over both ways"""

from typing import Any

from broker.core.event import text_of
from broker.core.message import Notification
from broker.edge.native.message import Attribute, shown_attributes
from broker.edge.native.operation import Result
from broker.runtime.live import Envelope


class TopicOpened(Result, frozen=True, kw_only=True, tag_field="type", tag="open"):
    """The first frame: from here on, what is published is sent or counted as missed."""

    topic: str
    filter: str | None = None  # as it was given
    buffer: int


class EventBusOpened(Result, frozen=True, kw_only=True, tag_field="type", tag="open"):
    """The first frame: from here on, what is put on the bus is sent or counted as missed."""

    bus: str
    filter: str | None = None  # as it was given
    buffer: int


class LiveMessage(Result, frozen=True, kw_only=True, gc=False):
    """A message that was published."""

    message_id: str
    topic: str
    subject: str | None = None
    message: str
    attributes: dict[str, Attribute] = {}
    published_at_ms: int


class TopicEvents(Result, frozen=True, kw_only=True, tag_field="type", tag="events"):
    """Messages of a topic, in order, with nothing missed between them."""

    events: list[LiveMessage]


class EventBusEvents(Result, frozen=True, kw_only=True, tag_field="type", tag="events"):
    """Events of a bus as its rules see them, in order, with nothing missed between them."""

    events: list[dict[str, Any]]


class Missed(Result, frozen=True, kw_only=True, tag_field="type", tag="missed"):
    """So many events came here that the client was too slow for."""

    count: int


def topic_events(notifications: list[Notification]) -> TopicEvents:
    """A frame of a topic's messages."""
    return TopicEvents(
        events=[
            LiveMessage(
                message_id=each.message_id,
                topic=each.topic_arn.rpartition(":")[2],
                subject=each.subject,
                message=text_of(each),
                attributes=shown_attributes(each.attributes) if each.attributes else {},
                published_at_ms=each.timestamp_ms,
            )
            for each in notifications
        ]
    )


def bus_events(envelopes: list[Envelope]) -> EventBusEvents:
    """A frame of a bus's events."""
    return EventBusEvents(events=envelopes)
