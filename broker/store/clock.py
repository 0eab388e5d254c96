"""the store's time: never back, never frozen"""

import time
from collections.abc import Callable


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


class Clock:
    """Wall time that a clock set back can't turn back.

    The larger of the wall clock and the previous value plus the monotonic time since: after a
    backward jump time goes on at its own pace until the wall clock has caught up.
    """

    def __init__(
        self,
        wall_ms: Callable[[], int] = _wall_ms,
        monotonic_ms: Callable[[], int] = _monotonic_ms,
    ) -> None:
        self._wall_ms = wall_ms
        self._monotonic_ms = monotonic_ms
        self._last_monotonic_ms = monotonic_ms()

    def next_ms(self, previous_ms: int) -> int:
        """The time of the next batch, given that of the one before (also of an earlier run)."""
        monotonic_ms = self._monotonic_ms()
        elapsed_ms = monotonic_ms - self._last_monotonic_ms
        self._last_monotonic_ms = monotonic_ms
        return max(self._wall_ms(), previous_ms + elapsed_ms)
