"""Workers under bubblewrap: what they can't write, see and reach, and what they still can."""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import trio

from broker.plugin import InvocationResult, SettingsError
from broker_subprocess import SubprocessInvoker
from broker_subprocess.guardian_process import marked_processes
from tests.plugins.runtime import (
    PATIENCE_S,
    PYTHON,
    Functions,
    error_of,
    needs_bubblewrap,
    running_functions,
    value_of,
)

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

# A virtual environment below /tmp isn't to be seen; the interpreter that it was made from is.
BASE = os.path.dirname(os.path.realpath(sys.executable))


@pytest.fixture
async def functions(tmp_path: Path) -> AsyncIterator[Functions]:
    async with running_functions(tmp_path) as functions:
        yield functions


async def isolated(
    functions: Functions, source: str, environment: Mapping[str, str] = {}, **changes: Any
) -> InvocationResult:
    settings = {
        "runtime": PYTHON,
        "code": functions.code(app__py=source),
        "isolation": "bubblewrap",
    }
    path = f"{BASE}:{os.environ['PATH']}"
    given = {"settings": settings, "handler": "app.handler", **changes}
    environment = {"PATH": path, **environment}
    return await functions.invoke(functions.invocation(environment=environment, **given))


@needs_bubblewrap
async def test_only_a_tmp_of_its_own_can_be_written(functions: Functions, tmp_path: Path) -> None:
    source = """
import os
def tried(path):
    try:
        with open(path, "w") as file:
            file.write("x")
    except OSError as error:
        return type(error).__name__
    return "written"
def handler(event, context):
    root = os.environ["LAMBDA_TASK_ROOT"]
    return {
        "code": tried(root + "/new"),
        "below": tried(os.environ["OUTSIDE"] + "/new"),
        "/etc": tried("/etc/new"),
        "/tmp": tried("/tmp/new"),
        "directory": os.environ["TMPDIR"],
        "there": sorted(os.listdir("/tmp")),
    }
"""
    found = value_of(await isolated(functions, source, {"OUTSIDE": str(tmp_path)}))
    assert found["code"] == found["/etc"] == "OSError"  # read-only
    assert found["/tmp"] == "written"
    assert found["directory"] == "/tmp"
    assert "new" in found["there"]
    assert found["below"] == "written"  # for its code lies there; but in what is its own
    assert not (tmp_path / "new").exists()


@needs_bubblewrap
async def test_no_process_but_its_own_and_none_of_the_daemons_data_is_seen(
    functions: Functions, tmp_path: Path
) -> None:
    (tmp_path / "state" / "secret").write_text("x")
    source = """
import os
def handler(event, context):
    return {
        "processes": len([name for name in os.listdir("/proc") if name.isdigit()]),
        "secret": os.path.exists(os.environ["BROKER_STATE_DIRECTORY"] + "/secret"),
        "run": [name for name in os.listdir("/run") if name != "systemd"],
        "capabilities": [
            line.split()[1] for line in open("/proc/self/status") if line.startswith("CapEff")
        ],
    }
"""
    assert value_of(await isolated(functions, source)) == {
        "processes": 2,  # the first one, which reaps, and it
        "secret": False,
        "run": [],
        "capabilities": ["0" * 16],
    }


@needs_bubblewrap
async def test_what_is_hidden_and_shown_may_be_named_by_symbolic_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "real")
    source = """
import os
def handler(event, context):
    return os.listdir(os.environ["REAL"] + "/state")
"""
    async with running_functions(tmp_path / "linked") as functions:
        (tmp_path / "real" / "state" / "secret").write_text("x")
        result = await isolated(functions, source, {"REAL": str(tmp_path / "real")})
    assert value_of(result) == []


@needs_bubblewrap
async def test_a_worker_stays_warm_and_is_ended_with_all_it_has_started(
    functions: Functions, tmp_path: Path
) -> None:
    source = """
import os, subprocess, time
count = 0
def handler(event, context):
    global count
    count += 1
    if event == "hang":
        subprocess.Popen(["sleep", "1000"], start_new_session=True)
        time.sleep(1000)
    return count
"""
    settings = {
        "runtime": PYTHON,
        "code": functions.code(app__py=source),
        "isolation": "bubblewrap",
    }
    given: dict[str, Any] = {
        "settings": settings,
        "handler": "app.handler",
        "environment": {"PATH": f"{BASE}:{os.environ['PATH']}"},
    }
    for number in (1, 2, 3):
        result = await functions.invoke(functions.invocation(**given))
        assert value_of(result) == number
        assert result.memory_used_mb is not None
        assert result.memory_used_mb > 5  # the interpreter's, not only bubblewrap's
    with trio.move_on_after(0.5):
        await functions.invoke(functions.invocation("hang", **given))
    mark = f"BROKER_STATE_DIRECTORY={tmp_path / 'state'}".encode()
    with trio.fail_after(PATIENCE_S):
        while marked_processes(mark):  # noqa: ASYNC110 - processes tell nobody
            await trio.sleep(0.02)


@needs_bubblewrap
@needs_node
async def test_handlers_in_javascript_are_isolated_too(functions: Functions) -> None:
    source = """
const fs = require("node:fs");
exports.handler = async (event) => {
  fs.writeFileSync("/tmp/x", "x");
  try { fs.writeFileSync("/etc/x", "x"); } catch (error) { return error.code; }
};
"""
    settings = {
        "runtime": "nodejs",
        "code": functions.code(app__js=source),
        "isolation": "bubblewrap",
    }
    result = await functions.invoke(functions.invocation(settings=settings, handler="app.handler"))
    assert value_of(result) == "EROFS"


async def test_without_bubblewrap_the_function_says_so(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    settings = {"runtime": "provided", "code": functions.code(bootstrap="#!/bin/sh\n")}
    settings["isolation"] = "bubblewrap"
    error = error_of(await functions.invoke(functions.invocation(settings=settings)))
    assert error["errorType"] == "Runtime.InvalidEntrypoint"
    assert "there is no bubblewrap (bwrap) on this host" in error["errorMessage"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"command": ["true"], "isolation": "bubblewrap"}, "with a `runtime`"),
        ({"runtime": "nodejs", "isolation": "docker"}, "isolation"),
    ],
)
def test_settings_that_can_not_work_are_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        SubprocessInvoker().check_settings(settings)
