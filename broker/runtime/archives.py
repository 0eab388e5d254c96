"""archives of event buses: what comes past is kept in a queue, which nobody receives from"""

from collections.abc import Callable

import msgspec

from broker.core import pattern
from broker.core.commands import QueueCounts
from broker.core.errors import ArchiveDoesNotExist, ArchiveExists, InvalidParameter, RecordChanged
from broker.core.limits import ARCHIVE_DAYS_MAX
from broker.core.names import Namespace, archive_queue
from broker.core.resources import Archive, Queue
from broker.runtime.event_buses import EventBuses
from broker.runtime.queues import Queues
from broker.runtime.registrar import Change, Registrar

DAY_S = 86_400


class Archives:
    """What programs do with archives."""

    def __init__(
        self, registrar: Registrar, queues: Queues, buses: EventBuses, now_ms: Callable[[], int]
    ) -> None:
        self._registrar = registrar
        self._queues = queues
        self._buses = buses
        self._now_ms = now_ms

    def get(self, namespace: Namespace, name: str) -> Archive:
        """One archive. Raises: ArchiveDoesNotExist."""
        found = self._registrar.registry.resources(namespace).archives.get(name)
        if found is None:
            raise ArchiveDoesNotExist(f"Archive {name} does not exist.")
        return found

    def all(self, namespace: Namespace, prefix: str = "") -> list[Archive]:
        """Every archive, by name."""
        archives = self._registrar.registry.resources(namespace).archives
        return [archives[name] for name in sorted(archives) if name.startswith(prefix)]

    async def events_kept(self, namespace: Namespace, name: str) -> int:
        """How many events lie in it, near enough. Raises: QueueDoesNotExist."""
        counts: QueueCounts
        (counts,) = await self._queues.counts(namespace, archive_queue(name))
        return counts.visible

    async def create(self, namespace: Namespace, archive: Archive) -> None:
        """Keep events from now on.

        Raises: ArchiveExists, EventBusDoesNotExist, InvalidEventPattern, InvalidParameter.
        """
        exists = ArchiveExists(f"Archive {archive.name} already exists.")
        self._check(namespace, archive)
        if archive.name in self._registrar.registry.resources(namespace).archives:
            raise exists
        try:
            await self._registrar.change(namespace, changes_for(archive, 0))
        except RecordChanged:
            raise exists from None

    async def configure(self, namespace: Namespace, archive: Archive) -> None:
        """Replace the settings of an archive that is there; what it holds stays.

        Raises: InvalidEventPattern, InvalidParameter, RecordChanged.
        """
        self._check(namespace, archive)
        version = self._registrar.version(namespace, "archive", archive.name)
        changed = msgspec.structs.replace(archive, modified_at_ms=self._now_ms())
        await self._registrar.change(namespace, changes_for(changed, version))

    async def delete(self, namespace: Namespace, name: str) -> None:
        """Delete an archive with all that it holds. Raises: ArchiveDoesNotExist."""
        self.get(namespace, name)
        await self._registrar.change(
            namespace,
            [("archive", name, None, None), ("queue", archive_queue(name), None, None)],
        )

    def _check(self, namespace: Namespace, archive: Archive) -> None:
        self._buses.get(namespace, archive.event_bus)
        if archive.event_pattern is not None:
            current = self._registrar.registry.resources(namespace).archives.get(archive.name)
            # One that is there already was taken once.
            if current is None or current.event_pattern != archive.event_pattern:
                pattern.parse_given(archive.event_pattern)
        if not 0 <= archive.retention_days <= ARCHIVE_DAYS_MAX:
            raise InvalidParameter(f"RetentionDays must be between 0 and {ARCHIVE_DAYS_MAX}.")


def changes_for(archive: Archive, version: int | None) -> list[Change]:
    """What makes an archive, or configures one: its record, and its queue."""
    days = archive.retention_days or ARCHIVE_DAYS_MAX
    queue = Queue(name=archive_queue(archive.name), retention_s=days * DAY_S)
    return [("archive", archive.name, archive, version), ("queue", queue.name, queue, None)]
