"""SNS through an unmodified boto3"""

import base64
import json
import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.daemon import Daemon
from tests.wire.refusals import raises_refusal

KIB_256 = 262_144


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


@pytest.fixture
def topic(sns: Any, name: str) -> str:
    """The ARN of a topic without subscriptions."""
    return str(sns.create_topic(Name=name)["TopicArn"])


@pytest.fixture
def queue_arn(queue: str) -> str:
    return f"arn:aws:sqs:us-east-1:000000000000:{queue.rpartition('/')[2]}"


def receive(sqs: Any, queue: str, **options: Any) -> dict[str, Any]:
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10, **options)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return dict(message)


def all_bodies(sqs: Any, queue: str) -> list[str]:
    received = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
    return [message["Body"] for message in received.get("Messages", [])]


# Topics


def test_create_again_is_as_good(sns: Any, name: str) -> None:
    made = sns.create_topic(Name=name, Attributes={"DisplayName": "d"}, Tags=[_tag("a", "b")])
    assert made["TopicArn"] == f"arn:aws:sns:us-east-1:000000000000:{name}"
    assert made["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    assert sns.create_topic(Name=name)["TopicArn"] == made["TopicArn"]
    with raises_refusal(
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes",
    ):
        sns.create_topic(Name=name, Attributes={"DisplayName": "other"})
    with raises_refusal(
        "InvalidParameter",
        "Invalid parameter: Tags Reason: Topic already exists with different tags",
    ):
        sns.create_topic(Name=name, Tags=[_tag("a", "c")])


def _tag(key: str, value: str) -> dict[str, str]:
    return {"Key": key, "Value": value}


@pytest.mark.parametrize("good", ["a", "A-Za-z0-9_-", "n" * 256])
def test_topic_names_up_to_256_characters(sns: Any, good: str) -> None:
    assert sns.create_topic(Name=good)["TopicArn"].endswith(f":{good}")


@pytest.mark.parametrize("bad", ["", "n" * 257, "a b", "a.b", "ä"])
def test_bad_topic_names(sns: Any, bad: str) -> None:
    with raises_refusal("InvalidParameter", "Invalid parameter: Topic Name"):
        sns.create_topic(Name=bad)


def test_topics_a_hundred_a_page(broker: Daemon) -> None:
    sns = broker.client("sns", account="444444444444")
    assert sns.list_topics()["Topics"] == []
    arns = [sns.create_topic(Name=f"t{n:03}")["TopicArn"] for n in range(101)]
    first = sns.list_topics()
    assert [topic["TopicArn"] for topic in first["Topics"]] == arns[:100]
    rest = sns.list_topics(NextToken=first["NextToken"])
    assert [topic["TopicArn"] for topic in rest["Topics"]] == arns[100:]
    assert "NextToken" not in rest
    pages = sns.get_paginator("list_topics").paginate()
    assert [topic["TopicArn"] for page in pages for topic in page["Topics"]] == arns


def test_a_deleted_topic_is_gone_and_deleting_it_again_is_as_good(
    sns: Any, topic: str, queue_arn: str
) -> None:
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    for _ in range(2):
        sns.delete_topic(TopicArn=topic)
    calls: list[Callable[[], Any]] = [
        lambda: sns.get_topic_attributes(TopicArn=topic),
        lambda: sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn),
        lambda: sns.list_subscriptions_by_topic(TopicArn=topic),
        lambda: sns.publish(TopicArn=topic, Message="a"),
        lambda: sns.publish_batch(
            TopicArn=topic, PublishBatchRequestEntries=[{"Id": "a", "Message": "a"}]
        ),
    ]
    for call in calls:
        with raises_refusal("NotFound", "Topic does not exist", 404):
            call()
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.publish(TopicArn=topic, Message="a")
    with raises_refusal("NotFound", "Subscription does not exist", 404):
        sns.get_subscription_attributes(SubscriptionArn=subscription["SubscriptionArn"])


def test_arns_that_name_no_topic(sns: Any) -> None:
    with raises_refusal(
        "InvalidParameter",
        "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 1",
    ):
        sns.publish(TopicArn="nonsense", Message="a")
    for arn in (
        "arn:aws:sqs:us-east-1:000000000000:q",
        "arn:aws:sns:eu-west-1:000000000000:topic",
    ):
        with raises_refusal("InvalidParameter", "Invalid parameter: TopicArn"):
            sns.publish(TopicArn=arn, Message="a")


