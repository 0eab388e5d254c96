"""subscriptions as the edge uses them: subscribe, confirm, configure, unsubscribe

An HTTP endpoint has to agree: it is sent a token, and gets messages only when that has come back.
One that is unsubscribed is told, with a token by which it can take that back. Both are messages in
the endpoint's own queue, put there by the commit that changes the subscription.
"""

import heapq
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import trio

from broker.core.commands import NewMessage
from broker.core.errors import (
    AuthorizationRequired,
    BrokerError,
    InvalidParameter,
    QueueDoesNotExist,
    SubscriptionDoesNotExist,
    TopicDoesNotExist,
)
from broker.core.limits import CONFIRMATION_S, DELIVERY_BACKLOG
from broker.core.message import Handshake, encode
from broker.core.names import Namespace, delivery_queue, uuid_text
from broker.core.registry import Resources
from broker.core.resources import Queue, Subscription, Topic
from broker.core.subscribers import Subscribers, subscription_arn
from broker.core.subscribing import HTTP_PROTOCOLS, check_endpoint, check_room, differs
from broker.runtime.ids import Ids
from broker.runtime.metrics import UNDELIVERABLE
from broker.runtime.queues import Queues
from broker.runtime.registrar import Change, Registrar, Waiting

log = logging.getLogger(__name__)

RETENTION_S = 365 * 86_400  # of an endpoint's queue: its drain gives up what is too old, not we
LOOK_S_MAX = 3_600.0  # between two looks at what is due, however the wall clock is set meanwhile
TRY_AGAIN_S = 5.0
_NOBODY = Subscribers()


