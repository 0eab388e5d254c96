"""a cgroup for each worker, where the daemon's own has been delegated to it

The kernel then holds a worker, with all that it forks, to its memory and to a number of processes,
and ends it as one. Systemd delegates by `Delegate=` in the unit, and marks what it has delegated;
without systemd it is a cgroup that belongs to the daemon's user. Sources: the kernel's
admin-guide/cgroup-v2.rst, and https://systemd.io/CGROUP_DELEGATION.

A cgroup that has cgroups under control holds no processes itself. So the daemon steps aside:

    broker.service      delegated
    ├── daemon          the daemon, its store, programs that run for one event
    └── worker-…        one each
"""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import trio

__all__ = ["Cgroup", "Cgroups", "delegated_cgroup"]

log = logging.getLogger(__name__)

CONTROLLERS = ("memory", "pids")
SYSTEMD = Path("/run/systemd/system")  # there if it manages this machine
DAEMON = "daemon"
WORKER = "worker-"

# The number is the shell's own, and stays: what it becomes is in the cgroup from its first line on.
ENTER = 'echo $$ > "$1" && shift && exec "$@"'
ROUNDS = 300  # killed processes are gone soon, but not at once
ROUND_S = 0.01


class Cgroup:
    """One worker's. All but `end` and `entered` blocks, if briefly."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def entered(self, command: Sequence[str]) -> tuple[str, ...]:
        """The command that runs `command` in it."""
        return ("/bin/sh", "-c", ENTER, "sh", str(self.path / "cgroup.procs"), *command)

    def peak_bytes(self) -> int:
        """The most memory it has had at once; 0 if the kernel doesn't tell."""
        for name in ("memory.peak", "memory.current"):  # the former since Linux 5.19
            with suppress(OSError, ValueError):
                return int((self.path / name).read_text())
        return 0

    async def end(self) -> None:
        """Kill what is in it and remove it; what doesn't end within seconds stays, with a line."""
        _kill(self.path)
        for _ in range(ROUNDS):
            if _removed(self.path):
                return
            await trio.sleep(ROUND_S)
        log.error("processes of a worker don't end: %s", self.path)


class Cgroups:
    """Those of the workers, below the one that is delegated."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def prepare(self) -> None:
        """Step aside, and take control; blocks.

        Raises: OSError, if a controller isn't there or not to be had.
        """
        for left in self._root.glob(f"{WORKER}*"):
            _kill(left)
            for _ in range(ROUNDS):
                if _removed(left):
                    break
                time.sleep(ROUND_S)
        with suppress(FileExistsError):
            (self._root / DAEMON).mkdir()
        for _ in range(ROUNDS):  # a process may be starting another one meanwhile
            found = (self._root / "cgroup.procs").read_text().split()
            if not found:
                break
            for pid in found:
                with suppress(ProcessLookupError):
                    (self._root / DAEMON / "cgroup.procs").write_text(pid)
        control = " ".join(f"+{controller}" for controller in CONTROLLERS)
        (self._root / "cgroup.subtree_control").write_text(control)

    def create(self, name: str, *, memory_bytes: int, processes_max: int) -> Cgroup:
        """A new one, empty. Blocks. Raises: OSError."""
        path = self._root / f"{WORKER}{name}"
        path.mkdir()
        try:
            (path / "memory.max").write_text(str(memory_bytes))
            (path / "memory.oom.group").write_text("1")
            with suppress(FileNotFoundError):  # where the kernel doesn't swap
                (path / "memory.swap.max").write_text("0")
            (path / "pids.max").write_text(str(processes_max))
        except OSError:
            _removed(path)
            raise
        return Cgroup(path)


def delegated_cgroup() -> Path | None:
    """The daemon's own cgroup, or the one it has stepped aside in; None if it isn't delegated."""
    for mount in _mounts():
        with suppress(OSError):
            path = mount / _own_path().lstrip("/")
            if path.name == DAEMON:
                path = path.parent
            if set(CONTROLLERS) <= set((path / "cgroup.controllers").read_text().split()):
                return path if _is_delegated(path) else None
    return None


def _mounts() -> Iterator[Path]:
    with open("/proc/self/mountinfo") as file:
        for line in file:
            mount, _, kind = line.partition(" - ")
            fields = mount.split()
            if kind.startswith("cgroup2 ") and fields[3] == "/":
                yield Path(fields[4])


def _own_path() -> str:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return line.removeprefix("0::")
    raise FileNotFoundError("there is no cgroup v2")


def _is_delegated(path: Path) -> bool:
    """Being able to write isn't enough: root can, and a user in those of a session of theirs, which
    systemd thinks its own."""
    if not os.access(path / "cgroup.procs", os.W_OK):
        return False
    try:
        return os.getxattr(path, "user.delegate") == b"1"  # by systemd, since 251
    except OSError:
        return not SYSTEMD.exists() and path.stat().st_uid == os.getuid() != 0


def _kill(path: Path) -> None:
    """All that is in it; nothing before Linux 5.14: then others kill what they find."""
    with suppress(OSError):
        (path / "cgroup.kill").write_text("1")


def _removed(path: Path) -> bool:
    """Whether it is gone; not while anything is in it."""
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
