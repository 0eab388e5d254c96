"""how X-Amzn-Trace-Id travels by queues, topics, rules and pipes, and comes out again"""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.daemon import Daemon, running_daemon

TRACE = "Root=1-67891233-abcdef012345678912345678;Sampled=0;Lineage=a87bd80c:3"
HEADERS = {"X-Amzn-Trace-Id": TRACE}
CONFIG = """
[[queue]]
name = "out"
[[queue]]
name = "piped"
[[topic]]
name = "news"
[[subscription]]
topic = "news"
queue = "out"
[[rule]]
name = "all"
pattern = { source = ["shop"] }
targets = [{ queue = "out" }, { topic = "news" }]
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running_daemon(tmp_path_factory.mktemp("traces"), CONFIG) as running:
        yield running


@pytest.fixture(autouse=True)
def _empty(broker: Daemon) -> Iterator[None]:
    yield
    traces(broker, 10, wait_s=0)


def traces(broker: Daemon, count: int, wait_s: int = 10, queue: str = "out") -> list[str | None]:
    """The trace headers of so many messages."""
    sqs = broker.client("sqs")
    found: list[str | None] = []
    while len(found) < count:
        received = sqs.receive_message(
            QueueUrl=queue,
            WaitTimeSeconds=wait_s,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["AWSTraceHeader"],
        ).get("Messages", [])
        if not received:
            break
        for message in received:
            found.append(message.get("Attributes", {}).get("AWSTraceHeader"))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def traced(broker: Daemon, service: str) -> Any:
    """A client that runs in an invocation: its requests have the header."""
    client = broker.client(service)

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = TRACE

    client.meta.events.register("before-send", add)
    return client


def test_a_message_keeps_it(broker: Daemon) -> None:
    traced(broker, "sqs").send_message(QueueUrl="out", MessageBody="x")
    assert traces(broker, 1) == [TRACE]


def test_a_message_that_names_its_own_keeps_that(broker: Daemon) -> None:
    own = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=own"}}
    entries = [
        {"Id": "1", "MessageBody": "x", "MessageSystemAttributes": own},
        {"Id": "2", "MessageBody": "y"},
    ]
    traced(broker, "sqs").send_message_batch(QueueUrl="out", Entries=entries)
    assert set(traces(broker, 2)) == {"Root=own", TRACE}


def test_a_publish_hands_it_to_queues(broker: Daemon) -> None:
    topic = "arn:aws:sns:us-east-1:000000000000:news"
    traced(broker, "sns").publish(TopicArn=topic, Message="x")
    assert traces(broker, 1) == [TRACE]


def test_an_event_hands_it_to_what_its_rules_send(broker: Daemon) -> None:
    event = {"Source": "shop", "DetailType": "t", "Detail": "{}"}
    traced(broker, "events").put_events(Entries=[event])
    assert traces(broker, 2) == [TRACE, TRACE]


def test_an_event_that_names_its_own_hands_on_that(broker: Daemon) -> None:
    own = "Root=1-5759e988-bd862e3fe1be46a994272793"
    event = {"Source": "shop", "DetailType": "t", "Detail": "{}", "TraceHeader": own}
    traced(broker, "events").put_events(Entries=[event])
    assert traces(broker, 2) == [own, own]


@pytest.mark.parametrize(
    ("path", "body", "count"),
    [
        ("queues/out/messages", {"body": "x"}, 1),
        ("queues/out/messages/bulk", {"messages": [{"body": "x"}]}, 1),
        ("topics/news/publish", {"message": "x"}, 1),
        ("topics/news/publish/bulk", {"messages": [{"message": "x"}]}, 1),
        ("events", {"source": "shop", "detail_type": "t", "detail": {}}, 2),
        ("events/bulk", {"events": [{"source": "shop", "detail_type": "t", "detail": {}}]}, 2),
    ],
)
def test_the_native_api_takes_it_too(broker: Daemon, path: str, body: Any, count: int) -> None:
    httpx.post(f"{broker.url}/v1/{path}", json=body, headers=HEADERS).raise_for_status()
    assert traces(broker, count) == [TRACE] * count


def test_a_pipe_passes_it_on(broker: Daemon) -> None:
    arn = "arn:aws:sqs:us-east-1:000000000000:"
    broker.client("pipes").create_pipe(
        Name="p",
        RoleArn="arn:aws:iam::000000000000:role/any",
        Source=f"{arn}piped",
        Target=f"{arn}out",
    )
    traced(broker, "sqs").send_message(QueueUrl="piped", MessageBody=json.dumps({"a": 1}))
    assert traces(broker, 1) == [TRACE]
    long = {"AWSTraceHeader": {"DataType": "String", "StringValue": "x" * 501}}
    body = json.dumps({"a": 1})
    sqs = broker.client("sqs")
    sqs.send_message(QueueUrl="piped", MessageBody=body, MessageSystemAttributes=long)
    assert traces(broker, 1) == [None]


def test_one_that_is_too_long_is_left_out(broker: Daemon) -> None:
    headers = {"X-Amzn-Trace-Id": "x" * 501}
    body = {"body": "x"}
    sent = httpx.post(f"{broker.url}/v1/queues/out/messages", json=body, headers=headers)
    assert sent.is_success
    assert traces(broker, 1) == [None]
