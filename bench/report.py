"""results: rows with their spread, a table for people, JSON for `bench.compare`"""

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from broker.bench.load import Sample


@dataclass
class Row:
    """One question's answer. `accepted` and `target` hold for the ratio if there is one."""

    name: str
    unit: str
    samples: list[Sample] = field(default_factory=list)
    ceiling: str = ""  # what the ratio is to
    accepted: float | None = None  # the project's acceptance figure
    target: float | None = None  # the design's target
    at_most: bool = False  # smaller is better
    skipped: str = ""  # why there is nothing

    def median(self, figure: str = "value") -> float | None:
        """Over the runs; None if they don't have the figure."""
        values = [v for s in self.samples if (v := getattr(s, figure)) is not None]
        return statistics.median(values) if values else None

    def spread(self) -> float:
        """From the lowest run to the highest, as a fraction of the median."""
        values = [s.value for s in self.samples]
        middle = statistics.median(values) if values else 0
        return (max(values) - min(values)) / middle if middle else 0.0

    def verdict(self) -> str:
        """Whether the figures were reached; "" if there are none."""
        if self.skipped:
            return "skipped"
        if errors := sum(s.errors for s in self.samples):
            return f"{errors} ERRORS"
        figure = self.median("ratio" if self.ceiling else "value")
        if figure is None or (self.accepted is None and self.target is None):
            return ""
        if self._reaches(figure, self.target):
            return "target"
        return "accepted" if self._reaches(figure, self.accepted) else "SHORT"

    def _reaches(self, figure: float, goal: float | None) -> bool:
        if goal is None:
            return False
        return figure <= goal if self.at_most else figure >= goal


def repeat(row: Row, runs: int, run: Callable[[], Sample]) -> Row:
    """The row with that many runs in it."""
    row.samples.extend(run() for _ in range(runs))
    return row


COLUMNS = ("benchmark", "median", "unit", "spread", "p50 ms", "p99 ms", "ratio", "goal", "verdict")


def table(rows: list[Row]) -> str:
    """All rows, for people."""
    lines = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if 0 < column < 8 and column != 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _cells(row: Row) -> tuple[str, ...]:
    if row.skipped:
        return (row.name, "", row.unit, "", "", "", "", "", f"skipped: {row.skipped}")
    ratio = row.median("ratio")
    sign = "<" if row.at_most else "≥"
    goals = [f"{sign}{_number(goal)}" for goal in (row.accepted, row.target) if goal is not None]
    return (
        row.name,
        _number(row.median()),
        row.unit,
        f"{row.spread():.0%}",
        _number(row.median("p50_ms")),
        _number(row.median("p99_ms")),
        "" if ratio is None else f"{ratio:.2f} of {row.ceiling}",
        ", ".join(goals),
        row.verdict(),
    )


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}"


def to_json(rows: list[Row], wall_s: float) -> str:
    """All rows with every run, and what they were measured on."""
    document = {
        "commit": _commit(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "durability": "synced",
        "wall_s": round(wall_s, 1),
        "rows": [
            {
                **asdict(row),
                "median": row.median(),
                "spread": row.spread(),
                "ratio": row.median("ratio"),
                "p50_ms": row.median("p50_ms"),
                "p99_ms": row.median("p99_ms"),
                "verdict": row.verdict(),
            }
            for row in rows
        ],
    }
    return json.dumps(document, indent=2)


def _commit() -> str:
    found = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"
