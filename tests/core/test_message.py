import json

import pytest

from broker.core.message import (
    Message,
    MessageAttribute,
    Notification,
    Via,
    decode,
    encode,
    md5_of_attributes,
    message,
    rendered,
)

TOPIC = "arn:aws:sns:us-east-1:000000000000:orders"
SUBSCRIPTION = f"{TOPIC}:9a1c"
ORIGIN = "http://127.0.0.1:4566"
PUBLISHED = Notification(
    TOPIC,
    "0f8155d2-e44a-437b-b63e-34c94c533ed8",
    1_767_225_600_123,
    "hello",
    "greeting",
    {"n": MessageAttribute("Number", "1"), "b": MessageAttribute("Binary", None, b"\0\1")},
)


def text(value: str) -> MessageAttribute:
    return MessageAttribute("String", value)


@pytest.mark.parametrize(
    ("attributes", "md5"),
    [
        ({"Foo": text("Bar")}, "ae7155c6026991b6d54b11589678bf9c"),
        (
            {"General": text("Kenobi"), "Hello": text("There"), "Help.Me": text("Me")},
            "4c360f3fdafd970e05fae2f149d997f5",
        ),
        (
            {
                "attr1": MessageAttribute(
                    "Binary",
                    None,
                    b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01",
                )
            },
            "8cbe4db156db8a94db8b801b7addb984",
        ),
    ],
)
def test_md5_of_attributes_is_what_sdks_compute(
    attributes: dict[str, MessageAttribute], md5: str
) -> None:
    assert md5_of_attributes(attributes) == md5


def test_a_body_comes_back_as_it_was_stored() -> None:
    for body in (message("hé", {"a": text("b")}, {"SenderId": "1"}), PUBLISHED):
        assert decode(encode(body)) == body


def test_a_message_is_received_as_it_is() -> None:
    body = message("plain")
    assert rendered(body, None, ORIGIN) is body


def test_a_notification_is_received_in_its_envelope_with_members_in_order() -> None:
    received = rendered(PUBLISHED, Via("9a1c", "envelope"), ORIGIN)
    assert list(json.loads(received.body).items()) == [
        ("Type", "Notification"),
        ("MessageId", PUBLISHED.message_id),
        ("TopicArn", TOPIC),
        ("Subject", "greeting"),
        ("Message", "hello"),
        ("Timestamp", "2026-01-01T00:00:00.123Z"),
        ("UnsubscribeURL", f"{ORIGIN}/?Action=Unsubscribe&SubscriptionArn={SUBSCRIPTION}"),
        (
            "MessageAttributes",
            {"n": {"Type": "Number", "Value": "1"}, "b": {"Type": "Binary", "Value": "AAE="}},
        ),
    ]
    assert received.attributes is None
    assert received == message(received.body)


def test_a_raw_delivery_is_the_message_with_its_attributes() -> None:
    received = rendered(PUBLISHED, Via("9a1c", "raw"), ORIGIN)
    assert received == message("hello", PUBLISHED.attributes)


def test_a_function_gets_one_record() -> None:
    received = rendered(PUBLISHED, Via("9a1c", "record"), ORIGIN)
    (record,) = json.loads(received.body)["Records"]
    assert record["EventSource"] == "aws:sns"
    assert record["EventSubscriptionArn"] == SUBSCRIPTION
    assert record["Sns"]["Message"] == "hello"
    assert record["Sns"]["MessageAttributes"]["n"] == {"Type": "Number", "Value": "1"}


def test_a_record_has_subject_and_attributes_even_without_any() -> None:
    bare = Notification(TOPIC, "id", 0, "hello")
    received = rendered(bare, Via("9a1c", "record"), ORIGIN)
    sns = json.loads(received.body)["Records"][0]["Sns"]
    assert (sns["Subject"], sns["MessageAttributes"]) == (None, {})


@pytest.mark.parametrize(("form", "expected"), [("raw", "for queues"), ("record", "for all")])
def test_a_structured_message_has_a_text_for_each_protocol(form: str, expected: str) -> None:
    structured = Notification(
        TOPIC, "id", 0, "{}", by_protocol={"default": "for all", "sqs": "for queues"}
    )
    received: Message = rendered(structured, Via("9a1c", form), ORIGIN)
    if form == "record":
        assert json.loads(received.body)["Records"][0]["Sns"]["Message"] == expected
    else:
        assert received.body == expected
