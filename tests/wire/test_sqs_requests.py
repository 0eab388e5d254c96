"""Requests of the JSON protocol that no SDK would make, and answers to the byte."""

import json

import httpx
import pytest

from tests.daemon import Daemon


def post(broker: Daemon, action: str, content: bytes) -> httpx.Response:
    headers = {
        "X-Amz-Target": f"AmazonSQS.{action}",
        "Content-Type": "application/x-amz-json-1.0",
    }
    return httpx.post(broker.url, headers=headers, content=content)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'"a"',
        b"\xff",
        b'{"QueueName": 5}',
        b'{"QueueName": "\\ud800"}',
        b'{"QueueName": "\xff"}',
        b'{"QueueName": "a", "Attributes": []}',
    ],
)
def test_malformed_bodies(broker: Daemon, content: bytes) -> None:
    answer = post(broker, "CreateQueue", content)
    assert answer.status_code == 400
    assert answer.json()["__type"] == "com.amazonaws.sqs#SerializationException"
    assert answer.headers["x-amzn-query-error"] == "SerializationException;Sender"
    assert answer.headers["x-amzn-requestid"]


def test_a_body_nested_without_end(broker: Daemon) -> None:
    for member in (b"QueueName", b"Invented"):
        answer = post(broker, "CreateQueue", b'{"%s":' % member + b"[" * 100_000)
        assert answer.status_code == 400
        assert answer.json()["__type"] == "com.amazonaws.sqs#SerializationException"


def test_a_missing_member(broker: Daemon) -> None:
    for content in (b"", b"{}", b'{"QueueName": null}'):
        answer = post(broker, "CreateQueue", content)
        assert answer.status_code == 400
        assert answer.json() == {
            "__type": "com.amazonaws.sqs#MissingRequiredParameterException",
            "message": "The request must contain the parameter QueueName.",
        }
        assert answer.headers["x-amzn-query-error"] == "MissingParameter;Sender"


def test_a_null_is_as_good_as_nothing(broker: Daemon, name: str) -> None:
    content = json.dumps({"QueueName": name, "Attributes": None, "tags": None}).encode()
    assert post(broker, "CreateQueue", content).status_code == 200
    content = b'{"QueueNamePrefix": null, "MaxResults": null, "NextToken": null}'
    assert post(broker, "ListQueues", content).status_code == 200
    batch = {"Entries": [{"Id": "a", "MessageBody": "a", "DelaySeconds": None}], "QueueUrl": name}
    assert post(broker, "SendMessageBatch", json.dumps(batch).encode()).status_code == 200
    content = json.dumps({"QueueUrl": name, "MaxNumberOfMessages": None}).encode()
    assert len(post(broker, "ReceiveMessage", content).json()["Messages"]) == 1


def test_an_unknown_member_is_ignored_as_the_protocol_says(broker: Daemon, name: str) -> None:
    content = json.dumps({"QueueName": name, "Invented": 1}).encode()
    assert post(broker, "CreateQueue", content).status_code == 200


def test_an_unknown_action(broker: Daemon) -> None:
    answer = post(broker, "Frobnicate", b"{}")
    assert answer.status_code == 400
    assert answer.json()["__type"] == "com.amazonaws.sqs#UnknownOperationException"
    assert answer.headers["x-amzn-query-error"] == "UnknownOperationException;Sender"


@pytest.mark.parametrize("target", ["DynamoDB_20120810.ListTables", 'A"B.C', "nonsense"])
def test_an_unknown_service(broker: Daemon, target: str) -> None:
    answer = httpx.post(broker.url, headers={"X-Amz-Target": target}, content=b"{}")
    assert answer.status_code == 400
    assert answer.json()["__type"] == "UnknownOperationException"
    assert answer.headers["x-amzn-requestid"]


def test_an_action_without_output_has_an_empty_body(broker: Daemon, queue: str) -> None:
    content = json.dumps({"QueueUrl": queue}).encode()
    answer = post(broker, "DeleteQueue", content)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-amz-json-1.0"
    assert answer.headers["x-amzn-requestid"]
    assert answer.headers["date"]
