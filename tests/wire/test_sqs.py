"""SQS through an unmodified boto3"""

import base64
import hashlib
import json
import struct
from collections.abc import Callable
from typing import Any

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.daemon import Daemon
from tests.wire.refusals import raises_refusal

NON_EXISTENT = "AWS.SimpleQueueService.NonExistentQueue"
BATCH = "AWS.SimpleQueueService."
MIB = 1_048_576


def bodies(received: dict[str, Any]) -> list[str]:
    return [message["Body"] for message in received.get("Messages", [])]


def receive(sqs: Any, queue: str, **options: Any) -> dict[str, Any]:
    """One message, by long poll."""
    options = {"WaitTimeSeconds": 10, "QueueUrl": queue, **options}
    (message,) = sqs.receive_message(**options)["Messages"]
    return dict(message)


def attribute(sqs: Any, queue: str, name: str) -> str:
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
    return str(found["Attributes"][name])


def name_of(queue: str) -> str:
    return queue.rpartition("/")[2]


# Queues


def test_create_answers_with_a_url_on_the_host_the_client_used(
    broker: Daemon, sqs: Any, name: str
) -> None:
    made = sqs.create_queue(QueueName=name)
    assert made["QueueUrl"] == f"{broker.url}/000000000000/{name}"
    assert made["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]


def test_create_again_with_equal_attributes_is_as_good(sqs: Any, name: str) -> None:
    first = sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "5"})
    again = sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "5"})
    without = sqs.create_queue(QueueName=name)
    assert first["QueueUrl"] == again["QueueUrl"] == without["QueueUrl"]


def test_create_again_with_another_attribute_is_refused(sqs: Any, name: str) -> None:
    sqs.create_queue(QueueName=name)
    with raises_refusal(
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for attribute "
        "DelaySeconds",
    ):
        sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "1"})
    with pytest.raises(sqs.exceptions.QueueNameExists):
        sqs.create_queue(QueueName=name, Attributes={"DelaySeconds": "1"})


@pytest.mark.parametrize("good", ["a", "A-Za-z0-9_-", "n" * 80])
def test_queue_names_up_to_80_characters(sqs: Any, good: str) -> None:
    assert name_of(sqs.create_queue(QueueName=good)["QueueUrl"]) == good


@pytest.mark.parametrize("bad", ["", "n" * 81, "a b", "a.b", "käse", "a/b"])
def test_bad_queue_names_are_refused(sqs: Any, bad: str) -> None:
    with raises_refusal(
        "InvalidParameterValue",
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    ):
        sqs.create_queue(QueueName=bad)


def test_get_queue_url(sqs: Any, queue: str) -> None:
    assert sqs.get_queue_url(QueueName=name_of(queue))["QueueUrl"] == queue
    owned = sqs.get_queue_url(QueueName=name_of(queue), QueueOwnerAWSAccountId="000000000000")
    assert owned["QueueUrl"] == queue


def test_a_queue_that_is_not_there(sqs: Any, broker: Daemon) -> None:
    url = f"{broker.url}/000000000000/nowhere"
    text = "The specified queue does not exist."
    calls: list[Callable[[], Any]] = [
        lambda: sqs.get_queue_url(QueueName="nowhere"),
        lambda: sqs.delete_queue(QueueUrl=url),
        lambda: sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"]),
        lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "1"}),
        lambda: sqs.send_message(QueueUrl=url, MessageBody="a"),
        lambda: sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "a"}]),
        lambda: sqs.receive_message(QueueUrl=url),
        lambda: sqs.delete_message(QueueUrl=url, ReceiptHandle="AAAA"),
        lambda: sqs.delete_message_batch(
            QueueUrl=url, Entries=[{"Id": "1", "ReceiptHandle": "AAAA"}]
        ),
        lambda: sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle="AAAA", VisibilityTimeout=1
        ),
        lambda: sqs.change_message_visibility_batch(
            QueueUrl=url, Entries=[{"Id": "1", "ReceiptHandle": "AAAA", "VisibilityTimeout": 1}]
        ),
        lambda: sqs.purge_queue(QueueUrl=url),
    ]
    for call in calls:
        with raises_refusal(NON_EXISTENT, text):
            call()
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        sqs.get_queue_url(QueueName="nowhere")


