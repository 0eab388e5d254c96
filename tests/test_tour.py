"""The README's tour, run word for word in one shell against a real daemon."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOUR = ROOT / "README.md"
BEGIN, END = "<!-- tour -->", "<!-- /tour -->"  # around the tour, in a file that has more

DOCUMENTED_ADDRESS = "127.0.0.1:4566"
BLOCK = re.compile(r"^```(sh|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ANYTHING = "…"


@dataclass(frozen=True, slots=True)
class Step:
    """Commands, and the output that the tour shows for them."""

    language: str
    commands: str
    shown: str | None


def tour_of(document: str) -> str:
    """What stands between the markers; the whole document without them."""
    if BEGIN not in document:
        return document
    return document.partition(BEGIN)[2].partition(END)[0]


def steps_of(tour: str) -> list[Step]:
    """The tour's commands in order."""
    steps: list[Step] = []
    for language, text in BLOCK.findall(tour):
        if language != "text":
            steps.append(Step(language, text, None))
            continue
        assert steps, "the tour shows an output before any command"
        last = steps.pop()
        assert last.shown is None, f"two outputs for {last.commands}"
        steps.append(Step(last.language, last.commands, text))
    return steps


def is_as_shown(output: str, shown: str) -> bool:
    """Whether an output is what the tour shows, where `…` stands for anything."""
    parts = (re.escape(part) for part in shown.strip().split(ANYTHING))
    return re.fullmatch(".*".join(parts), output.strip(), re.DOTALL) is not None


class Shell:
    """One bash with job control, as a person has; it runs one script after the other."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self._log = (folder / "stderr").open("wb")
        self._process = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
            env=environment,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write("set -m\n")

    def run(self, script: str, name: str) -> tuple[str, int]:
        """Everything on stdout up to the script's end, and its status."""
        path = self.folder / name
        path.write_text(script)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        end = f"--- end of {name}"
        self._process.stdin.write(f'. {path} < /dev/null\necho; echo "{end} $?"\n')
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line.startswith(end):
                return "".join(lines), int(line.rsplit(maxsplit=1)[1])
            lines.append(line)
        raise AssertionError(f"the shell ended in {name}: {''.join(lines)}\n{self.errors()}")

    def errors(self) -> str:
        """What was written to stderr so far, and the end of the daemon's log."""
        logs = [path.read_text()[-2_000:] for path in self.folder.glob("tmp.*/log")]
        return "\n".join([(self.folder / "stderr").read_text(errors="replace"), *logs])

    def close(self) -> None:
        """End the shell and everything that it has started."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for process in _processes_of_session(self._process.pid):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._process.wait(timeout=20)
        self._process.stdin.close()
        self._process.stdout.close()
        self._log.close()


def _processes_of_session(session: int) -> list[int]:
    """Those of all its process groups: each job has one of its own."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()  # from the state on
            if int(fields[3]) == session:
                found.append(int(stat.parent.name))
    return found


@pytest.fixture
def address() -> str:
    """A free one in place of the tour's, which somebody may use."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def shell(tmp_path: Path, address: str) -> Iterator[Shell]:
    """A shell in the project's folder, in which `make run` finds everything installed."""
    programs = tmp_path / "venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "broker").write_text(f'#!/bin/sh\nexec {sys.executable} -m broker.cli "$@"\n')
    (programs / "broker").chmod(0o755)
    (programs.parent / "run.stamp").touch()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "BROKER_", "MAKE", "MFLAGS"))
    }
    environment |= {
        "MAKEFLAGS": f" -- VENV={programs.parent}",
        "PATH": f"{Path(sys.executable).parent}:{environment['PATH']}",
        "TMPDIR": str(tmp_path),
        "HOME": str(tmp_path),
        "BROKER_LISTEN": address,
    }
    opened = Shell(tmp_path, environment)
    yield opened
    opened.close()


@pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "make", "curl"))), reason="needs bash, make and curl"
)
def test_the_tour_goes_as_it_is_told(shell: Shell, address: str) -> None:
    steps = steps_of(tour_of(TOUR.read_text()))
    assert steps
    for number, step in enumerate(steps, start=1):
        commands = step.commands.replace(DOCUMENTED_ADDRESS, address)
        if step.language == "python":
            commands = f"python3 - <<'END OF PYTHON'\n{commands}\nEND OF PYTHON\n"
        output, status = shell.run(commands, f"step-{number}.sh")
        told = f"{commands}\n{output}\n{shell.errors()}"
        assert status == 0, told
        if step.shown is not None:
            shown = step.shown.replace(DOCUMENTED_ADDRESS, address)
            shown = shown.replace("/tmp/", f"{os.path.realpath(shell.folder)}/")
            assert is_as_shown(output, shown), f"{told}\nThe tour shows:\n{shown}"


def test_an_ellipsis_stands_for_anything() -> None:
    assert is_as_shown("a 1 b\nc\n", "a … b\nc")
    assert is_as_shown("a\nb\nc", "a\n…\nc")
    assert not is_as_shown("a\nc", "a … c")
    assert not is_as_shown("a\nb", "a")
