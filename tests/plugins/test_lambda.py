"""The lambda invoker: signatures AWS would accept, and what becomes of Lambda's answers."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from broker.plugin import (
    Host,
    Invocation,
    InvocationResult,
    InvokerThrottled,
    InvokerUnavailable,
    SettingsError,
)
from broker_lambda import LambdaInvoker
from broker_lambda.settings import parse_settings
from broker_lambda.signature import Credentials, Scope, authorization, signed_headers
from tests.plugins.conftest import HttpServer, Request, Response

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CREDENTIALS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SESSION = Credentials("ASIAEXAMPLE", CREDENTIALS.secret_access_key, "token/with+signs==")
KEYS = {
    "access_key_id": CREDENTIALS.access_key_id,
    "secret_access_key": CREDENTIALS.secret_access_key,
}


def signature_of(authorization: str) -> str:
    return authorization.rpartition("Signature=")[2]


def test_the_signature_of_a_post_is_known() -> None:
    signed = authorization(
        method="POST",
        target="/",
        headers={
            "Host": "localhost:4100",
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Date": "20260102T030405Z",
            "X-Amz-Target": "AmazonSQS.ListQueues",
            "X-Amzn-Query-Mode": "true",
        },
        body=b"{}",
        credentials=CREDENTIALS,
        scope=Scope("us-east-1", "sqs", NOW),
    )
    assert signed == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260102/us-east-1/sqs/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-target;x-amzn-query-mode, "
        "Signature=e913c6a08661c6a0fc574180e125f3d42b8287c9ae810dc23e78b75e91bdb458"
    )


def test_the_signature_of_an_encoded_path_and_query_is_known() -> None:
    added = signed_headers(
        method="GET",
        target="/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000"
        "%3Afunction%3Af/configuration?Qualifier=%24LATEST",
        headers={"Host": "localhost:4100"},
        body=b"",
        credentials=CREDENTIALS,
        scope=Scope("us-east-1", "lambda", NOW),
    )
    assert signature_of(added["Authorization"]) == (
        "178513d4e50f48a4a5467597931fba8119b3ad83b3da01847c131b40f7eb9ace"
    )


def botocore_authorization(
    method: str, target: str, headers: dict[str, str], body: bytes, credentials: Credentials
) -> str:
    request = botocore.awsrequest.AWSRequest(
        method=method, url="https://lambda.eu-west-1.amazonaws.com" + target, data=body
    )
    for name, value in headers.items():
        request.headers[name] = value
    signer = botocore.auth.SigV4Auth(
        botocore.credentials.Credentials(
            credentials.access_key_id, credentials.secret_access_key, credentials.session_token
        ),
        "lambda",
        "eu-west-1",
    )
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=NOW):
        signer.add_auth(request)
    return str(request.headers["Authorization"])


ENCODED = st.text("ab.-_~/", max_size=12).map("/".__add__) | st.sampled_from(
    ["/", "//", "/a/./b/", "/a/../../b", "/f%3Ag/%20", "/a/..", "/a/.", "/%E2%82%AC"]
)
QUERIES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "B", "a-", "%24"]), st.sampled_from(["", "1", "%2F", "~"]))
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))


@given(
    method=st.sampled_from(["GET", "POST"]),
    path=ENCODED,
    query=QUERIES,
    value=st.text("a ,=", max_size=8).map(str.strip),
    body=st.binary(max_size=20),
    credentials=st.sampled_from([CREDENTIALS, SESSION]),
)
def test_signatures_equal_those_of_botocore(
    method: str, path: str, query: str, value: str, body: bytes, credentials: Credentials
) -> None:
    target = f"{path}?{query}" if query else path
    headers = {"Host": "lambda.eu-west-1.amazonaws.com", "X-Amz-Client-Context": value}
    ours = signed_headers(
        method=method,
        target=target,
        headers=headers,
        body=body,
        credentials=credentials,
        scope=Scope("eu-west-1", "lambda", NOW),
    )
    assert ours["Authorization"] == botocore_authorization(
        method, target, headers, body, credentials
    )


@pytest.fixture
async def invoker() -> AsyncIterator[LambdaInvoker]:
    invoker = LambdaInvoker(environment={}, now=lambda: NOW)
    async with invoker.running(Host(state_directory=Path())):
        yield invoker


def invocation(settings: dict[str, Any], **more: Any) -> Invocation:
    return Invocation(
        request_id="5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1",
        function_name="orders",
        function_arn="arn:aws:lambda:eu-west-1:000000000000:function:orders",
        payload=b'{"id": 7}',
        timeout_s=3.0,
        deadline_ms=1_700_000_003_000,
        region="eu-west-1",
        settings=settings,
        **more,
    )


def to(server: HttpServer, **settings: Any) -> Invocation:
    return invocation({"endpoint_url": server.url, **KEYS, **settings})


def error_of(result: InvocationResult) -> dict[str, str]:
    assert result.function_error == "Unhandled"
    error: dict[str, str] = json.loads(result.payload)
    return error


async def test_the_function_is_invoked_synchronously_with_its_log(
    invoker: LambdaInvoker, http_server: HttpServer
) -> None:
    http_server.response = Response(
        200,
        b'{"ok": true}',
        {"X-Amz-Executed-Version": "3", "X-Amz-Log-Result": b64encode(b"START\n").decode()},
    )
    log: list[bytes] = []
    settings = {"endpoint_url": http_server.url, **KEYS}
    result = await invoker.invoke(
        invocation(settings, write_log=log.append, trace_header="Root=1-2")
    )
    assert result == InvocationResult(payload=b'{"ok": true}', executed_version="3")
    assert log == [b"START\n"]
    [request] = http_server.requests
    assert request.method == "POST"
    assert request.target == "/2015-03-31/functions/orders/invocations"
    assert request.body == b'{"id": 7}'
    assert request.headers["x-amz-invocation-type"] == "RequestResponse"
    assert request.headers["x-amz-log-type"] == "Tail"
    assert request.headers["x-amzn-trace-id"] == "Root=1-2"
    assert request.headers["x-amz-date"] == "20260102T030405Z"


async def test_what_arrives_carries_a_signature_that_verifies(
    invoker: LambdaInvoker, http_server: HttpServer
) -> None:
    arn = "arn:aws:lambda:us-west-2:123456789012:function:billing"
    settings = {
        "endpoint_url": http_server.url,
        "function_name": arn,
        "qualifier": "$LATEST",
        "region": "us-west-2",
        "access_key_id": SESSION.access_key_id,
        "secret_access_key": SESSION.secret_access_key,
        "session_token": SESSION.session_token,
    }
    await invoker.invoke(invocation(settings, client_context=b'{"custom": {}}'))
    [request] = http_server.requests
    assert request.target == (
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-west-2%3A123456789012%3Afunction%3Abilling"
        "/invocations?Qualifier=%24LATEST"
    )
    assert request.headers["x-amz-client-context"] == b64encode(b'{"custom": {}}').decode()
    received = request.headers["authorization"]
    names = received.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    assert {"host", "x-amz-security-token", "x-amz-client-context"} <= set(names)
    assert received == authorization(
        method=request.method,
        target=request.target,
        headers={name: request.headers[name] for name in names},
        body=request.body,
        credentials=SESSION,
        scope=Scope("us-west-2", "lambda", NOW),
    )


async def test_credentials_come_from_the_environment_if_the_settings_have_none(
    http_server: HttpServer,
) -> None:
    environment = {
        "AWS_ACCESS_KEY_ID": "AKIDENVIRONMENT",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_SESSION_TOKEN": "token",
    }
    invoker = LambdaInvoker(environment=environment)
    async with invoker.running(Host(state_directory=Path())):
        await invoker.invoke(invocation({"endpoint_url": http_server.url}))
    headers = http_server.requests[0].headers
    assert "AKIDENVIRONMENT/" in headers["authorization"]
    assert headers["x-amz-security-token"] == "token"


async def test_missing_credentials_are_named(
    invoker: LambdaInvoker, http_server: HttpServer
) -> None:
    result = await invoker.invoke(invocation({"endpoint_url": http_server.url}))
    assert error_of(result)["errorType"] == "Lambda.MissingCredentials"
    assert "access_key_id" in error_of(result)["errorMessage"]
    assert http_server.requests == []


@pytest.mark.parametrize(
    ("header", "function_error"),
    [("Unhandled", "Unhandled"), ("Handled", "Handled"), ("Other", "Unhandled")],
)
async def test_a_function_that_failed_is_a_result(
    invoker: LambdaInvoker, http_server: HttpServer, header: str, function_error: str
) -> None:
    body = b'{"errorType": "KeyError", "errorMessage": "\'id\'"}'
    http_server.response = Response(200, body, {"X-Amz-Function-Error": header})
    result = await invoker.invoke(to(http_server))
    assert result == InvocationResult(payload=body, function_error=function_error)


async def test_a_throttled_function_waits_as_long_as_lambda_says(
    invoker: LambdaInvoker, http_server: HttpServer
) -> None:
    http_server.response = Response(
        429,
        b'{"Reason": "ConcurrentInvocationLimitExceeded", "message": "Rate Exceeded."}',
        {"x-amzn-ErrorType": "TooManyRequestsException", "Retry-After": "3"},
    )
    with pytest.raises(InvokerThrottled, match=r"Rate Exceeded\.") as caught:
        await invoker.invoke(to(http_server))
    assert caught.value.retry_after_s == 3.0


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_broken_service_is_unavailable(
    invoker: LambdaInvoker, http_server: HttpServer, status: int
) -> None:
    http_server.response = Response(status, b'{"Message": "later"}')
    with pytest.raises(InvokerUnavailable, match="later"):
        await invoker.invoke(to(http_server))


@pytest.mark.parametrize(
    ("headers", "body", "error_type", "message"),
    [
        (
            {"x-amzn-ErrorType": "ResourceNotFoundException:http://internal/"},
            {"Type": "User", "Message": "Function not found: orders"},
            "Lambda.ResourceNotFoundException",
            "Function not found: orders",
        ),
        (
            {},
            {"__type": "com.amazon.coral.service#UnrecognizedClientException", "message": "no"},
            "Lambda.UnrecognizedClientException",
            "no",
        ),
        ({}, [], "Lambda.Http404", "Lambda answered 404"),
    ],
)
async def test_a_refusal_is_a_function_error_with_code_and_message(
    invoker: LambdaInvoker,
    http_server: HttpServer,
    headers: dict[str, str],
    body: Any,
    error_type: str,
    message: str,
) -> None:
    http_server.response = Response(404, json.dumps(body).encode(), headers)
    error = error_of(await invoker.invoke(to(http_server)))
    assert error == {"errorType": error_type, "errorMessage": message}


@pytest.mark.parametrize(
    ("body", "error_type"),
    [
        (b"<html>", "Lambda.MalformedResponse"),
        (b"1" * 6_291_557, "Function.ResponseSizeTooLarge"),
    ],
)
async def test_an_answer_that_cannot_be_a_payload_is_a_function_error(
    invoker: LambdaInvoker, http_server: HttpServer, body: bytes, error_type: str
) -> None:
    http_server.response = Response(200, body)
    assert error_of(await invoker.invoke(to(http_server)))["errorType"] == error_type


async def test_an_endpoint_that_is_not_there_is_unavailable(invoker: LambdaInvoker) -> None:
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    settings = {"endpoint_url": f"http://127.0.0.1:{port}", **KEYS}
    with pytest.raises(InvokerUnavailable, match=r"127\.0\.0\.1") as caught:
        await invoker.invoke(invocation(settings))
    assert caught.value.__suppress_context__


async def test_cancelling_closes_the_connection(
    invoker: LambdaInvoker, http_server: HttpServer
) -> None:
    async def hang(request: Request) -> Response:
        await trio.sleep_forever()
        raise AssertionError

    http_server.handler = hang
    async with trio.open_nursery() as nursery:
        nursery.start_soon(invoker.invoke, to(http_server))
        await http_server.wait_requests(1)
        nursery.cancel_scope.cancel()
    await http_server.wait_disconnected()


def test_secrets_are_not_shown() -> None:
    assert CREDENTIALS.secret_access_key not in repr(CREDENTIALS)
    assert "token" not in repr(SESSION)
    assert CREDENTIALS.secret_access_key not in repr(parse_settings(KEYS))


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"function_name": 1}, "function_name"),
        ({"function_name": ""}, "function_name"),
        ({"function": "orders"}, "function"),
        ({"region": "eu/west"}, "region"),
        ({"endpoint_url": "lambda"}, "endpoint_url"),
        ({"endpoint_url": "https://lambda.example/?a=1"}, "endpoint_url"),
        ({"access_key_id": "AKID"}, "secret_access_key"),
        ({"secret_access_key": "x"}, "access_key_id"),
        ({"session_token": "x"}, "access_key_id"),
        ({"access_key_id": "AK/ID", "secret_access_key": "x"}, "access_key_id"),
        ({**KEYS, "session_token": "a\r\nb"}, "session_token"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_key(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(SettingsError, match=key):
        LambdaInvoker().check_settings(settings)
