"""putting what was routed into the store, and counting what found no place"""

import logging
from collections.abc import Callable, Iterable

from broker.core.commands import FanOut
from broker.core.errors import BrokerError
from broker.core.limits import COMMIT_BYTES_MAX, COMMIT_ENTRIES_MAX
from broker.core.names import Namespace
from broker.core.routing import Routed
from broker.runtime.metrics import UNDELIVERABLE
from broker.store.seam import Store

log = logging.getLogger(__name__)


class Publisher:
    """The one way from a routed publish to the queues."""

    def __init__(self, store: Store, now_ms: Callable[[], int]) -> None:
        self._store = store
        self.now_ms = now_ms

    async def publish(self, namespace: Namespace, routed: Routed) -> None:
        """Commit all deliveries of one publish, or none.

        What can't be delivered is counted and logged, with its source and its target.
        Raises: StoreFull.
        """
        (refusal,) = await self.publish_each(namespace, [routed])
        if refusal is not None:
            raise refusal

    async def publish_each(
        self, namespace: Namespace, publishes: Iterable[Routed]
    ) -> list[BrokerError | None]:
        """Commit many publishes, each all or none; for each None or why it was refused.

        They go to the store in parts, so that a commit stays within its bounds, and are taken from
        `publishes` only as they are needed: of many wide ones, few are there at a time.
        """
        refusals: list[BrokerError | None] = []
        part: list[tuple[int, FanOut]] = []
        entries = size = 0
        for index, routed in enumerate(publishes):
            refusals.append(None)
            for source, target in routed.undeliverable:
                undeliverable(source, target)
            if not routed.entries:
                continue
            command = FanOut(routed.bodies, routed.entries)
            command_bytes = sum(map(len, routed.bodies))
            full = entries + command.weight > COMMIT_ENTRIES_MAX
            if part and (full or size + command_bytes > COMMIT_BYTES_MAX):
                await self._commit(namespace, part, refusals)
                part, entries, size = [], 0, 0
            part.append((index, command))
            entries += command.weight
            size += command_bytes
        if part:
            await self._commit(namespace, part, refusals)
        return refusals

    async def _commit(
        self,
        namespace: Namespace,
        part: list[tuple[int, FanOut]],
        refusals: list[BrokerError | None],
    ) -> None:
        outcomes = await self._store.submit(str(namespace), [command for _, command in part])
        for (index, command), outcome in zip(part, outcomes, strict=True):
            if isinstance(outcome, BrokerError):
                refusals[index] = outcome
                continue
            for homeless in outcome:
                undeliverable("a publish", command.entries[homeless].queue)


def undeliverable(source: str, target: str) -> None:
    """Count and log a delivery that nothing is there to take."""
    UNDELIVERABLE.inc()
    log.warning("%s can't deliver to %s: no such resource", source, target)
