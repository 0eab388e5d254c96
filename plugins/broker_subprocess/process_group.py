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
    """A started process, leader of its own session and process group.

    Its pipes are descriptors that don't block; -1 if there is none, or if it was closed.
    """

    process: subprocess.Popen[bytes]
    pidfd: int
    stdin: int
    stdout: int
    stderr: int

    @property
    def pid(self) -> int:
        """Its number, and its group's."""
        return self.process.pid

    async def wait_exit(self) -> None:
        """Wait until the leader has ended. Unreaped, its number stays its own."""
        await trio.lowlevel.wait_readable(self.pidfd)

    def close_stdin(self) -> None:
        """Tell it that nothing more comes."""
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1

    def kill(self) -> None:
        """Kill the whole group. Only before the leader is reaped."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close what is open still."""
        self.close_stdin()
        for descriptor in (self.stdout, self.stderr, self.pidfd):
            if descriptor >= 0:
                os.close(descriptor)


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
    group = _start(command, cwd, environment, one_output=one_output)
    try:
        _limit(group.pid, memory_mb)
        yield group
    finally:
        # Nobody has polled the process, so its number cannot have passed to another.
        group.kill()
        with trio.move_on_after(REAP_S, shield=True):
            await group.wait_exit()
        group.process.poll()
        group.close()


def _start(
    command: Sequence[str],
    cwd: str | None,
    environment: Mapping[str, str],
    *,
    one_output: bool,
) -> ProcessGroup:
    opened: list[int] = []

    def pipe() -> tuple[int, int]:
        ends = os.pipe()
        opened.extend(ends)
        return ends

    try:
        event, stdin = pipe()
        stdout, output = pipe()
        stderr, log = (-1, output) if one_output else pipe()
        process = subprocess.Popen(
            command,
            stdin=event,
            stdout=output,
            stderr=log,
            cwd=cwd,
            env=environment,
            start_new_session=True,
        )
    except BaseException:
        for each in opened:
            os.close(each)
        raise
    for each in {event, output, log}:
        os.close(each)
    for each in (stdin, stdout, stderr):
        if each >= 0:
            os.set_blocking(each, False)
    return ProcessGroup(process, os.pidfd_open(process.pid), stdin, stdout, stderr)


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
