"""putting events on buses"""

from collections.abc import Iterator, Sequence

import msgspec

from broker.core.errors import (
    BrokerError,
)
from broker.core.event import Event, envelope
from broker.core.names import Namespace, uuid_text
from broker.core.registry import DEFAULT_BUS, Registry
from broker.core.routed import Routed
from broker.core.routing import Router
from broker.runtime.ids import Ids
from broker.runtime.ledger import Ledger
from broker.runtime.metrics import EVENTS, EVENTS_UNMATCHED
from broker.runtime.publisher import Publisher
from broker.runtime.rule_nets import taken_in

TARGET_SERVICES = ("sqs", "sns", "lambda")


class Events:
    """The way of an event to all that its bus's rules send it to."""

    def __init__(self, registry: Registry, publisher: Publisher, ledger: Ledger, ids: Ids) -> None:
        self._registry = registry
        self._ledger = ledger
        self._publisher = publisher
        self._ids = ids

    async def put(self, namespace: Namespace, event: Event, bus: str = DEFAULT_BUS) -> str:
        """Put an event on a bus; its id.

        Returns when every delivery that results is on disk, in one commit. An event on a bus that
        isn't there, or that no rule matches, goes nowhere, as on AWS; it is counted.
        Raises: StoreFull.
        """
        await self._ready(namespace, bus)
        event_id, routed = self._route(namespace, event, bus)
        await self._publisher.publish(namespace, routed)
        return event_id

    async def put_each(
        self, namespace: Namespace, events: Sequence[Event], bus: str = DEFAULT_BUS
    ) -> list[str | BrokerError]:
        """Put many events on a bus, each for itself; the id of each, or why it was refused."""
        event_ids: list[str] = []
        await self._ready(namespace, bus)

        def route_each() -> Iterator[Routed]:
            for event in events:
                event_id, routed = self._route(namespace, event, bus)
                event_ids.append(event_id)
                yield routed

        outcomes = await self._publisher.publish_each(namespace, route_each())
        return [
            outcome if isinstance(outcome, BrokerError) else event_id
            for event_id, outcome in zip(event_ids, outcomes, strict=True)
        ]

    async def _ready(self, namespace: Namespace, bus: str) -> None:
        await self._ledger.open(namespace)
        await taken_in(self._registry.resources(namespace).rule_nets.get(bus))

    def _route(self, namespace: Namespace, event: Event, bus: str) -> tuple[str, Routed]:
        """An event's id and its deliveries."""
        EVENTS.inc()
        now_ms = self._publisher.now_ms()
        event_id = event.id or uuid_text(self._ids.new())
        whole = envelope(event, event_id, namespace, now_ms)
        resources = self._registry.resources(namespace)
        router = Router(resources, namespace, self._ids.new, now_ms, event.trace_header)
        text = msgspec.json.encode(whole).decode()
        router.event(bus, whole, text)
        router.keep_trace(whole, text)
        if not router.routed.matched:
            EVENTS_UNMATCHED.inc()
        return event_id, router.routed
