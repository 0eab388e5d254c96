"""The service as systemd runs it: functions work under the unit's hardening, within their limits.

Not among the others: it takes over a whole machine, which `make test-service` boots. Nothing of the
tests' own is there to be imported.
"""

import base64
import io
import os
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

CONFIG = Path(__file__).parents[2] / "config"
UNITS = Path("/etc/systemd/system")
BROKER = "/opt/event-broker/bin/broker"
URL = "http://127.0.0.1:4566"
PATIENCE_S = 120  # the machine may be an emulated one
MIB = 1 << 20

RUNTIMES = {"python3": "python3.11", "nodejs": "nodejs18.x"}  # those of the machine
FUNCTIONS = {"python3": ("python3", 128), "nodejs": ("nodejs", 128), "forks": ("python3", 1024)}

PYTHON = """
import os, subprocess
def handler(event, context):
    what = event.get("do")
    if what == "eat":
        hoard = []
        for _ in range(event["mib"]):
            hoard.append(b"x" * (1 << 20))
        return len(hoard)
    if what == "fork":
        children = []
        try:
            for _ in range(event["count"]):
                children.append(subprocess.Popen(["sleep", "1000"]))
        except OSError as error:
            return [len(children), type(error).__name__]
        return [len(children), None]
    if what == "write":
        return [tried(path) for path in event["paths"]]
    return {"pid": os.getpid(), "cgroup": open("/proc/self/cgroup").read().strip(), "event": event}
def tried(path):
    try:
        with open(path, "w"):
            return "written"
    except OSError as error:
        return type(error).__name__
"""

NODE = """
exports.handler = async (event) => {
  if (event.do === "eat") {
    const hoard = [];
    for (let i = 0; i < event.mib; i++) hoard.push(Buffer.alloc(1 << 20, 1));
    return hoard.length;
  }
  // Compiled at run time, which MemoryDenyWriteExecute would forbid.
  let sum = 0;
  for (let i = 0; i < 2e6; i++) sum = (sum + i * i) % 1000003;
  const cgroup = require("fs").readFileSync("/proc/self/cgroup", "utf8").trim();
  return { sum, cgroup, event };
};
"""

CODE = {"python3": {"app.py": PYTHON}, "nodejs": {"app.js": NODE}}


