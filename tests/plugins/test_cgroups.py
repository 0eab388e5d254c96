"""Cgroups of workers, as far as a directory shows it; `make test-service` has real ones."""

import os
import subprocess
from pathlib import Path

import pytest

from broker_subprocess import cgroups, invoker
from broker_subprocess.cgroups import Cgroup, Cgroups
from tests.plugins.runtime import running_functions, value_of

PYTHON = "def handler(event, context):\n    return event\n"


def test_what_is_started_is_in_its_cgroup_from_the_first_line_on(tmp_path: Path) -> None:
    command = Cgroup(tmp_path).entered(["/bin/sh", "-c", 'echo "$$ $0 $1"', "a b", "$c"])
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pid = (tmp_path / "cgroup.procs").read_text().strip()
    assert said == f"{pid} a b $c\n"


def test_one_that_cannot_be_entered_keeps_the_program_from_running(tmp_path: Path) -> None:
    command = Cgroup(tmp_path / "gone").entered(["/bin/echo", "x"])
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert ended.stdout == ""


def test_a_new_one_has_its_limits(tmp_path: Path) -> None:
    cgroup = Cgroups(tmp_path).create("1", memory_bytes=1 << 27, processes_max=1_024)
    assert cgroup.path == tmp_path / "worker-1"
    limits = {path.name: path.read_text() for path in cgroup.path.iterdir()}
    assert limits == {
        "memory.max": "134217728",
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "pids.max": "1024",
    }


@pytest.mark.parametrize(
    ("mark", "systemd", "delegated"),
    [(b"1", True, True), (b"0", True, False), (None, True, False), (None, False, True)],
)
def test_what_is_somebody_elses_is_left_alone(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mark: bytes | None,
    systemd: bool,
    delegated: bool,
) -> None:
    def marked(path: Path, name: str) -> bytes:
        assert name == "user.delegate"
        if mark is None:
            raise OSError
        return mark

    (tmp_path / "cgroup.procs").touch()
    monkeypatch.setattr(os, "getxattr", marked)
    owner = os.getuid() or 1_000  # root owns what systemd does
    os.chown(tmp_path, owner, -1)
    monkeypatch.setattr(os, "getuid", lambda: owner)
    monkeypatch.setattr(cgroups, "SYSTEMD", tmp_path if systemd else tmp_path / "none")
    assert cgroups._is_delegated(tmp_path) is delegated


async def test_functions_run_without_what_cannot_be_divided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(invoker, "delegated_cgroup", lambda: tmp_path / "cgroup")
    async with running_functions(tmp_path) as functions:
        assert value_of(await functions.python(PYTHON, 1)) == 1
    assert "can't be divided among functions" in caplog.text