# Subscriptions


def test_a_subscription_and_its_attributes(sns: Any, topic: str, queue_arn: str) -> None:
    made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    arn = made["SubscriptionArn"]
    assert re.fullmatch(re.escape(topic) + ":[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", arn)
    found = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert found == {
        "SubscriptionArn": arn,
        "TopicArn": topic,
        "Owner": "000000000000",
        "Protocol": "sqs",
        "Endpoint": queue_arn,
        "PendingConfirmation": "false",
        "ConfirmationWasAuthenticated": "true",
        "SubscriptionPrincipal": "arn:aws:iam::000000000000:root",
        "RawMessageDelivery": "false",
    }
    sns.set_subscription_attributes(
        SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true"
    )
    found = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert found["RawMessageDelivery"] == "true"
    member = {
        "SubscriptionArn": arn,
        "Owner": "000000000000",
        "Protocol": "sqs",
        "Endpoint": queue_arn,
        "TopicArn": topic,
    }
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == [member]
    assert member in sns.list_subscriptions()["Subscriptions"]


def test_subscribing_again_is_as_good(sns: Any, topic: str, queue_arn: str) -> None:
    def subscribe(**attributes: str) -> str:
        made = sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=queue_arn,
            Attributes=attributes,
            ReturnSubscriptionArn=True,
        )
        return str(made["SubscriptionArn"])

    first = subscribe(RawMessageDelivery="true")
    assert subscribe(RawMessageDelivery="true") == first
    assert subscribe() == first
    with raises_refusal(
        "InvalidParameter",
        "Invalid parameter: Attributes Reason: Subscription already exists with different "
        "attributes",
    ):
        subscribe(RawMessageDelivery="false")


def test_subscribing_many_times_at_once_makes_one_subscription(
    broker: Daemon, sns: Any, topic: str, queue_arn: str
) -> None:
    url = httpx.URL(broker.url)
    members = {"TopicArn": topic, "Protocol": "sqs", "Endpoint": queue_arn}
    query = urlencode({"Action": "Subscribe", "Version": "2010-03-31", **members})
    request = f"GET /?{query} HTTP/1.1\r\nHost: {url.host}\r\nConnection: close\r\n\r\n".encode()
    connections = [socket.create_connection((url.host, url.port)) for _ in range(16)]
    for connection in connections:
        connection.sendall(request)
    arns = set()
    for connection in connections:
        with connection, connection.makefile("rb") as answer:
            arns |= set(re.findall(rb"<SubscriptionArn>(.*)</SubscriptionArn>", answer.read()))
    found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [each["SubscriptionArn"].encode() for each in found] == list(arns)


def test_subscriptions_a_hundred_a_page(broker: Daemon) -> None:
    sns = broker.client("sns", account="555555555555")
    topic = sns.create_topic(Name="t")["TopicArn"]
    for n in range(101):
        endpoint = f"arn:aws:sqs:us-east-1:555555555555:q{n}"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
    for first, next_page in (
        (
            sns.list_subscriptions_by_topic(TopicArn=topic),
            lambda token: sns.list_subscriptions_by_topic(TopicArn=topic, NextToken=token),
        ),
        (sns.list_subscriptions(), lambda token: sns.list_subscriptions(NextToken=token)),
    ):
        rest = next_page(first["NextToken"])
        assert (len(first["Subscriptions"]), len(rest["Subscriptions"])) == (100, 1)
        arns = {each["SubscriptionArn"] for page in (first, rest) for each in page["Subscriptions"]}
        assert len(arns) == 101
        assert "NextToken" not in rest


def test_an_unsubscribed_queue_gets_nothing_more(
    sns: Any, sqs: Any, topic: str, queue: str, queue_arn: str
) -> None:
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)["SubscriptionArn"]
    for _ in range(2):
        sns.unsubscribe(SubscriptionArn=arn)
    sns.publish(TopicArn=topic, Message="a")
    assert all_bodies(sqs, queue) == []
    with raises_refusal("NotFound", "Subscription does not exist", 404):
        sns.get_subscription_attributes(SubscriptionArn=arn)
    with raises_refusal("NotFound", "Subscription does not exist", 404):
        sns.set_subscription_attributes(
            SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true"
        )
    with raises_refusal("InvalidParameter", "Invalid parameter: SubscriptionId"):
        sns.unsubscribe(SubscriptionArn="nonsense")


