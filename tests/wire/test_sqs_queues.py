"""Queues through an unmodified boto3: made, found, listed, purged, deleted, and named."""

import json
from collections.abc import Callable
from typing import Any

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from tests.daemon import Daemon
from tests.wire.refusals import raises_refusal
from tests.wire.sqs import (
    NON_EXISTENT,
    attribute,
    bodies,
    name_of,
    receive,
)


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


def test_create_again_with_other_tags_is_refused(sqs: Any, name: str) -> None:
    sqs.create_queue(QueueName=name, tags={"team": "a"})
    sqs.create_queue(QueueName=name, tags={"team": "a"})
    with raises_refusal(
        "QueueAlreadyExists",
        "A queue already exists with the same name and a different value for tags",
    ):
        sqs.create_queue(QueueName=name, tags={"team": "b"})


@pytest.mark.parametrize("bad", ["", "n" * 81, "a b", "a.b", "käse", "a/b", "a.fifo"])
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


def test_the_url_of_a_queue_of_another_account(broker: Daemon, sqs: Any, name: str) -> None:
    url = broker.client("sqs", account="444444444444").create_queue(QueueName=name)["QueueUrl"]
    found = sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId="444444444444")
    assert found["QueueUrl"] == url
    for owner in ("555555555555", "4", ""):
        with raises_refusal(NON_EXISTENT):
            sqs.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=owner)


@pytest.mark.parametrize(
    "address", ["", "http://host/000000000000/a b", "http://host.example/", "käse"]
)
def test_what_is_no_address_of_a_queue(sqs: Any, address: str) -> None:
    with raises_refusal("InvalidAddress", f"The address {address} is not valid for this endpoint."):
        sqs.purge_queue(QueueUrl=address)


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
    assert "NextToken" not in sqs.list_queues(), "only a list that was cut has more"
    pages = sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 1})
    assert [name_of(url) for page in pages for url in page["QueueUrls"]] == every
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix="z")


@pytest.mark.parametrize("count", [0, 1_001])
def test_list_queues_takes_1_to_1000_results(sqs: Any, count: int) -> None:
    with raises_refusal("InvalidParameterValue"):
        sqs.list_queues(MaxResults=count)


@pytest.mark.parametrize("token", ["", "a", "käse", "////"])
def test_a_token_that_no_list_gave_out(sqs: Any, token: str) -> None:
    with raises_refusal(
        "InvalidParameterValue",
        f"Value {token} for parameter NextToken is invalid. Reason: No list has given it out.",
    ):
        sqs.list_queues(NextToken=token)


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
