"""EventBridge Pipes through boto3: pages, functions, and messages on their way"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.daemon import Daemon
from tests.wire.functions import daemon_with_functions, told
from tests.wire.refusals import raises_refusal

ROLE = "arn:aws:iam::000000000000:role/r"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("functions")


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[Daemon]:
    with daemon_with_functions(folder) as running:
        yield running


@pytest.fixture(scope="module")
def pipes(broker: Daemon) -> Any:
    return broker.client("pipes")


@pytest.fixture
def source(sqs: Any, name: str) -> str:
    """The URL of the queue that the test's pipe begins at."""
    return str(sqs.create_queue(QueueName=name)["QueueUrl"])


def receive(sqs: Any, url: str) -> list[str]:
    answer = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10, MaxNumberOfMessages=10)
    return [message["Body"] for message in answer.get("Messages", ())]


def test_messages_are_filtered_enriched_and_sent_on(
    pipes: Any, sqs: Any, source: str, queue: str, name: str
) -> None:
    pipes.create_pipe(
        Name=name,
        RoleArn=ROLE,
        Source=QUEUE + name,
        SourceParameters={"FilterCriteria": {"Filters": [{"Pattern": '{"body":{"vip":[true]}}'}]}},
        Enrichment=FUNCTION + "echo",
        EnrichmentParameters={"InputTemplate": '{"order": <$.body.order>}'},
        Target=QUEUE + queue.rpartition("/")[2],
        TargetParameters={"InputTemplate": '{"n": <$.event[0].order>}'},
    )
    for body in ('{"vip":false,"order":1}', '{"vip":true,"order":2}'):
        sqs.send_message(QueueUrl=source, MessageBody=body)
    assert receive(sqs, queue) == ['{"n": 2}']


def test_a_function_gets_the_records(
    pipes: Any, sqs: Any, source: str, name: str, folder: Path
) -> None:
    pipes.create_pipe(Name=name, RoleArn=ROLE, Source=QUEUE + name, Target=FUNCTION + "tell")
    found = pipes.describe_pipe(Name=name)
    parameters = {"LambdaFunctionParameters": {"InvocationType": "REQUEST_RESPONSE"}}
    assert found["TargetParameters"] == parameters
    sent = sqs.send_message(
        QueueUrl=source,
        MessageBody="a",
        MessageAttributes={"n": {"DataType": "Number", "StringValue": "1"}},
    )
    (record,) = json.loads(told(folder / "tell"))
    assert record["messageId"] == sent["MessageId"]
    assert record["md5OfBody"] == sent["MD5OfMessageBody"]
    assert record["messageAttributes"]["n"]["stringValue"] == "1"
    later = {"LambdaFunctionParameters": {"InvocationType": "FIRE_AND_FORGET"}}
    pipes.update_pipe(Name=name, RoleArn=ROLE, TargetParameters=later)
    assert pipes.describe_pipe(Name=name)["TargetParameters"] == later
    sqs.send_message(QueueUrl=source, MessageBody="b")
    assert json.loads(told(folder / "tell"))["body"] == "b"


def test_pipes_come_in_pages(pipes: Any, source: str, queue: str, name: str) -> None:
    names = [f"{name}-{n}" for n in range(5)]
    for each in names:
        pipes.create_pipe(
            Name=each,
            RoleArn=ROLE,
            DesiredState="STOPPED",
            Source=QUEUE + name,
            Target=QUEUE + queue.rpartition("/")[2],
        )
    found, token = [], None
    for _ in range(3):
        more = {"NextToken": token} if token else {}
        page = pipes.list_pipes(NamePrefix=f"{name}-", Limit=2, **more)
        found += [pipe["Name"] for pipe in page["Pipes"]]
        token = page.get("NextToken")
    assert (found, token) == (names, None)


def test_an_unsigned_request_reaches_pipes_too(broker: Daemon, name: str) -> None:
    answer = httpx.get(f"{broker.url}/v1/pipes/{name}")
    assert answer.status_code == 404
    assert answer.headers["x-amzn-errortype"] == "NotFoundException"
    assert answer.json() == {"message": f"Pipe {name} does not exist."}


def test_all_that_is_wrong_is_told_at_once(pipes: Any, broker: Daemon) -> None:
    settings = {"RoleArn": "r", "Source": QUEUE + "q", "Target": QUEUE + "q"}
    wrong = {**settings, "SourceParameters": {"SqsQueueParameters": {"BatchSize": 0}}}
    text = httpx.post(f"{broker.url}/v1/pipes/a", json=wrong).json()["message"]
    assert text.startswith("2 validation errors detected: Value 'r' at 'roleArn' failed")
    assert "at 'sourceParameters.sqsQueueParameters.batchSize'" in text
    with raises_refusal("ValidationException", f"Source does not exist: {QUEUE}nowhere"):
        pipes.create_pipe(Name="p", RoleArn=ROLE, Source=QUEUE + "nowhere", Target=QUEUE + "n")


def test_a_conflict_says_with_what(pipes: Any, source: str, name: str) -> None:
    settings = {
        "Name": name,
        "RoleArn": ROLE,
        "Source": QUEUE + name,
        "Target": FUNCTION + "echo",
        "DesiredState": "STOPPED",
    }
    pipes.create_pipe(**settings)
    with pytest.raises(pipes.exceptions.ConflictException) as refused:
        pipes.create_pipe(**settings)
    answer = refused.value.response
    assert (answer["resourceId"], answer["resourceType"]) == (name, "pipe")
