"""putting what was routed into the store, and counting what found no place"""

import logging
from collections.abc import Callable, Sequence

from broker.core.commands import FanOut
from broker.core.errors import BrokerError, LimitExceeded
from broker.core.limits import COMMIT_BYTES_MAX, COMMIT_ENTRIES_MAX, FAN_OUT_TARGETS_MAX
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
        Raises: StoreFull, LimitExceeded.
        """
        (refusal,) = await self.publish_each(namespace, [routed])
        if refusal is not None:
            raise refusal

    async def publish_each(
        self, namespace: Namespace, publishes: Sequence[Routed]
    ) -> list[BrokerError | None]:
        """Commit many publishes, each all or none; for each None or why it was refused.

        They go to the store in parts, so that a commit stays within its bounds.
        """
        refusals: list[BrokerError | None] = [None] * len(publishes)
        part: list[int] = []
        entries = size = 0
        for index, routed in enumerate(publishes):
            for source, target in routed.undeliverable:
                self._undeliverable(source, target)
            if not routed.entries:
                continue
            if len(routed.entries) > FAN_OUT_TARGETS_MAX:
                refusals[index] = LimitExceeded(
                    f"A publish may reach at most {FAN_OUT_TARGETS_MAX} targets; "
                    f"this one would reach {len(routed.entries)}."
                )
                continue
            body_bytes = sum(map(len, routed.bodies))
            if part and (
                entries + len(routed.entries) > COMMIT_ENTRIES_MAX
                or size + body_bytes > COMMIT_BYTES_MAX
            ):
                await self._commit(namespace, publishes, part, refusals)
                part, entries, size = [], 0, 0
            part.append(index)
            entries += len(routed.entries)
            size += body_bytes
        if part:
            await self._commit(namespace, publishes, part, refusals)
        return refusals

    async def _commit(
        self,
        namespace: Namespace,
        publishes: Sequence[Routed],
        part: list[int],
        refusals: list[BrokerError | None],
    ) -> None:
        commands = [FanOut(publishes[index].bodies, publishes[index].entries) for index in part]
        outcomes = await self._store.submit(str(namespace), commands)
        for index, outcome in zip(part, outcomes, strict=True):
            if isinstance(outcome, BrokerError):
                refusals[index] = outcome
                continue
            for homeless in outcome:
                self._undeliverable("a publish", publishes[index].entries[homeless].queue)

    def _undeliverable(self, source: str, target: str) -> None:
        UNDELIVERABLE.inc()
        log.warning("%s can't deliver to %s: no such resource", source, target)
