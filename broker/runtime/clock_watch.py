"""notices that the wall clock was set ahead, or went on while the machine slept

Waits are measured by a clock that does neither. Whoever waits for what the store has due at some
time would wait on, until another command tells the store what time it is.
"""

import logging
from collections.abc import Callable

import trio

log = logging.getLogger(__name__)

LOOK_S = 10.0
AHEAD_MS = 1_000  # clocks that are steered drift by less


class ClockWatch:
    """Calls `told` soon after the wall clock has run ahead of what was waited."""

    def __init__(self, now_ms: Callable[[], int], told: Callable[[], None]) -> None:
        self._now_ms = now_ms
        self._told = told

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            wall_ms, at = self._now_ms(), trio.current_time()
            await trio.sleep(LOOK_S)
            ahead_ms = self._now_ms() - wall_ms - (trio.current_time() - at) * 1000
            if ahead_ms > AHEAD_MS:
                log.info("the clock went ahead by %.0f s", ahead_ms / 1000)
                self._told()
