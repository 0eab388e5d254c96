"""Lambda through an unmodified boto3: look at functions, and invoke them"""

import base64
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.daemon import Daemon
from tests.wire.functions import daemon_with_functions, open_gate, told
from tests.wire.refusals import raises_refusal

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
NAMES = ["block", "echo", "exit", "fail", "nothing", "off", "record", "tell"]
SYNC_MAX, ASYNC_MAX = 6_291_456, 1_048_576


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


def payload(answer: dict[str, Any]) -> Any:
    return json.loads(answer["Payload"].read())


# Functions


def test_a_functions_configuration(functions: Any) -> None:
    for named in ("echo", "000000000000:function:echo", ARN + "echo"):
        found = functions.get_function_configuration(FunctionName=named)
        assert found["FunctionArn"] == ARN + "echo"
    found = functions.get_function_configuration(FunctionName=ARN + "echo:$LATEST")
    assert found["FunctionArn"] == ARN + "echo:$LATEST"
    assert found["FunctionName"] == "echo"
    assert found["Handler"] == "echo"
    assert found["Timeout"] == 60
    assert found["MemorySize"] == 128
    assert found["Description"] == "says it again"
    assert found["Version"] == "$LATEST"
    assert found["State"] == "Active"
    assert found["Environment"] == {"Variables": {"STAGE": "test"}}


def test_a_function_with_its_concurrency(functions: Any) -> None:
    found = functions.get_function(FunctionName="block", Qualifier="$LATEST")
    assert found["Configuration"]["FunctionName"] == "block"
    assert found["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    assert "Concurrency" not in functions.get_function(FunctionName="echo")
    found = functions.get_function(FunctionName="fail")
    dead_letters = "arn:aws:sqs:us-east-1:000000000000:dead-letters"
    assert found["Configuration"]["DeadLetterConfig"] == {"TargetArn": dead_letters}


def test_functions_by_page(functions: Any) -> None:
    every = functions.list_functions()["Functions"]
    assert [each["FunctionName"] for each in every] == NAMES
    pages = functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 3})
    sizes = [len(page["Functions"]) for page in pages]
    assert sizes == [3, 3, 2]
    every = functions.list_functions(FunctionVersion="ALL")["Functions"]
    assert [each["FunctionName"] for each in every] == NAMES


@pytest.mark.parametrize("limit", ["0", "10001", "x"])
def test_1_to_10000_functions_a_page(broker: Daemon, limit: str) -> None:
    answer = httpx.get(f"{broker.url}/2015-03-31/functions?MaxItems={limit}")
    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == "InvalidParameterValueException"


def test_every_member_of_a_response_is_modelled(broker: Daemon, functions: Any) -> None:
    service = functions.meta.service_model
    for path, operation in (
        ("functions", "ListFunctions"),
        ("functions/fail", "GetFunction"),
        ("functions/block", "GetFunction"),
        ("functions/echo/configuration", "GetFunctionConfiguration"),
    ):
        document = httpx.get(f"{broker.url}/2015-03-31/{path}").json()
        check_modelled(document, service.operation_model(operation).output_shape, path)


def check_modelled(value: Any, shape: Any, path: str) -> None:
    if shape.type_name == "structure":
        assert set(value) - set(shape.members) == set(), path
        for name, each in value.items():
            check_modelled(each, shape.members[name], f"{path}.{name}")
    elif shape.type_name == "list":
        for each in value:
            check_modelled(each, shape.member, path)


# Invoke


def test_a_function_answers(functions: Any) -> None:
    answer = functions.invoke(FunctionName="echo", Payload=b'{"a": [1, "\xc3\xa4"]}')
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    assert "LogResult" not in answer
    assert answer["ResponseMetadata"]["RequestId"]
    assert payload(answer) == {
        "event": {"a": [1, "ä"]},
        "attempt": "1",
        "environment": {
            "AWS_REGION": "us-east-1",
            "AWS_LAMBDA_FUNCTION_NAME": "echo",
            "STAGE": "test",
        },
    }


def test_no_payload_is_an_empty_object(functions: Any) -> None:
    assert payload(functions.invoke(FunctionName="echo"))["event"] == {}


def test_no_result_is_null(functions: Any) -> None:
    assert payload(functions.invoke(FunctionName="nothing")) is None


def test_the_end_of_the_log(functions: Any) -> None:
    answer = functions.invoke(FunctionName="echo", LogType="Tail")
    assert "seen by echo" in base64.b64decode(answer["LogResult"]).decode()


