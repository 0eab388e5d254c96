"""`broker logs` and `broker usage`: what functions logged, and what they used."""

import csv
import io
import json
import signal
import subprocess
import sys
import threading

from broker.client import Client
from tests.cli.conftest import Run


def wait_logged(client: Client, function: str, request_id: str) -> None:
    """Until the last line of a request is in the log."""
    page = client.function_log(function)
    while not any(line.text.startswith(f"REPORT RequestId: {request_id}") for line in page.lines):
        page = client.function_log(function, after=page.next, wait_s=20)


def test_logs_prints_the_end_of_a_functions_log(run: Run, client: Client) -> None:
    request_id = client.invoke("broken").request_id
    wait_logged(client, "broken", request_id)
    result = run("logs", "broken", "--request", request_id)
    texts = [line.split(" ", 2)[2] for line in result.stdout.splitlines()]
    assert texts[0] == f"START RequestId: {request_id} Version: $LATEST"
    assert texts[1] == f"END RequestId: {request_id}"
    assert texts[2].startswith(f"REPORT RequestId: {request_id}  Duration: ")
    assert texts[2].endswith("Status: error")
    shown = json.loads(run("logs", "broken", "-n", "1", "--json").stdout)
    assert shown["lines"][0]["text"].startswith("REPORT")


def test_logs_of_no_function_are_refused(run: Run) -> None:
    result = run("logs", "nothing-there")
    assert (result.exit_code, "Function not found" in result.stderr) == (1, True)


def test_logs_are_followed(client: Client) -> None:
    command = [sys.executable, "-m", "broker.cli", "logs", "echo", "-f", "-n", "0", "--json"]
    with subprocess.Popen(
        [*command, "--url", client.url], stdout=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        told = threading.Event()
        line: list[str] = []

        def read() -> None:
            assert following.stdout is not None
            line.append(following.stdout.readline())
            told.set()

        threading.Thread(target=read, daemon=True).start()
        while not told.is_set():  # it may not have begun to follow yet
            wait_logged(client, "echo", client.invoke("echo", 1).request_id)
            told.wait(0.5)
        assert json.loads(line[0])["text"]
        following.send_signal(signal.SIGINT)
        assert following.wait(timeout=30) == 0


def test_usage_as_table_json_and_csv(run: Run, client: Client) -> None:
    client.invoke("echo", 1)
    by_function = json.loads(run("usage", "--by", "function", "--json").stdout)
    (echo,) = [row for row in by_function["usage"] if row["function"] == "echo"]
    assert echo["requests"] >= 1
    assert echo["billed_ms"] >= 1
    assert echo["gb_seconds"] > 0
    assert echo["usd"] == 0  # free
    assert by_function["prices"]["requests_per_million_usd"] == 0.2
    rows = list(csv.DictReader(io.StringIO(run("usage", "--csv").stdout)))
    assert {row["function"] for row in rows} >= {"echo"}
    assert len(rows[0]["day"]) == 10
    table = run("usage", "--by", "total").stdout
    assert "GB-s" in table
    assert "1,000,000 requests" in table
    assert json.loads(run("usage", "--since", "2999-01-01", "--json").stdout)["usage"] == []
    assert run("usage", "--since", "yesterday").exit_code == 1
