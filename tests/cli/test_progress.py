"""A progress bar goes to the terminal, and never between what is printed for programs."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from broker.client import Client
from tests.cli.conftest import Run


@pytest.mark.parametrize(
    "command",
    [("peek", "orders", "--all", "--json"), ("export", "orders"), ("peek", "orders", "--text", "")],
)
def test_what_is_piped_is_whole_while_a_bar_is_on_the_terminal(
    client: Client, command: tuple[str, ...]
) -> None:
    client.send_many("orders", [str(n) for n in range(3_000)])
    ours, theirs = pty.openpty()

    process = subprocess.run(
        [sys.executable, "-m", "broker.cli", *command],
        env={**os.environ, "BROKER_URL": client.url, "TERM": "xterm"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        check=True,
    )

    os.close(theirs)
    os.close(ours)
    if "--text" in command:
        assert len(process.stdout.splitlines()) == 12
        return
    bodies = [json.loads(line)["body"] for line in process.stdout.splitlines()]
    assert bodies == [str(n) for n in range(3_000)]


def test_no_bar_is_written_where_nobody_looks(run: Run, client: Client, tmp_path: Path) -> None:
    client.send_many("orders", ["a", "b"])

    result = run("export", "orders", "--output", str(tmp_path / "orders.jsonl"))

    assert result.stderr == "2 messages of orders written.\n"
