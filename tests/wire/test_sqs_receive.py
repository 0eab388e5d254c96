"""Receiving, deleting and hiding through an unmodified boto3."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.refusals import raises_refusal
from tests.wire.sqs import (
    attribute,
    bodies,
    entries,
    receive,
)


def test_system_attributes(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="a")
    first = receive(sqs, queue, AttributeNames=["All"], VisibilityTimeout=0)["Attributes"]
    assert set(first) == {
        "SenderId",
        "SentTimestamp",
        "ApproximateReceiveCount",
        "ApproximateFirstReceiveTimestamp",
    }
    assert first["ApproximateReceiveCount"] == "1"
    assert len(first["SentTimestamp"]) == len("1700000000000")
    again = receive(
        sqs,
        queue,
        AttributeNames=["ApproximateReceiveCount"],
        MessageSystemAttributeNames=["ApproximateFirstReceiveTimestamp"],
    )["Attributes"]
    assert again == {
        "ApproximateReceiveCount": "2",
        "ApproximateFirstReceiveTimestamp": first["ApproximateFirstReceiveTimestamp"],
    }


@pytest.mark.parametrize("count", [0, 11, -1])
def test_receive_takes_1_to_10_messages(sqs: Any, queue: str, count: int) -> None:
    with raises_refusal(
        "InvalidParameterValue",
        f"Value {count} for parameter MaxNumberOfMessages is invalid. "
        "Reason: Must be between 1 and 10, if provided.",
    ):
        sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=count)


@pytest.mark.parametrize("wait_s", [-1, 21])
def test_receive_waits_0_to_20_seconds(sqs: Any, queue: str, wait_s: int) -> None:
    with raises_refusal(
        "InvalidParameterValue",
        f"Value {wait_s} for parameter WaitTimeSeconds is invalid. "
        "Reason: Must be >= 0 and <= 20, if provided.",
    ):
        sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=wait_s)


@pytest.mark.parametrize("timeout_s", [-1, 43_201])
def test_visibility_timeouts_past_the_limit(sqs: Any, queue: str, timeout_s: int) -> None:
    with raises_refusal("InvalidParameterValue"):
        sqs.receive_message(QueueUrl=queue, VisibilityTimeout=timeout_s)
    with raises_refusal("InvalidParameterValue"):
        sqs.change_message_visibility(
            QueueUrl=queue, ReceiptHandle="AAAA", VisibilityTimeout=timeout_s
        )


def test_an_empty_receive_has_no_messages_member(sqs: Any, queue: str) -> None:
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)


def test_what_is_received_is_hidden(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="a")
    receive(sqs, queue, VisibilityTimeout=43_200)
    assert bodies(sqs.receive_message(QueueUrl=queue)) == []
    assert attribute(sqs, queue, "ApproximateNumberOfMessagesNotVisible") == "1"


def test_a_message_reappears_when_its_visibility_timeout_ends(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="a")
    first = receive(sqs, queue, VisibilityTimeout=1)
    again = receive(sqs, queue)
    assert again["MessageId"] == first["MessageId"]
    assert again["ReceiptHandle"] != first["ReceiptHandle"]


def test_the_queues_wait_counts_unless_the_request_has_its_own(
    sqs: Any, make_queue: Callable[..., str]
) -> None:
    queue = make_queue(ReceiveMessageWaitTimeSeconds="20")
    assert bodies(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=0)) == []
    sqs.send_message(QueueUrl=queue, MessageBody="a", DelaySeconds=1)
    assert bodies(sqs.receive_message(QueueUrl=queue)) == ["a"]


def test_a_deleted_message_is_gone_and_deleting_it_again_is_as_good(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="a")
    handle = receive(sqs, queue, VisibilityTimeout=0)["ReceiptHandle"]
    for _ in range(2):
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)
    assert bodies(sqs.receive_message(QueueUrl=queue)) == []


def forged(handle: str) -> str:
    data = bytearray(base64.b64decode(handle))
    data[10] ^= 1
    return base64.b64encode(data).decode()


def test_handles_that_were_never_issued(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="a")
    handle = receive(sqs, queue)["ReceiptHandle"]
    for bad in ("garbage", "AAAA", "", forged(handle), handle + "AAAA"):
        message = f'The input receipt handle "{bad}" is not a valid receipt handle.'
        with raises_refusal("ReceiptHandleIsInvalid", message):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=bad)
        with raises_refusal("ReceiptHandleIsInvalid", message):
            sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=bad, VisibilityTimeout=0)


def test_change_visibility_of_a_deleted_message(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="a")
    handle = receive(sqs, queue)["ReceiptHandle"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)
    with raises_refusal(
        "InvalidParameterValue",
        f"Value {handle} for parameter ReceiptHandle is invalid. Reason: Message does not exist "
        "or is not available for visibility timeout change.",
    ):
        sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=5)


def test_a_visibility_of_zero_shows_the_message_at_once(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="a")
    handle = receive(sqs, queue)["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=0)
    assert receive(sqs, queue, WaitTimeSeconds=0)["Body"] == "a"


def test_a_longer_visibility_hides_longer(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="a")
    handle = receive(sqs, queue, VisibilityTimeout=1)["ReceiptHandle"]
    sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=handle, VisibilityTimeout=600)
    assert bodies(sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=2)) == []
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)


def test_batches_of_deletes_and_changes_report_each_entry(sqs: Any, queue: str) -> None:
    sqs.send_message_batch(QueueUrl=queue, Entries=entries(2))
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=10)
    one, two = (message["ReceiptHandle"] for message in received["Messages"])
    bad = {
        "Id": "bad",
        "SenderFault": True,
        "Code": "ReceiptHandleIsInvalid",
        "Message": 'The input receipt handle "garbage" is not a valid receipt handle.',
    }
    answer = sqs.change_message_visibility_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": "one", "ReceiptHandle": one, "VisibilityTimeout": 600},
            {"Id": "bad", "ReceiptHandle": "garbage", "VisibilityTimeout": 600},
        ],
    )
    assert [each["Id"] for each in answer["Successful"]] == ["one"]
    assert answer["Failed"] == [bad]
    answer = sqs.delete_message_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": "bad", "ReceiptHandle": "garbage"},
            {"Id": "two", "ReceiptHandle": two},
        ],
    )
    assert [each["Id"] for each in answer["Successful"]] == ["two"]
    assert answer["Failed"] == [bad]
    over = sqs.change_message_visibility_batch(
        QueueUrl=queue, Entries=[{"Id": "x", "ReceiptHandle": one, "VisibilityTimeout": 43_201}]
    )
    assert [each["Code"] for each in over["Failed"]] == ["InvalidParameterValue"]
    assert "Successful" not in over
