"""how often and how much at once an endpoint is asked: as it was set, or as it is seen to bear"""

from dataclasses import dataclass

import trio

from broker.plugin import InvokerThrottled

__all__ = ["AdaptiveLimit", "Pace"]

WAIT_S_MAX = 5.0  # for its turn; whoever would wait longer is put back
FIRST, LEAST, MOST = 10.0, 1.0, 1_000.0
SHRINK = 0.7
SLOW = 2.0  # times the usual latency
FORGET = 0.05  # weight of a new latency in the usual one
FULL_RETRY_S = 0.2


@dataclass(slots=True)
class Pace:
    """So many requests a second, evenly."""

    next_at: float = 0.0

    async def wait(self, per_second: float, timeout_s: float) -> None:
        """Until it is this request's turn. Raises: InvokerThrottled, if that is far off.

        Half of the function's timeout is left to it.
        """
        now = trio.current_time()
        at = max(self.next_at, now)
        wait_s_max = min(WAIT_S_MAX, timeout_s / 2)
        if at - now > wait_s_max:
            raise InvokerThrottled("its rate is used up", retry_after_s=at - now - wait_s_max)
        self.next_at = at + 1 / per_second
        try:
            await trio.sleep_until(at)
        except trio.Cancelled:
            self.next_at -= 1 / per_second
            raise


@dataclass(slots=True)
class AdaptiveLimit:
    """How many requests at a time: one more now and then, fewer at once when it is too much.

    Too much is a 429 or a 503, or an answer that takes twice as long as usual. Additive increase,
    multiplicative decrease: the limit ends near what the endpoint bears, and follows it.
    """

    limit: float = FIRST
    running: int = 0
    usual_s: float | None = None
    _shrunk_at: float = 0.0

    def begin(self) -> float:
        """When it began. Raises: InvokerThrottled, if there are as many as may be."""
        if self.running >= int(self.limit):
            raise InvokerThrottled("as many requests as it bears", retry_after_s=FULL_RETRY_S)
        self.running += 1
        return trio.current_time()

    def end(self, began: float, *, refused: bool) -> None:
        """It was answered, or not."""
        now = trio.current_time()
        taken_s = now - began
        was_full = self.running >= int(self.limit)
        self.running -= 1
        slow = self.usual_s is not None and taken_s > self.usual_s * SLOW
        if not refused:
            self.usual_s = (
                taken_s if self.usual_s is None else self.usual_s * (1 - FORGET) + taken_s * FORGET
            )
        if refused or slow:
            # Those that were under way at the time say the same once more.
            if began >= self._shrunk_at:
                self.limit = max(self.limit * SHRINK, LEAST)
                self._shrunk_at = now
        elif was_full:
            self.limit = min(self.limit + 1 / self.limit, MOST)
