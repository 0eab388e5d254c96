"""one event, followed to everything it reaches: topic, queue, function, dead-letter queue"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon
from tests.wire.functions import daemon_with_functions, told

ARN = "arn:aws:{}:us-east-1:000000000000:{}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("functions")


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[Daemon]:
    with daemon_with_functions(folder) as running:
        yield running


def arn_of(queue: str) -> str:
    return ARN.format("sqs", queue.rpartition("/")[2])


def receive(sqs: Any, queue: str, **options: Any) -> dict[str, Any]:
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20, **options)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return dict(message)


def test_one_event_reaches_queue_function_and_the_topics_queue_and_function(
    sqs: Any, sns: Any, events: Any, make_queue: Any, name: str, folder: Path
) -> None:
    direct, subscribed = make_queue(), make_queue()
    topic = sns.create_topic(Name=name)["TopicArn"]
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn_of(subscribed))
    record = ARN.format("lambda", "function:record")
    recorded = sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=record)
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    targets = [arn_of(direct), topic, ARN.format("lambda", "function:tell")]
    events.put_targets(
        Rule=name, Targets=[{"Id": str(n), "Arn": arn} for n, arn in enumerate(targets)]
    )
    answer = events.put_events(
        Entries=[{"Source": name, "DetailType": "t", "Detail": '{"a": "ä"}'}]
    )

    event = json.loads(receive(sqs, direct)["Body"])
    assert event["id"] == answer["Entries"][0]["EventId"]
    assert event["detail"] == {"a": "ä"}
    assert json.loads(told(folder / "tell")) == event

    envelope = json.loads(receive(sqs, subscribed)["Body"])
    assert json.loads(envelope["Message"]) == event
    assert (envelope["Type"], envelope["TopicArn"]) == ("Notification", topic)
    assert envelope["UnsubscribeURL"].endswith(subscription["SubscriptionArn"])

    (one,) = json.loads(told(folder / "record"))["Records"]
    assert (one["EventSource"], one["EventVersion"]) == ("aws:sns", "1.0")
    assert one["EventSubscriptionArn"] == recorded["SubscriptionArn"]
    assert json.loads(one["Sns"].pop("Message")) == event
    assert one["Sns"].pop("UnsubscribeUrl").endswith(recorded["SubscriptionArn"])
    assert one["Sns"] == {
        "Type": "Notification",
        "MessageId": envelope["MessageId"],
        "TopicArn": topic,
        "Subject": None,
        "Timestamp": envelope["Timestamp"],
        "MessageAttributes": {},
    }


def test_a_function_that_fails_an_event_leaves_it_in_the_dead_letter_queue(
    sqs: Any, events: Any, make_queue: Any, name: str, folder: Path
) -> None:
    witness = make_queue()
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    targets = [arn_of(witness), ARN.format("lambda", "function:fail")]
    events.put_targets(
        Rule=name, Targets=[{"Id": str(n), "Arn": arn} for n, arn in enumerate(targets)]
    )
    events.put_events(Entries=[{"Source": name, "DetailType": "t", "Detail": "{}"}])
    queue = sqs.get_queue_url(QueueName="dead-letters")["QueueUrl"]
    letter = receive(sqs, queue, MessageAttributeNames=["All"])
    assert letter["Body"] == receive(sqs, witness)["Body"]
    attributes = letter["MessageAttributes"]
    assert set(attributes) == {"RequestID", "ErrorCode", "ErrorMessage"}
    assert attributes["ErrorCode"] == {"DataType": "Number", "StringValue": "200"}
    assert attributes["ErrorMessage"]["StringValue"] == "it is broken"
    assert (folder / "attempts").read_text().split() == ["1", "2", "3"]
