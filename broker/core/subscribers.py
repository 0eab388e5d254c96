"""a topic's subscribers: which of them a publish goes to, without asking each one

Those without a filter policy get everything. The others stand in matchers, one for the message's
attributes, and for its body one for each protocol that is subscribed: with MessageStructure=json
the body differs by protocol.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from broker.core.filter_policy import attribute_leaves, body_event, parse_filter_policy
from broker.core.json_text import parse_json
from broker.core.message import Notification, Via
from broker.core.names import Arn, Namespace, delivery_queue, function_label, function_queue
from broker.core.pattern import Matcher
from broker.core.resources import Subscription

__all__ = [
    "Subscriber",
    "Subscribers",
    "dead_letter_queue_of",
    "subscription_arn",
    "subscription_id",
]


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscription as a publish needs it: where its deliveries wait, and how they got there."""

    subscription: Subscription
    queue: str  # "" if it is another topic, or an event bus
    via: Via
    dead_letter_queue: str | None

    @classmethod
    def of(cls, namespace: Namespace, subscription: Subscription) -> "Subscriber":
        """What follows from a subscription, which is checked to have an endpoint of its kind."""
        protocol = subscription.protocol
        form = "raw" if subscription.raw_message_delivery else "envelope"
        arn = Arn.parse(subscription.endpoint)
        resource = arn.resource if arn else ""
        queue = ""
        if protocol == "lambda":
            queue, form = function_queue(function_label(resource)), "record"
        elif protocol == "sqs":
            queue = resource
        elif protocol in ("http", "https"):
            queue = delivery_queue(subscription.name)
        via = Via(subscription_id(subscription), form, protocol)
        return cls(subscription, queue, via, dead_letter_queue_of(subscription))


def subscription_id(subscription: Subscription) -> str:
    """What its name, and its ARN, have behind the topic's: a UUID, if it isn't declared."""
    return subscription.name.partition(":")[2]


def subscription_arn(topic_arn: str, subscription: Subscription) -> str:
    """`<topic's ARN>:<uuid>`"""
    return f"{topic_arn}:{subscription_id(subscription)}"


def dead_letter_queue_of(subscription: Subscription) -> str | None:
    """The name of the queue that its redrive policy, which was checked, names."""
    if subscription.redrive_policy is None:
        return None
    arn = Arn.parse(str(parse_json(subscription.redrive_policy)["deadLetterTargetArn"]))
    return arn.resource if arn else None


class Subscribers:
    """Changed in one step between two checkpoints: a publish sees all of a change or nothing."""

    def __init__(self) -> None:
        self._all: dict[str, Subscriber] = {}
        self._at: dict[tuple[str, str], str] = {}  # names by protocol and endpoint
        self._unfiltered: dict[str, Subscriber] = {}
        self._by_attributes: Matcher[str] = Matcher()
        self._by_body: dict[str, Matcher[str]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Subscription]:
        """All subscriptions, also those that are not confirmed."""
        return (each.subscription for each in self._all.values())

    @property
    def filtered(self) -> int:
        """How many have a filter policy, of those that are confirmed."""
        return len(self._by_attributes) + sum(len(each) for each in self._by_body.values())

    def at_endpoint(self, protocol: str, endpoint: str) -> Subscription | None:
        """The subscription of that endpoint; of several, the one that was changed last."""
        name = self._at.get((protocol, endpoint))
        return self._all[name].subscription if name is not None else None

    def put(self, subscriber: Subscriber) -> None:
        """Take in a subscriber, in place of the one of that name."""
        subscription = subscriber.subscription
        name = subscription.name
        self.remove(name)
        self._all[name] = subscriber
        self._at[subscription.protocol, subscription.endpoint] = name
        if subscription.status != "confirmed":
            return
        if subscription.filter_policy is None:
            self._unfiltered[name] = subscriber
            return
        scope = subscription.filter_policy_scope
        pattern = parse_filter_policy(subscription.filter_policy, scope)
        if scope == "MessageAttributes":
            self._by_attributes.add(name, pattern)
        else:
            self._by_body.setdefault(subscription.protocol, Matcher()).add(name, pattern)

    def remove(self, name: str) -> None:
        """Forget a subscriber, if it is there."""
        subscriber = self._all.pop(name, None)
        if subscriber is None:
            return
        protocol, endpoint = subscriber.subscription.protocol, subscriber.subscription.endpoint
        if self._at.get((protocol, endpoint)) == name:
            del self._at[protocol, endpoint]
        self._unfiltered.pop(name, None)
        if name in self._by_attributes:
            self._by_attributes.remove(name)
        by_body = self._by_body.get(protocol)
        if by_body is not None and name in by_body:
            by_body.remove(name)
            if not len(by_body):
                del self._by_body[protocol]

    def matching(self, notification: Notification) -> Iterable[Subscriber]:
        """Whom the notification goes to: those without a filter policy, then the others."""
        if not self._by_body and not len(self._by_attributes):
            return self._unfiltered.values()
        found = list(self._unfiltered.values())
        if len(self._by_attributes):
            event = attribute_leaves(notification.attributes or {})
            if event is not None:
                found += (self._all[name] for name in self._by_attributes.matching(event))
        for protocol, by_body in self._by_body.items():
            body = body_event(notification.for_protocol(protocol))
            if body is not None:
                found += (self._all[name] for name in by_body.matching(body))
        return found
