"""runs one process per event: the event's JSON on stdin, the result's JSON on stdout"""

import errno
import os
import select
from collections.abc import Callable

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
                self._guardian,
                settings.command,
                cwd=settings.cwd,
                environment=environment,
                memory_mb=invocation.memory_mb,
            ) as group:
                await capture.exchange(group, invocation.payload)
                if capture.is_oversize:
                    return outcome.of_oversize()
                status = await group.process.wait_ended()
        except OSError as error:
            if error.errno in HOST_IS_SHORT:
                raise InvokerUnavailable(f"no process could be started: {error}") from error
            return outcome.of_failed_start(invocation, error, settings.cwd)
        except ValueError as error:
            return outcome.of_failed_start(invocation, error)
        return outcome.of_exit(invocation.request_id, status, bytes(capture.output))


class Capture:
    """What one process wrote, within bounds."""

    def __init__(self, write_log: Callable[[bytes], None]) -> None:
        self.output = bytearray()
        self.is_oversize = False
        self._write_log = write_log

    async def exchange(self, group: ProcessGroup, payload: bytes) -> None:
        """Give the process its event and take what it writes, until all pipes are closed.

        One task for all of it, which waits for whichever of the pipes is next: this is what an
        event costs beside its process. When that has ended, with its group, somebody who has left
        it may still hold the pipes open.
        """
        event = _feed(group, memoryview(payload))
        reading = {group.stdout, group.stderr}
        with select.epoll() as epoll, trio.CancelScope() as patience:

            def on_end() -> None:
                patience.deadline = trio.current_time() + DRAIN_S

            group.process.on_end = on_end
            if group.process.ended.is_set():
                on_end()
            for descriptor in reading:
                epoll.register(descriptor, select.EPOLLIN)
            if event:
                epoll.register(group.stdin, select.EPOLLOUT)
            while (reading or event) and not self.is_oversize:
                await trio.lowlevel.wait_readable(epoll.fileno())
                for descriptor, _ in epoll.poll(0):
                    if descriptor not in reading:
                        event = _feed(group, event)  # which closes the pipe, behind its end
                    elif not self._take(group, descriptor):
                        epoll.unregister(descriptor)
                        reading.discard(descriptor)

    def _take(self, group: ProcessGroup, descriptor: int) -> bool:
        """Read some; whether there may be more."""
        try:
            chunk = os.read(descriptor, CHUNK_BYTES_MAX)
        except BlockingIOError:
            return True
        if not chunk:
            return False
        if descriptor == group.stderr:
            self._write_log(chunk)
        elif len(self.output) + len(chunk) > outcome.OUTPUT_BYTES_MAX:
            self.is_oversize = True
            return False
        else:
            self.output += chunk
        return True


def _feed(group: ProcessGroup, event: memoryview) -> memoryview:
    """Write what there is room for; what is left. Behind the end the pipe is closed."""
    try:
        while event:
            event = event[os.write(group.stdin, event) :]
    except BlockingIOError:
        return event
    except BrokenPipeError:  # a process need not read its event
        event = event[:0]
    group.close_stdin()
    return event