def test_list_queues_by_prefix_and_page(broker: Daemon) -> None:
    sqs = broker.client("sqs", account="333333333333")
    assert "QueueUrls" not in sqs.list_queues()
    for name in ("b-1", "a-2", "a-1", "a-3"):
        sqs.create_queue(QueueName=name)
    every = [name_of(url) for url in sqs.list_queues()["QueueUrls"]]
    assert every == ["a-1", "a-2", "a-3", "b-1"]
    first = sqs.list_queues(QueueNamePrefix="a", MaxResults=2)
    assert [name_of(url) for url in first["QueueUrls"]] == ["a-1", "a-2"]
    rest = sqs.list_queues(QueueNamePrefix="a", MaxResults=2, NextToken=first["NextToken"])
    assert [name_of(url) for url in rest["QueueUrls"]] == ["a-3"]
    assert "NextToken" not in rest
    pages = sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1})
    assert [name_of(url) for page in pages for url in page["QueueUrls"]] == every
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="z")


@pytest.mark.parametrize("count", [0, 1_001])
def test_list_queues_takes_1_to_1000_results(sqs: Any, count: int) -> None:
    with raises_refusal("InvalidParameterValue"):
        sqs.list_queues(MaxResults=count)


def test_a_deleted_queue_is_gone(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="a")
    sqs.delete_queue(QueueUrl=queue)
    with raises_refusal(NON_EXISTENT, "The specified queue does not exist."):
        sqs.receive_message(QueueUrl=queue)


def test_purge_leaves_nothing_and_again_only_after_a_minute(sqs: Any, queue: str) -> None:
    for body in "abc":
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    receive(sqs, queue)
    sqs.purge_queue(QueueUrl=queue)
    assert bodies(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)) == []
    with raises_refusal(
        "AWS.SimpleQueueService.PurgeQueueInProgress",
        f"Only one PurgeQueue operation on {name_of(queue)} is allowed every 60 seconds.",
        403,
    ):
        sqs.purge_queue(QueueUrl=queue)


# Attributes


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


def test_policies_are_kept_and_an_empty_one_removes(sqs: Any, queue: str) -> None:
    policy = '{"Version":"2012-10-17","Statement":[]}'
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    assert attribute(sqs, queue, "Policy") == policy
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""})
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["Policy"])
    with raises_refusal("InvalidAttributeValue"):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": "no JSON"})


def test_set_without_attributes_is_refused(sqs: Any, queue: str) -> None:
    with raises_refusal("MissingParameter"):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={})


def test_a_redrive_policy_and_the_dead_letter_it_makes(
    sqs: Any, make_queue: Callable[..., str]
) -> None:
    dead_letters, queue = make_queue(), make_queue(VisibilityTimeout="0")
    arn = attribute(sqs, dead_letters, "QueueArn")
    policy = {"deadLetterTargetArn": arn, "maxReceiveCount": 2}
    given = json.dumps({**policy, "maxReceiveCount": "2"})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": given})
    assert json.loads(attribute(sqs, queue, "RedrivePolicy")) == policy
    sent = sqs.send_message(QueueUrl=queue, MessageBody="poison")
    assert [receive(sqs, queue)["Body"] for _ in range(2)] == ["poison"] * 2
    assert bodies(sqs.receive_message(QueueUrl=queue)) == []
    letter = receive(sqs, dead_letters, MessageSystemAttributeNames=["All"])
    assert (letter["Body"], letter["MessageId"]) == ("poison", sent["MessageId"])
    source = letter["Attributes"]["DeadLetterQueueSourceArn"]
    assert source == attribute(sqs, queue, "QueueArn")
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": ""})
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])
    assert "Attributes" not in found


