"""The subprocess invoker: what a function's program is given, and what becomes of what it does."""

import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from broker.plugin import Host, Invocation, InvocationResult, InvokerUnavailable, SettingsError
from broker_subprocess import SubprocessInvoker
from broker_subprocess import guardian as guardian_module
from broker_subprocess.guardian import Guardian
from broker_subprocess.guardian_process import MESSAGE_BYTES_MAX

PYTHON = [sys.executable, "-I", "-S", "-c"]
PATIENCE_S = 30
MANY = 300  # starts; the guardian's socket takes a hundred


@pytest.fixture
async def invoker(tmp_path: Path) -> AsyncIterator[SubprocessInvoker]:
    invoker = SubprocessInvoker()
    async with invoker.running(Host(state_directory=tmp_path)):
        yield invoker


def invocation(*command: str, payload: Any = None, **changes: Any) -> Invocation:
    return Invocation(
        **{
            "request_id": "5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1",
            "function_name": "orders",
            "function_arn": "arn:aws:lambda:us-east-1:000000000000:function:orders",
            "payload": json.dumps(payload).encode(),
            "timeout_s": 3.0,
            "deadline_ms": 1_700_000_003_000,
            "settings": {"command": list(command)},
            **changes,
        }
    )


def python(source: str, **changes: Any) -> Invocation:
    return invocation(*PYTHON, source, **changes)


def error_of(result: InvocationResult) -> dict[str, str]:
    assert result.function_error == "Unhandled"
    error: dict[str, str] = json.loads(result.payload)
    return error


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


async def wait_ended(pid: int) -> None:
    with trio.fail_after(PATIENCE_S):
        while is_running(pid):  # noqa: ASYNC110 - it tells nobody
            await trio.sleep(0.01)


async def wait_pid_in(path: Path) -> int:
    with trio.fail_after(PATIENCE_S):
        while True:
            text = path.read_text() if path.exists() else ""  # noqa: ASYNC240 - a few bytes
            if text.endswith("\n"):
                return int(text)
            await trio.sleep(0.01)


async def test_stdin_is_the_event_and_stdout_the_result(invoker: SubprocessInvoker) -> None:
    result = await invoker.invoke(invocation("cat", payload={"a": [1, "ü"]}))
    assert result == InvocationResult(payload=b'{"a": [1, "\\u00fc"]}')


async def test_an_event_larger_than_a_pipe_passes_both_ways(invoker: SubprocessInvoker) -> None:
    event = "x" * 3_000_000
    result = await invoker.invoke(invocation("cat", payload=event))
    assert json.loads(result.payload) == event


async def test_no_output_is_null_even_if_the_event_was_not_read(invoker: SubprocessInvoker) -> None:
    result = await invoker.invoke(invocation("true", payload="x" * 3_000_000))
    assert result == InvocationResult(payload=b"null")


async def test_a_program_that_writes_nothing_more_still_gets_its_whole_event(
    invoker: SubprocessInvoker, tmp_path: Path
) -> None:
    event = "x" * 3_000_000
    script = f"exec > /dev/null 2>&1; cat > {tmp_path}/event"
    with trio.fail_after(PATIENCE_S):
        result = await invoker.invoke(invocation("sh", "-c", script, payload=event))
    assert result == InvocationResult(payload=b"null")
    assert json.loads((tmp_path / "event").read_bytes()) == event


async def test_stderr_is_the_log(invoker: SubprocessInvoker) -> None:
    log: list[bytes] = []
    result = await invoker.invoke(
        python(
            "import sys; sys.stderr.write('a' * 200_000 + 'end'); print(1)", write_log=log.append
        )
    )
    assert result.payload == b"1"
    assert b"".join(log) == b"a" * 200_000 + b"end"


async def test_the_log_of_a_function_that_is_cancelled_is_not_lost(
    invoker: SubprocessInvoker,
) -> None:
    log: list[bytes] = []

    def note(chunk: bytes) -> None:
        log.append(chunk)
        timeout.cancel()

    source = "import sys, time; print('here', file=sys.stderr, flush=True); time.sleep(600)"
    with trio.CancelScope() as timeout:
        await invoker.invoke(python(source, write_log=note))
    assert log == [b"here\n"]


async def test_output_that_is_not_json_is_a_function_error(invoker: SubprocessInvoker) -> None:
    for output in ("oops", "NaN", "{} {}", "[" * 100_000):
        result = await invoker.invoke(python(f"print({output!r})"))
        assert error_of(result)["errorType"] == "Runtime.MalformedResponse"


