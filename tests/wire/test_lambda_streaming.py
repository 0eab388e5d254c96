"""InvokeWithResponseStream through an unmodified boto3: results that come piece by piece"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.daemon import Daemon, running_daemon
from tests.plugins.test_runtime_mode import needs_node
from tests.wire.code import ROLE, RUNTIME, zipped
from tests.wire.refusals import raises_refusal

# A runtime of its own, which writes the response in pieces: the second when it is told to.
PIECES = f"""#!{sys.executable}
import http.client, os, time
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
base = "/2018-06-01/runtime/invocation/"
connection = http.client.HTTPConnection(api)
while True:
    connection.request("GET", base + "next")
    response = connection.getresponse()
    gate = response.read().decode().strip('"')
    request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
    def pieces():
        yield b"one"
        while not os.path.exists(gate):
            time.sleep(0.01)
        yield b"two"
    connection.request("POST", base + request_id + "/response", pieces(), {{
        "Lambda-Runtime-Function-Response-Mode": "streaming", "Transfer-Encoding": "chunked",
    }}, encode_chunked=True)
    connection.getresponse().read()
"""
STREAMING = """
export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
  stream.write("hello ");
  if (event.fail) throw new TypeError("halfway");
  stream.write(context.awsRequestId.length + " ");
  stream.end("bye");
});
"""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("streaming")
    with running_daemon(folder, "[functions]\nallow_upload = true\n") as running:
        yield running


@pytest.fixture(scope="module")
def functions(broker: Daemon) -> Any:
    return broker.client("lambda")


@pytest.fixture
def name() -> str:
    return f"f-{uuid4().hex[:8]}"


def create(functions: Any, name: str, runtime: str, **files: str) -> None:
    functions.create_function(
        FunctionName=name,
        Role=ROLE,
        Runtime=runtime,
        Handler="app.handler",
        Timeout=30,
        Code={"ZipFile": zipped(**files)},
    )


def streamed(functions: Any, name: str, payload: Any = None, **more: Any) -> tuple[bytes, Any]:
    """The pieces, joined, and the last event."""
    answer = functions.invoke_with_response_stream(
        FunctionName=name, Payload=json.dumps(payload), **more
    )
    pieces, last = [], None
    for event in answer["EventStream"]:
        if "PayloadChunk" in event:
            pieces.append(event["PayloadChunk"]["Payload"])
        else:
            last = event["InvokeComplete"]
    return b"".join(pieces), last


def test_pieces_come_as_they_are_written(functions: Any, name: str, tmp_path: Path) -> None:
    create(functions, name, "provided", bootstrap=PIECES)
    gate = tmp_path / "gate"
    answer = functions.invoke_with_response_stream(FunctionName=name, Payload=json.dumps(str(gate)))
    events = iter(answer["EventStream"])
    assert next(events)["PayloadChunk"]["Payload"] == b"one"
    gate.touch()  # not before the first has come
    assert next(events)["PayloadChunk"]["Payload"] == b"two"
    assert "InvokeComplete" in next(events)


def test_the_same_function_answers_whole_to_who_waits(
    functions: Any, name: str, tmp_path: Path
) -> None:
    source = PIECES.replace('b"one"', "b'\"one'").replace('b"two"', "b'two\"'")
    create(functions, name, "provided", bootstrap=source)
    gate = tmp_path / "gate"
    gate.touch()
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(str(gate)))
    assert json.loads(answer["Payload"].read()) == "onetwo"


def test_a_result_that_is_not_streamed_is_one_piece(functions: Any, name: str) -> None:
    create(functions, name, RUNTIME, app__py="def handler(e, c): print('seen'); return {'a': e}")
    body, last = streamed(functions, name, 1, LogType="Tail")
    assert json.loads(body) == {"a": 1}
    assert set(last) == {"LogResult"}


def test_a_failure_is_told_at_the_end(functions: Any, name: str) -> None:
    create(functions, name, RUNTIME, app__py="def handler(e, c): raise ValueError('no')")
    body, last = streamed(functions, name)
    assert (body, last["ErrorCode"]) == (b"", "Unhandled")
    assert json.loads(last["ErrorDetails"])["errorType"] == "ValueError"


@needs_node
def test_a_handler_in_javascript_that_streams(functions: Any, name: str) -> None:
    version = node_version()
    create(functions, name, f"nodejs{version}.x", app__mjs=STREAMING)
    for _ in range(3):
        assert streamed(functions, name, {}) == (b"hello 36 bye", {})
    body, last = streamed(functions, name, {"fail": True})
    assert body == b"hello "
    assert json.loads(last["ErrorDetails"])["errorMessage"] == "halfway"
    assert streamed(functions, name, {})[0] == b"hello 36 bye"  # the same worker goes on


def node_version() -> str:
    asked = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True)
    return asked.stdout.strip().removeprefix("v").partition(".")[0]


def test_many_megabytes(functions: Any, name: str) -> None:
    source = PIECES.replace('yield b"one"', "yield from (b'x' * 1_000_000 for _ in range(20))")
    create(functions, name, "provided", bootstrap=source)
    body, _ = streamed(functions, name, "/")
    assert body == b"x" * 20_000_000 + b"two"


def test_what_can_not_be_is_refused(functions: Any, name: str) -> None:
    with raises_refusal("ResourceNotFoundException", status=404):
        functions.invoke_with_response_stream(FunctionName="nothing")
    create(functions, name, RUNTIME, app__py="def handler(e, c): return 1")
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    with raises_refusal("TooManyRequestsException", status=429):
        functions.invoke_with_response_stream(FunctionName=name)
    with raises_refusal("InvalidRequestContentException"):
        functions.invoke_with_response_stream(FunctionName=name, Payload=b"no JSON")
