"""functions made of uploaded code, through an unmodified boto3; their versions and aliases"""

import base64
import hashlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.daemon import Daemon, running_daemon
from tests.plugins.runtime import needs_bubblewrap
from tests.wire.code import ROLE, RUNTIME, SOURCE, answering, zipped
from tests.wire.refusals import raises_refusal

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
CONFIG = """
[functions]
allow_upload = true
[[queue]]
name = "orders"
[[queue]]
name = "done"
[[queue]]
name = "failed"
[[topic]]
name = "news"
[[event_bus]]
name = "shop"
[[function]]
name = "elsewhere"
invoker = "http"
settings = { url = "https://functions.example/" }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[Daemon]:
    with running_daemon(folder, CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def functions(broker: Daemon) -> Any:
    return broker.client("lambda")


@pytest.fixture
def name() -> str:
    return f"f-{uuid4().hex[:8]}"


def create(functions: Any, name: str, archive: bytes | None = None, **more: Any) -> Any:
    given = {
        "FunctionName": name,
        "Role": ROLE,
        "Runtime": RUNTIME,
        "Handler": "app.handler",
        "Code": {"ZipFile": archive or zipped(app__py=SOURCE)},
        **more,
    }
    return functions.create_function(**given)


def result(functions: Any, name: str, **more: Any) -> Any:
    answer = functions.invoke(FunctionName=name, **more)
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.loads(answer["Payload"].read())


def test_a_function_is_made_of_a_zip_file(functions: Any, name: str) -> None:
    archive = zipped(app__py=SOURCE)
    made = create(functions, name, archive, Environment={"Variables": {"STAGE": "test"}})
    sha256 = base64.b64encode(hashlib.sha256(archive).digest()).decode()
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (made["CodeSha256"], made["CodeSize"]) == (sha256, len(archive))
    assert (made["Runtime"], made["Handler"], made["Role"]) == (RUNTIME, "app.handler", ROLE)
    assert (made["Timeout"], made["MemorySize"]) == (3, 128)
    assert made["Architectures"] == ["x86_64"]
    functions.get_waiter("function_active_v2").wait(FunctionName=name)
    assert result(functions, name, Payload=b"[1]") == {
        "event": [1],
        "version": "$LATEST",
        "arn": ARN + name,
    }


def test_its_code_can_be_had_again(functions: Any, name: str) -> None:
    archive = answering("one")
    create(functions, name, archive)
    location = functions.get_function(FunctionName=name)["Code"]["Location"]
    assert httpx.get(location).content == archive


def test_a_name_is_taken_once(functions: Any, name: str) -> None:
    create(functions, name)
    text = f"Function already exist: {name}"
    with raises_refusal("ResourceConflictException", text, 409):
        create(functions, name)


@pytest.mark.parametrize(
    ("archive", "text"),
    [
        (b"no zip", "Could not unzip uploaded file."),
        (zipped(), "Uploaded file must be a non-empty zip"),
        (zipped(**{".._SLASH_evil": "x"}), "a path that leads out of it"),
        (zipped(**{"_SLASH_evil": "x"}), "a path that leads out of it"),
    ],
)
def test_a_zip_file_that_can_not_be_unpacked(
    functions: Any, folder: Path, name: str, archive: bytes, text: str
) -> None:
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match=text):
        create(functions, name, archive)
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function(FunctionName=name)
    assert not list(folder.rglob("evil"))


def test_a_bomb_ends_at_the_limit(functions: Any, name: str) -> None:
    archive = zipped(zeros=bytes(262_144_001))
    text = "Unzipped size must be smaller than 262144000 bytes"
    with raises_refusal("RequestEntityTooLargeException", text, 413):
        create(functions, name, archive)


@pytest.mark.parametrize(
    ("member", "value", "text"),
    [
        ("Runtime", "java21", "`runtime` 'java21' is not to be had"),
        ("Timeout", 901, "Member must have value less than or equal to 900"),
        ("MemorySize", 10_241, "Member must have value less than or equal to 10240"),
        ("Role", "me", "Member must satisfy regular expression pattern"),
        ("Layers", ["arn:aws:lambda:us-east-1:1:layer:a:1"], "Layers is not supported"),
        ("PackageType", "Image", "PackageType Image is not supported"),
        ("Code", {"S3Bucket": "abc", "S3Key": "d"}, "S3Bucket is not supported"),
        ("Code", {}, "Please provide a source for function code."),
        ("Environment", {"Variables": {"AWS_REGION": "x"}}, "Reserved keys used in this request"),
        ("Environment", {"Variables": {"A": "x" * 4096}}, "exceeded the 4KB limit"),
        ("DeadLetterConfig", {"TargetArn": "arn:aws:s3:::x"}, "is no standard queue or topic"),
        ("TracingConfig", {"Mode": "Active"}, "TracingConfig.Mode Active is not supported"),
    ],
)
def test_what_can_not_be_is_refused(
    functions: Any, name: str, member: str, value: Any, text: str
) -> None:
    with pytest.raises(functions.exceptions.InvalidParameterValueException) as refusal:
        create(functions, name, **{member: value})
    assert text in str(refusal.value)


def test_new_code_is_used_at_once_and_the_old_one_goes(
    functions: Any, folder: Path, name: str
) -> None:
    first = create(functions, name, answering("one"))
    assert result(functions, name) == "one"
    for text in ("two", "three"):
        changed = functions.update_function_code(FunctionName=name, ZipFile=answering(text))
        assert changed["RevisionId"] != first["RevisionId"]
        assert result(functions, name) == text
    kept = list((folder / "data/code/000000000000/us-east-1" / name).iterdir())
    assert len(kept) == 2  # and the one before, for what runs still
    functions.delete_function(FunctionName=name)
    assert not (folder / "data/code/000000000000/us-east-1" / name).exists()


def test_a_dry_run_changes_nothing(functions: Any, name: str) -> None:
    made = create(functions, name, answering("one"))
    shown = functions.update_function_code(FunctionName=name, ZipFile=answering("two"), DryRun=True)
    assert shown["CodeSha256"] != made["CodeSha256"]
    assert result(functions, name) == "one"


def test_other_settings(functions: Any, name: str) -> None:
    made = create(functions, name, Description="a")
    changed = functions.update_function_configuration(
        FunctionName=name, Timeout=9, MemorySize=256, Environment={"Variables": {"A": "1"}}
    )
    assert (changed["Timeout"], changed["MemorySize"], changed["Description"]) == (9, 256, "a")
    assert changed["Environment"] == {"Variables": {"A": "1"}}
    assert changed["RevisionId"] != made["RevisionId"]
    text = "The Revision Id provided does not match the latest Revision Id."
    with pytest.raises(functions.exceptions.PreconditionFailedException, match=text):
        functions.update_function_configuration(
            FunctionName=name, Timeout=5, RevisionId=made["RevisionId"]
        )


def test_a_version_stays_what_it_was(functions: Any, name: str) -> None:
    create(functions, name, answering("one"))
    first = functions.publish_version(FunctionName=name, Description="the first")
    assert (first["Version"], first["FunctionArn"]) == ("1", f"{ARN}{name}:1")
    assert first["Description"] == "the first"
    again = functions.publish_version(FunctionName=name)
    assert again["Version"] == "1"  # nothing has changed
    functions.update_function_code(FunctionName=name, ZipFile=answering("two"), Publish=True)
    assert [result(functions, name, Qualifier=each) for each in ("1", "2", "$LATEST")] == [
        "one",
        "two",
        "two",
    ]
    assert functions.invoke(FunctionName=f"{name}:1")["ExecutedVersion"] == "1"
    listed = functions.list_versions_by_function(FunctionName=name)["Versions"]
    assert [each["Version"] for each in listed] == ["$LATEST", "1", "2"]
    functions.delete_function(FunctionName=name, Qualifier="1")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName=name, Qualifier="1")
    functions.update_function_configuration(FunctionName=name, Timeout=4)
    assert functions.publish_version(FunctionName=name)["Version"] == "3"  # never again


def test_a_version_of_other_code_than_was_meant(functions: Any, name: str) -> None:
    create(functions, name)
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="CodeSHA256"):
        functions.publish_version(FunctionName=name, CodeSha256="another")


def test_an_alias_points_to_a_version(functions: Any, name: str) -> None:
    create(functions, name, answering("one"), Publish=True)
    made = functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    assert made["AliasArn"] == f"{ARN}{name}:live"
    functions.update_function_code(FunctionName=name, ZipFile=answering("two"), Publish=True)
    answer = functions.invoke(FunctionName=f"{ARN}{name}:live")
    assert (json.loads(answer["Payload"].read()), answer["ExecutedVersion"]) == ("one", "1")
    functions.update_alias(FunctionName=name, Name="live", FunctionVersion="2")
    assert result(functions, name, Qualifier="live") == "two"
    shown = functions.get_function_configuration(FunctionName=name, Qualifier="live")
    assert (shown["Version"], shown["FunctionArn"]) == ("2", f"{ARN}{name}:live")
    listed = functions.list_aliases(FunctionName=name, FunctionVersion="2")["Aliases"]
    assert [each["Name"] for each in listed] == ["live"]
    with pytest.raises(functions.exceptions.ResourceConflictException, match="aliases point to"):
        functions.delete_function(FunctionName=name, Qualifier="2")
    functions.delete_alias(FunctionName=name, Name="live")
    with pytest.raises(functions.exceptions.ResourceNotFoundException, match="Cannot find alias"):
        functions.get_alias(FunctionName=name, Name="live")


def test_an_alias_shares_between_two_versions(functions: Any, name: str) -> None:
    create(functions, name, answering("one"), Publish=True)
    functions.update_function_code(FunctionName=name, ZipFile=answering("two"), Publish=True)
    routing = {"AdditionalVersionWeights": {"2": 0.5}}
    made = functions.create_alias(
        FunctionName=name, Name="live", FunctionVersion="1", RoutingConfig=routing
    )
    assert made["RoutingConfig"] == routing
    seen = {result(functions, name, Qualifier="live") for _ in range(60)}
    assert seen == {"one", "two"}


@pytest.mark.parametrize(
    ("alias", "text"),
    [
        ({"Name": "1", "FunctionVersion": "1"}, "regular expression"),
        ({"Name": "a", "FunctionVersion": "x"}, "regular expression"),
        (
            {
                "Name": "a",
                "FunctionVersion": "$LATEST",
                "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.1}},
            },
            r"\$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            {
                "Name": "a",
                "FunctionVersion": "1",
                "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.1, "2": 0.1}},
            },
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
    ],
)
def test_an_alias_that_can_not_be(
    functions: Any, name: str, alias: dict[str, Any], text: str
) -> None:
    create(functions, name, Publish=True)
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match=text):
        functions.create_alias(FunctionName=name, **alias)


def test_reserved_concurrency(functions: Any, name: str) -> None:
    create(functions, name)
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(
        FunctionName=name
    )
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with pytest.raises(functions.exceptions.TooManyRequestsException):
        functions.invoke(FunctionName=name)
    with pytest.raises(functions.exceptions.InvalidParameterValueException) as refusal:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=901)
    assert "below its minimum value of [100]." in str(refusal.value)
    settings = functions.get_account_settings()
    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1_000
    functions.delete_function_concurrency(FunctionName=name)
    result(functions, name)


def test_tags(functions: Any, name: str) -> None:
    made = create(functions, name, Tags={"team": "shop"})
    arn = made["FunctionArn"]
    functions.tag_resource(Resource=arn, Tags={"stage": "test"})
    assert functions.list_tags(Resource=arn)["Tags"] == {"team": "shop", "stage": "test"}
    functions.untag_resource(Resource=arn, TagKeys=["team"])
    assert functions.get_function(FunctionName=name)["Tags"] == {"stage": "test"}


def test_permissions_are_kept(functions: Any, name: str) -> None:
    create(functions, name)
    allowed = {
        "StatementId": "s1",
        "Action": "lambda:InvokeFunction",
        "Principal": "sns.amazonaws.com",
        "SourceArn": "arn:aws:sns:us-east-1:000000000000:news",
    }
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_policy(FunctionName=name)
    functions.add_permission(FunctionName=name, **allowed)
    with pytest.raises(functions.exceptions.ResourceConflictException, match="already exists"):
        functions.add_permission(FunctionName=name, **allowed)
    policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    assert policy["Statement"] == [
        {
            "Sid": "s1",
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": ARN + name,
            "Condition": {"ArnLike": {"AWS:SourceArn": allowed["SourceArn"]}},
        }
    ]
    functions.remove_permission(FunctionName=name, StatementId="s1")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_policy(FunctionName=name)


def received(broker: Daemon, queue: str) -> Any:
    """The next message of a queue, which is deleted."""
    sqs = broker.client("sqs")
    (message,) = sqs.receive_message(
        QueueUrl=queue, WaitTimeSeconds=20, MessageAttributeNames=["All"]
    )["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return message


def queue_arn(name: str) -> str:
    return f"arn:aws:sqs:us-east-1:000000000000:{name}"


def test_destinations_are_told_of_the_end(broker: Daemon, functions: Any, name: str) -> None:
    source = "def handler(event, context):\n    if event: raise ValueError('no')\n    return 1"
    create(functions, name, zipped(app__py=source))
    config = functions.put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=0,
        DestinationConfig={
            "OnSuccess": {"Destination": queue_arn("done")},
            "OnFailure": {"Destination": queue_arn("failed")},
        },
    )
    assert config["FunctionArn"] == f"{ARN}{name}:$LATEST"
    accepted = functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"0")
    record = json.loads(received(broker, "done")["Body"])
    assert record.pop("timestamp")
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": accepted["ResponseMetadata"]["RequestId"],
            "functionArn": f"{ARN}{name}:$LATEST",
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": 0,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": 1,
    }
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"1")
    record = json.loads(received(broker, "failed")["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorMessage"] == "no"


def test_a_destination_may_be_a_function_or_a_bus(
    broker: Daemon, functions: Any, name: str
) -> None:
    create(functions, name, answering("first"))
    second = f"{name}-second"
    create(functions, second, answering("second"))
    functions.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": ARN + second}}
    )
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/shop"
    functions.put_function_event_invoke_config(
        FunctionName=second, DestinationConfig={"OnSuccess": {"Destination": bus}}
    )
    events = broker.client("events")
    events.put_rule(Name=name, EventBusName="shop", EventPattern='{"source": ["lambda"]}')
    events.put_targets(
        Rule=name, EventBusName="shop", Targets=[{"Id": "1", "Arn": queue_arn("orders")}]
    )
    functions.invoke(FunctionName=name, InvocationType="Event")
    event = json.loads(received(broker, "orders")["Body"])
    assert event["detail-type"] == "Lambda Function Invocation Result - Success"
    assert event["resources"] == [bus, f"{ARN}{second}:$LATEST"]
    assert event["detail"]["responsePayload"] == "second"
    assert event["detail"]["requestPayload"]["responsePayload"] == "first"


def test_no_concurrency_at_all_gives_events_up_at_once(
    broker: Daemon, functions: Any, name: str
) -> None:
    create(functions, name, DeadLetterConfig={"TargetArn": queue_arn("done")})
    functions.put_function_event_invoke_config(
        FunctionName=name,
        DestinationConfig={"OnFailure": {"Destination": queue_arn("failed")}},
    )
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"a": 1}')
    record = json.loads(received(broker, "failed")["Body"])
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in record
    letter = received(broker, "done")
    assert json.loads(letter["Body"]) == {"a": 1}
    error = letter["MessageAttributes"]["ErrorMessage"]["StringValue"]
    assert error == "ZeroReservedConcurrency"


def test_event_invoke_configs(functions: Any, name: str) -> None:
    create(functions, name, Publish=True)
    with pytest.raises(functions.exceptions.ResourceNotFoundException) as refusal:
        functions.get_function_event_invoke_config(FunctionName=name)
    assert f"The function {ARN}{name}:$LATEST doesn't have an EventInvokeConfig" in str(
        refusal.value
    )
    functions.put_function_event_invoke_config(FunctionName=name, MaximumRetryAttempts=1)
    functions.update_function_event_invoke_config(FunctionName=name, MaximumEventAgeInSeconds=60)
    found = functions.get_function_event_invoke_config(FunctionName=name)
    assert (found["MaximumRetryAttempts"], found["MaximumEventAgeInSeconds"]) == (1, 60)
    functions.put_function_event_invoke_config(
        FunctionName=name, Qualifier="1", MaximumEventAgeInSeconds=90
    )
    listed = functions.list_function_event_invoke_configs(FunctionName=name)
    arns = [each["FunctionArn"] for each in listed["FunctionEventInvokeConfigs"]]
    assert arns == [f"{ARN}{name}:$LATEST", f"{ARN}{name}:1"]
    functions.delete_function_event_invoke_config(FunctionName=name)
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function_event_invoke_config(FunctionName=name)
    with pytest.raises(functions.exceptions.InvalidParameterValueException, match="is no stand"):
        functions.put_function_event_invoke_config(
            FunctionName=name,
            DestinationConfig={"OnFailure": {"Destination": queue_arn("a.fifo")}},
        )


def test_a_rule_and_a_topic_invoke_an_alias(broker: Daemon, functions: Any, name: str) -> None:
    create(functions, name, answering("one"), Publish=True)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    functions.put_function_event_invoke_config(
        FunctionName=name,
        Qualifier="live",
        DestinationConfig={"OnSuccess": {"Destination": queue_arn("done")}},
    )
    alias = f"{ARN}{name}:live"
    broker.client("sns").subscribe(
        TopicArn="arn:aws:sns:us-east-1:000000000000:news", Protocol="lambda", Endpoint=alias
    )
    broker.client("sns").publish(
        TopicArn="arn:aws:sns:us-east-1:000000000000:news", Message="hello"
    )
    record = json.loads(received(broker, "done")["Body"])
    assert record["requestContext"]["functionArn"] == alias
    assert record["responseContext"]["executedVersion"] == "1"
    assert record["requestPayload"]["Records"][0]["Sns"]["Message"] == "hello"


def test_a_queue_is_mapped_to_an_alias(broker: Daemon, functions: Any, name: str) -> None:
    create(functions, name, zipped(app__py=SOURCE), Publish=True)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    url = broker.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    mapping = functions.create_event_source_mapping(
        FunctionName=f"{name}:live", EventSourceArn=queue_arn(name), Tags={"a": "b"}
    )
    assert mapping["FunctionArn"] == f"{ARN}{name}:live"
    tags = functions.list_tags(Resource=mapping["EventSourceMappingArn"])["Tags"]
    assert tags == {"a": "b"}
    sqs = broker.client("sqs")
    sqs.send_message(QueueUrl=url, MessageBody="x")
    wait_empty(sqs, url)
    # It waits for a function of the name, and takes no message meanwhile.
    functions.delete_function(FunctionName=name)
    sqs.send_message(QueueUrl=url, MessageBody="y")
    create(functions, name, zipped(app__py=SOURCE), Publish=True)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    wait_empty(sqs, url)


def wait_empty(sqs: Any, url: str) -> None:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    for _ in range(2_000):
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        if all(value == "0" for value in found.values()):
            return
    raise AssertionError("the queue does not get empty")


def test_functions_and_versions_are_listed_by_page(functions: Any, name: str) -> None:
    create(functions, name, Publish=True)
    pages = functions.get_paginator("list_functions").paginate(
        FunctionVersion="ALL", PaginationConfig={"PageSize": 1}
    )
    arns = [each["FunctionArn"] for page in pages for each in page["Functions"]]
    assert f"{ARN}{name}:$LATEST" in arns
    assert f"{ARN}{name}:1" in arns
    assert len(arns) == len(set(arns))


@pytest.mark.parametrize("dry_run", [False, True])
def test_code_for_who_runs_none_is_refused(functions: Any, *, dry_run: bool) -> None:
    text = "function elsewhere: the invoker http runs no uploaded code"
    with raises_refusal("InvalidParameterValueException", text):
        functions.update_function_code(
            FunctionName="elsewhere", ZipFile=zipped(app__py=SOURCE), DryRun=dry_run
        )


def test_recursion_can_be_allowed(functions: Any, name: str) -> None:
    create(functions, name)
    assert (
        functions.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Terminate"
    )
    functions.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    assert functions.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Allow"


def test_a_bootstrap_of_its_own(functions: Any, name: str) -> None:
    from tests.plugins.runtime import SHELL_BOOTSTRAP

    create(
        functions,
        name,
        zipped(bootstrap=SHELL_BOOTSTRAP),
        Runtime="provided.al2023",
        Handler="any",
    )
    assert result(functions, name, Payload=b"[1]") == {"shell": [1]}


def test_uploading_is_off_by_default(tmp_path: Path, name: str) -> None:
    with running_daemon(tmp_path) as closed:
        functions = closed.client("lambda")
        with pytest.raises(functions.exceptions.ClientError) as refusal:
            create(functions, name)
        assert refusal.value.response["Error"]["Code"] == "AccessDeniedException"
        assert "allow_upload = true" in str(refusal.value)


def test_what_was_uploaded_is_there_after_a_crash(tmp_path: Path, name: str) -> None:
    with running_daemon(tmp_path, "[functions]\nallow_upload = true\n") as daemon:
        functions = daemon.client("lambda")
        create(functions, name, answering("one"), Publish=True)
        functions.update_function_code(FunctionName=name, ZipFile=answering("two"))
        # As a crash leaves it between the code and the record.
        place = tmp_path / "data/code/000000000000/us-east-1" / name
        (place / "00").mkdir()
        (place / ".temporary-x").mkdir()
        daemon.kill()
        daemon.start()
        assert len(list(place.iterdir())) == 2
        assert result(daemon.client("lambda"), name) == "two"
        assert result(daemon.client("lambda"), name, Qualifier="1") == "one"


@needs_bubblewrap
def test_all_that_is_uploaded_can_be_isolated(tmp_path: Path, name: str) -> None:
    source = """
import os
def handler(event, context):
    data = os.path.dirname(os.path.dirname(os.environ["BROKER_STATE_DIRECTORY"]))
    return sorted(os.listdir(data))
"""
    interpreter = os.path.dirname(os.path.realpath(sys.executable))
    settings = '[functions]\nallow_upload = true\nupload_settings = { isolation = "bubblewrap" }\n'
    with running_daemon(tmp_path, settings) as daemon:
        functions = daemon.client("lambda")
        path = {"PATH": f"{interpreter}:{os.environ['PATH']}"}
        create(functions, name, zipped(app__py=source), Environment={"Variables": path})
        assert result(functions, name) == ["code"]  # its own; not the store, nor the keys


def test_an_archive_as_tools_make_it(functions: Any, name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("package/__init__.py", "")
        archive.writestr("package/app.py", "def handler(event, context): return 'deep'")
    create(functions, name, buffer.getvalue(), Handler="package.app.handler")
    assert result(functions, name) == "deep"