async def test_output_over_the_limit_is_a_function_error(invoker: SubprocessInvoker) -> None:
    limit = 6_291_556
    source = "import sys; sys.stdout.write('\"' + 'x' * ({} - 2) + '\"')"
    result = await invoker.invoke(python(source.format(limit)))
    assert result.function_error is None
    assert len(result.payload) == limit
    result = await invoker.invoke(python(source.format(limit + 1)))
    assert error_of(result) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
    }


async def test_endless_output_is_cut_off(invoker: SubprocessInvoker) -> None:
    result = await invoker.invoke(invocation("yes"))
    assert error_of(result)["errorType"] == "Function.ResponseSizeTooLarge"


async def test_a_non_zero_exit_is_a_function_error(invoker: SubprocessInvoker) -> None:
    result = await invoker.invoke(python("import sys; sys.exit(3)"))
    assert error_of(result) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: 5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1 "
        "Error: Runtime exited with error: exit status 3",
    }


async def test_death_by_signal_is_a_function_error(invoker: SubprocessInvoker) -> None:
    result = await invoker.invoke(invocation("sh", "-c", "kill -KILL $$"))
    assert error_of(result)["errorMessage"].endswith("Runtime exited with error: signal: killed")


async def test_an_error_the_program_reports_itself_is_kept(invoker: SubprocessInvoker) -> None:
    error = {"errorType": "ValueError", "errorMessage": "no such order", "stackTrace": []}
    result = await invoker.invoke(python(f"print({json.dumps(error)!r}); raise SystemExit(1)"))
    assert error_of(result) == error


@pytest.mark.parametrize("program", ["no-such-program", "/no/such/program", "/etc/passwd", "/"])
async def test_a_program_that_cannot_be_started_is_named(
    invoker: SubprocessInvoker, program: str
) -> None:
    error = error_of(await invoker.invoke(invocation(program)))
    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert program in error["errorMessage"]


async def test_exit_status_127_of_a_program_that_is_there_is_its_own(
    invoker: SubprocessInvoker,
) -> None:
    error = error_of(await invoker.invoke(invocation("sh", "-c", "exit 127")))
    assert error["errorType"] == "Runtime.ExitError"


async def test_a_working_directory_that_is_not_there_is_named(invoker: SubprocessInvoker) -> None:
    settings = {"command": ["pwd"], "cwd": "/no/such/place"}
    error = error_of(await invoker.invoke(invocation(settings=settings)))
    assert error["errorType"] == "Runtime.InvalidWorkingDir"
    assert "/no/such/place" in error["errorMessage"]


async def test_the_program_runs_in_its_working_directory(
    invoker: SubprocessInvoker, tmp_path: Path
) -> None:
    script = tmp_path / "run"
    script.write_text('#!/bin/sh\necho "\\"$(pwd -P)\\""\n')
    script.chmod(0o755)
    settings = {"command": ["./run"], "cwd": str(tmp_path)}
    result = await invoker.invoke(invocation(settings=settings))
    assert tmp_path.samefile(json.loads(result.payload))  # noqa: ASYNC240


