"""Sending through an unmodified boto3: bodies, attributes and their checksums, delays, batches."""

import hashlib
import struct
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.refusals import raises_refusal
from tests.wire.sqs import (
    BATCH,
    MIB,
    attribute,
    bodies,
    entries,
    receive,
    text,
)


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
