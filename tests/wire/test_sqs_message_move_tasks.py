"""Message move tasks through an unmodified boto3: what they are refused for, and whose they are."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.daemon import Daemon
from tests.wire.refusals import raises_refusal
from tests.wire.sqs import attribute

NO_TASK = "Task does not exist."


@pytest.fixture
def dead(sqs: Any, make_queue: Callable[..., str]) -> str:
    """The ARN of a dead-letter queue."""
    arn = attribute(sqs, make_queue(), "QueueArn")
    make_queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1}))
    return arn


@pytest.mark.parametrize("rate", [0, 501, -1])
def test_a_task_moves_1_to_500_messages_a_second(sqs: Any, dead: str, rate: int) -> None:
    with raises_refusal(
        "InvalidParameterValue",
        f"Value {rate} for parameter MaxNumberOfMessagesPerSecond is invalid. "
        "Reason: Must be between 1 and 500.",
    ):
        sqs.start_message_move_task(SourceArn=dead, MaxNumberOfMessagesPerSecond=rate)
    at = 500 if rate > 500 else 1
    sqs.start_message_move_task(SourceArn=dead, MaxNumberOfMessagesPerSecond=at)


@pytest.mark.parametrize("count", [0, 11])
def test_1_to_10_tasks_are_listed(sqs: Any, dead: str, count: int) -> None:
    with raises_refusal(
        "InvalidParameterValue",
        f"Value {count} for parameter MaxResults is invalid. "
        "Reason: Must be between 1 and 10, if provided.",
    ):
        sqs.list_message_move_tasks(SourceArn=dead, MaxResults=count)
    for good in (1, 10):
        assert sqs.list_message_move_tasks(SourceArn=dead, MaxResults=good)["Results"] == []


@pytest.mark.parametrize("arn", ["x", "arn:aws:sns:us-east-1:000000000000:x", ""])
def test_what_is_no_arn_of_a_queue(sqs: Any, dead: str, arn: str) -> None:
    form = "arn:<partition>:<service>:<region>:<account-id>:<resource-id>"
    for call in (sqs.start_message_move_task, sqs.list_message_move_tasks):
        with raises_refusal(
            "InvalidParameterValue",
            f"You must use this format to specify the SourceArn: {form}",
        ):
            call(SourceArn=arn)
    with raises_refusal(
        "InvalidParameterValue",
        f"You must use this format to specify the DestinationArn: {form}",
    ):
        sqs.start_message_move_task(SourceArn=dead, DestinationArn=arn)


def test_queues_of_other_accounts_and_regions_are_not_there(
    broker: Daemon, sqs: Any, dead: str, name: str
) -> None:
    broker.client("sqs", account="666666666666").create_queue(QueueName=name)
    text = "The resource that you specified for the {} parameter doesn't exist."
    for arn in (
        f"arn:aws:sqs:us-east-1:666666666666:{name}",
        dead.replace("us-east-1", "eu-west-1"),
    ):
        with raises_refusal("ResourceNotFoundException", text.format("SourceArn"), 404):
            sqs.start_message_move_task(SourceArn=arn)
        with raises_refusal("ResourceNotFoundException", text.format("DestinationArn"), 404):
            sqs.start_message_move_task(SourceArn=dead, DestinationArn=arn)


def test_destinations_that_are_refused(sqs: Any, dead: str, name: str) -> None:
    url = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    for destination in (dead, attribute(sqs, url, "QueueArn")):
        with raises_refusal("InvalidParameterValue"):
            sqs.start_message_move_task(SourceArn=dead, DestinationArn=destination)
    assert sqs.list_message_move_tasks(SourceArn=dead)["Results"] == []


def handle(**members: Any) -> str:
    return base64.b64encode(json.dumps(members).encode()).decode()


def test_handles_that_are_none(sqs: Any, dead: str) -> None:
    for text in ("", "x", "%%%%", handle(), handle(taskId=1, sourceArn=dead)):
        with raises_refusal("InvalidParameterValue", "Value for parameter TaskHandle is invalid."):
            sqs.cancel_message_move_task(TaskHandle=text)
    with raises_refusal("ResourceNotFoundException", NO_TASK, 404):
        sqs.cancel_message_move_task(TaskHandle=handle(taskId="none", sourceArn=dead))


def test_a_handle_names_the_task_and_its_source(sqs: Any, queue: str, dead: str) -> None:
    started = sqs.start_message_move_task(SourceArn=dead)["TaskHandle"]
    members = json.loads(base64.b64decode(started))
    assert members.keys() == {"taskId", "sourceArn"}
    assert members["sourceArn"] == dead
    other = handle(**{**members, "sourceArn": attribute(sqs, queue, "QueueArn")})
    with raises_refusal("ResourceNotFoundException", NO_TASK, 404):
        sqs.cancel_message_move_task(TaskHandle=other)
