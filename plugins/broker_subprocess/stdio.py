"""runs one process per event: the event's JSON on stdin, the result's JSON on stdout"""

import errno
from collections.abc import Callable
from contextlib import suppress

import trio

from broker.plugin import Host, Invocation, InvocationResult, InvokerUnavailable
from broker_subprocess import outcome
from broker_subprocess.environment import event_environment
from broker_subprocess.guardian import Guardian
from broker_subprocess.process_group import ProcessGroup, running_group
from broker_subprocess.settings import SubprocessSettings

__all__ = ["HOST_IS_SHORT", "Stdio"]

CHUNK_BYTES_MAX = 64 * 1024
DRAIN_S = 1.0  # for what stands in the pipes when the group is dead

HOST_IS_SHORT = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE}


class Stdio:
    """Functions that are programs."""

    def __init__(self, guardian: Guardian, host: Host) -> None:
        self._guardian = guardian
        self._host = host

    async def invoke(
        self, invocation: Invocation, settings: SubprocessSettings
    ) -> InvocationResult:
        """Run the command to its end, then kill what it left behind. See `Invoker.invoke`."""
        environment = event_environment(invocation, self._host, self._guardian.mark)
        capture = Capture(invocation.write_log)
        try:
            async with running_group(
                settings.command,
                cwd=settings.cwd,
                environment=environment,
                memory_mb=invocation.memory_mb,
            ) as group:
                await capture.exchange(group, invocation.payload)
        except OSError as error:
            if error.errno in HOST_IS_SHORT:
                raise InvokerUnavailable(f"no process could be started: {error}") from error
            return outcome.of_failed_start(invocation, error, settings.cwd)
        except ValueError as error:
            return outcome.of_failed_start(invocation, error)
        if capture.is_oversize:
            return outcome.of_oversize()
        status = group.process.returncode
        if status is None:
            raise InvokerUnavailable(f"process {group.pid} was killed but does not end")
        return outcome.of_exit(invocation.request_id, status, bytes(capture.output))


class Capture:
    """What one process wrote, within bounds."""

    def __init__(self, write_log: Callable[[bytes], None]) -> None:
        self.output = bytearray()
        self._write_log = write_log
        self.is_oversize = False

    async def exchange(self, group: ProcessGroup, payload: bytes) -> None:
        """Give the process its event and take what it writes, until it has ended."""
        async with trio.open_nursery() as pipes:
            pipes.start_soon(self._feed, group, payload)
            pipes.start_soon(self._take_output, group)
            pipes.start_soon(self._take_log, group)
            await group.wait_exit()
            group.kill()  # the leftovers, which may hold the pipes open
            pipes.cancel_scope.deadline = trio.current_time() + DRAIN_S

    async def _feed(self, group: ProcessGroup, payload: bytes) -> None:
        with suppress(trio.BrokenResourceError):  # a process need not read its event
            await group.stdin.send_all(payload)
        await group.stdin.aclose()

    async def _take_output(self, group: ProcessGroup) -> None:
        while chunk := await group.stdout.receive_some(CHUNK_BYTES_MAX):
            if len(self.output) + len(chunk) > outcome.OUTPUT_BYTES_MAX:
                self.is_oversize = True
                group.kill()
                return
            self.output += chunk

    async def _take_log(self, group: ProcessGroup) -> None:
        assert group.stderr is not None
        while chunk := await group.stderr.receive_some(CHUNK_BYTES_MAX):
            self._write_log(bytes(chunk))
