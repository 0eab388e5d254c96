"""the concurrency ledger: one set of rules for every way in which a function can be invoked

The account has so many concurrent executions. A function with reserved concurrency has that part
for itself and no more; all others share what is left.
"""

from dataclasses import dataclass, field

from broker.core.limits import ACCOUNT_CONCURRENCY

RESERVED_EXCEEDED = "ReservedFunctionConcurrentInvocationLimitExceeded"
UNRESERVED_EXCEEDED = "ConcurrentInvocationLimitExceeded"


@dataclass(slots=True)
class Ledger:
    """Who runs how many at once, in one account and region."""

    account_limit: int = ACCOUNT_CONCURRENCY
    reserved: dict[str, int] = field(default_factory=dict)  # by function
    running: dict[str, int] = field(default_factory=dict)  # by function; absent is 0

    @property
    def unreserved_limit(self) -> int:
        """What functions without a reservation share."""
        return max(self.account_limit - sum(self.reserved.values()), 0)

    def refusal(self, function: str) -> str | None:
        """Why one more execution would not fit, in Lambda's words; None if it would."""
        if function in self.reserved:
            if self.running.get(function, 0) >= self.reserved[function]:
                return RESERVED_EXCEEDED
            return None
        if self._unreserved_running() >= self.unreserved_limit:
            return UNRESERVED_EXCEEDED
        return None

    def acquire(self, function: str) -> str | None:
        """Begin an execution; why not, if it doesn't fit."""
        refusal = self.refusal(function)
        if refusal is None:
            self.running[function] = self.running.get(function, 0) + 1
        return refusal

    def release(self, function: str) -> None:
        """End an execution."""
        left = self.running[function] - 1
        assert left >= 0
        if left:
            self.running[function] = left
        else:
            del self.running[function]

    def reserve(self, function: str, executions: int | None) -> None:
        """Set a function's reservation; None takes it away."""
        if executions is None:
            self.reserved.pop(function, None)
        else:
            self.reserved[function] = executions

    def _unreserved_running(self) -> int:
        return sum(
            count for function, count in self.running.items() if function not in self.reserved
        )