async def test_the_environment_is_clean(
    invoker: SubprocessInvoker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DAEMON_SECRET", "x")
    result = await invoker.invoke(
        python(
            "import os, json; print(json.dumps(dict(os.environ)))",
            handler="app.main",
            attempt=2,
            trace_header="Root=1-2",
            environment={"TABLE": "orders", "AWS_REGION": "not-mine", "TZ": "Europe/Paris"},
        )
    )
    found = json.loads(result.payload)
    found.pop("LC_CTYPE", None)  # Python's own
    assert found.pop("BROKER_DAEMON")
    assert found == {
        "PATH": os.environ["PATH"],
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "TZ": "Europe/Paris",
        "TABLE": "orders",
        "AWS_LAMBDA_FUNCTION_NAME": "orders",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "_HANDLER": "app.main",
        "BROKER_REQUEST_ID": "5bb3a8f2-5a3f-4a36-8dfc-0e4a5ce5d4a1",
        "BROKER_FUNCTION_ARN": "arn:aws:lambda:us-east-1:000000000000:function:orders",
        "BROKER_DEADLINE_MS": "1700000003000",
        "BROKER_ATTEMPT": "2",
        "_X_AMZN_TRACE_ID": "Root=1-2",
        "BROKER_STATE_DIRECTORY": str(tmp_path),
    }


@pytest.mark.parametrize("environment", [{"A": "x" * 200_000}, {"A": "\0"}, {"A=B": "1"}])
async def test_variables_no_process_can_have_are_a_function_error(
    invoker: SubprocessInvoker, environment: dict[str, str]
) -> None:
    result = await invoker.invoke(invocation("true", environment=environment))
    assert error_of(result)["errorType"] == "Runtime.InvalidEntrypoint"


async def test_memory_over_the_limit_is_refused_to_the_program_and_its_children(
    invoker: SubprocessInvoker,
) -> None:
    hungry = "x = bytearray({} << 20); print(len(x))"
    assert (await invoker.invoke(python(hungry.format(50)))).function_error is None
    log: list[bytes] = []
    result = await invoker.invoke(python(hungry.format(200), write_log=log.append))
    assert error_of(result)["errorType"] == "Runtime.ExitError"
    assert b"MemoryError" in b"".join(log)
    log.clear()
    child = f"import subprocess; subprocess.run({[*PYTHON, hungry.format(200)]!r})"
    await invoker.invoke(python(child, write_log=log.append))
    assert b"MemoryError" in b"".join(log)


LEAVES_GRANDCHILD = "sleep 1000 & echo $! > {path}; "


async def test_cancelling_kills_the_whole_process_group(
    invoker: SubprocessInvoker, tmp_path: Path
) -> None:
    path = tmp_path / "pid"
    script = f"trap '' TERM INT HUP; {LEAVES_GRANDCHILD.format(path=path)} wait"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(invoker.invoke, invocation("sh", "-c", script))
        grandchild = await wait_pid_in(path)
        assert is_running(grandchild)
        nursery.cancel_scope.cancel()
    await wait_ended(grandchild)


async def test_leftovers_of_a_program_that_ended_are_killed(
    invoker: SubprocessInvoker, tmp_path: Path
) -> None:
    path = tmp_path / "pid"
    script = LEAVES_GRANDCHILD.format(path=path) + "echo 1"
    result = await invoker.invoke(invocation("sh", "-c", script))
    assert result.payload == b"1"
    await wait_ended(await wait_pid_in(path))


async def test_a_process_that_left_the_group_does_not_hold_up_the_result(
    invoker: SubprocessInvoker, tmp_path: Path
) -> None:
    path = tmp_path / "pid"
    script = f"setsid sleep 1000 & echo $! > {path}; echo 1"
    with trio.fail_after(PATIENCE_S):
        result = await invoker.invoke(invocation("sh", "-c", script))
    assert result.payload == b"1"
    escaped = await wait_pid_in(path)
    if is_running(escaped):
        os.kill(escaped, signal.SIGKILL)


DAEMON = """
import sys, trio
from pathlib import Path
from broker.plugin import Host
from tests.plugins.test_subprocess import SubprocessInvoker, invocation
async def main():
    invoker = SubprocessInvoker()
    async with invoker.running(Host(state_directory=Path(sys.argv[2]))):
        await invoker.invoke(invocation("sh", "-c", sys.argv[1]))
trio.run(main)
"""


async def test_functions_do_not_outlive_a_killed_daemon(tmp_path: Path) -> None:
    path = tmp_path / "pid"
    script = LEAVES_GRANDCHILD.format(path=path) + "wait"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    daemon = await trio.lowlevel.open_process(
        [sys.executable, "-c", DAEMON, script, str(tmp_path)], env=environment
    )
    grandchild = await wait_pid_in(path)
    daemon.kill()
    await daemon.wait()
    await wait_ended(grandchild)


@pytest.fixture
async def guardian() -> AsyncIterator[Guardian]:
    guardian = Guardian()
    async with guardian.running():
        yield guardian


async def sleeping(guardian: Guardian, **environment: str) -> int:
    null = os.open(os.devnull, os.O_RDWR)
    try:
        process = await guardian.start(
            ["sleep", "1000"],
            cwd=None,
            environment=environment,
            memory_mb=None,
            descriptors=(null, null, null),
        )
        return await process.wait_started()
    finally:
        os.close(null)


async def test_there_is_no_guardian_without_functions(guardian: Guardian) -> None:
    await trio.testing.wait_all_tasks_blocked()
    assert guardian.process is None


async def test_a_killed_guardian_is_replaced(guardian: Guardian) -> None:
    name, value = guardian.mark
    first = await sleeping(guardian, **{name: value})
    assert guardian.process is not None
    guardian.process.kill()
    old = guardian.process.pid
    with pytest.raises(InvokerUnavailable):
        await sleeping(guardian)
    with trio.fail_after(PATIENCE_S):
        second = await sleeping(guardian)
    with pytest.raises(ProcessLookupError):  # not even as a zombie
        os.kill(old, 0)
    await wait_ended(first)
    os.kill(second, signal.SIGKILL)


async def test_what_a_killed_guardian_has_started_is_ended_and_costs_no_attempt(
    invoker: SubprocessInvoker, tmp_path: Path
) -> None:
    parent, own = tmp_path / "parent", tmp_path / "own"
    script = f"echo $$ > {own}; echo $PPID > {parent}; sleep 1000"

    async def invoke() -> None:
        with pytest.raises(InvokerUnavailable, match="the process that had started it is gone"):
            await invoker.invoke(invocation("sh", "-c", script))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(invoke)
        os.kill(await wait_pid_in(parent), signal.SIGKILL)
    assert not is_running(await wait_pid_in(own))
    assert (await invoker.invoke(invocation("echo", "1"))).payload == b"1"


async def test_all_are_started_when_more_are_asked_for_than_the_socket_takes(
    invoker: SubprocessInvoker,
) -> None:
    payloads: list[bytes] = []

    async def invoke(number: int) -> None:
        result = await invoker.invoke(invocation("cat", payload=number, timeout_s=PATIENCE_S))
        assert result.function_error is None
        payloads.append(result.payload)

    async with trio.open_nursery() as nursery:
        for number in range(MANY):
            nursery.start_soon(invoke, number)
    assert sorted(map(int, payloads)) == list(range(MANY))


async def test_a_guardian_that_is_killed_with_many_starts_before_it_costs_no_attempt(
    guardian: Guardian,
) -> None:
    os.kill(await sleeping(guardian), signal.SIGKILL)
    assert guardian.process is not None
    guardian.process.send_signal(signal.SIGSTOP)
    refused = 0

    async def start() -> None:
        nonlocal refused
        with pytest.raises(InvokerUnavailable):
            await sleeping(guardian)
        refused += 1

    async with trio.open_nursery() as nursery:
        for _ in range(MANY):
            nursery.start_soon(start)
        await trio.testing.wait_all_tasks_blocked()
        guardian.process.kill()
    assert refused == MANY


async def test_a_program_that_becomes_another_users_takes_no_other_along(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    refusing = tmp_path / "guardian.py"  # it takes a setuid program, and a daemon that isn't root
    refusing.write_text(
        "import os, resource, runpy\n"
        "def refuse(*_): raise PermissionError(1, 'Operation not permitted')\n"
        "resource.prlimit = os.killpg = refuse\n"
        f"runpy.run_path({str(guardian_module.PROGRAM)!r}, run_name='__main__')\n"
    )
    monkeypatch.setattr(guardian_module, "PROGRAM", refusing)
    invoker = SubprocessInvoker()
    async with invoker.running(Host(state_directory=tmp_path)), trio.open_nursery() as nursery:

        async def other() -> None:
            result = await invoker.invoke(invocation("sh", "-c", "sleep 0.5; echo 1"))
            assert result.payload == b"1"

        nursery.start_soon(other)
        await invoker.invoke(invocation("true"))


async def test_texts_that_are_too_long_are_not_the_end_of_the_guardian(guardian: Guardian) -> None:
    pid = await sleeping(guardian)
    control = guardian._control
    assert control is not None
    # As where the administrator has given sockets more room.
    control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MESSAGE_BYTES_MAX)
    with pytest.raises(OSError, match="Argument list too long"):
        await sleeping(guardian, **{name: name * 100_000 for name in "ABC"})
    assert is_running(pid)
    os.kill(pid, signal.SIGKILL)


async def test_a_guardian_without_a_daemon_kills_only_what_has_its_mark(
    guardian: Guardian,
) -> None:
    name, value = guardian.mark
    marked = await sleeping(guardian, **{name: value})
    another = await sleeping(guardian, **{name: "another"})
    assert guardian.process is not None
    guardian.hang_up()  # as it is when the daemon has been killed
    await wait_ended(marked)
    assert is_running(another)
    os.kill(another, signal.SIGKILL)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({}, "command"),
        ({"command": []}, "command"),
        ({"command": [""]}, "command"),
        ({"command": "echo 1"}, "command"),
        ({"command": ["echo", 1]}, "command"),
        ({"command": ["echo", "\0"]}, "command"),
        ({"command": ["echo"], "cwd": "here"}, "cwd"),
        ({"command": ["echo"], "shell": True}, "shell"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_key(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(SettingsError, match=key):
        SubprocessInvoker().check_settings(settings)
