"""`python -m bench.compare A.json B.json`: gain, loss or noise from A to B, row by row

Noise: the ranges of the two rows' runs overlap, or the medians are less than 3 % apart. Where both
have a ratio to a ceiling of the same run the ratios are compared, because they hold between
machines and between times of day.
"""

import argparse
import json
from pathlib import Path
from typing import Any

NOISE = 0.03


def main() -> None:
    """Print one line for each row that both files have."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("a", type=Path)
    parser.add_argument("b", type=Path)
    arguments = parser.parse_args()
    before, after = (json.loads(path.read_text()) for path in (arguments.a, arguments.b))
    print(f"A: {before['commit']}  B: {after['commit']}")
    rows_after = {row["name"]: row for row in after["rows"]}
    for row in before["rows"]:
        other = rows_after.get(row["name"])
        if other is None or row["skipped"] or other["skipped"]:
            print(f"{row['name']:<48} not in both")
        else:
            print(f"{row['name']:<48} {compare(row, other)}")


def compare(before: dict[str, Any], after: dict[str, Any]) -> str:
    """What became of one row."""
    by_ratio = before["ratio"] is not None and after["ratio"] is not None
    figure = "ratio" if by_ratio else "value"
    a, b = (
        sorted(sample[figure] for sample in row["samples"] if sample[figure] is not None)
        for row in (before, after)
    )
    middle_a, middle_b = a[len(a) // 2], b[len(b) // 2]
    change = middle_b / middle_a - 1 if middle_a else 0.0
    overlap = a[0] <= b[-1] and b[0] <= a[-1]
    if overlap or abs(change) < NOISE:
        verdict = "noise"
    else:
        verdict = "gain" if (change > 0) != before["at_most"] else "LOSS"
    return (
        f"{verdict:<6} {change:+7.1%} of the {figure if by_ratio else before['unit']}  "
        f"A {_range(a, middle_a)}  B {_range(b, middle_b)}"
    )


def _range(values: list[float], middle: float) -> str:
    return f"{middle:,.6g} [{values[0]:,.6g} to {values[-1]:,.6g}]"


if __name__ == "__main__":
    main()
