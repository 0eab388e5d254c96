"""The dead-letter workbench: counted by cause, mended, processed again, let go."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.client import Client
from tests.cli.conftest import Run


@pytest.fixture
def dead(client: Client) -> Iterator[Client]:
    client.put_queue("dead")
    client.put_queue("attic")
    client.put_queue("orders", dead_letter_queue="dead", max_receive_count=1)
    yield client
    client.put_queue("orders")
    client.delete_queue("dead")
    client.delete_queue("attic")


def let_die(client: Client, *bodies: str) -> None:
    client.send_many("orders", list(bodies))
    client.receive("orders", count=100, visibility_timeout_s=0, wait_time_s=0)
    assert client.receive("orders", count=100, wait_time_s=0) == []


def bodies(client: Client, queue: str) -> list[str]:
    return [message.body for message in client.peek(queue, count=100).items]


def ids(client: Client, queue: str) -> list[str]:
    return [message.message_id for message in client.peek(queue, count=100).items]


def test_dead_letters_are_counted_by_source_and_cause(run: Run, dead: Client) -> None:
    let_die(dead, "a", "b")
    dead.send("dead", "sent here")

    found = json.loads(run("dead-letters", "dead", "--json").stdout)["dead_letters"]

    assert [(each["count"], each["cause"]) for each in found] == [
        (2, "MaxReceiveCountExceeded"),
        (1, None),
    ]
    shown = run("dead-letters", "dead").stdout
    assert "orders" in shown
    assert "not known" in shown


def test_a_dry_run_says_what_would_go_where_and_changes_nothing(run: Run, dead: Client) -> None:
    let_die(dead, "a", "b")
    dead.send("dead", "sent here")

    result = run("redrive", "dead", "--all", "--dry-run", "--json")

    assert json.loads(result.stdout) == {
        "would_move": 2,
        "destinations": [
            {"count": 2, "destination": "orders", "problem": None},
            {"count": 1, "destination": "", "problem": "it doesn't tell where it came from"},
        ],
    }
    assert sorted(bodies(dead, "dead")) == ["a", "b", "sent here"]


def test_all_of_a_queue_goes_back_as_a_task(run: Run, dead: Client) -> None:
    let_die(dead, "a", "b")

    result = run("redrive", "dead", "--all", "--yes")

    assert (result.exit_code, result.stderr) == (0, "completed: 2 messages moved.\n")
    assert bodies(dead, "orders") == ["a", "b"]
    (task,) = json.loads(run("redrive", "dead", "--status", "--json").stdout)["redrives"]
    assert (task["status"], task["moved"]) == ("COMPLETED", 2)


def test_a_task_that_fails_says_why(run: Run, dead: Client) -> None:
    dead.send("dead", "sent here")
    result = run("redrive", "dead", "--all", "--yes")
    assert result.exit_code == 1
    assert "CouldNotDetermineMessageSource" in result.stderr


def test_a_task_under_way_is_cancelled(run: Run, dead: Client) -> None:
    dead.send_many("dead", ["a", "b", "c"])
    dead.start_redrive("dead", destination="attic", messages_per_second=1)

    result = run("redrive", "dead", "--cancel")

    assert result.exit_code == 0
    again = run("redrive", "dead", "--cancel")
    assert (again.exit_code, again.stderr) in (
        (0, result.stderr),  # it is still ending
        (1, "broker: no redrive of dead is under way.\n"),
    )


def test_chosen_messages_are_redriven(run: Run, dead: Client) -> None:
    let_die(dead, "a good one", "a bad one")

    result = run("redrive", "dead", "--text", "good", "--yes")

    assert (result.exit_code, result.stderr) == (0, "1 of 1 messages.\n")
    assert bodies(dead, "orders") == ["a good one"]
    assert bodies(dead, "dead") == ["a bad one"]


def test_messages_chosen_by_id_go_to_another_queue(run: Run, dead: Client) -> None:
    let_die(dead, "a", "b", "c")
    first, _, third = ids(dead, "dead")

    run("redrive", "dead", "--id", first, "--id", third, "--to", "attic", "--yes")

    assert bodies(dead, "attic") == ["a", "c"]
    assert bodies(dead, "dead") == ["b"]


def test_what_cannot_be_moved_is_named(run: Run, dead: Client) -> None:
    dead.send("dead", "sent here")
    (message_id,) = ids(dead, "dead")

    result = run("redrive", "dead", "--text", "sent", "--yes")

    assert result.exit_code == 1
    assert message_id in result.stderr
    assert "0 of 1 messages." in result.stderr


def test_chosen_messages_are_discarded(run: Run, dead: Client) -> None:
    let_die(dead, "keep", "drop 1", "drop 2")

    result = run("discard", "dead", "--text", "drop", "--yes")

    assert (result.exit_code, result.stderr) == (0, "2 of 2 messages.\n")
    assert bodies(dead, "dead") == ["keep"]


@pytest.mark.parametrize("command", ["redrive", "discard"])
def test_nothing_happens_without_a_choice_and_a_yes(run: Run, dead: Client, command: str) -> None:
    let_die(dead, "a")
    assert run(command, "dead", "--yes").exit_code == 2
    assert run(command, "dead", "--all", "--text", "a", "--yes").exit_code == 2
    assert run(command, "dead", "--all").exit_code == 2  # there is nobody to ask
    assert bodies(dead, "dead") == ["a"]


def test_an_edited_message_is_sent_on_as_a_new_one(run: Run, dead: Client) -> None:
    let_die(dead, '{"total": "12"}')
    (message_id,) = ids(dead, "dead")

    result = run("edit", "dead", message_id, "--body", '{"total": 12}', "--yes")

    assert result.exit_code == 0
    assert '-    "total": "12"' in result.stderr.replace("  ", "    ")
    assert ids(dead, "orders") == [result.stdout.strip()] != [message_id]
    assert bodies(dead, "orders") == ['{"total": 12}']
    assert bodies(dead, "dead") == []


def test_the_editor_gets_body_and_attributes(
    run: Run, dead: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dead.send("dead", '{"total": 1}', attributes={"shop": "Paris", "raw": b"\x00\x01", "n": 3})
    (message_id,) = ids(dead, "dead")
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i \'s/Paris/Berlin/; s/"total": 1/"total": 2/\' "$1"\n')
    editor.chmod(0o700)
    monkeypatch.setenv("EDITOR", str(editor))

    result = run("edit", "dead", message_id, "--to", "dead", "--yes")

    assert result.exit_code == 0, result.stderr
    (message,) = dead.peek("dead").items
    assert message.body == '{"total":2}'
    assert message.attributes["shop"].string_value == "Berlin"
    assert message.attributes["raw"].binary_value == b"\x00\x01"
    assert message.attributes["n"].data_type == "Number"


def test_an_editor_that_changes_nothing_sends_nothing(
    run: Run, dead: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead.send("dead", '{"total":   1}')
    (message_id,) = ids(dead, "dead")
    monkeypatch.setenv("EDITOR", "touch")

    result = run("edit", "dead", message_id, "--to", "attic", "--yes")

    assert (result.exit_code, result.stdout) == (0, "")
    assert ids(dead, "dead") == [message_id]