def test_the_client_context(functions: Any) -> None:
    context = base64.b64encode(b'{"custom": "\xc3\xa4"}').decode()
    answer = payload(functions.invoke(FunctionName="echo", ClientContext=context))
    assert json.loads(answer["environment"]["BROKER_CLIENT_CONTEXT"]) == {"custom": "ä"}


@pytest.mark.parametrize("context", ["no base64!", base64.b64encode(b"\xff\0").decode()])
def test_a_client_context_that_is_none(functions: Any, context: str) -> None:
    with raises_refusal("InvalidRequestContentException"):
        functions.invoke(FunctionName="echo", ClientContext=context)


def test_a_client_context_of_3583_bytes_and_one_more(functions: Any) -> None:
    def context_of(size: int) -> str:
        return base64.b64encode(b'"' + b"x" * (size - 2) + b'"').decode()

    functions.invoke(FunctionName="nothing", ClientContext=context_of(3_583))
    with raises_refusal("InvalidRequestContentException"):
        functions.invoke(FunctionName="nothing", ClientContext=context_of(3_584))


def test_a_function_that_failed_says_so_with_status_200(functions: Any) -> None:
    answer = functions.invoke(FunctionName="fail")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert payload(answer) == {"errorType": "Broken", "errorMessage": "it is broken"}
    answer = functions.invoke(FunctionName="exit")
    assert answer["FunctionError"] == "Unhandled"
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert payload(answer) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {request_id} Error: Runtime exited with error: exit status 7",
    }


def test_a_dry_run_only_looks(functions: Any) -> None:
    answer = functions.invoke(FunctionName="fail", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert answer["Payload"].read() == b""


def test_an_event_is_run_later(functions: Any, folder: Path) -> None:
    answer = functions.invoke(
        FunctionName="tell", InvocationType="Event", Payload=b'{"later": true}'
    )
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    assert json.loads(told(folder / "tell")) == {"later": True}


def test_payloads_at_their_limits_and_one_byte_more(functions: Any) -> None:
    def payload_of(size: int) -> bytes:
        return b'"' + b"x" * (size - 2) + b'"'

    for kind, limit in (("RequestResponse", SYNC_MAX), ("Event", ASYNC_MAX)):
        answer = functions.invoke(
            FunctionName="nothing", InvocationType=kind, Payload=payload_of(limit)
        )
        assert answer["StatusCode"] in (200, 202)
        with raises_refusal(
            "RequestEntityTooLargeException",
            f"{limit + 1} byte payload is too large for the {kind} invocation type "
            f"(limit {limit} bytes)",
            413,
        ):
            functions.invoke(
                FunctionName="nothing", InvocationType=kind, Payload=payload_of(limit + 1)
            )


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 100_000, b"nan"])
def test_payloads_that_are_no_json(functions: Any, content: bytes) -> None:
    for kind in ("RequestResponse", "Event"):
        with pytest.raises(functions.exceptions.InvalidRequestContentException) as caught:
            functions.invoke(FunctionName="echo", InvocationType=kind, Payload=content)
        text = caught.value.response["message"]
        assert text.startswith("Could not parse request body into json: ")


# Errors


def test_a_function_that_is_not_there(functions: Any) -> None:
    message = f"Function not found: {ARN}nowhere"
    for call in (functions.get_function, functions.get_function_configuration):
        with raises_refusal("ResourceNotFoundException", message, 404):
            call(FunctionName="nowhere")
    for kind in ("RequestResponse", "Event", "DryRun"):
        with raises_refusal("ResourceNotFoundException", message + ":$LATEST", 404):
            functions.invoke(FunctionName="nowhere", InvocationType=kind)


def test_names_that_are_none(functions: Any) -> None:
    for bad in ("a b", "ä", "x" * 65, "a:b:c:d:e"):
        with pytest.raises(functions.exceptions.InvalidParameterValueException):
            functions.invoke(FunctionName=bad)


def test_qualifiers(functions: Any) -> None:
    functions.invoke(FunctionName="nothing", Qualifier="$LATEST")
    functions.invoke(FunctionName="nothing:$LATEST")
    with raises_refusal(
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    ):
        functions.invoke(FunctionName="nothing:$LATEST", Qualifier="1")
    for qualifier in ("1", "live"):
        text = f"Function not found: {ARN}nothing:{qualifier}"
        with raises_refusal("ResourceNotFoundException", text, 404):
            functions.invoke(FunctionName="nothing", Qualifier=qualifier)


