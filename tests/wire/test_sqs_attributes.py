"""Attributes of queues through an unmodified boto3."""

from typing import Any

import pytest

from tests.wire.refusals import raises_refusal
from tests.wire.sqs import (
    MIB,
    attribute,
    name_of,
)


def test_all_attributes_of_a_new_queue(sqs: Any, queue: str) -> None:
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    created, modified = found.pop("CreatedTimestamp"), found.pop("LastModifiedTimestamp")
    assert created == modified
    assert len(created) == len("1700000000")
    assert found == {
        "QueueArn": f"arn:aws:sqs:us-east-1:000000000000:{name_of(queue)}",
        "ApproximateNumberOfMessages": "0",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "DelaySeconds": "0",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "VisibilityTimeout": "30",
        "SqsManagedSseEnabled": "true",
    }


def test_only_attributes_that_were_asked_for(sqs: Any, queue: str) -> None:
    found = sqs.get_queue_attributes(
        QueueUrl=queue, AttributeNames=["VisibilityTimeout", "DelaySeconds", "Policy"]
    )
    assert found["Attributes"] == {"VisibilityTimeout": "30", "DelaySeconds": "0"}
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=queue)
    assert "Attributes" not in sqs.get_queue_attributes(
        QueueUrl=queue, AttributeNames=["RedrivePolicy"]
    )


def test_only_a_change_of_attributes_is_a_modification(sqs: Any, queue: str) -> None:
    modified = attribute(sqs, queue, "LastModifiedTimestamp")
    sqs.tag_queue(QueueUrl=queue, Tags={"a": "b"})
    sqs.send_message(QueueUrl=queue, MessageBody="a")
    assert attribute(sqs, queue, "LastModifiedTimestamp") == modified


def test_an_unknown_attribute_is_refused(sqs: Any, queue: str) -> None:
    with raises_refusal("InvalidAttributeName", "Unknown Attribute Foobar."):
        sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Foobar"])
    with raises_refusal("InvalidAttributeName", "Unknown Attribute Foobar."):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Foobar": "1"})
    with raises_refusal("InvalidAttributeName", "Unknown Attribute QueueArn."):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"QueueArn": "1"})


RANGES = [
    ("DelaySeconds", 0, 900),
    ("MaximumMessageSize", 1_024, MIB),
    ("MessageRetentionPeriod", 60, 1_209_600),
    ("ReceiveMessageWaitTimeSeconds", 0, 20),
    ("VisibilityTimeout", 0, 43_200),
]


@pytest.mark.parametrize(("attribute_name", "low", "high"), RANGES)
def test_attributes_at_their_limits_and_one_past(
    sqs: Any, queue: str, attribute_name: str, low: int, high: int
) -> None:
    for good in (low, high):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={attribute_name: str(good)})
        assert attribute(sqs, queue, attribute_name) == str(good)
    for bad in (str(low - 1), str(high + 1), "", "x", "1.5", f"{low}_0", f" {high}"):
        with raises_refusal(
            "InvalidAttributeValue", f"Invalid value for the parameter {attribute_name}."
        ):
            sqs.set_queue_attributes(QueueUrl=queue, Attributes={attribute_name: bad})


def test_set_without_attributes_is_refused(sqs: Any, queue: str) -> None:
    with raises_refusal("MissingParameter"):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={})


def test_attributes_of_fifo_queues_on_a_standard_one(sqs: Any, name: str, queue: str) -> None:
    for attributes, text in (
        (
            {"ContentBasedDeduplication": "true"},
            "Unknown Attribute ContentBasedDeduplication.",
        ),
        (
            {"DeduplicationScope": "queue"},
            "You can specify the DeduplicationScope only when FifoQueue is set to true.",
        ),
        (
            {"FifoThroughputLimit": "perQueue"},
            "You can specify the FifoThroughputLimit only when FifoQueue is set to true.",
        ),
    ):
        with raises_refusal("InvalidAttributeName", text):
            sqs.create_queue(QueueName=name, Attributes=attributes)
        with raises_refusal("InvalidAttributeName", text):
            sqs.set_queue_attributes(QueueUrl=queue, Attributes=attributes)
    with raises_refusal(
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
    ):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"FifoQueue": "true"})


def encryption_of(sqs: Any, queue: str) -> dict[str, str]:
    names = ["SqsManagedSseEnabled", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"]
    return dict(sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"])


def test_a_key_of_kms_replaces_the_queues_own_encryption_and_an_empty_one_gives_it_back(
    sqs: Any, queue: str
) -> None:
    assert encryption_of(sqs, queue) == {"SqsManagedSseEnabled": "true"}
    given = {"KmsMasterKeyId": "alias/aws/sqs", "KmsDataKeyReusePeriodSeconds": "60"}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=given)
    assert encryption_of(sqs, queue) == {**given, "SqsManagedSseEnabled": "false"}
    back = {"KmsMasterKeyId": "", "KmsDataKeyReusePeriodSeconds": "300"}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=back)
    assert encryption_of(sqs, queue) == {"SqsManagedSseEnabled": "true"}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"SqsManagedSseEnabled": "false"})
    assert encryption_of(sqs, queue) == {"SqsManagedSseEnabled": "false"}


@pytest.mark.parametrize(
    ("attribute_name", "value"),
    [
        ("SqsManagedSseEnabled", ""),
        ("SqsManagedSseEnabled", "yes"),
        ("KmsMasterKeyId", "a b"),
        ("KmsDataKeyReusePeriodSeconds", "59"),
        ("KmsDataKeyReusePeriodSeconds", "86401"),
    ],
)
def test_attributes_of_encryption_that_are_none(
    sqs: Any, queue: str, attribute_name: str, value: str
) -> None:
    with raises_refusal(
        "InvalidAttributeValue", f"Invalid value for the parameter {attribute_name}."
    ):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={attribute_name: value})


def test_two_kinds_of_encryption_one_after_the_other(sqs: Any, make_queue: Any) -> None:
    queue = make_queue(KmsMasterKeyId="alias/x")
    with raises_refusal("InvalidAttributeName"):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"SqsManagedSseEnabled": "true"})
    both = {"SqsManagedSseEnabled": "true", "KmsMasterKeyId": ""}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=both)
    assert encryption_of(sqs, queue) == {"SqsManagedSseEnabled": "true"}


def test_two_kinds_of_encryption_at_once(sqs: Any, name: str) -> None:
    with raises_refusal(
        "InvalidAttributeName",
        "You can use one type of server-side encryption (SSE) at one time. "
        "You can either enable KMS SSE or SQS SSE.",
    ):
        sqs.create_queue(
            QueueName=name, Attributes={"SqsManagedSseEnabled": "true", "KmsMasterKeyId": "alias/x"}
        )
