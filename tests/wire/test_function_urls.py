"""Functions behind URLs: what they are told of a request, and what becomes of their results."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.daemon import Daemon, running_daemon
from tests.wire.code import ROLE, RUNTIME, zipped
from tests.wire.refusals import raises_refusal

ECHO = "def handler(event, context): return event"
RESPOND = "import json\ndef handler(event, context): return json.loads(event['body'])"
CONFIG = '[functions]\nallow_upload = true\n[http]\nallowed_origins = ["http://shop.test"]\n'


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running_daemon(tmp_path_factory.mktemp("urls"), CONFIG) as running:
        yield running


@pytest.fixture(scope="module")
def functions(broker: Daemon) -> Any:
    return broker.client("lambda")


@pytest.fixture
def name() -> str:
    return f"f-{uuid4().hex[:8]}"


def create(functions: Any, name: str, source: str, auth_type: str = "NONE", **more: Any) -> str:
    functions.create_function(
        FunctionName=name,
        Role=ROLE,
        Runtime=RUNTIME,
        Handler="app.handler",
        Code={"ZipFile": zipped(app__py=source)},
    )
    made = functions.create_function_url_config(FunctionName=name, AuthType=auth_type, **more)
    return str(made["FunctionUrl"])


class Caller:
    """Sends requests to a function's URL; names below localhost need not resolve everywhere."""

    def __init__(self, broker: Daemon, url: str) -> None:
        self._broker = broker
        self._host = urlsplit(url).netloc

    def __call__(self, method: str = "GET", path: str = "/", **more: Any) -> httpx.Response:
        headers = {"Host": self._host, **more.pop("headers", {})}
        return httpx.request(method, self._broker.url + path, headers=headers, **more)


def test_a_request_as_the_event(broker: Daemon, functions: Any, name: str) -> None:
    call = Caller(broker, create(functions, name, ECHO))
    headers = {"Cookie": "a=1; b=2", "Content-Type": "application/json", "X-Shop": "ü".encode()}
    answer = call("POST", "/orders/7%20a?x=1&x=2&y=%C3%BC", headers=headers, content=b'{"a": 1}')
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    event = answer.json()
    assert event["version"] == "2.0"
    assert (event["routeKey"], event["rawPath"]) == ("$default", "/orders/7%20a")
    assert event["rawQueryString"] == "x=1&x=2&y=%C3%BC"
    assert event["queryStringParameters"] == {"x": "1,2", "y": "ü"}
    assert event["cookies"] == ["a=1", "b=2"]
    assert (event["body"], event["isBase64Encoded"]) == ('{"a": 1}', False)
    assert "cookie" not in event["headers"]
    context = event["requestContext"]
    assert context["accountId"] == "anonymous"
    assert context["http"]["method"] == "POST"
    assert context["http"]["sourceIp"] == "127.0.0.1"
    assert context["domainName"].startswith(context["apiId"])


def test_a_body_that_is_no_text_comes_in_base64(broker: Daemon, functions: Any, name: str) -> None:
    call = Caller(broker, create(functions, name, ECHO))
    event = call("PUT", content=b"\xff\x00", headers={"Content-Type": "image/png"}).json()
    assert (event["body"], event["isBase64Encoded"]) == ("/wA=", True)


def test_a_result_as_the_response(broker: Daemon, functions: Any, name: str) -> None:
    call = Caller(broker, create(functions, name, RESPOND))
    result = {
        "statusCode": 201,
        "headers": {"Content-Type": "text/plain", "X-Order": "7"},
        "cookies": ["a=1", "b=2; Secure"],
        "body": "aGVsbG8=",
        "isBase64Encoded": True,
    }
    answer = call("POST", json=result)
    assert (answer.status_code, answer.text) == (201, "hello")
    assert (answer.headers["content-type"], answer.headers["x-order"]) == ("text/plain", "7")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2; Secure"]


@pytest.mark.parametrize("result", ["text", [1], {"a": 1}, None])
def test_without_a_status_the_result_is_the_body(
    broker: Daemon, functions: Any, name: str, result: Any
) -> None:
    call = Caller(broker, create(functions, name, RESPOND))
    answer = call("POST", content=json.dumps(result), headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()) == (200, result)


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "often"},
        {"statusCode": 99},
        {"statusCode": 200, "headers": {"X": "a\r\nb: c"}},
        {"statusCode": 200, "body": "?", "isBase64Encoded": True},
    ],
)
def test_what_is_no_response_answers_502(
    broker: Daemon, functions: Any, name: str, result: Any
) -> None:
    answer = Caller(broker, create(functions, name, RESPOND))("POST", json=result)
    assert (answer.status_code, answer.json()) == (502, {"Message": "Internal Server Error"})


def test_a_function_that_fails_answers_502_and_a_full_one_429(
    broker: Daemon, functions: Any, name: str
) -> None:
    call = Caller(broker, create(functions, name, "def handler(event, context): 1 / 0"))
    assert call().status_code == 502
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    answer = call()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


