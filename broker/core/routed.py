"""what routing found: the deliveries of one publish, as one command for the store"""

from dataclasses import dataclass, field
from typing import Any

from broker.core import message
from broker.core.commands import FanOut, FanOutOnce, NewEntry
from broker.core.message import Message, Notification
from broker.core.names import topic_queue, uuid_bytes
from broker.core.resources import Topic


@dataclass(frozen=True, slots=True)
class Once:
    """By what a FIFO topic knows a publish again."""

    queue: str  # the topic's own
    message_id: bytes
    group: str
    deduplication_id: str
    archive: bool

    @classmethod
    def of(cls, topic: Topic, notification: Notification) -> "Once":
        """The notification is checked to have a group and a deduplication id."""
        assert notification.group is not None
        assert notification.deduplication_id is not None
        return cls(
            topic_queue(topic.name),
            uuid_bytes(notification.message_id),
            notification.group,
            notification.deduplication_id,
            topic.archive_retention_days is not None,
        )


@dataclass(slots=True)
class Routed:
    """The deliveries of one publish, and what could not be delivered."""

    bodies: list[bytes] = field(default_factory=list)
    entries: list[NewEntry] = field(default_factory=list)
    matched: list[str] = field(default_factory=list)  # names of rules
    undeliverable: list[tuple[str, str, str]] = field(default_factory=list)  # whence, where, why
    once: Once | None = None  # of a publish to a FIFO topic
    # What it came past, for those who follow live:
    notifications: list[tuple[str, Notification]] = field(default_factory=list)  # by topic
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)  # by event bus

    def add_body(self, body: Message | Notification) -> int:
        """The index by which entries name the body."""
        self.bodies.append(message.encode(body))
        return len(self.bodies) - 1

    def command(self) -> FanOut | FanOutOnce | None:
        """What makes the deliveries; None if there is nothing to do."""
        if self.once is not None:
            once = self.once
            return FanOutOnce(
                once.queue,
                once.message_id,
                once.group,
                once.deduplication_id,
                self.bodies,
                self.entries,
                once.archive,
            )
        return FanOut(self.bodies, self.entries) if self.entries else None
