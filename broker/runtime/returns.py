"""messages whose receiver has gone: given back at once, rather than when their time is up

A receive is committed before its receiver can be told, so a receiver that hangs up in between would
take messages with it until their visibility timeout. Whoever finds that out says so here, without
waiting: it is mostly a task that is being cancelled. One task gives back what has gathered, in one
commit for each queue; it belongs to the runtime and outlives the connections.
"""

import logging
from collections.abc import Iterable

import trio

from broker.core.commands import ChangeVisibility, VisibilityChange
from broker.core.errors import BrokerError, QueueDoesNotExist
from broker.core.limits import COMMIT_ENTRIES_MAX
from broker.core.names import Namespace
from broker.store.seam import Store, submit_one

log = logging.getLogger(__name__)


class Returns:
    """What is on its way back into its queue."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[tuple[str, str], list[VisibilityChange]] = {}
        self._news = trio.lowlevel.ParkingLot()
        self._busy = False
        self._empty = trio.lowlevel.ParkingLot()

    def give_back(
        self,
        namespace: Namespace,
        queue: str,
        receipt_handles: Iterable[bytes],
        *,
        spend_receive: bool,
    ) -> None:
        """Have messages become visible, soon and in any case.

        `spend_receive` is False for what no receiver can have seen. A handle that is no longer good
        changes nothing.
        """
        changes = [VisibilityChange(handle, 0, spend_receive) for handle in receipt_handles]
        if changes:
            self._waiting.setdefault((namespace.text, queue), []).extend(changes)
            self._news.unpark()

    async def run(self) -> None:
        """Give back, until cancelled."""
        while True:
            while self._waiting:
                self._busy = True
                (namespace, queue), changes = self._waiting.popitem()
                for start in range(0, len(changes), COMMIT_ENTRIES_MAX):
                    await self._submit(
                        namespace, queue, changes[start : start + COMMIT_ENTRIES_MAX]
                    )
            self._busy = False
            self._empty.unpark_all()
            await self._news.park()

    async def wait_empty(self) -> None:
        """Until all is given back."""
        while self._waiting or self._busy:
            await self._empty.park()

    async def _submit(self, namespace: str, queue: str, changes: list[VisibilityChange]) -> None:
        try:
            await submit_one(self._store, namespace, ChangeVisibility(queue, changes))
        except QueueDoesNotExist:
            pass  # it went with all its messages
        except BrokerError as error:
            # They come back by themselves when their visibility timeout ends.
            log.error(
                "%d messages of %s are not given back: %s", len(changes), queue, error.message
            )
