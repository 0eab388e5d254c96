"""Workers that stay warm: what they are told, what becomes of what they do, when they end."""

import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from broker.plugin import Host, InvokerUnavailable, SettingsError
from broker.testing.side_effects import child_processes
from broker_subprocess import SubprocessInvoker
from broker_subprocess.guardian_process import marked_processes
from tests.plugins.runtime import (
    PATIENCE_S,
    PYTHON,
    SHELL_BOOTSTRAP,
    Functions,
    error_of,
    running_functions,
    value_of,
)

# Each starts four processes: ten thousand take minutes.
SHELL_EVENTS = 10_000 if "NIGHTLY" in os.environ else 200
MANY = 100_000 if "NIGHTLY" in os.environ else 500

COUNTER = "import os\ncount = 0\ndef handler(event, context):\n    global count\n    count += 1\n"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


@pytest.fixture
async def functions(tmp_path: Path) -> AsyncIterator[Functions]:
    async with running_functions(tmp_path) as functions:
        yield functions


def counting(functions: Functions, **changes: Any) -> Any:
    """An invocation of a function that answers with its process and how often that was called."""
    code = functions.code(app__py=COUNTER + "    return [os.getpid(), count]\n")
    settings = {"runtime": PYTHON, "code": code, **changes.pop("settings", {})}
    given = {"settings": settings, "handler": "app.handler", **changes}
    return lambda **more: functions.invocation(None, **{**given, **more})


def marked(tmp_path: Path) -> list[int]:
    return marked_processes(f"BROKER_STATE_DIRECTORY={tmp_path / 'state'}".encode())


async def wait_unmarked(tmp_path: Path) -> None:
    with trio.fail_after(PATIENCE_S):
        while marked(tmp_path):  # noqa: ASYNC110 - processes tell nobody
            await trio.sleep(0.02)


async def test_a_worker_serves_one_event_after_another(functions: Functions) -> None:
    call = counting(functions)
    answers = [value_of(await functions.invoke(call())) for _ in range(5)]
    assert [count for _, count in answers] == [1, 2, 3, 4, 5]
    assert len({pid for pid, _ in answers}) == 1


async def test_events_at_one_time_have_workers_of_their_own(functions: Functions) -> None:
    source = (
        "import os, time\ndef handler(event, context):\n    time.sleep(0.5); return os.getpid()"
    )
    settings = {"runtime": PYTHON, "code": functions.code(app__py=source)}
    pids = []

    async def call() -> None:
        invocation = functions.invocation(settings=settings, handler="app.handler")
        pids.append(value_of(await functions.invoke(invocation)))

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(call)
    assert len(set(pids)) > 1


async def test_another_revision_has_other_workers_and_ends_the_old(
    functions: Functions, tmp_path: Path
) -> None:
    call = counting(functions)
    first, _ = value_of(await functions.invoke(call(revision="1")))
    second, count = value_of(await functions.invoke(call(revision="2")))
    assert (second != first, count) == (True, 1)
    with trio.fail_after(PATIENCE_S):
        while first in marked(tmp_path):  # noqa: ASYNC110
            await trio.sleep(0.02)


async def test_an_idle_worker_is_ended_after_a_while(functions: Functions, tmp_path: Path) -> None:
    call = counting(functions, settings={"idle_s": 0.2})
    await functions.invoke(call())
    await wait_unmarked(tmp_path)
    assert value_of(await functions.invoke(call()))[1] == 1