def systemctl(*words: str) -> str:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def journal() -> str:
    asked = ["journalctl", "--unit", "broker", "--no-pager", "--output", "cat"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout


@pytest.fixture(scope="module", params=["as shipped", "with bubblewrap"])
def isolation(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """The service, running; how its functions are isolated."""
    dropin = UNITS / "broker.service.d"
    (dropin / "bubblewrap.conf").unlink(missing_ok=True)
    isolation = None
    config = "[functions]\nallow_upload = true\n"
    if request.param == "with bubblewrap":
        isolation = "bubblewrap"
        config += 'upload_settings = { isolation = "bubblewrap" }\n'
        dropin.mkdir(exist_ok=True)
        (dropin / "bubblewrap.conf").write_text((CONFIG / "bubblewrap.conf").read_text())
    Path("/etc/event-broker").mkdir(exist_ok=True)
    Path("/etc/event-broker/broker.toml").write_text(config)
    (UNITS / "broker.service").write_text((CONFIG / "broker.service").read_text())
    systemctl("daemon-reload")
    systemctl("start", "broker")
    assert systemctl("is-active", "broker") == "active", journal()
    try:
        for name, (runtime, memory_mb) in FUNCTIONS.items():
            upload(name, runtime, memory_mb)
        yield isolation
    finally:
        for name in FUNCTIONS:
            print(httpx.get(f"{URL}/v1/functions/{name}/logs").text)
        systemctl("stop", "broker")
        print(journal())
    assert systemctl("show", "--property", "Result", "broker") == "Result=success"


def upload(name: str, runtime: str, memory_mb: int) -> None:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        for file, text in CODE[runtime].items():
            archive.writestr(file, text)
    httpx.delete(f"{URL}/2015-03-31/functions/{name}")
    made = httpx.post(
        f"{URL}/2015-03-31/functions",
        json={
            "FunctionName": name,
            "Runtime": RUNTIMES[runtime],
            "Handler": "app.handler",
            "Role": "arn:aws:iam::000000000000:role/any",
            "Timeout": 60,
            "MemorySize": memory_mb,
            "Code": {"ZipFile": base64.b64encode(zipped.getvalue()).decode()},
        },
    )
    assert made.status_code == 201, made.text


def invoke(name: str, **event: Any) -> Any:
    """What it returned; or the error type and message that it ended with."""
    answer = httpx.post(
        f"{URL}/2015-03-31/functions/{name}/invocations", json=event, timeout=PATIENCE_S
    )
    assert answer.status_code == 200, answer.text
    value = answer.json()
    if "x-amz-function-error" in answer.headers:
        return value["errorType"], value["errorMessage"]
    return value


def cgroup_of_the_service() -> Path:
    path = systemctl("show", "--property", "ControlGroup", "--value", "broker")
    return Path("/sys/fs/cgroup" + path)


def worker_cgroups() -> list[Path]:
    return list(cgroup_of_the_service().glob("worker-*"))


def wait_until(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_handler_runs_in_a_cgroup_of_its_own(isolation: str | None, runtime: str) -> None:
    answer = invoke(runtime, n=1)
    assert answer["event"] == {"n": 1}
    assert "/worker-" in answer["cgroup"]
    assert len(worker_cgroups()) >= 1
    assert all((path / "memory.max").read_text() == f"{128 * MIB}\n" for path in worker_cgroups())


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_kernel_ends_one_that_takes_too_much_memory(
    isolation: str | None, runtime: str
) -> None:
    kind, message = invoke(runtime, do="eat", mib=300)
    assert kind == "Runtime.ExitError"
    assert message.endswith("Error: Runtime exited with error: signal: killed")
    assert invoke(runtime, n=2)["event"] == {"n": 2}  # by another worker
    assert systemctl("is-active", "broker") == "active"


def test_the_most_that_was_used_is_reported(isolation: str | None) -> None:
    invoke("python3", do="eat", mib=300)
    log = httpx.get(f"{URL}/v1/functions/python3/logs").text
    assert "Max Memory Used: 128 MB" in log


def test_a_fork_bomb_stops_at_its_limit_and_is_gone_with_its_worker(isolation: str | None) -> None:
    count, refused = invoke("forks", do="fork", count=2_000)
    assert refused == "BlockingIOError"
    assert 900 < count < 1_024
    invoke("forks", do="eat", mib=2_000)  # the end of the worker
    wait_until(lambda: subprocess.run(["pgrep", "-x", "sleep"], check=False).returncode == 1)


def test_nothing_but_its_tmp_can_be_written(isolation: str | None) -> None:
    paths = ["/etc/new", "/usr/new", "/opt/event-broker/new", "/tmp/new"]
    written = invoke("python3", do="write", paths=paths)
    assert written == ["OSError", "OSError", "OSError", "written"]
    assert not Path("/tmp/new").exists()


def test_after_a_kill_of_the_daemon_it_is_restarted_without_the_old_workers(
    isolation: str | None,
) -> None:
    old = invoke("python3", n=3)["cgroup"]
    pid = systemctl("show", "--property", "MainPID", "--value", "broker")
    os.kill(int(pid), 9)
    wait_until(lambda: systemctl("is-active", "broker") == "active")
    wait_until(lambda: systemctl("show", "--property", "MainPID", "--value", "broker") != pid)
    wait_until(is_ready)
    assert invoke("python3", n=4)["cgroup"] != old
    assert len(worker_cgroups()) == 1


def is_ready() -> bool:
    try:
        return httpx.get(f"{URL}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def test_a_reload_keeps_workers(isolation: str | None) -> None:
    before = invoke("python3", n=5)["cgroup"]
    systemctl("reload", "broker")
    wait_until(lambda: systemctl("is-active", "broker") == "active")
    assert invoke("python3", n=6)["cgroup"] == before


def test_nothing_went_wrong_with_cgroups(isolation: str | None) -> None:
    text = journal()
    assert "the kernel holds functions to their memory" in text
    assert "can't be divided" not in text
    assert "don't end" not in text
