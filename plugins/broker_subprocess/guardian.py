"""the daemon's side of the guardian, a process that starts all others and outlives a killed daemon

Functions must not outlive the daemon, even one that died by SIGKILL. The kernel's parent-death
signal (PR_SET_PDEATHSIG) is no use here: it is tied to the thread that forked, and it would miss
grandchildren. So a process of its own, small and started by the first event, has one end of a
socket, of which the other ends with the daemon, however that ended; then it kills whoever has this
daemon's mark in its environment, and goes too. It also starts and reaps them all: a start in the
daemon would hold up the event loop for as long as it takes.
"""

import errno
import itertools
import logging
import marshal
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import trio

from broker.plugin import InvokerUnavailable
from broker_subprocess.guardian_process import MESSAGE_BYTES_MAX
from broker_subprocess.leftovers import StillRunning, end_marked

__all__ = ["Guarded", "Guardian"]

log = logging.getLogger(__name__)

PROGRAM = Path(__file__).with_name("guardian_process.py")
PAUSE_S = 1.0  # before one that was ended by somebody is replaced
PATIENCE_S = 10.0
WAIT_S = 5.0
GONE = "the process that starts others is gone"


class Guarded:
    """A process that was asked for; leader of its own session and process group."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid: int | None = None  # also its group's, once it has started
        self.returncode: int | None = None  # once it has ended, if anybody knows
        self.error: Exception | None = None  # why it couldn't be started, or isn't known any more
        self.started = trio.Event()  # or can't be
        self.ended = trio.Event()  # with its whole group; or was never started
        self.on_end: Callable[[], None] = lambda: None

    async def wait_started(self) -> int:
        """Its pid. Raises: OSError or ValueError, as the start did; InvokerUnavailable."""
        await self.started.wait()
        if self.pid is None:
            assert self.error is not None
            raise self.error
        return self.pid

    async def wait_ended(self) -> int:
        """Its exit status. Raises: as `wait_started`."""
        await self.ended.wait()
        if self.returncode is None:
            assert self.error is not None
            raise self.error
        return self.returncode

    def end(self, returncode: int | None, error: Exception | None = None) -> None:
        """It is no more, or never was."""
        self.returncode, self.error = returncode, error
        self.started.set()
        self.ended.set()
        self.on_end()


class Guardian:
    """There from the first start within `running` on."""

    def __init__(self) -> None:
        self.mark = ("BROKER_DAEMON", uuid4().hex)  # a variable of all that is to be killed
        self.process: trio.Process | None = None
        self._control: socket.socket | None = None
        self._guarded: dict[int, Guarded] = {}
        self._numbers = itertools.count(1)
        self._turn = trio.Lock()  # to wait for room in the socket: only one task can
        self._wanted = trio.Event()
        self._ready = trio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep one there; in the end it goes without killing anybody."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel()

    async def start(
        self,
        command: Sequence[str],
        *,
        cwd: str | None,
        environment: Mapping[str, str],
        memory_mb: int | None,
        descriptors: tuple[int, int, int],
        tells_start: bool = True,
    ) -> Guarded:
        """Ask for a process. It may be that it can't be started: see what is returned.

        Without `tells_start` that knows its end only, which spares a waking.
        Cancelled: it was not asked for. Raises: OSError, if the texts are too long;
        InvokerUnavailable.
        """
        if not self._ready.is_set():
            self._wanted.set()
            with trio.move_on_after(PATIENCE_S):
                await self._ready.wait()
        guarded = Guarded(next(self._numbers))
        process = tuple(command), cwd, dict(environment), memory_mb
        await self._send(("start", guarded.number, *process, tells_start), descriptors)
        self._guarded[guarded.number] = guarded
        return guarded

    async def kill(self, guarded: Guarded) -> None:
        """Kill its whole group, and wait until it has ended."""
        if not guarded.ended.is_set():
            message = "kill", guarded.number
            with suppress(InvokerUnavailable):  # then it is killed anyway
                try:  # ahead of the starts that wait for room: it may be late as it is
                    self._send_nowait(message)
                except trio.WouldBlock:
                    await self._send(message)
            await guarded.ended.wait()

    async def _send(self, message: tuple[Any, ...], descriptors: tuple[int, ...] = ()) -> None:
        """Raises: OSError, if it is too long; InvokerUnavailable."""
        if not self._turn.locked():  # the usual case, without a pass of the event loop
            with suppress(trio.WouldBlock):
                self._send_nowait(message, descriptors)
                return
        async with self._turn:
            while True:
                try:
                    self._send_nowait(message, descriptors)
                except trio.WouldBlock:
                    assert self._control is not None
                    with suppress(trio.ClosedResourceError):  # then it says so next time
                        await trio.lowlevel.wait_writable(self._control)
                else:
                    return

    def _send_nowait(self, message: tuple[Any, ...], descriptors: tuple[int, ...] = ()) -> None:
        if self._control is None:
            raise InvokerUnavailable(GONE)
        data = marshal.dumps(message)
        if len(data) > MESSAGE_BYTES_MAX:  # it would be cut off where sockets take that much
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
        try:
            socket.send_fds(self._control, [data], descriptors)
        except BlockingIOError:
            raise trio.WouldBlock from None
        except ConnectionError:
            self.hang_up()  # whoever asks next waits for the next one
            raise InvokerUnavailable(GONE) from None

    # Its life

    async def _keep(self) -> None:
        await self._wanted.wait()
        try:
            while True:
                try:
                    await self._start()
                except OSError as error:
                    log.error("no process can be started that starts others: %s", error)
                else:
                    await self._listen()  # until somebody has ended it
                    await self._bury()
                    await self._give_up_all()
                await trio.sleep(PAUSE_S)
        finally:
            await self._bury()

    async def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        name, value = self.mark
        with theirs:
            self.process = await trio.lowlevel.open_process(
                [sys.executable, "-I", "-S", PROGRAM, str(theirs.fileno()), f"{name}={value}"],
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        ours.setblocking(False)
        self._control = ours
        self._ready.set()

    async def _listen(self) -> None:
        control = self._control
        assert control is not None
        while True:
            try:
                await trio.lowlevel.wait_readable(control)
                data = control.recv(MESSAGE_BYTES_MAX)
            except BlockingIOError:
                continue
            except (OSError, trio.ClosedResourceError):  # its end is broken, or ours closed
                return
            if not data:
                return
            self._told(marshal.loads(data))

    def _told(self, message: tuple[Any, ...]) -> None:
        event, number, *rest = message
        if event == "started":
            guarded = self._guarded[number]
            (guarded.pid,) = rest
            guarded.started.set()
        elif event == "ended":
            self._guarded.pop(number).end(*rest)
        else:
            error, text = rest
            failure = OSError(error, os.strerror(error), text) if error else ValueError(text)
            self._guarded.pop(number).end(None, failure)

    async def _give_up_all(self) -> None:
        """What one that is gone has started is nobody's, and isn't to run on."""
        name, value = self.mark
        try:
            await end_marked(f"{name}={value}".encode())
        except StillRunning as error:
            log.error("%s", error)
        guarded, self._guarded = self._guarded, {}
        for each in guarded.values():
            each.end(None, InvokerUnavailable("the process that had started it is gone"))

    def hang_up(self) -> None:
        """End the conversation, as the end of the daemon does.

        The guardian, if there is one still, then ends all that has the mark.
        """
        if self._ready.is_set():  # else somebody may wait for it
            self._ready = trio.Event()
        control, self._control = self._control, None
        if control is not None:
            trio.lowlevel.notify_closing(control)
            control.close()

    async def _bury(self) -> None:
        """Killed before the socket is closed, it kills nobody."""
        process, self.process = self.process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        with trio.move_on_after(WAIT_S, shield=True):
            await process.wait()
        self.hang_up()