class Subscriptions:
    """What programs do with subscriptions. Raises SubscriptionDoesNotExist throughout."""

    def __init__(
        self,
        registrar: Registrar,
        queues: Queues,
        ids: Ids,
        now_ms: Callable[[], int],
        backlog: int = DELIVERY_BACKLOG,
    ) -> None:
        self._registrar = registrar
        self._queues = queues
        self._ids = ids
        self._now_ms = now_ms
        self._backlog = backlog
        self._due: list[tuple[int, str, str]] = []  # a heap: when, namespace, name
        self._sleep = trio.CancelScope()

    # Looking

    def get(self, namespace: Namespace, name: str) -> Subscription:
        """One by its name, `<topic>:<uuid>`; one that was deleted isn't there."""
        found = self._resources(namespace).subscriptions.get(name)
        if found is None or found.status == "deleted":
            raise SubscriptionDoesNotExist
        return found

    def find(self, namespace: Namespace, name: str) -> Subscription | None:
        """The same, also of one that was deleted and may be restored; or None."""
        return self._resources(namespace).subscriptions.get(name)

    def all(self, namespace: Namespace, topic: str | None = None) -> list[Subscription]:
        """A topic's subscriptions, or all, by name. Raises: TopicDoesNotExist."""
        if topic is None:
            subscriptions = self._resources(namespace).subscriptions
            return [subscriptions[name] for name in sorted(subscriptions)]
        self._topic(namespace, topic)
        return sorted(self._of(namespace, topic), key=lambda each: each.name)

    def counts(self, namespace: Namespace, topic: str) -> dict[str, int]:
        """How many of a topic's subscriptions are confirmed, pending and deleted."""
        counts = {"confirmed": 0, "pending": 0, "deleted": 0}
        for subscription in self._of(namespace, topic):
            counts[subscription.status] += 1
        return counts

    # Subscribing

    async def subscribe(
        self,
        namespace: Namespace,
        topic: str,
        protocol: str,
        endpoint: str,
        given: Mapping[str, Any],
        *,
        confirmed: bool = False,
    ) -> Subscription:
        """A subscription; the same again is the one that is there.

        `given` are members of `Subscription` as they are wanted, checked one by one. An HTTP
        endpoint is asked to confirm, again if it hasn't yet, unless `confirmed`.
        Raises: TopicDoesNotExist, InvalidParameter, NotSupported, SubscriptionLimitExceeded,
        FilterPolicyLimitExceeded, StoreFull.
        """
        found: list[Subscription] = []
        changes: list[Change] = []
        asks = protocol in HTTP_PROTOCOLS and not confirmed
        wanted = self._new(topic, protocol, endpoint, given, asks=asks)

        def check() -> None:
            # When no other change is under way: two at once would both find none there.
            existing = self._existing(namespace, topic, protocol, endpoint)
            check_endpoint(namespace, self._topic(namespace, topic), protocol, endpoint)
            if existing is not None:
                if differs(existing, dict(given)):
                    raise InvalidParameter(
                        "Invalid parameter: Attributes Reason: Subscription already exists with "
                        "different attributes"
                    )
                found.append(existing)
                raise _IsThere
            check_room(self._topic(namespace, topic), self._of(namespace, topic), wanted)
            changes.append(("subscription", wanted.name, wanted, 0))
            changes.extend(self.queue_changes(wanted))

        first = self._handshake(namespace, wanted, "SubscriptionConfirmation") if asks else None
        try:
            await self._registrar.change(namespace, changes, check, first)
        except _IsThere:
            (existing,) = found
            if existing.status == "pending":
                await self._ask_again(namespace, existing)
            return existing
        return wanted

    def _new(
        self, topic: str, protocol: str, endpoint: str, given: Mapping[str, Any], *, asks: bool
    ) -> Subscription:
        now_ms = self._now_ms()
        new = Subscription(
            name=f"{topic}:{uuid_text(self._ids.new())}",
            topic=topic,
            protocol=protocol,
            endpoint=endpoint,
            created_at_ms=now_ms,
            modified_at_ms=now_ms,
            **given,
        )
        return self._unconfirmed(new, "pending") if asks else new

    def _existing(
        self, namespace: Namespace, topic: str, protocol: str, endpoint: str
    ) -> Subscription | None:
        subscribers = self._resources(namespace).subscribers.get(topic)
        found = subscribers.at_endpoint(protocol, endpoint) if subscribers else None
        return found if found is not None and found.status != "deleted" else None

    async def confirm(
        self,
        namespace: Namespace,
        topic: str,
        token: str,
        *,
        authenticated: bool,
        authenticate_on_unsubscribe: bool = False,
    ) -> Subscription:
        """Confirm a subscription, or restore one, by its token; again is as good.

        Raises: TopicDoesNotExist, InvalidParameter.
        """
        self._topic(namespace, topic)
        for subscription in self._of(namespace, topic):
            if token and subscription.token == token:
                break
        else:
            raise InvalidParameter("Invalid parameter: Token")
        if subscription.status == "confirmed":
            return subscription
        if subscription.status_until_ms <= self._now_ms():
            raise InvalidParameter("Invalid parameter: Token")
        confirmed = msgspec.structs.replace(
            subscription,
            status="confirmed",
            status_until_ms=0,
            confirmation_was_authenticated=authenticated,
            authenticate_on_unsubscribe=authenticate_on_unsubscribe,
        )
        await self._put(namespace, confirmed)
        return confirmed

    async def configure(
        self, namespace: Namespace, name: str, given: Mapping[str, Any]
    ) -> Subscription:
        """Change members of a subscription; a publish sees all of it or nothing.

        Raises: RecordChanged, FilterPolicyLimitExceeded, StoreFull.
        """
        subscription = self.get(namespace, name)
        changed = msgspec.structs.replace(subscription, **given, modified_at_ms=self._now_ms())
        if changed.filter_policy is not None and subscription.filter_policy is None:
            topic = self._topic(namespace, subscription.topic)
            check_room(topic, self._of(namespace, subscription.topic), changed, new=False)
        await self._put(namespace, changed)
        return changed

    async def unsubscribe(self, namespace: Namespace, name: str, *, authenticated: bool) -> None:
        """Remove a subscription; one that isn't there is as good.

        An HTTP endpoint is told, and can restore it for a while. Raises: AuthorizationRequired.
        """
        try:
            subscription = self.get(namespace, name)
        except SubscriptionDoesNotExist:
            return
        if subscription.authenticate_on_unsubscribe and not authenticated:
            raise AuthorizationRequired(
                "The subscription was confirmed with AuthenticateOnUnsubscribe: sign the request."
            )
        if subscription.protocol in HTTP_PROTOCOLS and subscription.status == "confirmed":
            deleted = self._unconfirmed(subscription, "deleted")
            told = self._handshake(namespace, deleted, "UnsubscribeConfirmation")
            await self._put(namespace, deleted, told)
            return
        await self._remove(namespace, subscription)

    async def _remove(self, namespace: Namespace, subscription: Subscription) -> None:
        changes: list[Change] = [("subscription", subscription.name, None, None)]
        if subscription.protocol in HTTP_PROTOCOLS:
            changes.append(("queue", delivery_queue(subscription.name), None, None))
        waiting = await waiting_deliveries(self._queues, namespace, [subscription])
        await self._registrar.change(namespace, changes)
        count_lost(waiting)

    # What is due

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Remove subscriptions that were not confirmed, or restored, in time; until cancelled."""
        for namespace, resources in self._registrar.registry.namespaces.items():
            for name in resources.subscriptions:
                self._hear(namespace, "subscription", name)
        self._registrar.listeners.append(self._hear)
        task_status.started()
        while True:
            with trio.CancelScope() as self._sleep:
                wait_s = (self._due[0][0] - self._now_ms()) / 1000 if self._due else LOOK_S_MAX
                await trio.sleep(min(max(wait_s, 0), LOOK_S_MAX))
            while self._due and self._due[0][0] <= self._now_ms():
                due_ms, namespace, name = heapq.heappop(self._due)
                subscription = self._registrar.registry.resources(namespace).subscriptions.get(name)
                if subscription is not None and subscription.status_until_ms == due_ms:
                    await self._remove_overdue(Namespace.parse(namespace), subscription)

    async def _remove_overdue(self, namespace: Namespace, subscription: Subscription) -> None:
        try:
            await self._remove(namespace, subscription)
        except BrokerError as error:
            log.warning("%s isn't removed yet: %s", subscription.name, error.message)
            again_ms = self._now_ms() + int(TRY_AGAIN_S * 1000)
            heapq.heappush(self._due, (again_ms, str(namespace), subscription.name))
            return
        log.info("%s was not confirmed in time, and is removed", subscription.name)

    def _hear(self, namespace: str, kind: str, name: str) -> None:
        if kind != "subscription":
            return
        found = self._registrar.registry.resources(namespace).subscriptions.get(name)
        if found is not None and found.status != "confirmed":
            heapq.heappush(self._due, (found.status_until_ms, namespace, name))
            self._sleep.cancel()

    # Parts

    def queue_changes(self, subscription: Subscription) -> list[Change]:
        """What makes the queue in which an HTTP endpoint's deliveries wait."""
        if subscription.protocol not in HTTP_PROTOCOLS:
            return []
        queue = Queue(
            name=delivery_queue(subscription.name),
            retention_s=RETENTION_S,
            created_at_ms=subscription.created_at_ms,
            declared=subscription.declared,
            messages_max=self._backlog,
        )
        return [("queue", queue.name, queue, None)]

    def _unconfirmed(self, subscription: Subscription, status: str) -> Subscription:
        return msgspec.structs.replace(
            subscription,
            status=status,
            status_until_ms=self._now_ms() + CONFIRMATION_S * 1000,
            token=(self._ids.new() + self._ids.new()).hex(),
        )

    def _handshake(self, namespace: Namespace, subscription: Subscription, kind: str) -> Waiting:
        topic_arn = namespace.arn("sns", subscription.topic)
        message_id = self._ids.new()
        body = Handshake(
            kind,
            topic_arn,
            subscription_arn(topic_arn, subscription),
            uuid_text(message_id),
            self._now_ms(),
            subscription.token,
        )
        message = NewMessage(message_id, encode(body))
        return Waiting(delivery_queue(subscription.name), [message])

    async def _ask_again(self, namespace: Namespace, subscription: Subscription) -> None:
        first = self._handshake(namespace, subscription, "SubscriptionConfirmation")
        await self._put(namespace, subscription, first)

    async def _put(
        self,
        namespace: Namespace,
        subscription: Subscription,
        first: Waiting | None = None,
    ) -> None:
        version = self._registrar.version(namespace, "subscription", subscription.name)
        change: Change = ("subscription", subscription.name, subscription, version)
        await self._registrar.change(namespace, [change], waiting=first)

    def _topic(self, namespace: Namespace, name: str) -> Topic:
        topic = self._resources(namespace).topics.get(name)
        if topic is None:
            raise TopicDoesNotExist
        return topic

    def _of(self, namespace: Namespace, topic: str) -> Subscribers:
        return self._resources(namespace).subscribers.get(topic, _NOBODY)

    def _resources(self, namespace: Namespace) -> Resources:
        return self._registrar.registry.resources(namespace)


class _IsThere(Exception):
    """There is nothing to be changed."""


async def waiting_deliveries(
    queues: Queues, namespace: Namespace, subscriptions: Iterable[Subscription]
) -> dict[str, int]:
    """How many deliveries wait for each HTTP endpoint among them, by subscription."""
    names = [each.name for each in subscriptions if each.protocol in HTTP_PROTOCOLS]
    if not names:
        return {}
    try:
        found = await queues.counts(namespace, *map(delivery_queue, names))
    except QueueDoesNotExist:
        return {}  # somebody else removes them
    totals = (each.visible + each.in_flight + each.delayed for each in found)
    return dict(zip(names, totals, strict=True))


def count_lost(waiting: Mapping[str, int]) -> None:
    """Count and log what went with its subscription."""
    for name, count in waiting.items():
        if count:
            UNDELIVERABLE.inc(count)
            log.warning("subscription %s is gone, with %d deliveries that waited", name, count)
