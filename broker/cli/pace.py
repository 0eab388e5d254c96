"""no more than so many a second"""

import time
from collections.abc import Callable

PARTS_PER_S = 4  # into which a second's worth is cut


class Pace:
    """Holds up a loop that does things in bulks. Without a rate it holds nothing up."""

    def __init__(self, rate: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._next = clock()  # when the next bulk may begin

    def bulk(self, most: int) -> int:
        """How many to do at once."""
        if self._rate is None:
            return most
        return max(1, min(most, int(self._rate / PARTS_PER_S)))

    def wait(self, count: int, sleep: Callable[[float], object] = time.sleep) -> None:
        """Until so many may begin. Time that was lost before is not made up for."""
        if self._rate is None:
            return
        now = self._clock()
        if now < self._next:
            sleep(self._next - now)
        self._next = max(now, self._next) + count / self._rate
