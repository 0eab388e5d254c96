"""`broker archives` and `broker replays`"""

import json
from collections.abc import Iterator

import pytest

from broker.client import Client
from tests.cli.conftest import Run


@pytest.fixture
def archive(run: Run, client: Client) -> Iterator[str]:
    """An archive with three events that the rule has sent to a queue, which is empty again."""
    made = run("archives", "create", "sales", "--retention-days", "7")
    assert (made.exit_code, made.stderr) == (0, "sales keeps events of default.\n")
    for total in (1, 2, 3):
        client.put_event("shop", "sold", {"total": total})
    totals(client)
    yield "sales"
    for replay in client.replays().items:
        if replay.status == "PAUSED":
            run("replays", "cancel", replay.name)
        client.delete_replay(replay.name)
    client.delete_archive("sales")


def totals(client: Client) -> list[int]:
    """Of the events in the queue, which are taken out."""
    messages = client.receive("heard", count=100, wait_time_s=0)
    client.acknowledge("heard", [message.receipt_handle for message in messages])
    return sorted(json.loads(message.body)["detail"]["total"] for message in messages)


def test_archives_are_listed_and_deleted(run: Run, archive: str) -> None:
    (found,) = json.loads(run("archives", "--json").stdout)["archives"]
    assert (found["name"], found["bus"], found["events"]) == ("sales", "default", 3)
    assert "7 d" in run("archives").stdout
    assert run("archives", "create", "old").exit_code == 0
    assert run("archives", "delete", "old", "--yes").stderr.endswith("old is deleted.\n")
    assert run("archives", "delete", "old", "--yes").exit_code == 1


def test_a_replay_is_waited_for(run: Run, client: Client, archive: str) -> None:
    done = run("replays", "start", "again", archive)
    assert done.exit_code == 0
    assert done.stderr.endswith("COMPLETED: 3 events.\n")
    assert totals(client) == [1, 2, 3]
    assert "COMPLETED" in run("replays").stdout
    assert run("replays", "pause", "again").exit_code == 1
    assert run("replays", "delete", "again").exit_code == 0
    assert json.loads(run("replays", "--json").stdout) == {"replays": []}


def test_a_replay_of_some_events_to_a_chosen_rule(run: Run, client: Client, archive: str) -> None:
    pattern = '{"detail": {"total": [{"numeric": [">", 1]}]}}'
    done = run("replays", "start", "some", archive, "--pattern", pattern, "--rule", "shop")
    assert done.exit_code == 0
    assert totals(client) == [2, 3]


def test_the_ledger_is_replayed_without_any_archive(run: Run, client: Client) -> None:
    first, second = (client.put_event("shop", "sold", {"total": total}) for total in (8, 9))
    client.put_event("shop", "sold", {"total": 10})
    totals(client)
    chosen = ("--event-id", first, "--event-id", second)
    done = run("replays", "start", "days", *chosen)
    assert done.stderr.endswith("COMPLETED: 2 events.\n")
    assert totals(client) == [8, 9]
    assert "ledger of default" in run("replays").stdout
    client.delete_replay("days")
    both = run("replays", "start", "x", *chosen, "--pattern", "{}")
    assert both.exit_code == 2
    assert run("replays", "start", "x", "--bus", "nowhere").exit_code == 1


def test_a_replay_is_halted_resumed_and_cancelled(run: Run, client: Client, archive: str) -> None:
    started = run("replays", "start", "slow", archive, "--rate", "1", "--no-wait")
    assert started.exit_code == 0
    assert run("replays", "pause", "slow").stderr.startswith("PAUSED")
    assert client.replay("slow").status == "PAUSED"
    assert run("replays", "resume", "slow").stderr.startswith("RUNNING")
    assert run("replays", "cancel", "slow").stderr.splitlines()[-1].startswith("CANCELLED")


def test_replays_that_can_not_be(run: Run, archive: str) -> None:
    assert run("replays", "start", "x", "nothing").exit_code == 1
    assert run("replays", "start", "x", archive, "--rule", "nothing").exit_code == 1
    assert run("replays", "start", "x", archive, "--from", "yesterday").exit_code == 2
    assert run("replays", "start", "x", archive, "--from", "2026-01-02T03:04:05").exit_code == 2
