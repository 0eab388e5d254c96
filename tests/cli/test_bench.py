"""`broker bench` runs and says what it should; never how fast."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from broker.bench.measure import MEASUREMENTS
from broker.client import Client
from tests.cli.conftest import Run


def test_a_broker_of_its_own_is_measured_and_nothing_of_it_left(run: Run, tmp_path: Path) -> None:
    result = run("bench", "--data-dir-parent", str(tmp_path), "--seconds", "0.2", "--json")

    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert [each["name"] for each in document["measurements"]] == [m.name for m in MEASUREMENTS]
    for each in (document["fdatasync"], *document["measurements"]):
        assert each["per_second"] > 0
        assert each["errors"] == 0
    syncs_per_second = document["fdatasync"]["per_second"]
    assert document["commits_per_second_at_most"] == pytest.approx(syncs_per_second / 2, abs=0.1)
    assert list(tmp_path.iterdir()) == []


def test_a_running_broker_is_measured_on_queues_that_are_deleted_again(
    run: Run, client: Client
) -> None:
    before = [queue.name for queue in client.queues().items]

    result = run("bench", "--url", client.url, "--seconds", "0.1")

    assert result.exit_code == 0, result.stderr
    assert MEASUREMENTS[0].name in result.stdout
    assert [queue.name for queue in client.queues().items] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_broker_that_was_started(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "broker.cli", "bench", "--data-dir-parent", str(tmp_path)]
    process = subprocess.Popen(
        [*command, "--seconds", "0.5"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Tests that run in the background have it ignored, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    while "64 connections" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    _, errors = process.communicate()

    assert process.returncode != 0
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (("--url", "https://127.0.0.1:1"), 2),
        (("--url", "nonsense"), 2),
        (("--url", "http://127.0.0.1:nonsense"), 2),
        (("--url", "http://127.0.0.1:1"), 3),
        (("--data-dir-parent", "/nowhere/to/be/found"), 2),
        (("--seconds", "0"), 2),
    ],
)
def test_what_cannot_be_measured_is_refused(
    run: Run, arguments: tuple[str, ...], exit_code: int
) -> None:
    assert run("bench", *arguments).exit_code == exit_code