async def test_what_a_handler_is_told(functions: Functions) -> None:
    source = """
import os
def handler(event, context):
    return {
        "event": event,
        "id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "version": context.function_version,
        "memory": context.memory_limit_in_mb,
        "group": context.log_group_name,
        "time": 0 < context.get_remaining_time_in_millis(),
        "custom": context.client_context.custom,
        "root": os.environ["LAMBDA_TASK_ROOT"] == os.getcwd(),
        "temporary": os.path.isdir(os.environ["TMPDIR"]),
        "own": os.environ["OWN"],
        "zone": os.environ["TZ"],
        "handler": os.environ["_HANDLER"],
        "endpoint": os.environ["AWS_ENDPOINT_URL"],
        "trace": os.environ["_X_AMZN_TRACE_ID"],
    }
"""
    invocation_id = "5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1"
    result = await functions.python(
        source,
        {"ü": [1]},
        request_id=invocation_id,
        environment={"OWN": "1", "TZ": "x", "_HANDLER": "x"},
        client_context=b'{"custom": {"a":\n 1}}',
        trace_header="Root=1-2;Lineage=a:1",
    )
    assert value_of(result) == {
        "event": {"ü": [1]},
        "id": invocation_id,
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:orders",
        "name": "orders",
        "version": "$LATEST",
        "memory": "256",
        "group": "/aws/lambda/orders",
        "time": True,
        "custom": {"a": 1},
        "root": True,
        "temporary": True,
        "own": "1",
        "zone": ":UTC",
        "handler": "app.handler",
        "endpoint": "http://127.0.0.1:4566",
        "trace": "Root=1-2;Lineage=a:1",
    }


async def test_what_it_writes_is_the_log_of_the_event(functions: Functions) -> None:
    source = """
import logging, sys
print("getting ready")
def handler(event, context):
    print("out"); print("err", file=sys.stderr)
    logging.getLogger().warning("warned")
"""
    await functions.python(source, request_id="5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1")
    lines = bytes(functions.log).decode().splitlines()
    assert lines[:3] == ["getting ready", "out", "err"]
    level, _, request_id, text = lines[3].split("\t")
    assert (level, request_id, text) == (
        "[WARNING]",
        "5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1",
        "warned",
    )


async def test_an_exception_is_reported_and_the_worker_stays(functions: Functions) -> None:
    code = functions.code(
        app__py=COUNTER + "    if event: raise KeyError('no such order')\n    return count\n"
    )
    settings = {"runtime": PYTHON, "code": code}

    def call(event: Any) -> Any:
        return functions.invoke(
            functions.invocation(event, settings=settings, handler="app.handler")
        )

    error = error_of(await call(True))
    assert (error["errorType"], error["errorMessage"]) == ("KeyError", "'no such order'")
    assert any("no such order" in line for line in error["stackTrace"])
    assert value_of(await call(None)) == 2
    assert b"[ERROR] KeyError: 'no such order'" in functions.log


async def test_a_result_that_is_not_json_is_an_error(functions: Functions) -> None:
    error = error_of(await functions.python("def handler(event, context): return object()"))
    assert error["errorType"] == "Runtime.MarshalError"
    assert "not JSON serializable" in error["errorMessage"]


@pytest.mark.parametrize(
    ("source", "handler", "error_type"),
    [
        ("import no_such_module", "app.handler", "Runtime.ImportModuleError"),
        ("def", "app.handler", "Runtime.UserCodeSyntaxError"),
        ("", "app.handler", "Runtime.HandlerNotFound"),
        ("", "handler", "Runtime.MalformedHandlerName"),
        ("raise ValueError('no')", "app.handler", "ValueError"),
        ("import os; os._exit(3)", "app.handler", "Runtime.ExitError"),
    ],
)
async def test_a_function_that_can_not_be_loaded_says_why(
    functions: Functions, source: str, handler: str, error_type: str
) -> None:
    error = error_of(await functions.python(source, handler=handler))
    assert error["errorType"] == error_type


async def test_a_worker_that_ends_amid_an_event_is_an_error(functions: Functions) -> None:
    source = "import os\ndef handler(event, context): os._exit(event)"
    request_id = "5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1"
    code = {"runtime": PYTHON, "code": functions.code(app__py=source)}
    for status, text in (
        (7, "Runtime exited with error: exit status 7"),
        (0, "Runtime exited without providing a reason"),
    ):
        invocation = functions.invocation(
            status, settings=code, handler="app.handler", request_id=request_id
        )
        error = error_of(await functions.invoke(invocation))
        assert error == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: {request_id} Error: {text}",
        }


