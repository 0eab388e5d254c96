"""functions by programs in JavaScript, through the SDK v3: made, invoked, mapped, and refused"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compatibility_lambda import PAGE
from tests.daemon import Daemon, running_daemon
from tests.wire import node
from tests.wire.code import RUNTIME, answering, zipped

pytestmark = node.needs_node

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:"
NOT_THERE = "The resource you requested does not exist."

ECHO = """
import os
def handler(event, context):
    print("seen")
    if event == "fail":
        raise ValueError("no")
    client = context.client_context
    return {
        "event": event,
        "version": context.function_version,
        "stage": os.environ.get("STAGE"),
        "user": client and client.custom["user"],
    }
"""
TELL = """
import json, os
def handler(event, context):
    with open(os.environ["FIFO"], "w") as fifo:
        json.dump(event, fifo)
"""
PIECES = """
import { existsSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
export const handler = awslambda.streamifyResponse(async (event, stream) => {
  console.log("seen");
  stream.write("öne ");
  while (!existsSync(event.gate)) await setTimeout(10);
  if (event.fail) throw new TypeError("halfway");
  stream.end("two");
});
"""
ARCHIVES = {
    "one": answering("one"),
    "two": answering("two"),
    "echo": zipped(app__py=ECHO),
    "tell": zipped(app__py=TELL),
    "pieces": zipped(app__mjs=PIECES),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("functions")


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[Daemon]:
    with running_daemon(folder, "[functions]\nallow_upload = true\n") as running:
        yield running


@pytest.fixture(scope="module")
def seen(broker: Daemon, folder: Path) -> Any:
    """What the program saw."""
    for name, archive in ARCHIVES.items():
        (folder / f"{name}.zip").write_bytes(archive)
    for fifo in ("invoked", "mapped"):
        os.mkfifo(folder / fifo)
    return node.run(broker, "functions.js", {"FOLDER": str(folder), "PYTHON": RUNTIME})


def refusal(name: str, status: int, message: str) -> dict[str, Any]:
    """An error that is of the class that the SDK has for it."""
    return {
        "name": name,
        "message": message,
        "status": status,
        "fault": "client",
        "isItsClass": True,
    }


def not_there(message: str) -> dict[str, Any]:
    return refusal("ResourceNotFoundException", 404, message)


def conflict(message: str) -> dict[str, Any]:
    return refusal("ResourceConflictException", 409, message)


def invalid(message: str) -> dict[str, Any]:
    return refusal("InvalidParameterValueException", 400, message)


STALE = refusal(
    "PreconditionFailedException",
    412,
    "The Revision Id provided does not match the latest Revision Id. Call the "
    "GetFunction/GetAlias API to retrieve the latest Revision Id",
)


def test_every_action_is_called(seen: Any) -> None:
    not_supported = {"ListLayers"}
    assert set(seen["called"]) - not_supported == PAGE.actions


def test_a_function_from_a_zip_file_to_its_end(seen: Any) -> None:
    function = seen["madeOfZipFiles"]
    assert function["made"] == [201, "1", True]
    assert function["waited"] == ["SUCCESS"] * 4
    assert function["downloadedIsTheSame"]
    assert function["triedIsOther"]
    assert function["results"] == ["one", "one", "two", "tést"]  # the second after a dry run
    assert function["configured"] == ["tést", 31]
    assert function["listed"] == ["$LATEST", "1"]
    assert function["afterwards"] == not_there(f"Function not found: {FUNCTION}made-of-zip-files")


def test_an_invocation_is_waited_for(seen: Any) -> None:
    invoked = seen["invokedInEveryWay"]
    assert invoked["answer"] == [200, "$LATEST", {"a": "ä"}]
    assert invoked["succeeded"] is None
    status, version, result = invoked["version"]
    assert (status, version) == (200, "1")
    assert result == {"event": ["ä"], "version": "1", "stage": None, "user": "me"}
    status, error, result = invoked["failed"]
    assert (status, error) == (200, "Unhandled")
    assert (result["errorType"], result["errorMessage"]) == ("ValueError", "no")


def test_an_invocation_has_its_log_where_that_is_asked_for(seen: Any) -> None:
    start, line, end, report, _ = seen["invokedInEveryWay"]["log"].split("\n")
    assert start.startswith("START RequestId: ")
    assert line == "seen"
    assert end.startswith("END RequestId: ")
    assert report.startswith("REPORT RequestId: ")
    assert seen["invokedInEveryWay"]["withoutLog"] is None


def test_an_invocation_is_only_tried_or_put_off(seen: Any) -> None:
    invoked = seen["invokedInEveryWay"]
    assert invoked["dry"] == 204
    assert invoked["later"] == [202, 202]
    assert invoked["events"] == [[1], [2]]


def test_a_response_comes_piece_by_piece(seen: Any) -> None:
    streamed = seen["streamed"]["version"]
    assert streamed["answer"] == [200, "1"]
    assert streamed["pieces"] == ["öne ", "two"]
    assert streamed["completed"] == 1
    assert "error" not in streamed
    assert "\tINFO\tseen\n" in streamed["log"]


def test_a_response_that_fails_halfway_or_is_not_streamed(seen: Any) -> None:
    assert seen["streamed"]["failed"] == {
        "answer": [200, "$LATEST"],
        "pieces": ["öne "],
        "completed": 1,
        "error": ["Unhandled", "halfway"],
    }
    assert seen["streamed"]["whole"] == {
        "answer": [200, "$LATEST"],
        "pieces": ['"one"'],
        "completed": 1,
    }
    assert seen["streamed"]["dry"] == 204


def test_a_version_stays_what_it_was(seen: Any) -> None:
    versions = seen["versionsAndAliases"]
    assert versions["first"] == ["1", "the first"]
    assert versions["versions"] == ["$LATEST", "1", "2"]
    assert versions["results"] == ["one", "two", "two"]


def test_an_alias_shares_between_versions_by_weight(seen: Any) -> None:
    alias = seen["versionsAndAliases"]
    assert alias["weights"] == {"2": 0.5}
    assert alias["shared"] == ["one", "two"]
    assert alias["moved"] == ["two", "2"]  # all of it, by weight
    assert alias["back"] == ["one", None]
    assert alias["aliases"] == [["live", "1"], ["next", "2"]]
    assert alias["ofSecond"] == ["next"]
    text = "Version 1 cannot be deleted: aliases point to it: live"
    assert alias["inUse"] == conflict(text)
    assert alias["afterwards"] == [
        not_there(f"Cannot find alias arn: {FUNCTION}versions:live"),
        not_there(f"Function not found: {FUNCTION}versions:1"),
    ]


def test_destinations_are_told_of_the_end(seen: Any) -> None:
    told = seen["destinations"]
    destinations = {
        "OnSuccess": {"Destination": f"{QUEUE}done"},
        "OnFailure": {"Destination": f"{QUEUE}failed"},
    }
    assert told["found"] == [0, 600, destinations]
    assert told["isOfNow"]
    assert told["conditions"] == ["Success", "RetriesExhausted"]
    assert told["payloads"] == [{"a": 1}, "fail"]
    arn = f"{FUNCTION}destinations"
    assert told["configs"] == [f"{arn}:$LATEST", f"{arn}:1"]
    text = f"The function {arn}:$LATEST doesn't have an EventInvokeConfig"
    assert told["afterwards"] == not_there(text)


def test_a_queues_messages_reach_the_function(seen: Any) -> None:
    mapped = seen["mapped"]
    assert mapped["records"] == [[True, '{"total":50}']]  # the other one is filtered out
    assert mapped["states"] == ["Creating", "Disabling", "Disabled", "Deleting"]
    assert mapped["ofFunction"] == [f"{QUEUE}orders", f"{QUEUE}others"]
    assert mapped["ofOthers"] == [f"{QUEUE}others"]
    assert mapped["batchSize"] == 5
    assert mapped["isOfNow"]
    assert mapped["tags"] == {"team": "shop"}
    assert mapped["again"]["message"].startswith("An event source mapping with SQS arn")
    assert mapped["again"] == conflict(mapped["again"]["message"])
    assert mapped["afterwards"] == not_there(NOT_THERE)


def test_functions_and_aliases_answer_at_urls(seen: Any) -> None:
    urls = seen["behindUrls"]
    assert urls["answered"] == [200, "/orders", {"a": "1"}, "ä"]
    assert urls["versionOfAlias"] == "1"
    assert urls["urls"] == [True, False]  # the function's comes before its alias's
    assert urls["changed"] == [True, "AWS_IAM", 403]
    cors = {"AllowOrigins": ["http://shop.test"], "AllowMethods": ["POST"], "MaxAge": 60}
    assert urls["found"] == ["AWS_IAM", cors, "BUFFERED"]
    assert urls["again"]["message"].endswith("FunctionUrlConfig exists for this Lambda function")
    assert urls["again"] == conflict(urls["again"]["message"])
    assert urls["afterwards"] == [404, not_there(NOT_THERE), "NONE"]


def test_permissions_are_kept(seen: Any) -> None:
    policy = seen["permissionsAndTags"]
    statement = {
        "Sid": "news",
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": f"{FUNCTION}permissions",
        "Condition": {"ArnLike": {"AWS:SourceArn": "arn:aws:sns:us-east-1:000000000000:news"}},
    }
    assert policy["added"] == statement
    assert policy["statements"] == [statement]
    text = (
        "The statement id (news) provided already exists. Please provide a new statement id, or "
        "remove the existing statement."
    )
    assert policy["again"] == conflict(text)
    assert policy["stale"] == STALE
    assert policy["before"] == policy["afterwards"] == not_there(NOT_THERE)


def test_tags(seen: Any) -> None:
    tagged = seen["permissionsAndTags"]
    assert tagged["tags"] == tagged["shownTags"] == {"stage": "tést"}


def test_reserved_concurrency_is_taken_from_the_accounts(seen: Any) -> None:
    concurrency = seen["concurrency"]
    assert concurrency["steps"] == [None, 7, 0, None]
    assert concurrency["taken"] == 7
    assert concurrency["limit"] == 1_000
    assert concurrency["hasUsage"]
    text = (
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100]."
    )
    assert concurrency["tooMuch"] == invalid(text)


def test_without_concurrency_a_refusal_says_why_and_until_when(seen: Any) -> None:
    throttled = {
        **refusal("TooManyRequestsException", 429, "Rate Exceeded."),
        "reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "retryAfterSeconds": "1",
    }
    assert seen["concurrency"]["refusals"] == [throttled, throttled]
    assert seen["concurrency"]["afterwards"] == "one"


def test_recursion_can_be_allowed(seen: Any) -> None:
    assert seen["leadingToItself"] == ["Terminate", "Allow"]


def test_errors_are_of_the_classes_that_the_sdk_has_for_them(seen: Any) -> None:
    no_json = seen["refused"]["noJson"]["message"]
    assert no_json.startswith("Could not parse request body into json: ")
    assert seen["refused"] == {
        "missing": not_there(f"Function not found: {FUNCTION}nowhere:$LATEST"),
        "existing": conflict("Function already exist: refused"),
        "invalid": invalid(
            "1 validation error detected: Value '1' at 'memorySize' failed to satisfy constraint: "
            "Member must have value greater than or equal to 128"
        ),
        "unsupported": invalid("Layers is not supported by this broker."),
        "stale": STALE,
        "noJson": refusal("InvalidRequestContentException", 400, no_json),
        "tooLarge": refusal(
            "RequestEntityTooLargeException",
            413,
            "6291458 byte payload is too large for the RequestResponse invocation type "
            "(limit 6291456 bytes)",
        ),
        "otherAction": refusal(
            "UnknownOperationException",
            404,
            "The operation GET /2018-10-31/layers is not supported by this broker.",
        ),
    }
