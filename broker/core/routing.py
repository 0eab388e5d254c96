"""where a publish goes: rules and subscriptions, followed to the queues at their ends

Routing decides the full list of deliveries before anything is written. It follows topics and buses
within the namespace, a few hops far; what it finds becomes one `FanOut`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from broker.core import message
from broker.core.commands import FanOut, FanOutOnce, NewEntry
from broker.core.event import envelope, notification_event
from broker.core.limits import HOPS_MAX, MESSAGE_ATTRIBUTES_MAX
from broker.core.message import Message, Notification, Via
from broker.core.names import (
    Arn,
    Namespace,
    event_bus_name,
    function_name,
    function_queue,
    topic_queue,
    uuid_bytes,
    uuid_text,
)
from broker.core.registry import Resources
from broker.core.resources import Rule, Topic
from broker.core.subscribers import Subscriber

NewId = Callable[[], bytes]


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


class Router:
    """Follows one publish to all its ends; `routed` is what it has found."""

    def __init__(
        self, resources: Resources, namespace: Namespace, new_id: NewId, now_ms: int
    ) -> None:
        self.routed = Routed()
        self._resources = resources
        self._namespace = namespace
        self._new_id = new_id
        self._now_ms = now_ms

    def event(self, bus: str, event: dict[str, Any], event_json: str, hops: int = 0) -> None:
        """Deliver an event on a bus to every target of every rule that matches it."""
        self.routed.events.append((bus, event))
        matcher = self._resources.matchers.get(bus)
        if matcher is None:
            return
        whole: int | None = None  # the event's own text, stored once for all that want it
        for rule_name in matcher.matching(event):
            self.routed.matched.append(rule_name)
            for target in self._resources.rules[rule_name].targets:
                text = event_json if target.input is None else target.input
                arn = Arn.parse(target.arn)
                if arn is not None and arn.service == "sns":
                    self._to_topic(f"rule {rule_name}", arn, text, hops + 1)
                    continue
                queue = _queue_of(self._resources, self._namespace, target.arn)
                if queue is None:
                    self._lose(f"rule {rule_name}", target.arn, "no such resource")
                    continue
                if target.input is not None:
                    body = self.routed.add_body(message.message(target.input))
                elif whole is None:
                    body = whole = self.routed.add_body(message.message(event_json))
                else:
                    body = whole
                self.routed.entries.append(NewEntry(queue, self._new_id(), body))

    def notification(self, name: str, notification: Notification, hops: int = 0) -> None:
        """Deliver a publish to a topic to every subscription whose filter policy it matches."""
        self.routed.notifications.append((name, notification))
        topic = self._resources.topics.get(name)
        if topic is not None and topic.fifo:
            # Its body is there even if nobody is subscribed: the archive wants it.
            body = self.routed.add_body(notification)
            self.routed.once = Once.of(topic, notification)
        else:
            body = -1
        subscribers = self._resources.subscribers.get(name)
        if subscribers is None:
            return
        for subscriber in subscribers.matching(notification):
            if not subscriber.queue:
                self._forward(subscriber, notification, hops + 1)
                continue
            if body < 0:
                body = self.routed.add_body(notification)
            self._deliver(subscriber, notification, body)

    def _deliver(self, subscriber: Subscriber, notification: Notification, body: int) -> None:
        queues = self._resources.queues
        queue, via, dead_letter = subscriber.queue, subscriber.via, subscriber.dead_letter_queue
        cause = ""
        if queue not in queues:
            cause = "QueueDoesNotExist"
        elif via.form == "raw" and _too_many_attributes(notification, via):
            cause = "TooManyMessageAttributes"
        if cause:
            if dead_letter not in queues:
                source = f"topic {subscriber.subscription.topic}"
                self._lose(source, subscriber.subscription.endpoint, cause)
                return
            assert dead_letter is not None
            queue, via = dead_letter, msgspec.structs.replace(via, cause=cause)
        group, deduplication_id = notification.group, notification.deduplication_id
        self.routed.entries.append(
            NewEntry(queue, self._new_id(), body, 0, via, dead_letter, group, deduplication_id)
        )

    def _forward(self, subscriber: Subscriber, notification: Notification, hops: int) -> None:
        """Publish to another topic, or put on an event bus, what was published here."""
        source = f"topic {subscriber.subscription.topic}"
        arn = Arn.parse(subscriber.subscription.endpoint)
        assert arn is not None
        if arn.service == "sns":
            if not self._may_go_on(
                source, arn, hops, exists=arn.resource in self._resources.topics
            ):
                return
            forwarded = msgspec.structs.replace(
                notification, topic_arn=str(arn), message_id=self._new_uuid(), signature=None
            )
            self.notification(arn.resource, forwarded, hops)
            return
        bus = event_bus_name(arn.resource)
        if not self._may_go_on(source, arn, hops, exists=bus in self._resources.event_buses):
            return
        event = notification_event(notification)
        whole = envelope(event, self._new_uuid(), self._namespace, self._now_ms)
        self.event(bus, whole, msgspec.json.encode(whole).decode(), hops)

    def _to_topic(self, source: str, arn: Arn, text: str, hops: int) -> None:
        if self._may_go_on(source, arn, hops, exists=arn.resource in self._resources.topics):
            notification = Notification(str(arn), self._new_uuid(), self._now_ms, text)
            self.notification(arn.resource, notification, hops)

    def _may_go_on(self, source: str, arn: Arn, hops: int, *, exists: bool) -> bool:
        if arn.namespace != self._namespace or not exists:
            self._lose(source, str(arn), "no such resource")
            return False
        if hops > HOPS_MAX:
            self._lose(source, str(arn), f"more than {HOPS_MAX} hops")
            return False
        return True

    def _lose(self, source: str, target: str, why: str) -> None:
        self.routed.undeliverable.append((source, target, why))

    def _new_uuid(self) -> str:
        return uuid_text(self._new_id())


def _too_many_attributes(notification: Notification, via: Via) -> bool:
    """Whether a raw delivery into a queue has more attributes than a queue's messages can."""
    return via.protocol == "sqs" and len(notification.attributes or ()) > MESSAGE_ATTRIBUTES_MAX


def _queue_of(resources: Resources, namespace: Namespace, target_arn: str) -> str | None:
    """The queue that a target's deliveries wait in: its own, or a function's internal one."""
    arn = Arn.parse(target_arn)
    if arn is None or arn.namespace != namespace:
        return None
    if arn.service == "sqs" and arn.resource in resources.queues:
        return arn.resource
    if arn.service == "lambda":
        name = function_name(arn.resource)
        return function_queue(name) if name in resources.functions else None
    return None


def rule_arn(namespace: Namespace, rule: Rule) -> str:
    """`…:rule/NAME` on the default bus, `…:rule/BUS/NAME` on others."""
    name = rule.name.partition("|")[2]
    place = name if rule.event_bus == "default" else f"{rule.event_bus}/{name}"
    return namespace.arn("events", f"rule/{place}")
