import json
from collections.abc import Iterator

import pytest

from broker.client import Client
from tests.cli.conftest import Run
from tests.daemon import Daemon
from tests.http_endpoint import Endpoint, http_endpoint


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with http_endpoint() as running:
        yield running


@pytest.fixture
def topic(run: Run) -> Iterator[str]:
    assert run("topics", "create", "alerts", "--display-name", "Alerts").exit_code == 0
    yield "alerts"
    run("topics", "delete", "alerts", "--yes")


def added(run: Run, topic: str, *options: str) -> str:
    """The name of a new subscription."""
    result = run("subscriptions", "add", topic, *options)
    assert result.exit_code == 0, result.output
    return str(result.stdout.strip())


def test_topics_are_made_listed_configured_and_deleted(run: Run) -> None:
    assert run("topics", "create", "alerts", "--signature-version", "2").exit_code == 0
    again = run("topics", "create", "alerts")
    assert (again.exit_code, "There is a topic alerts" in again.output) == (2, True)
    assert run("topics", "configure", "alerts", "--maximum-message-size", "1024").exit_code == 0
    shown = json.loads(run("topics", "show", "alerts").stdout)
    assert (shown["signature_version"], shown["maximum_message_size"]) == ("2", 1024)
    listed = json.loads(run("topics", "list", "--json").stdout)["topics"]
    assert {"alerts", "news"} <= {each["name"] for each in listed}
    assert "alerts" in run("topics").stdout
    assert run("topics", "delete", "alerts", "--yes").exit_code == 0
    assert run("topics", "show", "alerts").exit_code == 1


def test_a_fifo_topic_s_archive_is_replayed(run: Run, client: Client) -> None:
    create = ("--content-based-deduplication", "--archive-retention-days", "1")
    assert run("topics", "create", "steps.fifo", *create).exit_code == 0
    client.put_queue("steps.fifo")
    name = added(run, "steps.fifo", "--to-queue", "steps.fifo", "--raw")
    for text in ("a", "b"):
        assert run("publish", "steps.fifo", text, "--group", "g").exit_code == 0
    first = client.receive("steps.fifo", count=10)
    client.acknowledge("steps.fifo", [each.receipt_handle for each in first])
    result = run("subscriptions", "replay", name, "--from", "2020-01-01T00:00:00Z", "--json")
    assert json.loads(result.stdout)["replay_status"] == "Completed", result.output
    again = client.receive("steps.fifo", count=10)
    assert [each.body for each in again] == ["a", "b"]
    assert run("topics", "configure", "steps.fifo", "--archive-retention-days", "0").exit_code == 0
    assert run("topics", "delete", "steps.fifo", "--yes").exit_code == 0
    client.delete_queue("steps.fifo")


def test_a_queue_is_subscribed_with_a_filter(run: Run, client: Client, topic: str) -> None:
    name = added(run, topic, "--to-queue", "orders", "--raw", "--filter", '{"kind":["order"]}')
    run("publish", topic, "gossip", "--attribute", "kind=gossip")
    run("publish", topic, "order", "--attribute", "kind=order")
    (message,) = client.receive("orders")
    assert message.body == "order"
    assert run("subscriptions", "configure", name, "--filter", "{}").exit_code == 0
    shown = json.loads(run("subscriptions", "show", name).stdout)
    assert "filter_policy" not in shown
    assert name in run("subscriptions", "list", topic).stdout
    assert run("subscriptions", "remove", name, "--yes").exit_code == 0
    assert run("subscriptions", "show", name).exit_code == 1


def test_a_bad_filter_is_refused_with_its_reason(run: Run, topic: str) -> None:
    result = run("subscriptions", "add", topic, "--to-queue", "orders", "--filter", '{"a":1}')
    assert result.exit_code == 1
    assert '"a" must be an object or an array' in result.output


def test_one_endpoint_is_to_be_named(run: Run, topic: str) -> None:
    for options in ((), ("--to-queue", "orders", "--to-topic", "news")):
        result = run("subscriptions", "add", topic, *options)
        assert (result.exit_code, "Name one of --to-queue" in result.output) == (2, True)


def test_a_url_is_asked_and_confirmed_for_it(run: Run, topic: str, endpoint: Endpoint) -> None:
    name = added(run, topic, "--to-url", endpoint.url)
    (asked,) = endpoint.wait(1)
    assert asked.kind == "SubscriptionConfirmation"
    assert "asked to confirm" in run("deliveries").stdout
    assert run("subscriptions", "confirm", name).exit_code == 0
    run("publish", topic, "hello")
    assert endpoint.wait(2)[1].document["Message"] == "hello"


def test_deliveries_are_shown_paused_and_resumed(run: Run, topic: str, endpoint: Endpoint) -> None:
    name = added(run, topic, "--to-url", endpoint.url, "--confirmed", "--raw")
    assert run("deliveries", "pause", name, "--reason", "maintenance").exit_code == 0
    run("publish", topic, "hello")
    (shown,) = json.loads(run("deliveries", "list", "--json").stdout)["endpoints"]
    assert (shown["paused"], shown["waiting"]) == ("maintenance", 1)
    assert run("deliveries", "resume", name).exit_code == 0
    endpoint.wait(1)
    for _ in range(1_000):
        shown = json.loads(run("deliveries", "show", name, "--json").stdout)
        if shown["delivered"]:
            break
    assert [each["answer"] for each in shown["attempts"]] == ["200 OK"]
    assert "200 OK" in run("deliveries", "show", name).stdout


def test_a_secret_is_shown_when_it_is_made(run: Run, topic: str, endpoint: Endpoint) -> None:
    options = ("--to-url", endpoint.url, "--confirmed", "--webhook-secret", "new")
    result = run("subscriptions", "add", topic, *options)
    assert "whsec_" in result.stderr
    rotated = run("subscriptions", "rotate-secret", result.stdout.strip())
    assert "whsec_" in rotated.stderr
    assert "whsec_" not in run("subscriptions", "show", result.stdout.strip()).output


def test_what_an_endpoint_refuses_is_a_dead_letter_with_its_cause(
    running: Daemon, run: Run, client: Client, topic: str
) -> None:
    with http_endpoint(lambda _: 410) as refusing:
        options = ("--to-url", refusing.url, "--confirmed", "--dead-letter-queue", "orders")
        name = added(run, topic, *options)
        run("publish", topic, "hello")
        refusing.wait(1)
        for _ in range(1_000):
            if client.queue("orders").visible:
                break
    printed = run("dead-letters", "orders", "--json").stdout
    assert "HttpStatus410" in printed
    assert name.rpartition(":")[2] in printed
