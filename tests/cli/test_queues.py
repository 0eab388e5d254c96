"""`broker queues` and `purge`: queues are made, listed, configured, emptied and deleted."""

import json

import pytest

from broker.client import BrokerRefused, Client
from tests.cli.conftest import Run


def test_a_queue_is_made_listed_and_deleted(run: Run, client: Client) -> None:
    made = run("queues", "create", "letters", "--retention", "600", "--json")
    listed = json.loads(run("queues", "list", "--prefix", "let", "--json").stdout)
    deleted = run("queues", "delete", "letters", "--yes")

    assert json.loads(made.stdout)["retention_s"] == 600
    assert [queue["name"] for queue in listed["queues"]] == ["letters"]
    assert deleted.exit_code == 0
    with pytest.raises(BrokerRefused):
        client.queue("letters")


def test_queues_alone_lists_them_with_the_options_of_the_list(run: Run) -> None:
    result = run("queues")

    assert "orders" in result.stdout
    assert "heard" in result.stdout

    some = run("queues", "--prefix", "ord")
    assert "orders" in some.stdout
    assert "heard" not in some.stdout


def test_a_queue_that_is_there_is_not_made_again(run: Run, client: Client) -> None:
    client.put_queue("orders", retention_s=600)

    result = run("queues", "create", "orders")

    assert result.exit_code == 2
    assert client.queue("orders").retention_s == 600


def test_configuring_changes_what_is_given_and_nothing_else(run: Run, client: Client) -> None:
    client.put_queue(
        "orders", retention_s=600, dead_letter_queue="heard", max_receive_count=3, delay_s=5
    )

    result = run("queues", "configure", "orders", "--visibility-timeout", "90", "--delay", "0")
    assert result.exit_code == 0, result.stderr

    found = client.queue("orders")
    assert (found.visibility_timeout_s, found.delay_s, found.retention_s) == (90, 0, 600)
    assert (found.dead_letter_queue, found.max_receive_count) == ("heard", 3)


def test_a_fifo_queue_is_made_and_configured(run: Run, client: Client) -> None:
    made = run("queues", "create", "q.fifo", "--setting", "content_based_deduplication=true")
    run("queues", "configure", "q.fifo", "--retention", "600")

    found = client.queue("q.fifo")
    client.delete_queue("q.fifo")
    assert made.exit_code == 0
    assert (found.fifo, found.content_based_deduplication, found.retention_s) == (True, True, 600)


def test_a_dead_letter_queue_is_taken_away(run: Run, client: Client) -> None:
    client.put_queue("orders", dead_letter_queue="heard", max_receive_count=3)

    result = run("queues", "configure", "orders", "--no-dead-letter-queue")

    assert result.exit_code == 0
    assert client.queue("orders").dead_letter_queue is None


def test_any_setting_of_the_api_can_be_given_by_its_name(run: Run, client: Client) -> None:
    result = run("queues", "configure", "orders", "--setting", "retention_s=600")
    unknown = run("queues", "configure", "orders", "--setting", "colour=1")

    assert (result.exit_code, unknown.exit_code) == (0, 1)
    assert "colour" in unknown.stderr
    assert client.queue("orders").retention_s == 600


@pytest.mark.parametrize(
    "arguments",
    [
        ("queues", "configure", "orders"),
        ("queues", "configure", "orders", "--setting", "retention_s"),
        ("queues", "configure", "orders", "--setting", "retention_s=soon"),
        ("queues", "configure", "orders", "--delay", "901"),
        ("queues", "configure", "orders", "--no-dead-letter-queue", "--max-receive-count", "3"),
        ("queues", "delete", "orders"),
        ("purge", "orders"),
    ],
)
def test_a_wrong_command_line_changes_nothing(
    run: Run, client: Client, arguments: tuple[str, ...]
) -> None:
    before = client.queue("orders")
    client.send("orders", "a")

    assert run(*arguments).exit_code == 2
    after = client.queue("orders")
    assert (after.modified_at_ms, after.visible) == (before.modified_at_ms, 1)


def test_a_purge_empties_the_queue(run: Run, client: Client) -> None:
    client.send_many("orders", ["a", "b"])

    result = run("purge", "orders", "--yes")

    assert result.exit_code == 0
    assert "2 messages" in result.stderr
    assert client.peek("orders").items == []


def test_whoever_is_asked_may_say_no(
    run: Run, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.send("orders", "a")
    monkeypatch.setattr("broker.cli.confirm._somebody_there", lambda: True)

    no = run("purge", "orders", stdin="n\n")
    assert no.exit_code == 1
    assert len(client.peek("orders").items) == 1

    yes = run("purge", "orders", stdin="y\n")
    assert yes.exit_code == 0
    assert client.peek("orders").items == []


def test_a_queue_that_is_not_there_ends_with_1(run: Run) -> None:
    assert run("purge", "nowhere", "--yes").exit_code == 1
    assert run("queues", "delete", "nowhere", "--yes").exit_code == 1