@pytest.mark.parametrize("count", [0, 1_001, "x"])
def test_a_redrive_policy_receives_1_to_1000_times(sqs: Any, queue: str, count: Any) -> None:
    arn = attribute(sqs, queue, "QueueArn")
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": count})
    with raises_refusal(
        "InvalidParameterValue",
        f"Value {policy} for parameter RedrivePolicy is invalid. Reason: Invalid value for "
        f"maxReceiveCount: {count}, valid values are from 1 to 1000 both inclusive.",
    ):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})


@pytest.mark.parametrize("arn", ["x", "arn:aws:sqs:eu-west-1:000000000000:q"])
def test_a_dead_letter_queue_is_of_the_same_account_and_region(
    sqs: Any, queue: str, arn: str
) -> None:
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    with raises_refusal(
        "InvalidParameterValue",
        f"Value {policy} for parameter RedrivePolicy is invalid. "
        "Reason: Invalid value for deadLetterTargetArn.",
    ):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": policy})


# Send


def test_send_answers_with_id_and_md5(sqs: Any, queue: str) -> None:
    sent = sqs.send_message(QueueUrl=queue, MessageBody="Grüße 🦉")
    assert sent["MD5OfMessageBody"] == hashlib.md5("Grüße 🦉".encode()).hexdigest()
    assert len(sent["MessageId"]) == 36
    for absent in ("MD5OfMessageAttributes", "MD5OfMessageSystemAttributes", "SequenceNumber"):
        assert absent not in sent
    received = receive(sqs, queue)
    assert received["Body"] == "Grüße 🦉"
    assert received["MD5OfBody"] == sent["MD5OfMessageBody"]
    assert received["MessageId"] == sent["MessageId"]
    assert "Attributes" not in received
    assert "MessageAttributes" not in received


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


TRACEPARENT = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"
# Recorded from the live service.
VECTORS: list[tuple[dict[str, Any], str]] = [
    ({"Foo": text("Bar")}, "ae7155c6026991b6d54b11589678bf9c"),
    (
        {"General": text("Kenobi"), "Hello": text("There"), "Help.Me": text("Me")},
        "4c360f3fdafd970e05fae2f149d997f5",
    ),
    (
        {"attr1": {"DataType": "Binary", "BinaryValue": TRACEPARENT}},
        "8cbe4db156db8a94db8b801b7addb984",
    ),
]


@pytest.mark.parametrize(("attributes", "md5"), VECTORS)
def test_md5_of_attributes_as_recorded(
    sqs: Any, queue: str, attributes: dict[str, Any], md5: str
) -> None:
    sent = sqs.send_message(QueueUrl=queue, MessageBody="a", MessageAttributes=attributes)
    assert sent["MD5OfMessageAttributes"] == md5
    received = receive(sqs, queue, MessageAttributeNames=["All"])
    assert received["MD5OfMessageAttributes"] == md5
    assert received["MessageAttributes"] == attributes


def md5_of(attributes: dict[str, Any]) -> str:
    """Written after the developer guide, not after the broker."""
    data = b""
    for name, value in sorted(attributes.items()):
        is_binary = value["DataType"].startswith("Binary")
        content = value["BinaryValue"] if is_binary else value["StringValue"].encode()
        for part in (name.encode(), value["DataType"].encode()):
            data += struct.pack("!I", len(part)) + part
        data += bytes([2 if is_binary else 1]) + struct.pack("!I", len(content)) + content
    return hashlib.md5(data).hexdigest()


