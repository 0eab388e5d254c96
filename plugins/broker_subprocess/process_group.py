"""one function process with all its descendants: started limited, ended together

The process becomes the leader of a session of its own. Its limits are set as soon as it is there,
before it can have used anything worth limiting.

The memory limit of a program is RLIMIT_DATA, not RLIMIT_AS: Node.js, Java and Go reserve gigabytes
of address space that they never touch, and fail or hang under RLIMIT_AS. Each process has the limit
for itself; memory shared between processes is not counted. Workers have no such limit: theirs is
what all their processes use together, see `cgroups` and `memory`.
"""

import logging
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from broker_subprocess.guardian import Guarded, Guardian

__all__ = ["ProcessGroup", "running_group"]

log = logging.getLogger(__name__)

END_S = 5.0


@dataclass(slots=True)
class ProcessGroup:
    """A process that was asked for, and its pipes.

    These are descriptors that don't block; -1 if there is none, or if it was closed.
    """

    process: Guarded
    stdin: int
    stdout: int
    stderr: int

    def close_stdin(self) -> None:
        """Tell it that nothing more comes."""
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1

    def close(self) -> None:
        """Close what is open still."""
        self.close_stdin()
        for descriptor in (self.stdout, self.stderr):
            if descriptor >= 0:
                os.close(descriptor)


@asynccontextmanager
async def running_group(
    guardian: Guardian,
    command: Sequence[str],
    *,
    cwd: str | None,
    environment: Mapping[str, str],
    memory_mb: int | None,
    one_output: bool = False,
    tells_start: bool = False,
) -> AsyncIterator[ProcessGroup]:
    """The program, asked for; when the block is left, however it is left, the group is gone.

    Should it hang in the kernel, the block is left after some seconds all the same, with an error.

    With `one_output` what it writes to stderr comes with stdout, in order. Processes that have left
    the group (`setsid`) are out of reach.
    Raises: see `Guardian.start`. Whether it could be started `process` tells; with `tells_start`
    before it ends.
    """
    group = await _start(
        guardian,
        command,
        cwd,
        environment,
        memory_mb,
        one_output=one_output,
        tells_start=tells_start,
    )
    try:
        yield group
    finally:
        with trio.move_on_after(END_S, shield=True) as patience:
            await guardian.kill(group.process)
        if patience.cancelled_caught:
            log.error("process %s was killed, but doesn't end", group.process.pid)
        group.close()


async def _start(
    guardian: Guardian,
    command: Sequence[str],
    cwd: str | None,
    environment: Mapping[str, str],
    memory_mb: int | None,
    *,
    one_output: bool,
    tells_start: bool,
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
        process = await guardian.start(
            command,
            cwd=cwd,
            environment=environment,
            memory_mb=memory_mb,
            descriptors=(event, output, log),
            tells_start=tells_start,
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
    return ProcessGroup(process, stdin, stdout, stderr)