def test_the_unsubscribe_link_works_without_credentials(
    broker: Daemon, sns: Any, sqs: Any, topic: str, queue: str, queue_arn: str
) -> None:
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)["SubscriptionArn"]
    sns.publish(TopicArn=topic, Message="a")
    link = json.loads(receive(sqs, queue)["Body"])["UnsubscribeURL"]
    assert link.endswith(f"/?Action=Unsubscribe&SubscriptionArn={arn}")
    assert httpx.get(httpx.URL(broker.url).join(link)).status_code == 200
    assert sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] == []


def test_endpoints_that_can_never_be_reached(sns: Any, topic: str) -> None:
    with raises_refusal(
        "InvalidParameter",
        "Invalid parameter: Amazon SNS does not support this protocol string: pigeon",
    ):
        sns.subscribe(TopicArn=topic, Protocol="pigeon", Endpoint="loft")
    with raises_refusal("InvalidParameter", "Invalid parameter: SQS endpoint ARN"):
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint="http://host/1/q")
    with raises_refusal("InvalidParameter"):
        sns.subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-1:000000000000:q"
        )


# Publish


def test_the_envelope(sns: Any, sqs: Any, topic: str, queue: str, queue_arn: str) -> None:
    arn = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)["SubscriptionArn"]
    sent = sns.publish(
        TopicArn=topic,
        Message="Grüße",
        Subject="hello",
        MessageAttributes={
            "kind": text("a"),
            "size": {"DataType": "Number", "StringValue": "1.5"},
            "many": {"DataType": "String.Array", "StringValue": '["a", 1]'},
            "blob": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
        },
    )
    received = receive(sqs, queue, MessageAttributeNames=["All"])
    assert "MessageAttributes" not in received
    envelope = json.loads(received["Body"])
    assert list(envelope) == [
        "Type",
        "MessageId",
        "TopicArn",
        "Subject",
        "Message",
        "Timestamp",
        "UnsubscribeURL",
        "MessageAttributes",
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", envelope.pop("Timestamp"))
    assert envelope.pop("UnsubscribeURL").endswith(arn)
    assert envelope == {
        "Type": "Notification",
        "MessageId": sent["MessageId"],
        "TopicArn": topic,
        "Subject": "hello",
        "Message": "Grüße",
        "MessageAttributes": {
            "kind": {"Type": "String", "Value": "a"},
            "size": {"Type": "Number", "Value": "1.5"},
            "many": {"Type": "String.Array", "Value": '["a", 1]'},
            "blob": {"Type": "Binary", "Value": base64.b64encode(b"\0\xff").decode()},
        },
    }


def test_the_envelope_has_no_members_for_what_was_not_given(
    sns: Any, sqs: Any, topic: str, queue: str, queue_arn: str
) -> None:
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    sns.publish(TopicArn=topic, Message="a")
    envelope = json.loads(receive(sqs, queue)["Body"])
    assert "Subject" not in envelope
    assert "MessageAttributes" not in envelope


def test_raw_delivery_hands_over_body_and_attributes(
    sns: Any, sqs: Any, topic: str, queue: str, queue_arn: str
) -> None:
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn, Attributes=raw)
    attributes = {"Foo": text("Bar")}
    sns.publish(TopicArn=topic, Message="a", Subject="lost", MessageAttributes=attributes)
    received = receive(sqs, queue, MessageAttributeNames=["All"])
    assert received["Body"] == "a"
    assert received["MessageAttributes"] == attributes
    assert received["MD5OfMessageAttributes"] == "ae7155c6026991b6d54b11589678bf9c"


def test_a_message_for_each_protocol(
    sns: Any, sqs: Any, topic: str, queue: str, queue_arn: str
) -> None:
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    for document, expected in (
        ({"default": "d", "sqs": "s"}, "s"),
        ({"default": "d", "lambda": "l", "x": 1}, "d"),
    ):
        sns.publish(TopicArn=topic, Message=json.dumps(document), MessageStructure="json")
        assert json.loads(receive(sqs, queue)["Body"])["Message"] == expected
    where = "Invalid parameter: Message Structure - "
    with raises_refusal("InvalidParameter", where + "JSON message body failed to parse"):
        sns.publish(TopicArn=topic, Message="{", MessageStructure="json")
    with raises_refusal("InvalidParameter", where + "No default entry in JSON message body"):
        sns.publish(TopicArn=topic, Message='{"sqs": "s"}', MessageStructure="json")
    with raises_refusal("InvalidParameter"):
        sns.publish(TopicArn=topic, Message="a", MessageStructure="xml")
    deep = '{"default": ' + "[" * 50_000
    with raises_refusal("InvalidParameter", where + "JSON message body failed to parse"):
        sns.publish(TopicArn=topic, Message=deep, MessageStructure="json")


