"""has the store do what is due, when it is due: one timer for all queues"""

import logging
import math

import trio

from broker.core.commands import Advance, StoreStatus
from broker.core.errors import StoreFailed, StoreFull
from broker.runtime.publisher import undeliverable
from broker.store.seam import Store, submit_one

log = logging.getLogger(__name__)

FAILED_PAUSE_S = 1.0
SLICE_PAUSE_S = 0.005  # between two slices of housekeeping, for others to get their turn


class Timekeeper:
    """Sleeps until the store's next due time, then submits `Advance`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._due_at = math.inf  # on trio's clock
        self._sleep = trio.CancelScope()

    def hear(self, status: StoreStatus) -> None:
        """Take note of when something is next due; called with every answer of the store."""
        if status.due_at_ms is None:
            self._due_at = math.inf
            return
        # What is overdue is due now, and not some time after this answer: on a busy broker there is
        # always another answer before that, and it would never be done.
        wait_s = max((status.due_at_ms - status.now_ms) / 1000, 0)
        due_at = trio.current_time() + wait_s
        if due_at < self._due_at - SLICE_PAUSE_S:
            self._sleep.cancel()
        self._due_at = due_at

    def look(self) -> None:
        """Ask the store what is due, whatever was waited for: clocks may have been set."""
        self._due_at = trio.current_time()
        self._sleep.cancel()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            with trio.CancelScope() as self._sleep:
                await trio.sleep_until(self._due_at)
            if trio.current_time() >= self._due_at:
                self._due_at = math.inf
                await self._advance()
                await trio.sleep(SLICE_PAUSE_S)

    async def _advance(self) -> None:
        try:
            for queue in await submit_one(self._store, "", Advance()):
                undeliverable("a wide publish", queue)
        except (StoreFailed, StoreFull) as error:
            # One queue's trouble must not stop the others' work, nor a full disk the daemon.
            log.error("housekeeping failed, again in %.0f s: %s", FAILED_PAUSE_S, error.message)
            await trio.sleep(FAILED_PAUSE_S)