async def test_a_worker_whose_guardian_was_killed_costs_no_attempt(functions: Functions) -> None:
    source = """
import os, signal, time
def handler(event, context):
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
"""
    settings = {"runtime": PYTHON, "code": functions.code(app__py=source)}
    with pytest.raises(InvokerUnavailable, match="the process that had started it is gone"):
        await functions.invoke(
            functions.invocation(settings=settings, handler="app.handler", timeout_s=PATIENCE_S)
        )


async def test_one_that_is_cancelled_is_killed_with_all_it_has_started(
    functions: Functions, tmp_path: Path
) -> None:
    source = """
import subprocess, sys
def handler(event, context):
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    print("started", flush=True)
    subprocess.run(["sleep", "600"])
"""
    log: list[bytes] = []
    with trio.CancelScope() as timeout:

        def note(chunk: bytes) -> None:
            log.append(chunk)
            timeout.cancel()

        await functions.python(source, write_log=note)
    assert timeout.cancelled_caught
    assert marked(tmp_path) == []
    assert log == [b"started\n"]


async def test_a_worker_ends_when_the_invoker_does(tmp_path: Path) -> None:
    async with running_functions(tmp_path) as functions:
        await functions.invoke(counting(functions)())
        assert marked(tmp_path)
    assert marked(tmp_path) == []


async def test_workers_of_a_killed_daemon_are_ended_before_the_first_event(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    # As they are left when daemon and guardian are killed: in no group that anybody knows of.
    script = "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)"
    environment = {**os.environ, "BROKER_STATE_DIRECTORY": str(state)}
    await trio.run_process([sys.executable, "-c", script], env=environment)
    assert len(marked(tmp_path)) == 1
    async with SubprocessInvoker().running(Host(state_directory=state)):
        assert marked(tmp_path) == []


async def test_more_memory_than_it_may_have_ends_it(functions: Functions) -> None:
    source = """
import time
def handler(event, context):
    held = bytearray(400 * 1024 * 1024)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(60)
"""
    error = error_of(await functions.python(source, memory_mb=128))
    assert error["errorType"] == "Runtime.ExitError"
    assert error["errorMessage"].endswith("Runtime exited with error: signal: killed")


async def test_what_was_used_of_memory_is_known(functions: Functions) -> None:
    result = await functions.python("def handler(event, context): return 1")
    assert result.memory_used_mb is not None
    assert 5 < result.memory_used_mb < 128


async def test_a_flood_of_output_passes_while_others_are_served(functions: Functions) -> None:
    flood = "def handler(event, context):\n    for _ in range(event): print('x' * 100_000)"
    quiet = counting(functions)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(functions.python, flood, 300)
        for _ in range(5):
            value_of(await functions.invoke(quiet(function_name="quiet")))
    assert functions.log.count(b"x" * 100_000 + b"\n") == 300


async def test_a_result_that_is_too_large_is_an_error(functions: Functions) -> None:
    error = error_of(await functions.python("def handler(event, context): return 'x' * 6_291_557"))
    assert error == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
    }


async def test_six_megabytes_pass_both_ways(functions: Functions) -> None:
    event = "x" * (6 * 1024 * 1024 - 2)
    assert value_of(await functions.python("def handler(e, c): return e", event)) == event


async def test_nobody_else_is_heard_on_a_workers_port(functions: Functions) -> None:
    source = "import os\ndef handler(event, context): return os.environ['AWS_LAMBDA_RUNTIME_API']"
    address = value_of(await functions.python(source))
    host, _, port = address.partition(":")

    def ask() -> bytes:
        with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection:
            connection.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
            try:
                return connection.recv(1_000)
            except ConnectionResetError:
                return b""

    assert await trio.to_thread.run_sync(ask) == b""