def test_messages_of_256_kib_and_one_byte_more(sns: Any, topic: str) -> None:
    sns.publish(TopicArn=topic, Message="x" * KIB_256)
    attributes = {"ab": text("c")}  # 2 + 6 + 1 bytes
    sns.publish(TopicArn=topic, Message="x" * (KIB_256 - 9), MessageAttributes=attributes)
    with raises_refusal("InvalidParameter", "Invalid parameter: Message too long"):
        sns.publish(TopicArn=topic, Message="x" * (KIB_256 + 1))
    with raises_refusal("InvalidParameter", "Invalid parameter: Message too long"):
        sns.publish(TopicArn=topic, Message="x" * (KIB_256 - 8), MessageAttributes=attributes)


def test_an_empty_message(sns: Any, topic: str) -> None:
    with raises_refusal("InvalidParameter", "Invalid parameter: Empty message"):
        sns.publish(TopicArn=topic, Message="")


def test_a_message_that_no_queue_could_hold(sns: Any, topic: str) -> None:
    with raises_refusal("InvalidParameter"):
        sns.publish(TopicArn=topic, Message="\x0b")


@pytest.mark.parametrize("bad", ["", "x" * 100, "a\nb", "ä"])
def test_bad_subjects(sns: Any, topic: str, bad: str) -> None:
    sns.publish(TopicArn=topic, Message="a", Subject="x" * 99)
    with raises_refusal("InvalidParameter", "Invalid parameter: Subject"):
        sns.publish(TopicArn=topic, Message="a", Subject=bad)


ATTRIBUTES: list[tuple[str, dict[str, Any], str]] = [
    (
        "a",
        text(""),
        "The message attribute 'a' must contain non-empty message attribute value for message "
        "attribute type 'String'.",
    ),
    (
        "a",
        {"DataType": "Strin", "StringValue": "x"},
        "The message attribute 'a' has an invalid message attribute type, the set of supported "
        "type prefixes is Binary, Number, and String.",
    ),
    (
        "a",
        {"DataType": "Binary", "StringValue": "x"},
        "The message attribute 'a' with type 'Binary' must use field 'Binary'.",
    ),
    (
        "a..b",
        text("x"),
        "Message attribute name can not have successive '.' character.",
    ),
    ("a" * 257, text("x"), "Length of message attribute name must be less than 256 bytes."),
]


@pytest.mark.parametrize(("attribute_name", "value", "message"), ATTRIBUTES)
def test_bad_message_attributes(
    sns: Any, topic: str, attribute_name: str, value: dict[str, Any], message: str
) -> None:
    with raises_refusal("ParameterValueInvalid", message):
        sns.publish(TopicArn=topic, Message="a", MessageAttributes={attribute_name: value})


@pytest.mark.parametrize("bad", ["", ".a", "a.", "a b", "AWS.x", "Amazon.x"])
def test_bad_message_attribute_names(sns: Any, topic: str, bad: str) -> None:
    with raises_refusal("ParameterValueInvalid"):
        sns.publish(TopicArn=topic, Message="a", MessageAttributes={bad: text("x")})


def test_an_attribute_without_a_type(broker: Daemon, topic: str) -> None:
    form = {
        "Action": "Publish",
        "Version": "2010-03-31",
        "TopicArn": topic,
        "Message": "a",
        "MessageAttributes.entry.1.Name": "attr1",
        "MessageAttributes.entry.1.Value.StringValue": "x",
    }
    answer = httpx.post(broker.url, data=form)
    assert answer.status_code == 400
    assert "<Code>ValidationError</Code>" in answer.text
    assert (
        "<Message>1 validation error detected: Value null at "
        "'messageAttributes.attr1.member.dataType' failed to satisfy constraint: "
        "Member must not be null</Message>"
    ) in answer.text


