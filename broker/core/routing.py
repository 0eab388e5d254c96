"""where a publish goes: rules and subscriptions, followed to the queues at their ends

Routing decides the full list of deliveries before anything is written. It follows topics and buses
within the namespace, a few hops far; what it finds becomes one `FanOut`. What can't be delivered is
a delivery to a dead-letter queue, or is told as lost if there is none.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from broker.core import ledger, message
from broker.core.commands import NewEntry
from broker.core.event import envelope, notification_event
from broker.core.input_template import TransformationFailed
from broker.core.limits import HOPS_MAX, MESSAGE_ATTRIBUTES_MAX
from broker.core.message import Notification, Via
from broker.core.names import (
    Arn,
    Namespace,
    archive_queue,
    dead_letter_queue,
    event_bus_name,
    uuid_text,
)
from broker.core.registry import Resources
from broker.core.routed import Once, Routed
from broker.core.rule_dead_letters import rule_dead_letter, unmatched_dead_letter
from broker.core.rule_targets import RuleTarget, rule_arn
from broker.core.subscribers import Subscriber
from broker.core.target_input import Occasion

__all__ = ["NO_RESOURCE", "Obstacle", "Router", "dead_letter_queues"]

NewId = Callable[[], bytes]


class Obstacle(NamedTuple):
    """Why something can't be delivered: an error code of EventBridge's, or one like them."""

    code: str
    error: str


NO_RESOURCE = Obstacle("NO_RESOURCE", "The target does not exist.")
TOO_MANY_HOPS = Obstacle("TOO_MANY_HOPS", f"It was passed on more than {HOPS_MAX} times.")


@dataclass(slots=True)
class _Arrived:
    """An event on a bus, and what of it is put into the fan-out already."""

    bus: str
    event: dict[str, Any]
    json: str
    hops: int
    whole: int | None = None  # the event's own text, stored once for all that want it


class Router:
    """Follows one publish to all its ends; `routed` is what it has found, after what was there.

    All that it leads to keeps its `trace_header`.
    """

    def __init__(
        self,
        resources: Resources,
        namespace: Namespace,
        new_id: NewId,
        now_ms: int,
        trace_header: str | None = None,
        routed: Routed | None = None,
    ) -> None:
        self.routed = routed = Routed() if routed is None else routed
        # Where that begins which is of this publish.
        self._events_at, self._matched_at = len(routed.events), len(routed.matched)
        self._entries_at, self._lost_at = len(routed.entries), len(routed.undeliverable)
        self._resources = resources
        self._namespace = namespace
        self._new_id = new_id
        self._now_ms = now_ms
        self._trace_header = trace_header
        self._first_whole: int | None = None  # the body of the event that came first

    # Events

    def event(
        self,
        bus: str,
        event: dict[str, Any],
        event_json: str,
        hops: int = 0,
        *,
        rules: frozenset[str] = frozenset(),
    ) -> None:
        """Deliver an event on a bus to every target of every rule that matches it.

        If `rules` are named, only these count.
        """
        self.routed.events.append((bus, event))
        arrived = _Arrived(bus, event, event_json, hops)
        self._archive(arrived)
        matcher = self._resources.rule_nets.get(bus)
        matched = matcher.matching(event) if matcher is not None else []
        for rule in matched:
            if not rules or rule in rules:
                self._to_targets(rule, arrived)
        if not matched:
            self._keep_unmatched(arrived)

    def event_to_rules(
        self, bus: str, rules: Iterable[str], event: dict[str, Any], event_json: str
    ) -> None:
        """Deliver an event to the targets of these rules, whatever their patterns say."""
        arrived = _Arrived(bus, event, event_json, 0)
        for rule in rules:
            self._to_targets(rule, arrived)

    def keep_trace(
        self,
        event: dict[str, Any],
        event_json: str,
        bus: str = "",
        *,
        replay: str = "",
        body: int | None = None,
    ) -> None:
        """Write down what came of an event, once it is routed, where there is a ledger.

        `bus` is that of one that came to rules without having been put on it, `body` its text if
        that was put into the fan-out by another. What a `replay` makes of an event is a record
        beside the event's own.
        """
        queue = ledger.REPLAYS if replay else ledger.EVENTS
        if queue not in self._resources.queues:
            return
        routed = self.routed
        bus = bus or routed.events[self._events_at][0]
        trace = ledger.trace_of(
            bus,
            routed.matched[self._matched_at :],
            routed.entries[self._entries_at :],
            routed.undeliverable[self._lost_at :],
        )
        if body is None:
            body = self._first_whole
        if body is None:
            body = routed.add_body(self._message(event_json))
        via = Via("", "trace", "events", trace=trace)
        event_id = str(event["id"])
        key = ledger.replay_key(event_id, replay) if replay else ledger.event_key(event_id)
        routed.entries.append(NewEntry(queue, key, body, via=via, findable=True))

    def _archive(self, arrived: _Arrived) -> None:
        archiver = self._resources.archivers.get(arrived.bus)
        for name in archiver.keeping(arrived.event) if archiver is not None else ():
            entry = NewEntry(archive_queue(name), self._new_id(), self._whole(arrived))
            self.routed.entries.append(entry)

    def _to_targets(self, rule: str, arrived: _Arrived) -> None:
        self.routed.matched.append(rule)
        for target in self._resources.rule_targets[rule]:
            self._to_target(target, arrived)

    def event_to_target(
        self,
        target: RuleTarget,
        bus: str,
        event: dict[str, Any],
        event_json: str,
        hops: int,
    ) -> Obstacle | None:
        """Deliver an event to one target, from a namespace that keeps the dead letter if it can't.

        Answers what is in the way.
        """
        return self._take(target, _Arrived(bus, event, event_json, hops))

    def _to_target(self, target: RuleTarget, arrived: _Arrived) -> None:
        obstacle = self._take(target, arrived)
        if obstacle is not None:
            self._give_up(target, arrived, obstacle)

    def _take(self, target: RuleTarget, arrived: _Arrived) -> Obstacle | None:
        if target.kind == "topic":
            return self._to_topic(target, arrived)
        if target.kind == "event_bus":
            return self._to_bus(target, arrived)
        return self._to_queue(target, arrived)

    def _to_queue(self, target: RuleTarget, arrived: _Arrived) -> Obstacle | None:
        """Into a queue: the target's own, a function's, or the one in which it waits to be sent."""
        queue = self._resources.queues.get(target.name)
        if queue is None:
            return NO_RESOURCE
        # What is sent elsewhere takes its form only then: the event may be a dead letter yet.
        text = arrived.json if target.kind == "elsewhere" else self._text(target, arrived)
        if isinstance(text, Obstacle):
            return text
        if _longer(text, queue.maximum_message_size):
            return _too_large(queue.maximum_message_size)
        group, deduplication_id = target.target.message_group_id, None
        if queue.fifo:
            if group is None:
                return Obstacle("INVALID_PARAMETER", "A FIFO queue needs a message group.")
            content = queue.content_based_deduplication
            deduplication_id = _sha256(text) if content else _event_id(arrived.event)
        whole = text is arrived.json
        if whole:
            body = self._whole(arrived)
        elif target.kind == "function":
            body = self.routed.add_body(self._made_of(arrived, text))
        else:
            body = self.routed.add_body(self._message(text))
        via = target.via
        if arrived.hops and target.kind == "elsewhere":
            via = msgspec.structs.replace(via, hops=arrived.hops)
        dead_letter = dead_letter_queues(self._resources, target, arrived.bus)[0]
        self.routed.entries.append(
            NewEntry(
                target.name, self._new_id(), body, 0, via, dead_letter, group, deduplication_id
            )
        )
        return None

    def _to_topic(self, target: RuleTarget, arrived: _Arrived) -> Obstacle | None:
        topic = self._resources.topics.get(target.name)
        hops = arrived.hops + 1
        if topic is None:
            return NO_RESOURCE
        if hops > HOPS_MAX:
            return TOO_MANY_HOPS
        text = self._text(target, arrived)
        if isinstance(text, Obstacle):
            return text
        if _longer(text, topic.maximum_message_size):
            return _too_large(topic.maximum_message_size)
        notification = Notification(
            target.target.arn,
            self._new_uuid(),
            self._now_ms,
            text,
            trace_header=self._trace_header,
        )
        self.notification(target.name, notification, hops)
        return None

    def _to_bus(self, target: RuleTarget, arrived: _Arrived) -> Obstacle | None:
        hops = arrived.hops + 1
        if target.name not in self._resources.event_buses:
            return NO_RESOURCE
        if hops > HOPS_MAX:
            return TOO_MANY_HOPS
        self.event(target.name, arrived.event, arrived.json, hops)
        return None

    def _text(self, target: RuleTarget, arrived: _Arrived) -> str | Obstacle:
        """What the target gets."""
        if target.input is None:
            return arrived.json
        arn = rule_arn(self._namespace, target.rule)
        try:
            return target.input(Occasion(arrived.event, arrived.json, arn, self._now_ms))
        except TransformationFailed as error:
            return Obstacle("TRANSFORMATION_FAILED", str(error))

    def _whole(self, arrived: _Arrived) -> int:
        if arrived.whole is None:
            arrived.whole = self.routed.add_body(self._message(arrived.json))
            if self._first_whole is None:
                self._first_whole = arrived.whole
        return arrived.whole

    def _give_up(self, target: RuleTarget, arrived: _Arrived, obstacle: Obstacle) -> None:
        """Make a dead letter of the event, in the target's queue for that or in the bus's."""
        arn = rule_arn(self._namespace, target.rule)
        body = rule_dead_letter({"RULE_ARN": arn}, arrived.json, target.target.arn, *obstacle)
        queues = dead_letter_queues(self._resources, target, arrived.bus)
        via = msgspec.structs.replace(target.via, cause=": ".join(obstacle))
        if not self._keep(body, via, *queues):
            self._lose(f"rule {target.rule}", target.target.arn, obstacle.code)

    def _keep_unmatched(self, arrived: _Arrived) -> None:
        bus = self._resources.event_buses.get(arrived.bus)
        if bus is None or not bus.keeps_unmatched:
            return
        bus_arn = self._namespace.arn("events", f"event-bus/{arrived.bus}")
        queues = dead_letter_queues(self._resources, None, arrived.bus)
        if not self._keep(unmatched_dead_letter(arrived.json, bus_arn), None, *queues):
            self._lose(f"event bus {arrived.bus}", "no rule", "NO_RULE_MATCHED")

    def _keep(self, body: message.Message, via: Via | None, *queues: str) -> bool:
        """Put a dead letter into the first of these queues that is there."""
        for name in queues:
            if name in self._resources.queues:
                entry = NewEntry(name, self._new_id(), self.routed.add_body(body), via=via)
                self.routed.entries.append(entry)
                return True
        return False

    # Topics

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
            if subscriber.queue:
                if body < 0:
                    body = self.routed.add_body(notification)
                self._deliver(subscriber, notification, body)
            else:
                self._forward(subscriber, notification, hops + 1)

    def _deliver(self, subscriber: Subscriber, notification: Notification, body: int) -> None:
        queue, via, dead_letter = subscriber.queue, subscriber.via, subscriber.dead_letter_queue
        if queue not in self._resources.queues:
            self._dead_letter(subscriber, notification, body, "QueueDoesNotExist")
            return
        if via.form == "raw" and _too_many_attributes(notification, via):
            self._dead_letter(subscriber, notification, body, "TooManyMessageAttributes")
            return
        group, deduplication_id = notification.group, notification.deduplication_id
        self.routed.entries.append(
            NewEntry(queue, self._new_id(), body, 0, via, dead_letter, group, deduplication_id)
        )

    def _dead_letter(
        self, subscriber: Subscriber, notification: Notification, body: int | None, cause: str
    ) -> None:
        """Keep what a subscription was to get in its dead-letter queue, if it has one."""
        queue = subscriber.dead_letter_queue
        if queue not in self._resources.queues:
            source = f"topic {subscriber.subscription.topic}"
            self._lose(source, subscriber.subscription.endpoint, cause)
            return
        assert queue is not None
        if body is None:
            body = self.routed.add_body(notification)
        via = msgspec.structs.replace(subscriber.via, cause=cause)
        group, deduplication_id = notification.group, notification.deduplication_id
        self.routed.entries.append(
            NewEntry(queue, self._new_id(), body, 0, via, None, group, deduplication_id)
        )

    def _forward(self, subscriber: Subscriber, notification: Notification, hops: int) -> None:
        """Publish to another topic, or put on an event bus, what was published here."""
        arn = Arn.parse(subscriber.subscription.endpoint)
        assert arn is not None
        bus = event_bus_name(arn.resource)
        known = self._resources.event_buses if bus else self._resources.topics
        exists = arn.namespace == self._namespace and (bus or arn.resource) in known
        obstacle = NO_RESOURCE if not exists else TOO_MANY_HOPS if hops > HOPS_MAX else None
        if obstacle is not None:
            self._dead_letter(subscriber, notification, None, ": ".join(obstacle))
        elif bus:
            event = notification_event(notification)
            whole = envelope(event, self._new_uuid(), self._namespace, self._now_ms)
            self.event(bus, whole, msgspec.json.encode(whole).decode(), hops)
        else:
            forwarded = msgspec.structs.replace(
                notification, topic_arn=str(arn), message_id=self._new_uuid(), signature=None
            )
            self.notification(arn.resource, forwarded, hops)

    def _lose(self, source: str, target: str, why: str) -> None:
        self.routed.undeliverable.append((source, target, why))

    def _message(self, text: str) -> message.Message:
        return message.traced_message(text, self._trace_header)

    def _made_of(self, arrived: _Arrived, text: str) -> message.Message:
        """With the event beside it, for the dead letter if the function gives it up."""
        system = {message.ORIGINAL_EVENT: arrived.json}
        return message.traced_message(text, self._trace_header, None, system)

    def _new_uuid(self) -> str:
        return uuid_text(self._new_id())


def _too_many_attributes(notification: Notification, via: Via) -> bool:
    """Whether a raw delivery into a queue has more attributes than a queue's messages can."""
    return via.protocol == "sqs" and len(notification.attributes or ()) > MESSAGE_ATTRIBUTES_MAX


def dead_letter_queues(resources: Resources, target: RuleTarget | None, bus: str) -> list[str]:
    """Where a dead letter may go, the best place first: the target's, the bus's, the bus's own."""
    queues = [target.dead_letter_queue] if target is not None and target.dead_letter_queue else []
    found = resources.event_buses.get(bus)
    arn = Arn.parse(found.dead_letter_target_arn or "") if found is not None else None
    if arn is not None:
        queues.append(arn.resource)
    return [*queues, dead_letter_queue(bus)]


def _longer(text: str, limit_bytes: int) -> bool:
    return 4 * len(text) > limit_bytes and len(text.encode()) > limit_bytes


def _too_large(limit_bytes: int) -> Obstacle:
    return Obstacle("MESSAGE_TOO_LARGE", f"The message is longer than {limit_bytes} bytes.")


def _event_id(event: dict[str, Any]) -> str:
    """What a FIFO queue knows the event by: it may get it again only by a replay."""
    replay = event.get("replay-name")
    return _sha256(f"{event['id']} {replay}") if replay is not None else str(event["id"])


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