async def test_a_missing_runtime_is_named(functions: Functions) -> None:
    settings = {"runtime": "python3.99", "code": functions.code()}
    error = error_of(await functions.invoke(functions.invocation(settings=settings)))
    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert "there is no python3.99 on this host" in error["errorMessage"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"runtime": "cobol"}, "`runtime` 'cobol' is not to be had"),
        ({"runtime": PYTHON, "command": ["x"]}, "`command` with `runtime` is for provided"),
        ({"runtime": PYTHON, "code": "relative"}, "`code` must be an absolute path"),
        ({"runtime": PYTHON, "idle_s": 0}, "`idle_s` must be more than 0"),
        ({"command": ["cat"], "code": "/tmp"}, "`code` is of no use without `runtime`"),
    ],
)
def test_settings_that_can_not_work_are_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        SubprocessInvoker().check_settings(settings)
    assert text in str(refusal.value)


@needs_curl
async def test_a_bootstrap_in_shell_serves_events(functions: Functions) -> None:
    settings = {"runtime": "provided.al2023", "code": functions.code(bootstrap=SHELL_BOOTSTRAP)}
    for number in range(SHELL_EVENTS):
        result = await functions.invoke(functions.invocation(number, settings=settings))
        assert value_of(result) == {"shell": number}


async def test_the_official_python_client_runs_unmodified(functions: Functions) -> None:
    source = (
        "def handler(event, context):\n    if event < 0: raise ValueError(event)\n    return event"
    )
    settings = {
        "runtime": "provided",
        "command": [sys.executable, "-m", "awslambdaric", "app.handler"],
        "code": functions.code(app__py=source),
    }
    for number in range(10_000):
        result = await functions.invoke(functions.invocation(number, settings=settings))
        assert value_of(result) == number
    error = error_of(await functions.invoke(functions.invocation(-1, settings=settings)))
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "-1")


@needs_node
@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("app__mjs", "export const handler = async (event, context) => ({ event });"),
        ("app__js", "exports.handler = async (event) => ({ event });"),
        ("app__cjs", "exports.handler = (event, context, done) => done(null, { event });"),
        ("app__js", "export function handler(event) { return { event }; }"),
    ],
)
async def test_handlers_in_javascript(functions: Functions, file: str, source: str) -> None:
    settings = {"runtime": "nodejs", "code": functions.code(**{file: source})}
    for number in range(20):
        invocation = functions.invocation(number, settings=settings, handler="app.handler")
        assert value_of(await functions.invoke(invocation)) == {"event": number}


@needs_node
async def test_what_a_handler_in_javascript_is_told(functions: Functions) -> None:
    source = """
exports.handler = async (event, context) => ({
  event,
  id: context.awsRequestId,
  arn: context.invokedFunctionArn,
  name: context.functionName,
  version: context.functionVersion,
  memory: context.memoryLimitInMB,
  group: context.logGroupName,
  time: 0 < context.getRemainingTimeInMillis(),
  custom: context.clientContext.custom,
  root: process.env.LAMBDA_TASK_ROOT === process.cwd(),
  own: process.env.OWN,
  handler: process.env._HANDLER,
  endpoint: process.env.AWS_ENDPOINT_URL,
  trace: process.env._X_AMZN_TRACE_ID,
});
"""
    invocation = functions.invocation(
        {"ü": [1]},
        settings={"runtime": "nodejs", "code": functions.code(app__js=source)},
        handler="app.handler",
        environment={"OWN": "1", "_HANDLER": "x"},
        client_context=b'{"custom": {"a":\n 1}}',
        trace_header="Root=1-2;Lineage=a:1",
    )
    assert value_of(await functions.invoke(invocation)) == {
        "event": {"ü": [1]},
        "id": invocation.request_id,
        "arn": "arn:aws:lambda:us-east-1:000000000000:function:orders",
        "name": "orders",
        "version": "$LATEST",
        "memory": "256",
        "group": "/aws/lambda/orders",
        "time": True,
        "custom": {"a": 1},
        "root": True,
        "own": "1",
        "handler": "app.handler",
        "endpoint": "http://127.0.0.1:4566",
        "trace": "Root=1-2;Lineage=a:1",
    }