def test_a_target_arn_may_be_a_topic_and_nothing_else(
    sns: Any, sqs: Any, topic: str, queue: str, queue_arn: str
) -> None:
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)
    sns.publish(TargetArn=topic, Message="a")
    assert json.loads(receive(sqs, queue)["Body"])["Message"] == "a"
    with raises_refusal(
        "InvalidParameter",
        "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified",
    ):
        sns.publish(TargetArn=topic + "x", Message="a")
    with raises_refusal("InvalidParameter"):
        sns.publish(TopicArn=topic, TargetArn=topic, Message="a")
    with raises_refusal("InvalidParameter"):
        sns.publish(Message="a")


# Batches


def entries(*ids: str, message: str = "a") -> list[dict[str, Any]]:
    return [{"Id": each, "Message": message} for each in ids]


def test_a_batch_of_ten_keeps_its_order(
    sns: Any, sqs: Any, topic: str, queue: str, queue_arn: str
) -> None:
    raw = {"RawMessageDelivery": "true"}
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn, Attributes=raw)
    batch = [{"Id": f"id-{n}", "Message": str(n)} for n in range(10)]
    sent = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=batch)
    assert [each["Id"] for each in sent["Successful"]] == [each["Id"] for each in batch]
    assert len({each["MessageId"] for each in sent["Successful"]}) == 10
    assert sent["Failed"] == []
    assert all_bodies(sqs, queue) == [str(n) for n in range(10)]


def test_a_batchs_bad_entries_fail_for_themselves(sns: Any, topic: str) -> None:
    batch = [*entries("good"), {"Id": "empty", "Message": ""}]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=batch)
    assert [each["Id"] for each in answer["Successful"]] == ["good"]
    assert answer["Failed"] == [
        {
            "Id": "empty",
            "Code": "InvalidParameter",
            "Message": "Invalid parameter: Empty message",
            "SenderFault": True,
        }
    ]


def test_batches_that_are_refused_whole(sns: Any, topic: str) -> None:
    def publish(batch: list[dict[str, Any]]) -> None:
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=batch)

    with raises_refusal("EmptyBatchRequest"):
        publish([])
    with raises_refusal(
        "TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible."
    ):
        publish(entries(*"abcdefghijk"))
    with raises_refusal(
        "BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id."
    ):
        publish(entries("a", "a"))
    with raises_refusal(
        "InvalidBatchEntryId",
        "The Id of a batch entry in the batch request contains an impermissible character: a b",
    ):
        publish(entries("a b"))
    with raises_refusal(
        "InvalidBatchEntryId",
        "The Id of a batch entry in the batch request is too long: " + "x" * 81,
    ):
        publish(entries("x" * 81))
    publish(entries("a", "b", message="x" * (KIB_256 // 2)))
    with raises_refusal(
        "BatchRequestTooLong", "The length of all the messages put together is more than the limit."
    ):
        publish(entries("a", "b", message="x" * (KIB_256 // 2 + 1)))


# Who asks


def test_namespaces_do_not_see_each_other(broker: Daemon, sns: Any, topic: str, name: str) -> None:
    other = broker.client("sns", account="666666666666")
    assert other.list_topics()["Topics"] == []
    made = other.create_topic(Name=name)["TopicArn"]
    assert made == f"arn:aws:sns:us-east-1:666666666666:{name}"
    other.delete_topic(TopicArn=made)
    assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["TopicArn"] == topic


# What is not here says so


@pytest.mark.parametrize("protocol", ["email", "email-json", "sms", "application", "firehose"])
def test_protocols_that_are_not_supported(sns: Any, topic: str, protocol: str) -> None:
    with raises_refusal(
        "InvalidParameter",
        f"Invalid parameter: Protocol Reason: the protocol {protocol} is not supported by this "
        "broker; sqs, lambda, http and https are",
    ):
        sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint="x")


@pytest.mark.parametrize("protocol", ["sns", "events"])
def test_endpoints_that_only_the_native_api_has(sns: Any, topic: str, protocol: str) -> None:
    """SNS has no such protocols; what was subscribed natively is listed all the same."""
    with raises_refusal(
        "InvalidParameter",
        f"Invalid parameter: Amazon SNS does not support this protocol string: {protocol}",
    ):
        sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=topic)


def test_actions_for_people_say_that_they_are_not_here(sns: Any) -> None:
    with raises_refusal(
        "InvalidAction",
        "The action CreatePlatformEndpoint is not supported by this broker: it is for programs, "
        "and has no mobile push and no text messages.",
    ):
        sns.create_platform_endpoint(PlatformApplicationArn="a", Token="t")
