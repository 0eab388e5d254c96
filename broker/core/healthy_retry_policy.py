"""when a failed delivery to an HTTP endpoint is tried again: SNS's four phases of retries"""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["BACKOFF_FUNCTIONS", "HealthyRetryPolicy"]

# How far a delay is on its way from the shortest to the longest, 0 to 1, at retry k of n > 1 in
# the backoff phase, k from 0; `ratio` is the longest through the shortest.
BACKOFF_FUNCTIONS: dict[str, Callable[[int, int, float], float]] = {
    "linear": lambda k, n, ratio: k / (n - 1),
    "arithmetic": lambda k, n, ratio: k * (k + 1) / ((n - 1) * n),
    "geometric": lambda k, n, ratio: (
        (ratio ** (k / (n - 1)) - 1) / (ratio - 1) if ratio > 1 else 0.0
    ),
    "exponential": lambda k, n, ratio: (2**k - 1) / (2 ** (n - 1) - 1),
}


@dataclass(frozen=True, slots=True)
class HealthyRetryPolicy:
    """When a failed delivery is tried again; the defaults are SNS's."""

    min_delay_target_s: int = 20
    max_delay_target_s: int = 20
    num_retries: int = 3  # all of them
    num_no_delay_retries: int = 0
    num_min_delay_retries: int = 0
    num_max_delay_retries: int = 0
    backoff_function: str = "linear"  # arithmetic, exponential, geometric or linear

    def delay_s(self, retry: int) -> float | None:
        """The wait before a retry, 1 being the first, or None when the retries are exhausted.

        First come the retries without delay, then those at the shortest delay, then the backoff
        phase, at last those at the longest. Of the n retries of the backoff phase the first waits
        the shortest delay, the last the longest (a single one the shortest), and retry k, counted
        from 0, in between:

            linear       min + (max - min) * k / (n - 1)               equal steps
            arithmetic   min + (max - min) * k(k + 1) / ((n - 1) n)    steps grow by the same amount
            geometric    min * (max / min) ** (k / (n - 1))            delays grow by a factor
            exponential  min + (max - min) * (2**k - 1) / (2**(n - 1) - 1)    steps double

        SNS names the functions and their ends, not their formulas: these are ours. No jitter here.
        """
        assert retry >= 1
        if retry > self.num_retries:
            return None
        if retry <= self.num_no_delay_retries:
            return 0.0
        k = retry - self.num_no_delay_retries - self.num_min_delay_retries - 1
        backoff_retries = (
            self.num_retries
            - self.num_no_delay_retries
            - self.num_min_delay_retries
            - self.num_max_delay_retries
        )
        shortest, longest = float(self.min_delay_target_s), float(self.max_delay_target_s)
        if k >= backoff_retries:
            return longest
        if k <= 0:
            return shortest
        way = BACKOFF_FUNCTIONS[self.backoff_function](k, backoff_retries, longest / shortest)
        return min(shortest + (longest - shortest) * way, longest)

    def total_s(self) -> float:
        """The sum of all waits."""
        return sum(self.delay_s(retry) or 0.0 for retry in range(1, self.num_retries + 1))
