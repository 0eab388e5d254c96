"""putting what was routed into the store, and counting what found no place"""

import logging
from collections.abc import Callable, Iterable, Sequence

from broker.core.commands import FanOut, FanOutOnce, NewEntry, Published, ReplaceMessages
from broker.core.errors import BrokerError
from broker.core.ledger import is_ledger
from broker.core.limits import COMMIT_BYTES_MAX, COMMIT_ENTRIES_MAX
from broker.core.names import Namespace
from broker.core.routed import Routed
from broker.runtime.live import Live
from broker.runtime.metrics import UNDELIVERABLE, UNRECORDED
from broker.store.seam import Store

log = logging.getLogger(__name__)

Outcome = Published | BrokerError | None
"""What a publish came to: of a FIFO topic what was published, else None; or why it was refused."""

_Part = list[tuple[int, Routed, FanOut | FanOutOnce]]


class Publisher:
    """The one way from a routed publish to the queues, and to those who follow live."""

    def __init__(self, store: Store, live: Live, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._live = live
        self.now_ms = now_ms

    async def publish(self, namespace: Namespace, routed: Routed) -> Published | None:
        """Commit all deliveries of one publish, or none.

        What can't be delivered is counted and logged, with its source and its target.
        Raises: StoreFull, QueueDoesNotExist (of a FIFO topic that is gone).
        """
        (outcome,) = await self.publish_each(namespace, [routed])
        if isinstance(outcome, BrokerError):
            raise outcome
        return outcome

    async def publish_each(
        self, namespace: Namespace, publishes: Iterable[Routed]
    ) -> list[Outcome]:
        """Commit many publishes, each all or none, in their order.

        They go to the store in parts, so that a commit stays within its bounds, and are taken from
        `publishes` only as they are needed: of many wide ones, few are there at a time.
        """
        outcomes: list[Outcome] = []
        part: _Part = []
        entries = size = 0
        for index, routed in enumerate(publishes):
            outcomes.append(None)
            for source, target, why in routed.undeliverable:
                undeliverable(source, target, why)
            command = routed.command()
            if command is None:
                self._live.committed(namespace, routed)
                continue
            command_bytes = sum(map(len, command.bodies))
            full = entries + command.weight > COMMIT_ENTRIES_MAX
            if part and (full or size + command_bytes > COMMIT_BYTES_MAX):
                await self._commit(namespace, part, outcomes)
                part, entries, size = [], 0, 0
            part.append((index, routed, command))
            entries += command.weight
            size += command_bytes
        if part:
            await self._commit(namespace, part, outcomes)
        return outcomes

    async def _commit(self, namespace: Namespace, part: _Part, outcomes: list[Outcome]) -> None:
        results = await self._store.submit(str(namespace), [command for *_, command in part])
        for (index, routed, command), result in zip(part, results, strict=True):
            if isinstance(result, BrokerError):
                outcomes[index] = result
                continue
            if isinstance(result, Published):
                outcomes[index] = result
            if not isinstance(result, Published) or not result.repeated:
                self._live.committed(namespace, routed)
            homeless = result.homeless if isinstance(result, Published) else result
            count_homeless("a publish", command.entries, homeless)

    async def publish_in_place(
        self, namespace: Namespace, routed: Routed, queue: str, receipt_handles: list[bytes]
    ) -> list[int]:
        """Commit all deliveries in the place of the received messages that they come of.

        Answers the indices of handles that are no longer good; if there are any, nothing is done.
        Raises: StoreFull, QueueDoesNotExist.
        """
        assert routed.once is None
        replace = ReplaceMessages(
            queue, receipt_handles, routed.bodies, routed.entries, admit=bool(routed.entries)
        )
        (outcome,) = await self._store.submit(str(namespace), [replace])
        if isinstance(outcome, BrokerError):
            raise outcome
        stale: list[int]
        stale, homeless = outcome
        if not stale:
            self.committed(namespace, f"queue {queue}", routed, homeless)
        return stale

    def committed(
        self, namespace: Namespace, source: str, routed: Routed, homeless: list[int]
    ) -> None:
        """Tell those who follow what was put in a message's place; count what found no queue."""
        for whence, target, why in routed.undeliverable:
            undeliverable(whence, target, why)
        self._live.committed(namespace, routed)
        count_homeless(source, routed.entries, homeless)


def count_homeless(source: str, entries: Sequence[NewEntry], homeless: list[int]) -> None:
    """Count and log the entries that found no queue, given by their indices."""
    for lost in homeless:
        queue = entries[lost].queue
        if is_ledger(queue):
            UNRECORDED.inc()
        else:
            undeliverable(source, queue)


def undeliverable(source: str, target: str, why: str = "no such resource") -> None:
    """Count and log a delivery that nothing is there to take."""
    UNDELIVERABLE.inc()
    log.warning("%s can't deliver to %s: %s", source, target, why)
