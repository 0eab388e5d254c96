"""the daemon's way to its store process: gathers what callers submit, answers each of them

Callers that submit in the same turn of the event loop go out in one write. A caller that is
cancelled is not answered, but its commands stand.
"""

import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import outcome
import trio

from broker.core.commands import Command, StoreStatus, Wakeup
from broker.core.errors import StoreUnavailable
from broker.core.limits import OUTSTANDING_BYTES_MAX
from broker.store.engine import MAP_BYTES
from broker.store.frames import (
    Call,
    FrameBuffer,
    decode_outcome,
    decode_ready,
    decode_reply,
    frame,
)
from broker.store.lock import lock_directory
from broker.store.seam import Listener

READ_BYTES = 1 << 16  # a larger buffer would be mapped and unmapped by malloc at every read
# What a turn gathers goes out at its end, or sooner in parts of this: else the store would have
# nothing to do during a long turn, and the daemon after it.
GATHER_CALLS = 8
GATHER_BYTES = 1 << 13
STOP_S = 30.0  # for the store process to finish its last commit


class StoreRefused(Exception):
    """The store can't be opened; the message says why."""


class StoreProcess(trio.abc.Instrument):
    """A store in a process of its own. Made by `open_store`."""

    def __init__(self, connection: socket.socket) -> None:
        self.status = StoreStatus(0, None, 0, 0, False)
        self.listener: Listener = _nobody
        self._socket = connection  # non-blocking
        self._outgoing: list[bytes] = []
        self._outgoing_bytes = 0
        self._outstanding_bytes = 0
        self._next_call_id = 0
        self._calls: dict[int, tuple[trio.lowlevel.Task | None, Sequence[Command], int]] = {}
        self._rest = b""  # of a turn, which the socket had no room for
        self._rest_waits = trio.lowlevel.ParkingLot()
        self._room = trio.lowlevel.ParkingLot()
        self._gone = False

    async def submit(self, namespace: str, commands: Sequence[Command]) -> list[Any]:
        """See `broker.store.seam.Store`."""
        while self._outstanding_bytes > OUTSTANDING_BYTES_MAX and not self._gone:
            await self._room.park()
        if self._gone:
            raise StoreUnavailable
        call_id = self._next_call_id
        self._next_call_id = call_id + 1
        data = frame(Call(call_id, namespace, commands))  # type: ignore[arg-type]
        self._outgoing.append(data)
        self._outgoing_bytes += len(data)
        if len(self._outgoing) >= GATHER_CALLS or self._outgoing_bytes >= GATHER_BYTES:
            self._flush()
        self._outstanding_bytes += len(data)
        task = trio.lowlevel.current_task()
        self._calls[call_id] = task, commands, len(data)

        def abandon(_: Any) -> trio.lowlevel.Abort:
            self._calls[call_id] = None, commands, len(data)
            return trio.lowlevel.Abort.SUCCEEDED

        results: list[Any] = await trio.lowlevel.wait_task_rescheduled(abandon)
        return results

    async def run(self) -> None:
        """Carry calls and answers until cancelled. Raises: StoreUnavailable, if the store ends."""
        try:
            self._token = trio.lowlevel.current_trio_token()
            trio.lowlevel.add_instrument(self)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._send_rest)
                await self._receive()
        finally:
            trio.lowlevel.remove_instrument(self)
            self._gone = True
            for task, _, _ in self._calls.values():
                if task is not None:
                    trio.lowlevel.reschedule(task, outcome.Error(StoreUnavailable()))
            self._calls.clear()
            self._room.unpark_all()

    def before_io_wait(self, timeout: float) -> None:
        """The end of a turn: send what it has gathered. Called by trio."""
        self._flush()

    def _flush(self) -> None:
        if not self._outgoing or self._rest:
            return
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        self._outgoing_bytes = 0
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # `_receive` sees the end too
        if sent < len(data):
            self._rest = data[sent:]
            # Not directly: trio has made up its mind to wait, and would not see the task it woke.
            self._token.run_sync_soon(self._rest_waits.unpark)

    async def _send_rest(self) -> None:
        """Send what the store process was not ready for, whenever there is some."""
        while True:
            await self._rest_waits.park()
            with contextlib.suppress(OSError):
                await _send_all(self._socket, self._rest)
            self._rest = b""

    async def _receive(self) -> None:
        buffer = FrameBuffer()
        while True:
            data = await _receive_some(self._socket)
            if not data:
                raise StoreUnavailable("The store process has ended.")
            buffer.feed(data)
            for raw in buffer.frames():
                self._answer(raw)

    def _answer(self, raw: bytes) -> None:
        reply = decode_reply(raw)
        self.status = reply.status
        self.listener(reply.status, reply.wakeups)
        for call_id, outcomes in reply.calls:
            task, commands, size = self._calls.pop(call_id)
            self._outstanding_bytes -= size
            if task is not None:
                results = [
                    decode_outcome(command, raw)
                    for command, raw in zip(commands, outcomes, strict=True)
                ]
                trio.lowlevel.reschedule(task, outcome.Value(results))
        if self._room and self._outstanding_bytes <= OUTSTANDING_BYTES_MAX:
            self._room.unpark_all()


