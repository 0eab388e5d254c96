"""one function process with all its descendants: started limited, ended together

The process becomes the leader of a session of its own. It is started on the event loop: the
system call that does it holds Python's lock for as long as it takes anyway, whichever thread makes
it. Its limits are set as soon as it is there, before it can have used anything worth limiting.

The memory limit of a program is RLIMIT_DATA, not RLIMIT_AS: Node.js, Java and Go reserve gigabytes
of address space that they never touch, and fail or hang under RLIMIT_AS. Each process has the limit
for itself; memory shared between processes is not counted. Workers have no such limit: theirs is
what all their processes use together, see `memory`.
"""

import os
import resource
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import trio

__all__ = ["ProcessGroup", "running_group"]

REAP_S = 5.0


@dataclass(slots=True)
class ProcessGroup:
    """A started process, leader of its own session and process group."""

    process: subprocess.Popen[bytes]
    pidfd: int
    stdin: trio.lowlevel.FdStream
    stdout: trio.lowlevel.FdStream
    stderr: trio.lowlevel.FdStream | None

    @property
    def pid(self) -> int:
        """Its number, and its group's."""
        return self.process.pid

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
    one_output: bool = False,
) -> AsyncIterator[ProcessGroup]:
    """The program, started; when the block is left, however it is left, the group is gone.

    With `one_output` what it writes to stderr comes with stdout, in order. The exit status is known
    afterwards, as `process.returncode`. Processes that have left the group (`setsid`) are out of
    reach.
    Raises: OSError if nothing could be started, ValueError for text no process can be given.
    """
    process = subprocess.Popen(  # noqa: ASYNC220 (see above)
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if one_output else subprocess.PIPE,
        bufsize=0,
        cwd=cwd,
        env=environment,
        start_new_session=True,
    )
    group: ProcessGroup | None = None
    try:
        _limit(process.pid, memory_mb)
        group = _group(process)
        yield group
    finally:
        # Nobody has polled the process, so its number cannot have passed to another.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if group is not None:
            with trio.move_on_after(REAP_S, shield=True):
                await group.wait_exit()
            process.poll()
            os.close(group.pidfd)
            for stream in (group.stdin, group.stdout, group.stderr):
                if stream is not None:
                    with trio.CancelScope(shield=True):  # closing a pipe does not block
                        await stream.aclose()


def _limit(pid: int, memory_mb: int | None) -> None:
    """No core dumps, and so much memory for data; less where the daemon is itself held to less."""
    with suppress(ProcessLookupError):
        resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
        if memory_mb is not None:
            _, hard = resource.prlimit(pid, resource.RLIMIT_DATA)
            data_bytes = memory_mb * 1024 * 1024
            if hard != resource.RLIM_INFINITY:
                data_bytes = min(data_bytes, hard)
            resource.prlimit(pid, resource.RLIMIT_DATA, (data_bytes, data_bytes))


def _group(process: subprocess.Popen[bytes]) -> ProcessGroup:
    """With streams that have the pipes for themselves: `process` closes nothing."""
    streams = []
    for pipe in (process.stdin, process.stdout, process.stderr):
        streams.append(trio.lowlevel.FdStream(os.dup(pipe.fileno())) if pipe is not None else None)
        if pipe is not None:
            pipe.close()
    stdin, stdout, stderr = streams
    assert stdin is not None
    assert stdout is not None
    return ProcessGroup(process, os.pidfd_open(process.pid), stdin, stdout, stderr)
