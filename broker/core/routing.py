"""where a publish goes: rules and subscriptions, followed to the queues at their ends

Routing decides the full list of deliveries before anything is written. It follows topics and stays
within the namespace; what it returns becomes one `FanOut`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from broker.core import message
from broker.core.commands import NewEntry
from broker.core.message import Message, Notification
from broker.core.names import Arn, Namespace, function_name, function_queue, uuid_text
from broker.core.registry import Resources
from broker.core.resources import Rule, Target

NewId = Callable[[], bytes]


@dataclass(slots=True)
class Routed:
    """The deliveries of one publish, and what could not be delivered."""

    bodies: list[bytes] = field(default_factory=list)
    entries: list[NewEntry] = field(default_factory=list)
    matched: list[str] = field(default_factory=list)  # names of rules
    undeliverable: list[tuple[str, str]] = field(default_factory=list)  # from where, to where

    def add_body(self, body: Message | Notification) -> int:
        """The index by which entries name the body."""
        self.bodies.append(message.encode(body))
        return len(self.bodies) - 1


def route_event(
    resources: Resources,
    namespace: Namespace,
    bus: str,
    event: dict[str, Any],
    event_json: str,
    new_id: NewId,
    now_ms: int,
) -> Routed:
    """All deliveries of an event on a bus: every target of every rule that matches it."""
    routed = Routed()
    matcher = resources.matchers.get(bus)
    if matcher is None:
        return routed
    whole: int | None = None  # the event's own text, stored once for all that want it
    for rule_name in matcher.matching(event):
        rule = resources.rules[rule_name]
        routed.matched.append(rule_name)
        for target in rule.targets:
            text = event_json if target.input is None else target.input
            arn = Arn.parse(target.arn)
            if arn is not None and arn.service == "sns" and arn.resource in resources.topics:
                notification = Notification(target.arn, _uuid(new_id), now_ms, text)
                _to_subscriptions(resources, routed, arn.resource, notification, new_id)
                continue
            queue = _queue_of(resources, namespace, target.arn)
            if queue is None:
                routed.undeliverable.append((f"rule {rule_name}", target.arn))
                continue
            if target.input is None:
                if whole is None:
                    whole = routed.add_body(message.message(event_json))
                body = whole
            else:
                body = routed.add_body(message.message(target.input))
            routed.entries.append(NewEntry(queue, new_id(), body))
    return routed


def route_notification(
    resources: Resources, topic: str, notification: Notification, new_id: NewId
) -> Routed:
    """All deliveries of a publish to a topic."""
    routed = Routed()
    _to_subscriptions(resources, routed, topic, notification, new_id)
    return routed


def target_is_reachable(resources: Resources, namespace: Namespace, target: Target) -> bool:
    """Whether a target names something that is there now."""
    arn = Arn.parse(target.arn)
    if arn is not None and arn.service == "sns":
        return arn.namespace == namespace and arn.resource in resources.topics
    return _queue_of(resources, namespace, target.arn) is not None


def _to_subscriptions(
    resources: Resources, routed: Routed, topic: str, notification: Notification, new_id: NewId
) -> None:
    subscribers = resources.subscribers.get(topic)
    if not subscribers:
        return
    body = routed.add_body(notification)
    queues, entries = resources.queues, routed.entries
    for subscriber in subscribers.values():
        if subscriber.queue in queues:
            entries.append(NewEntry(subscriber.queue, new_id(), body, via=subscriber.via))
        else:
            routed.undeliverable.append((f"topic {topic}", subscriber.subscription.endpoint))


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


def _uuid(new_id: NewId) -> str:
    return uuid_text(new_id())