@needs_node
@pytest.mark.parametrize(
    ("source", "error_type", "text"),
    [
        ("exports.handler = async () => { throw new TypeError('no') }", "TypeError", "no"),
        ("exports.handler = (event, context, done) => done('no')", "string", "no"),
        ("throw new RangeError('no')", "RangeError", "no"),
        ("require('no-such-module')", "Runtime.ImportModuleError", "no-such-module"),
        ("exports.handler = 1", "Runtime.HandlerNotFound", "is not a function"),
        ("exports.handler = async () => process.exit(2)", "Runtime.ExitError", "exit status 2"),
        (
            "exports.handler = () => new Promise(() => setTimeout(() => { throw Error('x') }, 1))",
            "Error",
            "x",
        ),
    ],
)
async def test_errors_in_javascript(
    functions: Functions, source: str, error_type: str, text: str
) -> None:
    settings = {"runtime": "nodejs", "code": functions.code(app__cjs=source)}
    invocation = functions.invocation(settings=settings, handler="app.handler")
    error = error_of(await functions.invoke(invocation))
    assert error["errorType"] == error_type
    assert text in error["errorMessage"]


async def test_a_worker_that_is_killed_while_idle_is_replaced(functions: Functions) -> None:
    call = counting(functions)
    pid, _ = value_of(await functions.invoke(call()))
    os.kill(pid, signal.SIGKILL)
    with trio.fail_after(PATIENCE_S):
        while Path(f"/proc/{pid}").exists():  # noqa: ASYNC110, ASYNC240
            await trio.sleep(0.01)
    assert value_of(await functions.invoke(call()))[1] == 1


async def test_one_that_answers_and_does_not_ask_again_is_ended(
    functions: Functions, tmp_path: Path
) -> None:
    source = f"""#!{sys.executable}
import http.client, os, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
api.request("GET", "/2018-06-01/runtime/invocation/next")
response = api.getresponse()
response.read()
request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
api.request("POST", f"/2018-06-01/runtime/invocation/{{request_id}}/response", "1")
api.getresponse().read()
time.sleep(600)
"""
    settings = {"runtime": "provided", "code": functions.code(bootstrap=source)}
    invocation = functions.invocation(settings=settings, timeout_s=0.5)
    assert value_of(await functions.invoke(invocation)) == 1
    await wait_unmarked(tmp_path)


async def test_a_backlog_does_not_keep_another_functions_first_event_waiting(
    functions: Functions,
) -> None:
    slow = "import time\ntime.sleep(0.3)\ndef handler(event, context): time.sleep(5)"
    settings = {"runtime": PYTHON, "code": functions.code(app__py=slow)}
    quick = counting(functions, function_name="quick")
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            call = functions.invocation(settings=settings, handler="app.handler", timeout_s=60)
            nursery.start_soon(functions.invoker.invoke, call)
        await trio.sleep(0.1)
        with trio.fail_after(3):  # in the line it would have to wait for twenty starts
            value_of(await functions.invoke(quick()))
        nursery.cancel_scope.cancel()


async def test_nothing_is_left_after_many_events(functions: Functions) -> None:
    call, program = counting(functions), functions.invocation(settings={"command": ["cat"]})
    await functions.invoke(call())
    files, children = len(os.listdir("/proc/self/fd")), child_processes()
    for _ in range(MANY):
        value_of(await functions.invoke(call()))
    for _ in range(MANY // 50):
        value_of(await functions.invoke(program))
    assert len(os.listdir("/proc/self/fd")) == files
    assert child_processes() == children  # none that has ended and wasn't waited for, either
