"""the concurrency ledger: one set of rules for every way in which a function can be invoked

The account has so many concurrent executions. A function with reserved concurrency has that part
for itself and no more; all others share what is left. However many it may have, a function gets
more of them only so fast: a thousand at once, and then a hundred more each second.

Who asks on behalf of a caller takes what there is. Who drains a backlog leaves the last tenth of
what is shared to functions that run less than that: so a backlog, however long, doesn't stand in
the way of another function's first invocation.
"""

from dataclasses import dataclass, field

from broker.core.errors import ReservationTooLarge
from broker.core.limits import (
    ACCOUNT_CONCURRENCY,
    SCALING_BURST,
    SCALING_FORGOTTEN_S,
    SCALING_PER_S,
    UNRESERVED_CONCURRENCY_MIN,
)

RESERVED_EXCEEDED = "ReservedFunctionConcurrentInvocationLimitExceeded"
UNRESERVED_EXCEEDED = "ConcurrentInvocationLimitExceeded"
SCALING_EXCEEDED = "FunctionInvocationRateLimitExceeded"


@dataclass(slots=True)
class _Scaling:
    """How far a function has grown, and how much further it may at once: a token bucket."""

    reached: int = 0  # executions at one time
    tokens: float = SCALING_BURST
    at_s: float = 0.0  # when the tokens were counted
    busy_s: float = 0.0  # when it last began or ended one

    def refill(self, now_s: float) -> None:
        self.tokens = min(self.tokens + (now_s - self.at_s) * SCALING_PER_S, SCALING_BURST)
        self.at_s = now_s


@dataclass(slots=True)
class Ledger:
    """Who runs how many at once, in one account and region."""

    account_limit: int = ACCOUNT_CONCURRENCY
    reserved: dict[str, int] = field(default_factory=dict)  # by function
    running: dict[str, int] = field(default_factory=dict)  # by function; absent is 0
    _scaling: dict[str, _Scaling] = field(default_factory=dict)
    _reserved_sum: int = 0
    _unreserved_running: int = 0

    @property
    def unreserved_limit(self) -> int:
        """What functions without a reservation share."""
        return max(self.account_limit - self._reserved_sum, 0)

    def refusal(self, function: str, now_s: float, *, backlog: bool = False) -> str | None:
        """Why one more execution would not fit, in Lambda's words; None if it would.

        `backlog`: nobody waits for it, but others may be about to come.
        """
        running = self.running.get(function, 0)
        if function in self.reserved:
            if running >= self.reserved[function]:
                return RESERVED_EXCEEDED
        else:
            free = self.unreserved_limit - self._unreserved_running
            kept = self.unreserved_limit // 10 if backlog else 0
            if free <= 0 or (free <= kept <= running):
                return UNRESERVED_EXCEEDED
        return SCALING_EXCEEDED if self._grows_too_fast(function, running, now_s) else None

    def acquire(self, function: str, now_s: float, *, backlog: bool = False) -> str | None:
        """Begin an execution; why not, if it doesn't fit."""
        refusal = self.refusal(function, now_s, backlog=backlog)
        if refusal is not None:
            return refusal
        running = self.running.get(function, 0) + 1
        self.running[function] = running
        if function not in self.reserved:
            self._unreserved_running += 1
        scaling = self._scaling.setdefault(function, _Scaling(at_s=now_s))
        scaling.busy_s = now_s
        if running > scaling.reached:
            scaling.refill(now_s)
            scaling.tokens -= 1
            scaling.reached = running
        return None

    def release(self, function: str, now_s: float) -> None:
        """End an execution."""
        left = self.running[function] - 1
        assert left >= 0
        if function not in self.reserved:
            self._unreserved_running -= 1
        self._scaling[function].busy_s = now_s
        if left:
            self.running[function] = left
        else:
            del self.running[function]

    def reserve(self, function: str, executions: int | None) -> None:
        """Set a function's reservation; None takes it away."""
        before = self.reserved.get(function)
        if executions == before:
            return
        running = self.running.get(function, 0)
        if before is None:
            self._unreserved_running -= running
        if executions is None:
            del self.reserved[function]
            self._unreserved_running += running
        else:
            self.reserved[function] = executions
        self._reserved_sum += (executions or 0) - (before or 0)

    def check_reservation(self, function: str, executions: int) -> None:
        """Raises: ReservationTooLarge, if too little would be left for all others."""
        others = self._reserved_sum - self.reserved.get(function, 0)
        least = min(UNRESERVED_CONCURRENCY_MIN, self.account_limit // 10)
        if self.account_limit - others - executions < least:
            raise ReservationTooLarge(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{least}]."
            )

    def _grows_too_fast(self, function: str, running: int, now_s: float) -> bool:
        scaling = self._scaling.get(function)
        if scaling is None:
            return False
        if not running and now_s - scaling.busy_s > SCALING_FORGOTTEN_S:
            del self._scaling[function]
            return False
        if running < scaling.reached:
            return False
        scaling.refill(now_s)
        return scaling.tokens < 1