def test_another_region_or_account_in_the_arn(functions: Any) -> None:
    for arn in (
        "arn:aws:lambda:eu-west-1:000000000000:function:nothing",
        "arn:aws:lambda:us-east-1:111111111111:function:nothing",
        "arn:aws:sqs:us-east-1:000000000000:nothing",
        "111111111111:function:nothing",
    ):
        with pytest.raises(functions.exceptions.ClientError) as caught:
            functions.invoke(FunctionName=arn)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 404)


def test_values_that_no_header_has(functions: Any) -> None:
    for members in ({"InvocationType": "Later"}, {"LogType": "Head"}):
        with raises_refusal("InvalidParameterValueException"):
            functions.invoke(FunctionName="nothing", **members)


def test_namespaces_do_not_see_each_other(broker: Daemon) -> None:
    other = broker.client("lambda", account="111111111111")
    assert other.list_functions()["Functions"] == []
    with raises_refusal("ResourceNotFoundException", status=404):
        other.get_function(FunctionName="echo")


# Concurrency


def test_a_function_without_concurrency_is_throttled(broker: Daemon, functions: Any) -> None:
    with pytest.raises(functions.exceptions.TooManyRequestsException) as caught:
        functions.invoke(FunctionName="off")
    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert response["retryAfterSeconds"] == "1"
    answer = httpx.post(f"{broker.url}/2015-03-31/functions/off/invocations")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["x-amzn-errortype"] == "TooManyRequestsException"
    assert answer.json() == {
        "Type": "User",
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
        "message": "Rate Exceeded.",
    }


def test_a_full_function_throttles_callers_and_parks_events_at_no_cost(
    functions: Any, folder: Path
) -> None:
    """One execution at a time: events wait for it, and each starts as its first attempt."""
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(functions.invoke, FunctionName="block")
        assert told(folder / "block") == "1"
        for _ in range(3):
            answer = functions.invoke(FunctionName="block", InvocationType="Event")
            assert answer["StatusCode"] == 202
        for _ in range(3):
            with pytest.raises(functions.exceptions.TooManyRequestsException):
                functions.invoke(FunctionName="block")
        open_gate(folder)
        assert slow.result()["StatusCode"] == 200
    for _ in range(3):
        assert told(folder / "block") == "1"
        with pytest.raises(functions.exceptions.TooManyRequestsException):
            functions.invoke(FunctionName="block")
        open_gate(folder)


# Failure


def test_a_failing_event_is_tried_three_times_and_then_a_dead_letter(
    broker: Daemon, functions: Any, folder: Path
) -> None:
    (folder / "attempts").unlink(missing_ok=True)
    event = '{"keep":  "me as I am"}'
    sent = functions.invoke(FunctionName="fail", InvocationType="Event", Payload=event.encode())
    sqs = broker.client("sqs")
    queue = sqs.get_queue_url(QueueName="dead-letters")["QueueUrl"]
    received = sqs.receive_message(
        QueueUrl=queue, WaitTimeSeconds=20, MessageAttributeNames=["All"]
    )
    (letter,) = received["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=letter["ReceiptHandle"])
    assert letter["Body"] == event
    assert letter["MessageAttributes"] == {
        "RequestID": {
            "DataType": "String",
            "StringValue": sent["ResponseMetadata"]["RequestId"],
        },
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": "it is broken"},
    }
    assert (folder / "attempts").read_text().split() == ["1", "2", "3"]


# What is not here says so


def test_members_that_are_not_supported_say_so_by_name(functions: Any) -> None:
    for member, value in (("TenantId", "t"), ("DurableExecutionName", "d")):
        with raises_refusal(
            "InvalidParameterValueException", f"{member} is not supported by this broker."
        ):
            functions.invoke(FunctionName="nothing", **{member: value})
    with raises_refusal(
        "InvalidParameterValueException", "MasterRegion is not supported by this broker."
    ):
        functions.list_functions(MasterRegion="us-east-1", FunctionVersion="ALL")


def test_actions_that_are_not_supported_say_so(functions: Any) -> None:
    for call in (
        lambda: functions.list_layers(),
        lambda: functions.list_code_signing_configs(),
        lambda: functions.put_provisioned_concurrency_config(
            FunctionName="echo", Qualifier="1", ProvisionedConcurrentExecutions=1
        ),
    ):
        with pytest.raises(functions.exceptions.ClientError, match="not supported") as caught:
            call()
        assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert functions.get_function(FunctionName="echo")["Configuration"]["FunctionName"] == "echo"
