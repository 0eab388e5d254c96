"""all HTTP endpoints that are subscribed: how each is, and what an operator can do about it"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from broker.core import commands
from broker.core.commands import QueueCounts
from broker.core.errors import InvalidParameter
from broker.core.names import Namespace, delivery_queue
from broker.core.registry import Registry
from broker.core.resources import Pause, Subscription
from broker.core.subscribing import HTTP_PROTOCOLS
from broker.runtime.document_signer import DocumentSigner
from broker.runtime.drain import Drain
from broker.runtime.endpoint import DeliveryOptions, Endpoint, EndpointStatus
from broker.runtime.ids import Ids
from broker.runtime.queues import Queues
from broker.runtime.subscriptions import Subscriptions
from broker.runtime.topics import Topics
from broker.store.seam import Store, submit_one


@dataclass(frozen=True, slots=True)
class DeliveryStatus:
    """How deliveries to an endpoint are going."""

    subscription: Subscription
    counts: QueueCounts  # waiting, under way, and delayed until their next attempt
    next_attempt_ms: int | None  # of the message that is due first
    endpoint: EndpointStatus


class Endpoints:
    """The workers of HTTP subscriptions, by subscription."""

    def __init__(
        self,
        store: Store,
        registry: Registry,
        queues: Queues,
        subscriptions: Subscriptions,
        topics: Topics,
        signer: DocumentSigner,
        ids: Ids,
        now_ms: Callable[[], int],
        options: DeliveryOptions,
    ) -> None:
        self._store = store
        self._registry = registry
        self._queues = queues
        self._subscriptions = subscriptions
        self._topics = topics
        self._signer = signer
        self._ids = ids
        self._now_ms = now_ms
        self._options = options
        self._working: dict[tuple[str, str], Endpoint] = {}

    # For the dispatchers: see `broker.runtime.dispatchers.Workers`

    def names(self, namespace: str) -> Iterable[str]:
        """Subscriptions of HTTP endpoints."""
        for subscription in self._registry.resources(namespace).subscriptions.values():
            if subscription.protocol in HTTP_PROTOCOLS:
                yield subscription.name

    def has(self, namespace: str, name: str) -> bool:
        """Whether that is one; if so, its worker looks at it anew."""
        found = self._registry.resources(namespace).subscriptions.get(name)
        if found is None or found.protocol not in HTTP_PROTOCOLS:
            self._working.pop((namespace, name), None)
            return False
        if (namespace, name) in self._working:
            self._working[namespace, name].hear()
        return True

    def queue(self, name: str) -> str:
        """Where its deliveries wait."""
        return delivery_queue(name)

    def worker(self, drain: Drain, name: str) -> Endpoint:
        """A new worker for it."""
        # Here and not above: httpx takes long to load.
        from broker.runtime.http_sender import HttpSender

        options = self._options
        sender = HttpSender(
            options.permits(drain.namespace),
            lambda: self._now_ms() / 1000,
            connections_max=options.concurrency,
            resolve=options.resolve,
            ca_file=options.ca_file,
        )
        worker = self._working[str(drain.namespace), name] = Endpoint(
            drain,
            sender,
            self._subscriptions,
            self._topics,
            self._signer,
            self._ids,
            name,
            self._now_ms,
            self._options,
        )
        return worker

    # For operators

    async def status(self, namespace: Namespace, name: str) -> DeliveryStatus:
        """How deliveries to an endpoint go. Raises: SubscriptionDoesNotExist, InvalidParameter."""
        subscription = self._http_subscription(namespace, name)
        queue = delivery_queue(name)
        (counts,) = await self._queues.counts(namespace, queue)
        peeked = await self._queues.peek(namespace, queue, 1)
        due_ms = [one.visible_at_ms for one in peeked if not one.in_flight]
        working = self._working.get((str(namespace), name))
        status = working.status if working else EndpointStatus()
        next_ms = status.probe_at_ms if subscription.pause else min(due_ms, default=None)
        return DeliveryStatus(subscription, counts, next_ms, status)

    async def retry_now(self, namespace: Namespace, name: str) -> int:
        """Make the next attempts at once instead of when they are due; how many there are.

        Raises: SubscriptionDoesNotExist, InvalidParameter.
        """
        self._http_subscription(namespace, name)
        command = commands.ReleaseHidden(delivery_queue(name), delayed=True)
        released = 0
        while True:
            slice_: int = await submit_one(self._store, str(namespace), command)
            released += slice_
            if slice_ < command.limit:
                return released

    async def pause(self, namespace: Namespace, name: str, reason: str) -> Subscription:
        """Send nothing to an endpoint until it is resumed; its messages wait.

        Raises: SubscriptionDoesNotExist, InvalidParameter, RecordChanged.
        """
        self._http_subscription(namespace, name)
        pause = Pause("operator", reason, self._now_ms())
        return await self._subscriptions.configure(namespace, name, {"pause": pause})

    async def resume(self, namespace: Namespace, name: str) -> Subscription:
        """Send again, whoever has paused it.

        Raises: SubscriptionDoesNotExist, InvalidParameter, RecordChanged.
        """
        self._http_subscription(namespace, name)
        return await self._subscriptions.configure(namespace, name, {"pause": None})

    def _http_subscription(self, namespace: Namespace, name: str) -> Subscription:
        subscription = self._subscriptions.get(namespace, name)
        if subscription.protocol not in HTTP_PROTOCOLS:
            raise InvalidParameter(
                f"The subscription delivers into a queue or to a function "
                f"({subscription.protocol}); only HTTP endpoints have deliveries of their own."
            )
        return subscription
