"""`broker stats`: how full queues are and what goes on in them."""

import itertools
import json

import pytest

from broker.client import Client
from tests.cli.conftest import Run


def test_named_queues_are_shown(run: Run, client: Client) -> None:
    client.send_many("orders", ["a", "b"])
    (message,) = client.receive("orders")
    client.acknowledge("orders", [message.receipt_handle])

    table = run("stats", "orders")
    (found,) = json.loads(run("stats", "orders", "--json").stdout)["queues"]

    assert table.exit_code == 0
    assert "orders" in table.stdout
    assert (found["name"], found["visible"], found["in_flight"]) == ("orders", 1, 0)
    assert found["totals"]["sent"] == 2
    assert found["totals"]["deleted"] == 1
    assert found["last_minute"]["sent"] > 0


def test_all_queues_are_shown_if_none_are_named(run: Run) -> None:
    names = [queue["name"] for queue in json.loads(run("stats", "--json").stdout)["queues"]]

    assert names == sorted(names)
    assert {"orders", "heard", "function/echo"} <= set(names)


def test_watching_prints_a_line_for_each_look_until_it_is_interrupted(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = itertools.count(1)

    def sleep(seconds: float) -> None:
        assert seconds == 0.5
        if next(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("broker.cli.stats.time.sleep", sleep)

    result = run("stats", "orders", "--watch", "--interval", "0.5", "--json")

    assert result.exit_code == 0
    assert len([json.loads(line) for line in result.stdout.splitlines()]) == 3


def test_a_queue_that_is_not_there_ends_with_1(run: Run) -> None:
    assert run("stats", "nowhere").exit_code == 1