def test_md5_covers_only_the_attributes_received(sqs: Any, queue: str) -> None:
    attributes = {
        "trace.id": text("ä"),
        "trace.span": {"DataType": "Number.float", "StringValue": "-1.5e3"},
        "blob": {"DataType": "Binary.png", "BinaryValue": bytes(range(256))},
    }
    sent = sqs.send_message(QueueUrl=queue, MessageBody="a", MessageAttributes=attributes)
    assert sent["MD5OfMessageAttributes"] == md5_of(attributes)
    traces = {name: value for name, value in attributes.items() if name.startswith("trace")}
    for names, expected in (
        (["All"], attributes),
        ([".*"], attributes),
        (["trace.*"], traces),
        (["blob", "nothing"], {"blob": attributes["blob"]}),
    ):
        received = receive(sqs, queue, MessageAttributeNames=names, VisibilityTimeout=0)
        assert received["MessageAttributes"] == expected
        assert received["MD5OfMessageAttributes"] == md5_of(expected)
    nothing = receive(sqs, queue, MessageAttributeNames=["nothing"])
    assert "MessageAttributes" not in nothing
    assert "MD5OfMessageAttributes" not in nothing


def test_the_trace_header_is_a_system_attribute(sqs: Any, queue: str) -> None:
    header = {"AWSTraceHeader": text("Root=1-5759e988-bd862e3fe1be46a994272793")}
    sent = sqs.send_message(QueueUrl=queue, MessageBody="a", MessageSystemAttributes=header)
    assert sent["MD5OfMessageSystemAttributes"] == md5_of(header)
    received = receive(sqs, queue, MessageSystemAttributeNames=["AWSTraceHeader"])
    assert received["Attributes"] == {"AWSTraceHeader": header["AWSTraceHeader"]["StringValue"]}


@pytest.mark.parametrize(
    "attributes",
    [
        {"Other": text("a")},
        {"AWSTraceHeader": {"DataType": "Number", "StringValue": "1"}},
        {"AWSTraceHeader": {"DataType": "String"}},
        {"AWSTraceHeader": text("")},
    ],
)
def test_other_system_attributes_are_refused(
    sqs: Any, queue: str, attributes: dict[str, Any]
) -> None:
    with raises_refusal("InvalidParameterValue"):
        sqs.send_message(QueueUrl=queue, MessageBody="a", MessageSystemAttributes=attributes)


def test_a_trace_header_of_characters_that_xml_does_not_allow(sqs: Any, queue: str) -> None:
    header = {"AWSTraceHeader": text("\x01")}
    with raises_refusal("InvalidMessageContents", INVALID_CHARACTERS):
        sqs.send_message(QueueUrl=queue, MessageBody="a", MessageSystemAttributes=header)


def test_an_empty_body_is_refused(sqs: Any, queue: str) -> None:
    with raises_refusal("MissingParameter", "The request must contain the parameter MessageBody."):
        sqs.send_message(QueueUrl=queue, MessageBody="")


INVALID_CHARACTERS = (
    "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | "
    "#x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
)


@pytest.mark.parametrize("body", ["\0", "a\x0b", "\x1f", "\ufffe", "\uffff"])
def test_characters_that_xml_does_not_allow(sqs: Any, queue: str, body: str) -> None:
    with raises_refusal("InvalidMessageContents", INVALID_CHARACTERS):
        sqs.send_message(QueueUrl=queue, MessageBody=body)
    with raises_refusal("InvalidMessageContents", INVALID_CHARACTERS):
        sqs.send_message(QueueUrl=queue, MessageBody="a", MessageAttributes={"a": text(body)})


@pytest.mark.parametrize("body", ["\t\n\r ", "\ud7ff\ue000\ufffd", "\U00010000\U0010ffff"])
def test_characters_at_the_bounds_of_xml(sqs: Any, queue: str, body: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody=body)
    assert receive(sqs, queue)["Body"] == body


def test_a_body_of_1_mib_and_one_byte_more(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="x" * MIB)
    assert len(receive(sqs, queue)["Body"]) == MIB
    with raises_refusal(
        "InvalidParameterValue",
        "One or more parameters are invalid. Reason: Message must be shorter than 1048576 bytes.",
    ):
        sqs.send_message(QueueUrl=queue, MessageBody="x" * (MIB + 1))