def test_only_signed_requests_with_iam(broker: Daemon, functions: Any, name: str) -> None:
    call = Caller(broker, create(functions, name, ECHO, "AWS_IAM"))
    assert call().status_code == 403
    signed = call(headers={"Authorization": "AWS4-HMAC-SHA256 Credential=a/b"})
    assert signed.json()["requestContext"]["accountId"] == "000000000000"


def test_pages_of_allowed_origins(broker: Daemon, functions: Any, name: str) -> None:
    cors = {"AllowOrigins": ["http://shop.test"], "AllowMethods": ["GET"], "MaxAge": 60}
    call = Caller(broker, create(functions, name, ECHO, Cors=cors))
    asked = call("OPTIONS", headers={"Origin": "http://shop.test"})
    assert asked.headers["access-control-allow-methods"] == "GET"
    assert asked.headers["access-control-max-age"] == "60"
    answer = call(headers={"Origin": "http://shop.test"})
    assert answer.headers["access-control-allow-origin"].startswith("http://shop.test")


def test_urls_are_made_shown_changed_and_deleted(broker: Daemon, functions: Any, name: str) -> None:
    url = create(functions, name, ECHO)
    with raises_refusal("ResourceConflictException", status=409):
        functions.create_function_url_config(FunctionName=name, AuthType="NONE")
    changed = functions.update_function_url_config(FunctionName=name, AuthType="AWS_IAM")
    assert (changed["FunctionUrl"], changed["AuthType"]) == (url, "AWS_IAM")
    functions.publish_version(FunctionName=name)
    functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    functions.create_function_url_config(FunctionName=name, Qualifier="live", AuthType="NONE")
    listed = functions.list_function_url_configs(FunctionName=name)["FunctionUrlConfigs"]
    arns = [each["FunctionArn"].rpartition("function:")[2] for each in listed]
    assert arns == [name, f"{name}:live"]
    streaming = functions.update_function_url_config(
        FunctionName=name, InvokeMode="RESPONSE_STREAM"
    )
    assert streaming["InvokeMode"] == "RESPONSE_STREAM"
    functions.delete_function_url_config(FunctionName=name)
    with raises_refusal("ResourceNotFoundException", status=404):
        functions.get_function_url_config(FunctionName=name)
    assert Caller(broker, url)().status_code == 404


def test_a_url_is_there_after_a_crash(tmp_path: Path, name: str) -> None:
    with running_daemon(tmp_path, CONFIG) as daemon:
        url = create(daemon.client("lambda"), name, "def handler(e, c): return 'here'")
        daemon.kill()
        daemon.start()
        assert Caller(daemon, url)().json() == "here"


# Streams

# A runtime of its own: the first piece has the head, the second comes when it is told to.
PIECES = f"""#!{sys.executable}
import http.client, json, os, time
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
base = "/2018-06-01/runtime/invocation/"
connection = http.client.HTTPConnection(api)
while True:
    connection.request("GET", base + "next")
    response = connection.getresponse()
    event = json.loads(response.read())
    gate = event["queryStringParameters"]["gate"]
    request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
    head = {{"statusCode": 201, "headers": {{"Content-Type": "text/plain"}}, "cookies": ["a=1"]}}
    def pieces():
        if gate != "none":
            yield json.dumps(head).encode()
            yield bytes(8) + b"one "
            while not os.path.exists(gate):
                time.sleep(0.01)
        yield b"two"
    connection.request("POST", base + request_id + "/response", pieces(), {{
        "Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked",
    }}, encode_chunked=True)
    connection.getresponse().read()
"""


def test_a_response_comes_piece_by_piece(
    broker: Daemon, functions: Any, name: str, tmp_path: Path
) -> None:
    functions.create_function(
        FunctionName=name,
        Role=ROLE,
        Runtime="provided",
        Handler="any",
        Timeout=30,
        Code={"ZipFile": zipped(bootstrap=PIECES)},
    )
    made = functions.create_function_url_config(
        FunctionName=name, AuthType="NONE", InvokeMode="RESPONSE_STREAM"
    )
    gate = tmp_path / "gate"
    headers = {"Host": urlsplit(made["FunctionUrl"]).netloc}
    with httpx.stream("GET", f"{broker.url}/?gate={gate}", headers=headers) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (201, "text/plain")
        assert answer.headers["set-cookie"] == "a=1"
        pieces = answer.iter_raw()
        assert next(pieces) == b"one "
        gate.touch()  # not before the first has come
        assert b"".join(pieces) == b"two"
    plain = Caller(broker, made["FunctionUrl"])(path="/?gate=none")
    assert (plain.status_code, plain.content) == (200, b"two")


def test_a_streaming_url_of_a_function_that_does_not_stream(
    broker: Daemon, functions: Any, name: str
) -> None:
    call = Caller(broker, create(functions, name, RESPOND, InvokeMode="RESPONSE_STREAM"))
    answer = call("POST", json={"statusCode": 202, "body": "whole"})
    assert (answer.status_code, answer.text) == (202, "whole")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert call("POST", json={}).status_code == 429
