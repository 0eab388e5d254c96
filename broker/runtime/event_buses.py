"""event buses as the edge uses them, each with a queue for what nobody else keeps"""

from collections.abc import Mapping

import msgspec

from broker.core.errors import (
    EventBusDoesNotExist,
    EventBusExists,
    InvalidParameter,
    RecordChanged,
    ResourceInUse,
)
from broker.core.limits import RETENTION_S_MAX
from broker.core.names import Namespace, dead_letter_queue
from broker.core.registry import DEFAULT_BUS
from broker.core.resources import EventBus, Queue
from broker.runtime.ledger import Ledger
from broker.runtime.registrar import Change, Registrar


class EventBuses:
    """What programs do with buses; `default` is always there."""

    def __init__(self, registrar: Registrar, ledger: Ledger) -> None:
        self._registrar = registrar
        self._ledger = ledger

    def get(self, namespace: Namespace, name: str) -> EventBus:
        """One bus. Raises: EventBusDoesNotExist."""
        found = self._registrar.registry.resources(namespace).event_buses.get(name)
        if found is None:
            raise EventBusDoesNotExist(f"Event bus {name} does not exist.")
        return found

    def all(self, namespace: Namespace, prefix: str = "") -> list[EventBus]:
        """Every bus, by name."""
        buses = self._registrar.registry.resources(namespace).event_buses
        return [buses[name] for name in sorted(buses) if name.startswith(prefix)]

    async def create(self, namespace: Namespace, bus: EventBus) -> None:
        """Raises: EventBusExists."""
        exists = EventBusExists(f"Event bus {bus.name} already exists.")
        if bus.name in self._registrar.registry.resources(namespace).event_buses:
            raise exists
        try:
            changes: list[Change] = [("event_bus", bus.name, bus, 0)]
            await self._registrar.change(
                namespace, changes + self.queue_changes(namespace, bus.name)
            )
        except RecordChanged:
            raise exists from None

    async def configure(self, namespace: Namespace, bus: EventBus) -> None:
        """Replace the settings of a bus that is there. Raises: RecordChanged."""
        version = self._registrar.version(namespace, "event_bus", bus.name)
        changes: list[Change] = [("event_bus", bus.name, bus, version)]
        await self._registrar.change(namespace, changes + self.queue_changes(namespace, bus.name))

    async def delete(self, namespace: Namespace, name: str) -> None:
        """Delete a bus that has no rules; one that isn't there is as good.

        Its dead letters stay. Raises: InvalidParameter for `default`, ResourceInUse.
        """
        if name == DEFAULT_BUS:
            raise InvalidParameter(f"Cannot delete event bus {DEFAULT_BUS}.")

        def check() -> None:
            if self._registrar.registry.resources(namespace).rules_by_bus.get(name):
                raise ResourceInUse("Event bus can't be deleted since it has rules.")

        await self._registrar.change(namespace, [("event_bus", name, None, None)], check)

    async def make_default_queues(self, namespace: Namespace) -> None:
        """Make the queues that go with `default`, which nobody creates. Raises: StoreFull."""
        changes = self.queue_changes(namespace, DEFAULT_BUS)
        if changes:
            await self._registrar.change(namespace, changes)

    async def tag(self, namespace: Namespace, name: str, tags: Mapping[str, str]) -> None:
        """Replace a bus's tags. Raises: EventBusDoesNotExist, RecordChanged."""
        await self.configure(
            namespace, msgspec.structs.replace(self.get(namespace, name), tags=dict(tags))
        )

    def queue_changes(self, namespace: Namespace, name: str) -> list[Change]:
        """What makes the queues that go with a bus, if they aren't there yet."""
        changes = self._ledger.queue_changes(namespace)
        queue = dead_letter_queue(name)
        if queue not in self._registrar.registry.resources(namespace).queues:
            kept = Queue(name=queue, retention_s=RETENTION_S_MAX)
            changes.append(("queue", queue, kept, None))
        return changes