def test_size_is_utf8_bytes_of_body_and_attributes(
    sqs: Any, make_queue: Callable[..., str]
) -> None:
    queue = make_queue(MaximumMessageSize="1024")
    attributes = {"ab": {"DataType": "Binary", "BinaryValue": b"\0\0"}}  # 2 + 6 + 2 bytes
    sqs.send_message(QueueUrl=queue, MessageBody="ä" * 507, MessageAttributes=attributes)
    with raises_refusal(
        "InvalidParameterValue",
        "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.",
    ):
        sqs.send_message(QueueUrl=queue, MessageBody="ä" * 507 + "x", MessageAttributes=attributes)


def test_ten_attributes_and_one_more(sqs: Any, queue: str) -> None:
    attributes = {f"a{n}": text("v") for n in range(10)}
    sqs.send_message(QueueUrl=queue, MessageBody="a", MessageAttributes=attributes)
    with raises_refusal("InvalidParameterValue"):
        sqs.send_message(
            QueueUrl=queue, MessageBody="a", MessageAttributes={**attributes, "more": text("v")}
        )


@pytest.mark.parametrize("good", ["a" * 256, "a.b-c_D.9", "awsx"])
def test_good_attribute_names(sqs: Any, queue: str, good: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="a", MessageAttributes={good: text("v")})
    assert good in receive(sqs, queue, MessageAttributeNames=["All"])["MessageAttributes"]


@pytest.mark.parametrize(
    "bad", ["", "a" * 257, ".a", "a.", "a..b", "a b", "ä", "AWS.x", "aws.x", "Amazon.x", "amazon.x"]
)
def test_bad_attribute_names(sqs: Any, queue: str, bad: str) -> None:
    with raises_refusal("InvalidParameterValue"):
        sqs.send_message(QueueUrl=queue, MessageBody="a", MessageAttributes={bad: text("v")})


@pytest.mark.parametrize(
    "value",
    [
        {"DataType": "Strin", "StringValue": "a"},
        {"DataType": "", "StringValue": "a"},
        {"DataType": "String.", "StringValue": "a"},
        {"DataType": "String." + "x" * 250, "StringValue": "a"},
        {"DataType": "Number", "StringValue": "one"},
        {"DataType": "Number", "StringValue": "nan"},
        {"DataType": "Number", "StringValue": "1_0"},
        {"DataType": "Number", "StringValue": " 1"},
        {"DataType": "Binary", "StringValue": "a"},
        {"DataType": "String", "BinaryValue": b"a"},
        {"DataType": "String", "StringValue": "a", "BinaryValue": b"a"},
    ],
)
def test_bad_attribute_values(sqs: Any, queue: str, value: dict[str, Any]) -> None:
    with raises_refusal("InvalidParameterValue"):
        sqs.send_message(QueueUrl=queue, MessageBody="a", MessageAttributes={"X": value})


def test_an_attribute_without_value(sqs: Any, queue: str) -> None:
    with raises_refusal(
        "InvalidParameterValue",
        "Message (user) attribute 'X' must contain a non-empty value of type 'String'.",
    ):
        sqs.send_message(QueueUrl=queue, MessageBody="a", MessageAttributes={"X": text("")})


@pytest.mark.parametrize("member", ["StringListValues", "BinaryListValues"])
def test_attribute_lists_are_refused_by_name(sqs: Any, queue: str, member: str) -> None:
    value = {**text("a"), member: ["b"]}
    with raises_refusal(
        "AWS.SimpleQueueService.UnsupportedOperation", f"{member} is not supported by this broker."
    ):
        sqs.send_message(QueueUrl=queue, MessageBody="a", MessageAttributes={"X": value})


@pytest.mark.parametrize("delay_s", [-1, 901])
def test_delays_past_the_limit(sqs: Any, queue: str, delay_s: int) -> None:
    with raises_refusal(
        "InvalidParameterValue",
        f"Value {delay_s} for parameter DelaySeconds is invalid. "
        "Reason: DelaySeconds must be >= 0 and <= 900.",
    ):
        sqs.send_message(QueueUrl=queue, MessageBody="a", DelaySeconds=delay_s)


