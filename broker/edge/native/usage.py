"""/v1/usage: what functions used, and what that would have cost on Lambda"""

from typing import Annotated

import msgspec

from broker.core.usage import costs
from broker.edge.native.operation import Call, Result, Shape, operations

_Day = Annotated[
    str, msgspec.Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", description="YYYY-MM-DD, in UTC.")
]


class UsageQuery(Shape, frozen=True, kw_only=True):
    """Which days; both included."""

    since: _Day = ""
    until: _Day = ""


class Use(Result, frozen=True, kw_only=True, omit_defaults=False):
    """What a version of a function used on a day."""

    day: str
    function: str
    version: str
    requests: int
    errors: int
    cold_starts: int
    billed_ms: int
    gb_seconds: float
    usd: float  # beyond what was free in that month


class PriceTable(Result, frozen=True, kw_only=True, omit_defaults=False):
    """What costs are reckoned by."""

    date: str
    requests_per_million_usd: float
    gb_second_usd: float
    free_requests: int
    free_gb_seconds: int


class Usage(Result, frozen=True, kw_only=True, omit_defaults=False):
    """Rows by day, function and version."""

    usage: list[Use]
    prices: PriceTable


@operations.add("GET", "/v1/usage", query=UsageQuery, answers={200: Usage})
async def get_usage(call: Call, query: UsageQuery) -> Usage:
    """What functions used by day, for the last 400 days, and what Lambda would have charged.

    What is free in a month is taken off its first days, also of those that aren't asked for.
    """
    metering = call.broker.metering
    prices = metering.prices
    rows = [
        Use(
            day=cost.usage.day,
            function=cost.usage.function,
            version=cost.usage.version,
            requests=cost.usage.requests,
            errors=cost.usage.errors,
            cold_starts=cost.usage.cold_starts,
            billed_ms=cost.usage.billed_ms,
            gb_seconds=round(cost.gb_seconds, 6),
            usd=round(cost.usd, 9),
        )
        for cost in costs(metering.rows(call.namespace), prices)
        if query.since <= cost.usage.day and (not query.until or cost.usage.day <= query.until)
    ]
    table = PriceTable(
        date=prices.date,
        requests_per_million_usd=prices.requests_per_million,
        gb_second_usd=prices.gb_second,
        free_requests=prices.free_requests,
        free_gb_seconds=prices.free_gb_seconds,
    )
    return Usage(usage=rows, prices=table)
