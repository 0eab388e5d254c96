"""FIFO queues, and message groups on standard ones, through an unmodified boto3."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.refusals import raises_refusal
from tests.wire.sqs import attribute, bodies, receive

NOT_OF_THIS_TYPE = "Reason: The request include parameter that is not valid for this queue type."
FIFO_NAME = (
    "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
    "must end with .fifo suffix and be 1 to 80 in length"
)
SYSTEM = ["MessageGroupId", "MessageDeduplicationId", "SequenceNumber"]


@pytest.fixture
def make_fifo(sqs: Any, name: str) -> Callable[..., str]:
    """Makes a FIFO queue that deduplicates by content; its URL."""

    def make(suffix: str = "", **attributes: str) -> str:
        given = {"FifoQueue": "true", "ContentBasedDeduplication": "true", **attributes}
        made = sqs.create_queue(QueueName=f"{name}{suffix}.fifo", Attributes=given)
        return str(made["QueueUrl"])

    return make


@pytest.fixture
def fifo(make_fifo: Callable[..., str]) -> str:
    return make_fifo()


def send(sqs: Any, queue: str, body: str, group: str = "g", **options: Any) -> dict[str, Any]:
    sent = sqs.send_message(QueueUrl=queue, MessageBody=body, MessageGroupId=group, **options)
    return dict(sent)


# Names and attributes


@pytest.mark.parametrize("good", ["n" * 75 + ".fifo", "a.fifo"])
def test_names_of_fifo_queues_have_up_to_80_characters_with_their_suffix(
    sqs: Any, good: str
) -> None:
    sqs.create_queue(QueueName=good, Attributes={"FifoQueue": "true"})
    assert sqs.get_queue_url(QueueName=good)["QueueUrl"].endswith(good)


@pytest.mark.parametrize("bad", ["n" * 76 + ".fifo", ".fifo", "a", "a.b.fifo", "a.fifo.fifo"])
def test_bad_names_of_fifo_queues(sqs: Any, bad: str) -> None:
    with raises_refusal("InvalidParameterValue", FIFO_NAME):
        sqs.create_queue(QueueName=bad, Attributes={"FifoQueue": "true"})


def test_the_suffix_alone_makes_no_fifo_queue(sqs: Any, name: str) -> None:
    for attributes in ({}, {"FifoQueue": "false"}):
        with raises_refusal("InvalidParameterValue"):
            sqs.create_queue(QueueName=f"{name}.fifo", Attributes=attributes)


def test_a_queue_keeps_its_type(sqs: Any, fifo: str) -> None:
    sqs.set_queue_attributes(QueueUrl=fifo, Attributes={"FifoQueue": "true"})
    with raises_refusal(
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
    ):
        sqs.set_queue_attributes(QueueUrl=fifo, Attributes={"FifoQueue": "false"})


@pytest.mark.parametrize(
    ("attribute_name", "value"),
    [
        ("ContentBasedDeduplication", "yes"),
        ("DeduplicationScope", "group"),
        ("FifoThroughputLimit", "none"),
    ],
)
def test_attributes_of_fifo_queues_that_are_none(
    sqs: Any, fifo: str, attribute_name: str, value: str
) -> None:
    with raises_refusal(
        "InvalidAttributeValue", f"Invalid value for the parameter {attribute_name}."
    ):
        sqs.set_queue_attributes(QueueUrl=fifo, Attributes={attribute_name: value})


def test_throughput_by_group_needs_deduplication_by_group(sqs: Any, fifo: str) -> None:
    high = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    message = (
        "Invalid value for the parameter FifoThroughputLimit. Reason: perMessageGroupId is allowed "
        "only when the value for DeduplicationScope is messageGroup."
    )
    limit = {"FifoThroughputLimit": "perMessageGroupId"}
    with raises_refusal("InvalidAttributeValue", message):
        sqs.set_queue_attributes(QueueUrl=fifo, Attributes=limit)
    sqs.set_queue_attributes(QueueUrl=fifo, Attributes=high)
    with raises_refusal("InvalidAttributeValue", message):
        sqs.set_queue_attributes(QueueUrl=fifo, Attributes={"DeduplicationScope": "queue"})
    assert attribute(sqs, fifo, "FifoThroughputLimit") == "perMessageGroupId"


# Sending


def test_sequence_numbers_have_20_digits_and_grow(sqs: Any, fifo: str) -> None:
    numbers = [send(sqs, fifo, body)["SequenceNumber"] for body in "abc"]
    assert numbers == sorted(set(numbers))
    assert [(len(number), number.isdigit()) for number in numbers] == [(20, True)] * 3


def test_a_message_is_deduplicated_by_its_id_before_its_content(sqs: Any, fifo: str) -> None:
    first = send(sqs, fifo, "a")
    again = send(sqs, fifo, "a")
    other = send(sqs, fifo, "a", MessageDeduplicationId="other")
    same = send(sqs, fifo, "b", MessageDeduplicationId="other")
    assert (again["MessageId"], again["SequenceNumber"]) == (
        first["MessageId"],
        first["SequenceNumber"],
    )
    assert same["MessageId"] == other["MessageId"] != first["MessageId"]
    received = sqs.receive_message(
        QueueUrl=fifo, MaxNumberOfMessages=10, MessageSystemAttributeNames=SYSTEM
    )["Messages"]
    assert [(each["Body"], each["Attributes"]) for each in received] == [
        (
            "a",
            {
                "MessageGroupId": "g",
                "MessageDeduplicationId": hashlib.sha256(b"a").hexdigest(),
                "SequenceNumber": first["SequenceNumber"],
            },
        ),
        (
            "a",
            {
                "MessageGroupId": "g",
                "MessageDeduplicationId": "other",
                "SequenceNumber": other["SequenceNumber"],
            },
        ),
    ]


def test_a_fifo_queue_wants_a_group_and_a_deduplication_id(
    sqs: Any, make_fifo: Callable[..., str]
) -> None:
    queue = make_fifo(ContentBasedDeduplication="false")
    with raises_refusal(
        "MissingParameter", "The request must contain the parameter MessageGroupId."
    ):
        sqs.send_message(QueueUrl=queue, MessageBody="a", MessageDeduplicationId="d")
    wants_id = (
        "The queue should either have ContentBasedDeduplication enabled or "
        "MessageDeduplicationId provided explicitly"
    )
    with raises_refusal("InvalidParameterValue", wants_id):
        send(sqs, queue, "a")
    good = {"MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    answer = sqs.send_message_batch(
        QueueUrl=queue,
        Entries=[
            {"Id": "no-id", "MessageBody": "a", "MessageGroupId": "g"},
            {"Id": "good", **good},
        ],
    )
    assert [each["Id"] for each in answer["Successful"]] == ["good"]
    assert [(each["Id"], each["Message"]) for each in answer["Failed"]] == [("no-id", wants_id)]
    with raises_refusal(
        "MissingParameter", "The request must contain the parameter MessageGroupId."
    ):
        sqs.send_message_batch(
            QueueUrl=queue,
            Entries=[{"Id": "good", **good}, {"Id": "no-group", "MessageBody": "b"}],
        )
    assert attribute(sqs, queue, "ApproximateNumberOfMessages") == "1"


EVERY_SIGN = "!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~"


@pytest.mark.parametrize("good", ["x", "x" * 128, EVERY_SIGN])
def test_ids_at_their_limits(sqs: Any, fifo: str, good: str) -> None:
    send(sqs, fifo, "a", group=good, MessageDeduplicationId=good)
    received = receive(sqs, fifo, MessageSystemAttributeNames=["All"], ReceiveRequestAttemptId=good)
    assert received["Attributes"]["MessageGroupId"] == good
    assert received["Attributes"]["MessageDeduplicationId"] == good


@pytest.mark.parametrize("bad", ["", "x" * 129, "x y", "ä", "a\n"])
def test_ids_past_their_limits(sqs: Any, fifo: str, queue: str, bad: str) -> None:
    calls: dict[str, Callable[[], Any]] = {
        "MessageGroupId": lambda: send(sqs, fifo, "a", group=bad),
        "MessageDeduplicationId": lambda: send(sqs, fifo, "a", MessageDeduplicationId=bad),
        "ReceiveRequestAttemptId": lambda: sqs.receive_message(
            QueueUrl=fifo, ReceiveRequestAttemptId=bad
        ),
    }
    for parameter, call in calls.items():
        with raises_refusal(
            "InvalidParameterValue",
            f"Value {bad} for parameter {parameter} is invalid. Reason: {parameter} can only "
            "include alphanumeric and punctuation characters. 1 to 128 in length.",
        ):
            call()
    with raises_refusal("InvalidParameterValue"):
        send(sqs, queue, "a", group=bad)


def test_a_fifo_queue_delays_all_of_its_messages_or_none(
    sqs: Any, make_fifo: Callable[..., str]
) -> None:
    queue = make_fifo(DelaySeconds="900")
    with raises_refusal(
        "InvalidParameterValue",
        f"Value 2 for parameter DelaySeconds is invalid. {NOT_OF_THIS_TYPE}",
    ):
        send(sqs, queue, "a", DelaySeconds=2)
    send(sqs, queue, "a", DelaySeconds=0)
    send(sqs, queue, "b")
    assert attribute(sqs, queue, "ApproximateNumberOfMessagesDelayed") == "2"


# Standard queues


def test_what_standard_queues_do_not_have(sqs: Any, queue: str) -> None:
    with raises_refusal(
        "InvalidParameterValue",
        f"Value d for parameter MessageDeduplicationId is invalid. {NOT_OF_THIS_TYPE}",
    ):
        send(sqs, queue, "a", MessageDeduplicationId="d")
    with raises_refusal(
        "InvalidParameterValue",
        f"Value a for parameter ReceiveRequestAttemptId is invalid. {NOT_OF_THIS_TYPE}",
    ):
        sqs.receive_message(QueueUrl=queue, ReceiveRequestAttemptId="a")


def test_a_message_of_a_standard_queue_may_have_a_group(sqs: Any, queue: str) -> None:
    sent = send(sqs, queue, "a", group="tenant")
    assert "SequenceNumber" not in sent
    received = receive(sqs, queue, MessageSystemAttributeNames=SYSTEM)
    assert received["Attributes"] == {"MessageGroupId": "tenant"}


# Receiving


def test_a_group_is_received_in_order_and_locked_while_one_of_it_is_in_flight(
    sqs: Any, fifo: str
) -> None:
    for body, group in (("a1", "a"), ("a2", "a"), ("b1", "b")):
        send(sqs, fifo, body, group=group)
    first = receive(sqs, fifo)
    rest = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10)
    assert (first["Body"], bodies(rest)) == ("a1", ["b1"])
    sqs.delete_message(QueueUrl=fifo, ReceiptHandle=first["ReceiptHandle"])
    assert bodies(sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10)) == ["a2"]


def test_an_attempt_that_is_made_again_gets_the_same_messages_and_handles(
    sqs: Any, fifo: str
) -> None:
    for body in "ab":
        send(sqs, fifo, body)
    options = {"ReceiveRequestAttemptId": "attempt", "MaxNumberOfMessages": 10}
    first = sqs.receive_message(QueueUrl=fifo, **options)["Messages"]
    again = sqs.receive_message(QueueUrl=fifo, **options)["Messages"]
    assert [each["Body"] for each in first] == ["a", "b"]
    assert again == first


def test_handles_that_have_expired(sqs: Any, fifo: str) -> None:
    send(sqs, fifo, "a")
    handle = receive(sqs, fifo, VisibilityTimeout=0)["ReceiptHandle"]
    message = (
        f"Value {handle} for parameter ReceiptHandle is invalid. "
        "Reason: The receipt handle has expired."
    )
    with raises_refusal("InvalidParameterValue", message):
        sqs.delete_message(QueueUrl=fifo, ReceiptHandle=handle)
    with raises_refusal("InvalidParameterValue", message):
        sqs.change_message_visibility(QueueUrl=fifo, ReceiptHandle=handle, VisibilityTimeout=5)
    answer = sqs.delete_message_batch(
        QueueUrl=fifo, Entries=[{"Id": "expired", "ReceiptHandle": handle}]
    )
    assert [(each["Code"], each["Message"]) for each in answer["Failed"]] == [
        ("InvalidParameterValue", message)
    ]


def test_a_dead_letter_has_its_message_id_for_a_deduplication_id(
    sqs: Any, make_fifo: Callable[..., str]
) -> None:
    dead = make_fifo("-dead")
    policy = {"deadLetterTargetArn": attribute(sqs, dead, "QueueArn"), "maxReceiveCount": 1}
    queue = make_fifo(RedrivePolicy=json.dumps(policy))
    sent = send(sqs, queue, "poison", MessageDeduplicationId="d")
    receive(sqs, queue, VisibilityTimeout=0)
    assert bodies(sqs.receive_message(QueueUrl=queue)) == []
    letter = receive(sqs, dead, MessageSystemAttributeNames=["All"])
    assert letter["MessageId"] == sent["MessageId"]
    assert letter["Attributes"]["MessageGroupId"] == "g"
    assert letter["Attributes"]["MessageDeduplicationId"] == sent["MessageId"]
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == attribute(sqs, queue, "QueueArn")


def test_unknown_system_attributes_are_refused(sqs: Any, queue: str) -> None:
    for names in ("AttributeNames", "MessageSystemAttributeNames"):
        with raises_refusal("InvalidAttributeName", "Unknown Attribute Foobar."):
            sqs.receive_message(QueueUrl=queue, **{names: ["All", "Foobar"]})
    sqs.send_message(QueueUrl=queue, MessageBody="a")
    assert "Attributes" not in receive(sqs, queue, AttributeNames=["VisibilityTimeout"])