def test_a_delayed_message_waits_its_time(sqs: Any, queue: str) -> None:
    sqs.send_message(QueueUrl=queue, MessageBody="late", DelaySeconds=1)
    sqs.send_message(QueueUrl=queue, MessageBody="later", DelaySeconds=900)
    assert bodies(sqs.receive_message(QueueUrl=queue)) == []
    assert attribute(sqs, queue, "ApproximateNumberOfMessagesDelayed") == "2"
    assert receive(sqs, queue)["Body"] == "late"


def test_the_queues_delay_counts_unless_the_message_has_its_own(
    sqs: Any, make_queue: Callable[..., str]
) -> None:
    queue = make_queue(DelaySeconds="900")
    sqs.send_message(QueueUrl=queue, MessageBody="late")
    sqs.send_message(QueueUrl=queue, MessageBody="now", DelaySeconds=0)
    assert bodies(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)) == ["now"]


# Batches


def entries(count: int) -> list[dict[str, Any]]:
    return [{"Id": f"id-{n}", "MessageBody": str(n)} for n in range(count)]


def test_a_batch_of_ten(sqs: Any, queue: str) -> None:
    batch = entries(10)
    batch[3] |= {"MessageAttributes": {"Foo": text("Bar")}, "DelaySeconds": 0}
    sent = sqs.send_message_batch(QueueUrl=queue, Entries=batch)
    assert "Failed" not in sent
    assert [each["Id"] for each in sent["Successful"]] == [each["Id"] for each in batch]
    assert sent["Successful"][3]["MD5OfMessageAttributes"] == VECTORS[0][1]
    assert sent["Successful"][1]["MD5OfMessageBody"] == hashlib.md5(b"1").hexdigest()
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    assert sorted(bodies(received)) == [str(n) for n in range(10)]


BATCH_CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("send_message_batch", "SendMessageBatchRequestEntry", {"MessageBody": "a"}),
    ("delete_message_batch", "DeleteMessageBatchRequestEntry", {"ReceiptHandle": "a"}),
    (
        "change_message_visibility_batch",
        "ChangeMessageVisibilityBatchRequestEntry",
        {"ReceiptHandle": "a", "VisibilityTimeout": 1},
    ),
]


@pytest.mark.parametrize(("method", "entry_name", "entry"), BATCH_CALLS)
def test_batches_that_are_refused_whole(
    sqs: Any, queue: str, method: str, entry_name: str, entry: dict[str, Any]
) -> None:
    send = getattr(sqs, method)

    def ids(*given: str) -> dict[str, Any]:
        return {"QueueUrl": queue, "Entries": [{"Id": each, **entry} for each in given]}

    with raises_refusal(
        BATCH + "EmptyBatchRequest", f"There should be at least one {entry_name} in the request."
    ):
        send(**ids())
    with raises_refusal(
        BATCH + "TooManyEntriesInBatchRequest",
        "Maximum number of entries per request are 10. You have sent 11.",
    ):
        send(**ids(*"abcdefghijk"))
    with raises_refusal(BATCH + "BatchEntryIdsNotDistinct", "Id b repeated."):
        send(**ids("a", "b", "b"))
    for bad in ("", "a b", "ä", "x" * 81):
        with raises_refusal(
            BATCH + "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
            "It can be at most 80 letters long.",
        ):
            send(**ids("a", bad))


def test_a_batch_of_1_mib_and_one_byte_more(sqs: Any, queue: str) -> None:
    half = MIB // 2
    batch = [{"Id": "a", "MessageBody": "x" * half}, {"Id": "b", "MessageBody": "x" * half}]
    assert len(sqs.send_message_batch(QueueUrl=queue, Entries=batch)["Successful"]) == 2
    batch[1]["MessageBody"] += "x"
    with raises_refusal(
        BATCH + "BatchRequestTooLong",
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
    ):
        sqs.send_message_batch(QueueUrl=queue, Entries=batch)
    batch = [{"Id": "a", "MessageBody": "x" * (MIB + 1)}]
    with raises_refusal(
        BATCH + "BatchRequestTooLong",
        "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
    ):
        sqs.send_message_batch(QueueUrl=queue, Entries=batch)


