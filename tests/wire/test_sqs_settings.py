"""What the configuration changes of SQS: how long a delay may be, and whose names are blocked."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.daemon import Daemon, running_daemon
from tests.wire.refusals import raises_refusal
from tests.wire.sqs import attribute

DAYS_400_S = 34_560_000
CONFIG = f"""
[queues]
delay_s_max = {DAYS_400_S}
deleted_name_blocked_s = 0
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running_daemon(tmp_path_factory.mktemp("settings"), CONFIG) as running:
        yield running


def test_a_message_may_be_delayed_for_400_days_and_not_longer(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="a", DelaySeconds=DAYS_400_S)
    message = (
        f"Value {DAYS_400_S + 1} for parameter DelaySeconds is invalid. "
        f"Reason: DelaySeconds must be >= 0 and <= {DAYS_400_S}."
    )
    with raises_refusal("InvalidParameterValue", message):
        sqs.send_message(QueueUrl=queue, MessageBody="a", DelaySeconds=DAYS_400_S + 1)
    answer = sqs.send_message_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": "late", "MessageBody": "b", "DelaySeconds": DAYS_400_S},
            {"Id": "too-late", "MessageBody": "c", "DelaySeconds": DAYS_400_S + 1},
        ],
    )
    assert [each["Id"] for each in answer["Successful"]] == ["late"]
    assert [each["Message"] for each in answer["Failed"]] == [message]
    assert attribute(sqs, queue, "ApproximateNumberOfMessagesDelayed") == "2"


def test_the_delay_of_a_queue_keeps_its_limit(sqs: Any, queue: str) -> None:
    with raises_refusal("InvalidAttributeValue"):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": "901"})


def test_a_name_can_be_used_again_at_once(sqs: Any, name: str) -> None:
    for _ in range(2):
        queue = sqs.create_queue(QueueName=name)["QueueUrl"]
        sqs.delete_queue(QueueUrl=queue)
