"""Functions for the runtime mode of the subprocess invoker, and what is known of their workers."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import trio

from broker.plugin import Host, Invocation, InvocationResult
from broker_subprocess import SubprocessInvoker
from broker_subprocess.isolation import find_bubblewrap

PYTHON = f"python3.{sys.version_info.minor}"
PATIENCE_S = 30


def bubblewrap_works() -> bool:
    """Whether it is there and the kernel lets it."""
    program = find_bubblewrap()
    if program is None:
        return False
    tried = [program, "--ro-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "true"]
    return subprocess.run(tried, check=False, capture_output=True).returncode == 0


needs_bubblewrap = pytest.mark.skipif(not bubblewrap_works(), reason="bubblewrap doesn't work here")

SHELL_BOOTSTRAP = """#!/bin/sh
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
headers="$(mktemp)"
while :; do
  event="$(curl -sS -D "$headers" "$api/next")" || exit 0
  id="$(sed -n 's/^Lambda-Runtime-Aws-Request-Id: *//p' "$headers" | tr -d '[:space:]')"
  curl -sS -o /dev/null "$api/$id/response" -d "{\\"shell\\": $event}"
done
"""


class Functions:
    """Runs functions whose code lies below a directory."""

    def __init__(self, invoker: SubprocessInvoker, directory: Path) -> None:
        self.invoker = invoker
        self.directory = directory
        self.log = bytearray()
        self.cold_starts = 0

    def code(self, **files: str) -> str:
        """A directory with files; `app__py` is app.py."""
        directory = self.directory / uuid4().hex
        directory.mkdir()
        for name, text in files.items():
            path = directory / name.replace("__", ".")
            path.write_text(text)
            path.chmod(0o755)
        return str(directory)

    def invocation(self, payload: Any = None, **changes: Any) -> Invocation:
        return Invocation(
            **{
                "request_id": str(uuid4()),
                "function_name": "orders",
                "function_arn": "arn:aws:lambda:us-east-1:000000000000:function:orders",
                "payload": json.dumps(payload).encode(),
                "timeout_s": 3.0,
                "deadline_ms": 4_000_000_000_000,
                "memory_mb": 256,
                "write_log": self.log.extend,
                **changes,
            }
        )

    async def invoke(self, invocation: Invocation) -> InvocationResult:
        with trio.fail_after(PATIENCE_S):
            return await self.invoker.invoke(invocation)

    async def python(
        self, source: str, payload: Any = None, handler: str = "app.handler", **changes: Any
    ) -> InvocationResult:
        settings = {"runtime": PYTHON, "code": self.code(app__py=source)}
        given = {"settings": settings, "handler": handler, **changes}
        return await self.invoke(self.invocation(payload, **given))


@asynccontextmanager
async def running_functions(directory: Path) -> AsyncIterator[Functions]:
    invoker = SubprocessInvoker()
    host = Host(state_directory=directory / "state", origin="http://127.0.0.1:4566")
    host.state_directory.mkdir(exist_ok=True)
    async with invoker.running(host):
        yield Functions(invoker, directory)


def value_of(result: InvocationResult) -> Any:
    assert result.function_error is None, result.payload
    return json.loads(result.payload)


def error_of(result: InvocationResult) -> Any:
    assert result.function_error == "Unhandled"
    return json.loads(result.payload)
