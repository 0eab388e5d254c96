"""what code under test does to the outside: files and sockets opened, processes left behind

Python's audit hooks see all of it and cannot be removed again: one is added at first use, and does
nothing while nobody records.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["child_processes", "recorded_side_effects"]

AUDITED = {
    "open",
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.system",
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "subprocess.Popen",
}
CODE_SUFFIXES = (".py", ".pyc", ".so")  # a late import is not the code's own I/O

_recordings: list[list[str]] = []
_hooks: list[object] = []


@contextmanager
def recorded_side_effects() -> Iterator[list[str]]:
    """The files, sockets and processes opened within, by any thread."""
    if not _hooks:
        sys.addaudithook(_hook)
        _hooks.append(_hook)
    effects: list[str] = []
    _recordings.append(effects)
    try:
        yield effects
    finally:
        _recordings.remove(effects)


def child_processes() -> frozenset[int]:
    """This process's children, also those that have ended and were not waited for."""
    return frozenset(
        pid
        for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
        if _parent(pid) == os.getpid()
    )


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _recordings or event not in AUDITED:
        return
    if event == "open" and str(arguments[0]).endswith(CODE_SUFFIXES):
        return
    for effects in _recordings:
        effects.append(event)


def _parent(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None  # ended meanwhile
    return int(stat.rpartition(")")[2].split()[1])
