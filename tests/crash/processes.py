"""finding the processes behind a daemon"""

import os
import select
from pathlib import Path


def child_pids(pid: int) -> list[int]:
    """The processes that it started and that are still there."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(child) for child in (task / "children").read_text().split()]
    return found


def store_pid(pid: int) -> int:
    """The store process of a daemon."""
    for child in child_pids(pid):
        if b"broker.store.process" in Path(f"/proc/{child}/cmdline").read_bytes():
            return child
    raise AssertionError("the daemon has no store process")


class Watched:
    """A process that isn't our child, and whose end can be waited for all the same."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._fd = os.pidfd_open(pid)

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended within that time."""
        ready, _, _ = select.select([self._fd], [], [], timeout_s)
        return bool(ready)

    def close(self) -> None:
        os.close(self._fd)
