"""`broker usage`: what functions used, and what that would have cost on Lambda"""

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import click

from broker.cli.connection import connected, json_option, url_option
from broker.cli.output import print_json, print_table
from broker.client import UsagePrices, Use

KEYS = {
    "day": ("day",),
    "month": ("month",),
    "function": ("function",),
    "version": ("function", "version"),
    "day-function": ("day", "function"),
    "total": (),
}
FIGURES = ("requests", "errors", "cold_starts", "billed_ms", "gb_seconds", "usd")


@dataclass(frozen=True, slots=True)
class _Sum:
    key: tuple[str, ...]
    requests: int = 0
    errors: int = 0
    cold_starts: int = 0
    billed_ms: int = 0
    gb_seconds: float = 0.0
    usd: float = 0.0

    def plus(self, use: Use) -> "_Sum":
        return replace(self, **{name: getattr(self, name) + getattr(use, name) for name in FIGURES})


@click.command()
@click.option(
    "--by",
    type=click.Choice(list(KEYS)),
    default="day-function",
    show_default=True,
    help="What makes a row.",
)
@click.option("--since", default="", metavar="YYYY-MM-DD", help="From this day on (UTC).")
@click.option("--until", default="", metavar="YYYY-MM-DD", help="Up to this day.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values.")
@url_option
@json_option
def usage(by: str, since: str, until: str, as_csv: bool, url: str | None, as_json: bool) -> None:
    """Print how often functions ran, for how long, and what Lambda would have charged.

    GB-seconds are memory size times duration, by milliseconds begun, cold starts included. What is
    free in a month is taken off its first days. Prices are those of [functions.prices].
    """
    with connected(url) as client:
        found = client.usage(since=since, until=until)
    sums = _sums(found.usage, KEYS[by])
    if as_json:
        rows = [
            {**dict(zip(KEYS[by], row.key, strict=True)), **{f: getattr(row, f) for f in FIGURES}}
            for row in sums
        ]
        print_json({"usage": rows, "prices": found.prices})
        return
    columns = (*KEYS[by], *FIGURES)
    if as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([*row.key, *(getattr(row, name) for name in FIGURES)] for row in sums)
        return
    print_table(
        (*KEYS[by], "requests", "errors", "cold starts", "billed ms", "GB-s", "US$"),
        [
            (
                *row.key,
                row.requests,
                row.errors,
                row.cold_starts,
                row.billed_ms,
                f"{row.gb_seconds:,.3f}",
                f"{row.usd:.6f}",
            )
            for row in sums
        ],
    )
    click.echo(f"prices of {found.prices.date}; free in a month: {_free(found.prices)}")


def _free(prices: UsagePrices) -> str:
    return f"{prices.free_requests:,} requests, {prices.free_gb_seconds:,} GB-s"


def _sums(rows: Sequence[Use], keys: tuple[str, ...]) -> list[_Sum]:
    sums: dict[tuple[str, ...], _Sum] = {}
    for use in rows:
        parts = {
            "day": use.day,
            "month": use.day[:7],
            "function": use.function,
            "version": use.version,
        }
        key = tuple(parts[name] for name in keys)
        sums[key] = sums.get(key, _Sum(key)).plus(use)
    return [sums[key] for key in sorted(sums)]
