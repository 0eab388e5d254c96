"""what functions have used, and what that would have cost on Lambda

Source: AWS Lambda pricing: requests, and GB-seconds by milliseconds begun; so much of both is free
in each calendar month.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from broker.core.resources import Usage

__all__ = ["NO_PRICES", "Cost", "Prices", "costs", "usage_name", "with_more"]

MB_MS_OF_GB_S = 1_024 * 1_000


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """In US dollars, as they were on a day."""

    date: str
    requests_per_million: float
    gb_second: float
    free_requests: int  # of a month
    free_gb_seconds: int


NO_PRICES = Prices(
    date="", requests_per_million=0.0, gb_second=0.0, free_requests=0, free_gb_seconds=0
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one row, in the order of days, what was free taken off first."""

    usage: Usage
    gb_seconds: float
    usd: float


def usage_name(day: str, function: str, version: str) -> str:
    """The name of a record."""
    return f"{day}|{function}|{version}"


def with_more(before: Usage, billed_ms: int, memory_mb: int, *, cold: bool, failed: bool) -> Usage:
    """The record with one attempt more."""
    return msgspec.structs.replace(
        before,
        requests=before.requests + 1,
        errors=before.errors + failed,
        cold_starts=before.cold_starts + cold,
        billed_ms=before.billed_ms + billed_ms,
        mb_ms=before.mb_ms + billed_ms * memory_mb,
    )


def costs(rows: Iterable[Usage], prices: Prices) -> Sequence[Cost]:
    """What each row would have cost; they are put in order of day, function and version."""
    found: list[Cost] = []
    month, requests, gb_seconds = "", 0, 0.0
    for usage in sorted(rows, key=lambda row: row.name):
        if usage.day[:7] != month:
            month, requests, gb_seconds = usage.day[:7], 0, 0.0
        more = usage.mb_ms / MB_MS_OF_GB_S
        before = _cost(requests, gb_seconds, prices)
        requests += usage.requests
        gb_seconds += more
        found.append(Cost(usage, more, _cost(requests, gb_seconds, prices) - before))
    return found


def _cost(requests: int, gb_seconds: float, prices: Prices) -> float:
    return (
        max(requests - prices.free_requests, 0) * prices.requests_per_million / 1_000_000
        + max(gb_seconds - prices.free_gb_seconds, 0.0) * prices.gb_second
    )
