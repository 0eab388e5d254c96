"""one function process with all its descendants: started limited, ended together

A short shell prologue stands before the program. It waits for a first line, which is sent once the
guardian knows the group; if the daemon dies before that, the line never comes and the prologue
ends. Then it sets the limits, which thus hold from the program's first instruction, for good, and
for every process it starts; then it becomes the program.

The memory limit of a program is RLIMIT_DATA, not RLIMIT_AS: Node.js, Java and Go reserve gigabytes
of address space that they never touch, and fail or hang under RLIMIT_AS. Each process has the limit
for itself; memory shared between processes is not counted. Workers have no such limit: theirs is
what all their processes use together, see `memory`.
"""

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import trio

from broker_subprocess.guardian import Guardian

__all__ = ["ProcessGroup", "running_group"]

# Setting the limit fails only where the daemon itself is held to less: then that holds.
PROLOGUE = """
read -r _ || exit 1
ulimit -c 0
[ "$1" = none ] || ulimit -d "$1" 2>/dev/null
shift
exec "$@"
"""

REAP_S = 5.0


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """A started process, leader of its own session and process group."""

    process: trio.Process
    pidfd: int

    async def wait_exit(self) -> None:
        """Wait until the leader has ended. Unreaped, its number stays its own."""
        await trio.lowlevel.wait_readable(self.pidfd)

    def kill(self) -> None:
        """Kill the whole group. Only before the leader is reaped."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


@asynccontextmanager
async def running_group(
    command: Sequence[str],
    *,
    cwd: str | None,
    environment: Mapping[str, str],
    memory_mb: int | None,
    guardian: Guardian,
    one_output: bool = False,
) -> AsyncIterator[ProcessGroup]:
    """The program, started; when the block is left, however it is left, the group is gone.

    With `one_output` what it writes to stderr comes with stdout, in order. The exit status is known
    afterwards, as `process.returncode`. Processes that have left the group (`setsid`) are out of
    reach.
    Raises: OSError if nothing could be started, ValueError for text no process can be given.
    """
    data_kb = "none" if memory_mb is None else str(memory_mb * 1024)
    process = await trio.lowlevel.open_process(
        ["/bin/sh", "-c", PROLOGUE, "sh", data_kb, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if one_output else subprocess.PIPE,
        cwd=cwd,
        env=dict(environment),
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    pidfd: int | None = None
    try:
        pidfd = os.pidfd_open(process.pid)
        group = ProcessGroup(process, pidfd)
        await guardian.entrust(process.pid)
        with suppress(trio.BrokenResourceError):
            await process.stdin.send_all(b"\n")
        yield group
    finally:
        with trio.move_on_after(REAP_S, shield=True):
            # Nobody has polled the process, so its number cannot have passed to another.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        with trio.CancelScope(shield=True):  # the guardian has its own deadline
            await guardian.release(process.pid)
        if pidfd is not None:
            os.close(pidfd)
        with trio.CancelScope(shield=True):  # closing a pipe does not block
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    await stream.aclose()
