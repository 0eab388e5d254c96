"""Following live over real sockets: server-sent events by httpx, WebSocket by our own client."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from broker.client import BrokerRefused, Client, StreamEnded, TopicMessage
from tests.daemon import Daemon, running_daemon

CONFIG = '[[topic]]\nname = "news"\n[[event_bus]]\nname = "shop"\n'
ORDERS = '{"message":{"kind":["order"]}}'


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running_daemon(tmp_path_factory.mktemp("live"), CONFIG) as running:
        yield running


@pytest.fixture
def client(daemon: Daemon) -> Iterator[Client]:
    with Client(daemon.url) as opened:
        yield opened


def frames(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """The name and the data of each server-sent event."""
    name = ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def test_a_topic_is_followed_by_server_sent_events(daemon: Daemon, client: Client) -> None:
    url = f"{daemon.url}/v1/topics/news/stream"
    headers = {"Accept": "text/event-stream"}
    with httpx.stream("GET", url, headers=headers, params={"filter": ORDERS}) as response:
        assert response.headers["content-type"] == "text/event-stream"
        following = frames(response.iter_lines())
        assert next(following) == (
            "open",
            {"type": "open", "topic": "news", "filter": ORDERS, "buffer": 1_000},
        )
        client.publish("news", '{"kind":"gossip"}')
        message_id = client.publish("news", '{"kind":"order"}', subject="new")
        name, frame = next(following)
        assert (name, frame["type"]) == ("events", "events")
        (event,) = frame["events"]
        assert event.pop("published_at_ms") > 0
        assert event == {
            "message_id": message_id,
            "topic": "news",
            "subject": "new",
            "message": '{"kind":"order"}',
        }


def test_a_topic_is_followed_over_a_websocket(client: Client) -> None:
    with client.follow_topic("news") as following:
        message_id = client.publish("news", "hello")
        (event,) = next(following).events
        assert isinstance(event, TopicMessage)
        assert (event.message_id, event.message) == (message_id, "hello")


def test_a_bus_is_followed_with_the_pattern_of_a_rule(daemon: Daemon, client: Client) -> None:
    events = daemon.client("events")
    with client.follow_bus("shop", '{"source":["till"]}') as following:
        for source in ("door", "till"):
            entry = {"Source": source, "DetailType": "seen", "Detail": '{"n":1}'}
            events.put_events(Entries=[{**entry, "EventBusName": "shop"}])
        (event,) = next(following).events
        assert (event["source"], event["detail"]) == ("till", {"n": 1})


def test_a_topic_that_is_deleted_ends_its_streams(daemon: Daemon, client: Client) -> None:
    sns = daemon.client("sns")
    arn = sns.create_topic(Name="short")["TopicArn"]
    with client.follow_topic("short") as following:
        sns.delete_topic(TopicArn=arn)
        with pytest.raises(StreamEnded, match="The topic was deleted"):
            next(following)


@pytest.mark.parametrize(
    ("query", "status", "reason"),
    [
        ({"filter": '{"a":1}'}, 400, '"a" must be an object or an array'),
        ({"filter": "no json"}, 400, "not valid JSON"),
        ({"buffer": "0"}, 400, "buffer"),
    ],
)
def test_a_bad_request_is_refused_before_the_stream_begins(
    daemon: Daemon, query: dict[str, str], status: int, reason: str
) -> None:
    url = f"{daemon.url}/v1/topics/news/stream"
    answer = httpx.get(url, headers={"Accept": "text/event-stream"}, params=query)
    assert answer.status_code == status
    assert reason in answer.json()["detail"]


def test_a_topic_that_is_not_there_can_t_be_followed(client: Client) -> None:
    with pytest.raises(BrokerRefused, match="Topic"), client.follow_topic("gone") as following:
        next(following)