def test_a_batchs_bad_entries_fail_for_themselves(sqs: Any, make_queue: Callable[..., str]) -> None:
    queue = make_queue(MaximumMessageSize="1024")
    batch = [
        {"Id": "good", "MessageBody": "a"},
        {"Id": "long", "MessageBody": "x" * 1025},
        {"Id": "empty", "MessageBody": ""},
        {"Id": "late", "MessageBody": "a", "DelaySeconds": 901},
    ]
    answer = sqs.send_message_batch(QueueUrl=queue, Entries=batch)
    assert [each["Id"] for each in answer["Successful"]] == ["good"]
    assert answer["Failed"] == [
        {
            "Id": "long",
            "SenderFault": True,
            "Code": "InvalidParameterValue",
            "Message": "One or more parameters cannot be validated. "
            "Reason: Message must be shorter than 1024 bytes.",
        },
        {
            "Id": "empty",
            "SenderFault": True,
            "Code": "MissingParameter",
            "Message": "The request must contain the parameter MessageBody.",
        },
        {
            "Id": "late",
            "SenderFault": True,
            "Code": "InvalidParameterValue",
            "Message": "Value 901 for parameter DelaySeconds is invalid. "
            "Reason: DelaySeconds must be >= 0 and <= 900.",
        },
    ]
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


# Receive


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


# Delete and change visibility


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


# Who asks, and how a queue is named


def test_whatever_host_a_queue_url_has_it_is_accepted(sqs: Any, queue: str) -> None:
    name = name_of(queue)
    for n, url in enumerate(
        (
            f"https://sqs.us-east-1.amazonaws.com/000000000000/{name}",
            f"http://broker.internal:9/000000000000/{name}/",
            f"http://sqs/prefix/000000000000/{name}",
        )
    ):
        sqs.send_message(QueueUrl=url, MessageBody=str(n))
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    assert sorted(bodies(received)) == ["0", "1", "2"]


def test_the_account_is_a_12_digit_access_key_and_the_region_the_credentials(
    broker: Daemon, name: str
) -> None:
    def client(account: str, region: str) -> Any:
        return boto3.client(
            "sqs",
            endpoint_url=broker.url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="any",
        )

    here = client("111111111111", "us-east-1")
    url = here.create_queue(QueueName=name)["QueueUrl"]
    assert url == f"{broker.url}/111111111111/{name}"
    arn = f"arn:aws:sqs:us-east-1:111111111111:{name}"
    assert attribute(here, url, "QueueArn") == arn
    for other in (client("222222222222", "us-east-1"), client("111111111111", "eu-west-1")):
        assert "QueueUrls" not in other.list_queues(QueueNamePrefix=name)
        with raises_refusal(NON_EXISTENT):
            other.get_queue_url(QueueName=name)
    with raises_refusal(NON_EXISTENT):
        client("111111111111", "eu-west-1").send_message(QueueUrl=url, MessageBody="a")
    default = client("AKIAIOSFODNN7EXAMPLE", "us-east-1").create_queue(QueueName=name)
    assert default["QueueUrl"] == f"{broker.url}/000000000000/{name}"


def test_unsigned_requests_are_of_the_default_account(broker: Daemon, name: str) -> None:
    config = Config(signature_version=UNSIGNED)
    anonymous = boto3.client("sqs", endpoint_url=broker.url, region_name="us-east-1", config=config)
    made = anonymous.create_queue(QueueName=name)
    assert made["QueueUrl"] == f"{broker.url}/000000000000/{name}"


