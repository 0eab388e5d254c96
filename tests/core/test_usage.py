"""What functions used, and what it would have cost: free parts by month, in order of days."""

import pytest

from broker.core.resources import Usage
from broker.core.usage import MB_MS_OF_GB_S, Prices, costs, usage_name, with_more

PRICES = Prices(
    date="2026-01-01",
    requests_per_million=0.20,
    gb_second=0.0000166667,
    free_requests=1_000_000,
    free_gb_seconds=400_000,
)


def used(day: str, requests: int = 0, gb_seconds: float = 0.0, function: str = "f") -> Usage:
    return Usage(
        name=usage_name(day, function, "1"),
        day=day,
        function=function,
        version="1",
        requests=requests,
        mb_ms=round(gb_seconds * MB_MS_OF_GB_S),
    )


def test_an_attempt_counts_milliseconds_by_memory() -> None:
    before = used("2026-01-01")
    once = with_more(before, 250, 512, cold=True, failed=False)
    twice = with_more(once, 50, 512, cold=False, failed=True)
    assert (twice.requests, twice.errors, twice.cold_starts, twice.billed_ms) == (2, 1, 1, 300)
    (cost,) = costs([twice], PRICES)
    assert cost.gb_seconds == pytest.approx(0.150)


def test_what_is_free_in_a_month_comes_first() -> None:
    rows = [
        used("2026-01-30", 900_000, 300_000),
        used("2026-01-31", 1_100_000, 200_000),
        used("2026-02-01", 1_000_000, 400_000),
    ]
    january, last, february = (cost.usd for cost in costs(rows, PRICES))
    assert january == 0
    assert last == pytest.approx(1.0 * 0.20 + 100_000 * 0.0000166667)
    assert february == 0


def test_functions_share_what_is_free() -> None:
    rows = [used("2026-01-01", 1_000_000, function="b"), used("2026-01-01", 500_000, function="a")]
    found = [(cost.usage.function, round(cost.usd, 6)) for cost in costs(rows, PRICES)]
    assert found == [("a", 0), ("b", 0.1)]
