"""the benchmarks run and say what they should; never how fast"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import QUESTIONS
from bench.compare import compare
from bench.report import Row, Sample, table

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_is_answered_in_json(question: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    run = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--json", str(path), question],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    document = json.loads(path.read_text())
    assert document["durability"] == "synced"
    assert document["cpus"] >= 1
    assert document["rows"]
    for row in document["rows"]:
        assert row["name"] in run.stdout
        assert row["skipped"] or row["median"] > 0
        assert not any(sample["errors"] for sample in row["samples"])


def test_a_ratio_below_its_goals_is_short_and_errors_outweigh_any_rate() -> None:
    row = Row("a", "messages/s", [Sample(5.0, ratio=0.42)], "ceiling", accepted=0.4, target=0.45)
    assert row.verdict() == "accepted"
    row.samples.append(Sample(5.0, ratio=0.5))
    assert row.verdict() == "target"
    row.accepted = row.target = 0.6
    assert row.verdict() == "SHORT"
    row.samples.append(Sample(9.0, ratio=0.9, errors=2))
    assert row.verdict() == "2 ERRORS"
    assert "2 ERRORS" in table([row])


@pytest.mark.parametrize(
    ("before", "after", "at_most", "verdict"),
    [
        ([100, 101, 102], [120, 121, 122], False, "gain"),
        ([120, 121, 122], [100, 101, 102], False, "LOSS"),
        ([120, 121, 122], [100, 101, 102], True, "gain"),
        ([100, 110, 120], [115, 125, 135], False, "noise"),
        ([100, 100.1, 100.2], [101, 101.1, 101.2], False, "noise"),
    ],
)
def test_a_change_within_the_spread_is_noise(
    before: list[float], after: list[float], at_most: bool, verdict: str
) -> None:
    def row(values: list[float]) -> dict[str, object]:
        samples = [{"value": value, "ratio": None} for value in values]
        return {"samples": samples, "ratio": None, "at_most": at_most, "unit": "messages/s"}

    assert compare(row(before), row(after)).startswith(verdict)