def test_old_dates_are_no_matter_without_authentication(broker: Daemon, queue: str) -> None:
    answer = httpx.post(
        broker.url,
        headers={
            "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/19990101/us-east-1/sqs/"
            "aws4_request, SignedHeaders=host;x-amz-date, Signature=" + "0" * 64,
            "X-Amz-Date": "19990101T000000Z",
            "X-Amz-Target": "AmazonSQS.GetQueueUrl",
            "Content-Type": "application/x-amz-json-1.0",
        },
        content=json.dumps({"QueueName": name_of(queue)}),
    )
    assert answer.json() == {"QueueUrl": queue}


# What is not here says so


def test_actions_that_are_not_supported_say_so_by_name(sqs: Any, queue: str) -> None:
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("TagQueue", lambda: sqs.tag_queue(QueueUrl=queue, Tags={"a": "b"})),
        ("UntagQueue", lambda: sqs.untag_queue(QueueUrl=queue, TagKeys=["a"])),
        ("ListQueueTags", lambda: sqs.list_queue_tags(QueueUrl=queue)),
        (
            "AddPermission",
            lambda: sqs.add_permission(
                QueueUrl=queue, Label="l", AWSAccountIds=["1"], Actions=["*"]
            ),
        ),
        ("RemovePermission", lambda: sqs.remove_permission(QueueUrl=queue, Label="l")),
        ("ListDeadLetterSourceQueues", lambda: sqs.list_dead_letter_source_queues(QueueUrl=queue)),
        ("StartMessageMoveTask", lambda: sqs.start_message_move_task(SourceArn="arn")),
        ("CancelMessageMoveTask", lambda: sqs.cancel_message_move_task(TaskHandle="t")),
        ("ListMessageMoveTasks", lambda: sqs.list_message_move_tasks(SourceArn="arn")),
    ]
    for action, call in calls:
        with raises_refusal(
            "AWS.SimpleQueueService.UnsupportedOperation",
            f"The action {action} is not supported by this broker.",
        ):
            call()


def test_members_that_are_not_supported_say_so_by_name(sqs: Any, queue: str) -> None:
    code = "AWS.SimpleQueueService.UnsupportedOperation"
    with raises_refusal(code, "MessageGroupId is not supported by this broker."):
        sqs.send_message(QueueUrl=queue, MessageBody="a", MessageGroupId="g")
    with raises_refusal(code, "MessageGroupId is not supported by this broker."):
        sqs.send_message_batch(
            QueueUrl=queue, Entries=[{"Id": "a", "MessageBody": "a", "MessageGroupId": "g"}]
        )
    with raises_refusal(code, "ReceiveRequestAttemptId is not supported by this broker."):
        sqs.receive_message(QueueUrl=queue, ReceiveRequestAttemptId="a")
    with raises_refusal(
        "InvalidParameterValue",
        "Value d for parameter MessageDeduplicationId is invalid. Reason: The request include "
        "parameter that is not valid for this queue type.",
    ):
        sqs.send_message(QueueUrl=queue, MessageBody="a", MessageDeduplicationId="d")


def test_fifo_queues_are_refused(sqs: Any, name: str, queue: str) -> None:
    code = "AWS.SimpleQueueService.UnsupportedOperation"
    message = "FIFO queues are not supported by this broker."
    with raises_refusal(code, message):
        sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})
    with raises_refusal(code, message):
        sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})
    with raises_refusal("InvalidAttributeName", "Unknown Attribute FifoQueue."):
        sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "false"})


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


def test_two_kinds_of_encryption_at_once(sqs: Any, name: str) -> None:
    with raises_refusal(
        "InvalidAttributeName",
        "You can use one type of server-side encryption (SSE) at one time. "
        "You can either enable KMS SSE or SQS SSE.",
    ):
        sqs.create_queue(
            QueueName=name, Attributes={"SqsManagedSseEnabled": "true", "KmsMasterKeyId": "alias/x"}
        )


# Malformed requests


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
