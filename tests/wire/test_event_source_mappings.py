"""event source mappings through an unmodified boto3 and the AWS CLI"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon
from tests.wire.functions import daemon_with_functions, told
from tests.wire.refusals import raises_refusal
from tests.wire.service_clients import CliClient

QUEUE = "arn:aws:sqs:us-east-1:000000000000:"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:"
MAPPING = "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:"
NOT_THERE = "The resource you requested does not exist."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("functions")


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[Daemon]:
    with daemon_with_functions(folder) as running:
        yield running


@pytest.fixture(scope="module")
def functions(broker: Daemon) -> Any:
    return broker.client("lambda")


@pytest.fixture
def source(sqs: Any, name: str) -> str:
    """The URL of the queue that is mapped, named as the test."""
    attributes = {"VisibilityTimeout": "60"}
    return str(sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def without_metadata(answer: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def test_a_mapping_from_its_making_to_its_end(functions: Any, source: str, name: str) -> None:
    filters = {"Filters": [{"Pattern": '{"body":{"vip":[true]}}'}]}
    made = functions.create_event_source_mapping(
        EventSourceArn=QUEUE + name,
        FunctionName="echo",
        Enabled=False,
        BatchSize=50,
        MaximumBatchingWindowInSeconds=5,
        FilterCriteria=filters,
        ScalingConfig={"MaximumConcurrency": 3},
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    uuid = made["UUID"]
    found = without_metadata(functions.get_event_source_mapping(UUID=uuid))
    assert found.pop("LastModified").year >= 2026
    assert found == {
        "UUID": uuid,
        "EventSourceMappingArn": MAPPING + uuid,
        "EventSourceArn": QUEUE + name,
        "FunctionArn": FUNCTION + "echo",
        "BatchSize": 50,
        "MaximumBatchingWindowInSeconds": 5,
        "FilterCriteria": filters,
        "ScalingConfig": {"MaximumConcurrency": 3},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "State": "Disabled",
        "StateTransitionReason": "USER_INITIATED",
        "LastProcessingResult": "No records processed",
    }
    changed = functions.update_event_source_mapping(
        UUID=uuid, Enabled=True, FunctionName=FUNCTION + "nothing", ScalingConfig={}
    )
    assert changed["State"] == "Enabling"
    found = functions.get_event_source_mapping(UUID=uuid)
    assert (found["State"], found["FunctionArn"]) == ("Enabled", FUNCTION + "nothing")
    assert found["BatchSize"] == 50
    assert "ScalingConfig" not in found
    listed = functions.list_event_source_mappings(EventSourceArn=QUEUE + name)
    assert [each["UUID"] for each in listed["EventSourceMappings"]] == [uuid]
    assert functions.list_event_source_mappings(FunctionName="off")["EventSourceMappings"] == []
    assert functions.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    with raises_refusal("ResourceNotFoundException", NOT_THERE, 404):
        functions.get_event_source_mapping(UUID=uuid)


def test_a_function_gets_a_queues_messages(
    functions: Any, sqs: Any, source: str, name: str, folder: Path
) -> None:
    made = functions.create_event_source_mapping(EventSourceArn=QUEUE + name, FunctionName="tell")
    sent = sqs.send_message(QueueUrl=source, MessageBody="a")
    (record,) = json.loads(told(folder / "tell"))["Records"]
    assert (record["messageId"], record["body"]) == (sent["MessageId"], "a")
    functions.delete_event_source_mapping(UUID=made["UUID"])


def test_mappings_come_in_pages(functions: Any, sqs: Any, name: str) -> None:
    made = []
    for n in range(3):
        sqs.create_queue(QueueName=f"{name}-{n}", Attributes={"VisibilityTimeout": "60"})
        mapping = functions.create_event_source_mapping(
            EventSourceArn=f"{QUEUE}{name}-{n}", FunctionName="exit", Enabled=False
        )
        made.append(mapping["UUID"])
    pages = functions.get_paginator("list_event_source_mappings").paginate(
        FunctionName="exit", PaginationConfig={"PageSize": 2}
    )
    sizes = [[each["UUID"] for each in page["EventSourceMappings"]] for page in pages]
    assert [len(page) for page in sizes] == [2, 1]
    assert sorted(uuid for page in sizes for uuid in page) == sorted(made)


def test_what_can_not_be_mapped_is_refused(
    functions: Any, sqs: Any, source: str, name: str
) -> None:
    create = functions.create_event_source_mapping
    missing = (
        "Error occurred while ReceiveMessage. SQS Error Code: "
        "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue does not "
        "exist."
    )
    with raises_refusal("InvalidParameterValueException", missing):
        create(EventSourceArn=QUEUE + "nowhere", FunctionName="echo")
    with raises_refusal(
        "ResourceNotFoundException", f"Function not found: {FUNCTION}nothing-there", 404
    ):
        create(EventSourceArn=QUEUE + name, FunctionName="nothing-there")
    sqs.create_queue(QueueName=f"{name}-short")
    short = "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"
    with raises_refusal("InvalidParameterValueException", short):
        create(EventSourceArn=f"{QUEUE}{name}-short", FunctionName="echo")
    window = (
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater "
        "than 10"
    )
    with raises_refusal("InvalidParameterValueException", window):
        create(EventSourceArn=QUEUE + name, FunctionName="echo", BatchSize=11)
    for member, value in (
        ("StartingPosition", "LATEST"),
        ("ParallelizationFactor", 1),
        ("DestinationConfig", {}),
        ("ProvisionedPollerConfig", {}),
    ):
        text = f"{member} is not supported by this broker."
        with raises_refusal("InvalidParameterValueException", text):
            create(EventSourceArn=QUEUE + name, FunctionName="echo", **{member: value})
    stream = "arn:aws:kinesis:us-east-1:000000000000:stream/s"
    text = f"Source {stream} is not supported by this broker."
    with raises_refusal("InvalidParameterValueException", text):
        create(EventSourceArn=stream, FunctionName="echo")
    uuid = create(EventSourceArn=QUEUE + name, FunctionName="echo", Enabled=False)["UUID"]
    with raises_refusal("ResourceConflictException", status=409):
        create(EventSourceArn=QUEUE + name, FunctionName="echo")
    for call in (functions.update_event_source_mapping, functions.delete_event_source_mapping):
        with raises_refusal("ResourceNotFoundException", NOT_THERE, 404):
            call(UUID=uuid[::-1])


def test_the_aws_cli_maps_a_queue_too(broker: Daemon, source: str, name: str) -> None:
    cli = CliClient(broker, "lambda")
    made = cli.call(
        "CreateEventSourceMapping", EventSourceArn=QUEUE + name, FunctionName="block", BatchSize=5
    )
    found = cli.call("GetEventSourceMapping", UUID=made["UUID"])
    assert (found["BatchSize"], found["State"]) == (5, "Enabled")
    cli.call("UpdateEventSourceMapping", UUID=made["UUID"], Enabled=False)
    listed = cli.call("ListEventSourceMappings", EventSourceArn=QUEUE + name)
    assert [each["State"] for each in listed["EventSourceMappings"]] == ["Disabled"]
    cli.call("DeleteEventSourceMapping", UUID=made["UUID"])
    cli.close()
