"""Redrive policies and dead letters through an unmodified boto3."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.wire.refusals import raises_refusal
from tests.wire.sqs import attribute, bodies, name_of, receive


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


def set_policy(sqs: Any, queue: str, policy: Any) -> None:
    text = policy if isinstance(policy, str) else json.dumps(policy)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": text})


def redrive_to(sqs: Any, target: str, count: int = 3) -> dict[str, Any]:
    return {"deadLetterTargetArn": attribute(sqs, target, "QueueArn"), "maxReceiveCount": count}


@contextmanager
def refused_because(policy: Any, reason: str) -> Iterator[None]:
    text = policy if isinstance(policy, str) else json.dumps(policy)
    with raises_refusal(
        "InvalidParameterValue",
        f"Value {text} for parameter RedrivePolicy is invalid. Reason: {reason}",
    ):
        yield


def test_documents_that_are_no_redrive_policy(sqs: Any, queue: str) -> None:
    arn = attribute(sqs, queue, "QueueArn")
    missing = "Redrive policy does not contain mandatory attribute: "
    cases: list[tuple[Any, str]] = [
        ("no JSON", "Redrive policy is not a valid JSON map."),
        ([], "Redrive policy is not a valid JSON map."),
        ({}, f"{missing}maxReceiveCount."),
        ({"maxReceiveCount": 1}, f"{missing}deadLetterTargetArn."),
        ({"deadLetterTargetArn": arn}, f"{missing}maxReceiveCount."),
        (
            {"deadLetterTargetArn": arn, "maxReceiveCount": 1, "more": 1},
            "Only following attributes are supported: [deadLetterTargetArn, maxReceiveCount].",
        ),
        (
            {"deadLetterTargetArn": f"{arn}/x", "maxReceiveCount": 1},
            "Invalid value for deadLetterTargetArn.",
        ),
    ]
    for policy, reason in cases:
        with refused_because(policy, reason):
            set_policy(sqs, queue, policy)


def test_a_dead_letter_queue_must_be_there(sqs: Any, queue: str, name: str) -> None:
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    policy = {"deadLetterTargetArn": arn, "maxReceiveCount": 1}
    reason = "Dead letter target does not exist."
    with refused_because(policy, reason):
        set_policy(sqs, queue, policy)
    with refused_because(policy, reason):
        attributes = {"RedrivePolicy": json.dumps(policy)}
        sqs.create_queue(QueueName=f"{name}-source", Attributes=attributes)


def test_a_policy_stays_settable_when_its_dead_letter_queue_is_gone(
    sqs: Any, make_queue: Callable[..., str]
) -> None:
    target, queue = make_queue(), make_queue()
    set_policy(sqs, queue, redrive_to(sqs, target))
    sqs.delete_queue(QueueUrl=target)
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"DelaySeconds": "1"})


def test_source_and_dead_letter_queue_are_of_one_type(sqs: Any, queue: str, name: str) -> None:
    fifo = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    reason = "Dead-letter queue must be same type of queue as the source.."
    for source, target in ((queue, fifo), (fifo, queue)):
        policy = redrive_to(sqs, target)
        with refused_because(policy, reason):
            set_policy(sqs, source, policy)


def test_dead_letter_queues_form_no_circle(sqs: Any, make_queue: Callable[..., str]) -> None:
    a, b, c = make_queue(), make_queue(), make_queue()
    policy = redrive_to(sqs, a)
    with refused_because(policy, "A queue can't be its own dead-letter queue."):
        set_policy(sqs, a, policy)
    set_policy(sqs, b, redrive_to(sqs, a))
    set_policy(sqs, c, redrive_to(sqs, b))
    policy = redrive_to(sqs, c)
    path = " -> ".join(name_of(each) for each in (a, c, b, a))
    with refused_because(policy, f"Dead-letter queues can't form a circle: {path}."):
        set_policy(sqs, a, policy)


def test_a_redrive_allow_policy_says_whose_dead_letters_a_queue_takes(
    sqs: Any, make_queue: Callable[..., str]
) -> None:
    target, mine, other = make_queue(), make_queue(), make_queue()
    arn = attribute(sqs, mine, "QueueArn")
    reason = "The redrive allow policy of the dead-letter queue does not allow this source queue."
    policy = redrive_to(sqs, target)

    def allow(**document: Any) -> None:
        text = json.dumps(document)
        sqs.set_queue_attributes(QueueUrl=target, Attributes={"RedriveAllowPolicy": text})
        assert attribute(sqs, target, "RedriveAllowPolicy") == text

    allow(redrivePermission="byQueue", sourceQueueArns=[arn])
    set_policy(sqs, mine, policy)
    with refused_because(policy, reason):
        set_policy(sqs, other, policy)
    allow(redrivePermission="allowAll")
    set_policy(sqs, other, policy)
    allow(redrivePermission="denyAll")
    with refused_because(redrive_to(sqs, target, 4), reason):
        set_policy(sqs, mine, redrive_to(sqs, target, 4))
    sqs.set_queue_attributes(QueueUrl=target, Attributes={"RedriveAllowPolicy": ""})
    set_policy(sqs, mine, redrive_to(sqs, target, 4))


CANNOT_ALLOW = "Amazon SQS can't create the redrive allow policy"


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        '{"redrivePermission": "some"}',
        '{"redrivePermission": "allowAll", "more": 1}',
        '{"redrivePermission": "byQueue", "sourceQueueArns": "x"}',
        '{"redrivePermission": "byQueue", "sourceQueueArns": [1]}',
        '{"redrivePermission": "byQueue", "sourceQueueArns": ["x"]}',
    ],
)
def test_documents_that_are_no_redrive_allow_policy(sqs: Any, queue: str, text: str) -> None:
    with raises_refusal(
        "InvalidAttributeValue",
        "Invalid value for the parameter RedriveAllowPolicy. "
        f"Reason: {CANNOT_ALLOW}, as it’s in an unsupported format.",  # noqa: RUF001 (SQS's own)
    ):
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedriveAllowPolicy": text})


def test_sources_go_with_the_permission_by_queue_and_are_one_to_ten(sqs: Any, queue: str) -> None:
    arns = [f"arn:aws:sqs:us-east-1:000000000000:q{n}" for n in range(11)]
    must = "you must also specify one or more sourceQueueArns values."
    cases: list[tuple[dict[str, Any], str]] = [
        (
            {"redrivePermission": "byQueue"},
            f"When you specify the byQueue permission type, {must}",
        ),
        (
            {"redrivePermission": "byQueue", "sourceQueueArns": []},
            f"When you specify the byQueue permission type, {must}",
        ),
        (
            {"redrivePermission": "denyAll", "sourceQueueArns": arns[:1]},
            "To specify one or more source queue ARNs, you must set redrivePermission to byQueue.",
        ),
        (
            {"redrivePermission": "byQueue", "sourceQueueArns": arns},
            "The maximum number of source queue ARNs you can specify is 10.",
        ),
    ]
    for document, reason in cases:
        text = json.dumps(document)
        with raises_refusal(
            "InvalidParameterValue",
            f"Value {text} for parameter RedriveAllowPolicy is invalid. "
            f"Reason: {CANNOT_ALLOW}. {reason}",
        ):
            sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedriveAllowPolicy": text})
    ten = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": arns[:10]})
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedriveAllowPolicy": ten})


def test_source_queues_are_listed_by_page(sqs: Any, make_queue: Callable[..., str]) -> None:
    target = make_queue()
    assert sqs.list_dead_letter_source_queues(QueueUrl=target)["queueUrls"] == []
    policy = json.dumps(redrive_to(sqs, target))
    sources = sorted(make_queue(RedrivePolicy=policy) for _ in range(3))
    every = sqs.list_dead_letter_source_queues(QueueUrl=target)
    assert every["queueUrls"] == sources
    assert "NextToken" not in every
    first = sqs.list_dead_letter_source_queues(QueueUrl=target, MaxResults=2)
    rest = sqs.list_dead_letter_source_queues(
        QueueUrl=target, MaxResults=2, NextToken=first["NextToken"]
    )
    assert (first["queueUrls"], rest["queueUrls"]) == (sources[:2], sources[2:])
    assert "NextToken" not in rest
    for count in (0, 1_001):
        with raises_refusal("InvalidParameterValue"):
            sqs.list_dead_letter_source_queues(QueueUrl=target, MaxResults=count)