def _nobody(status: StoreStatus, wakeups: list[Wakeup]) -> None:
    """The listener before anybody listens."""


@asynccontextmanager
async def open_store(
    directory: Path, quota_bytes: int = MAP_BYTES, program: str = "broker.store.process"
) -> AsyncIterator[StoreProcess]:
    """A running store process on the directory; leaving it waits for the last commit.

    `program` is the module that is run as the process; a test may have one of its own.
    Raises: DirectoryInUse; DirectoryUnusable; StoreRefused, if its format is newer.
    """
    with lock_directory(directory) as lock_fd:
        ours, theirs = socket.socketpair()
        with theirs:
            process = _start(program, theirs.fileno(), lock_fd, directory, quota_bytes)
        ours.setblocking(False)
        try:
            await _wait_ready(ours)
            store = StoreProcess(ours)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(store.run)
                try:
                    yield store
                finally:
                    nursery.cancel_scope.cancel()
        finally:
            # Closing our end tells the process to stop after the commit it may be in.
            ours.close()
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(_reap, process)


def _start(
    program: str, socket_fd: int, lock_fd: int, directory: Path, quota_bytes: int
) -> "subprocess.Popen[bytes]":
    arguments = [str(socket_fd), str(directory), str(quota_bytes)]
    return subprocess.Popen(
        [sys.executable, "-m", program, *arguments],
        pass_fds=(socket_fd, lock_fd),
        stdin=subprocess.DEVNULL,
    )


def _reap(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def _wait_ready(connection: socket.socket) -> None:
    buffer = FrameBuffer()
    while True:
        data = await _receive_some(connection)
        if not data:
            raise StoreRefused("The store process ended before it was ready; see its log above.")
        buffer.feed(data)
        for raw in buffer.frames():
            refusal = decode_ready(raw).refusal
            if refusal is not None:
                raise StoreRefused(refusal)
            return


# Rather than trio's streams, whose every send and receive goes through the scheduler once more and
# whose receive first tries in vain.


async def _send_all(connection: socket.socket, data: bytes) -> None:
    """Send it; a checkpoint only if it doesn't fit, for whoever submits runs in another turn."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[connection.send(rest) :]
        except BlockingIOError:
            await trio.lowlevel.wait_writable(connection)


async def _receive_some(connection: socket.socket) -> bytes:
    """What has come, at least a byte; nothing if the other side is gone."""
    while True:
        await trio.lowlevel.wait_readable(connection)
        try:
            return connection.recv(READ_BYTES)
        except BlockingIOError:
            continue
        except ConnectionError:
            return b""
