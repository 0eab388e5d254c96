"""a connection that its handler has taken over: bytes out, bytes in, until one side is done"""

import contextlib
import socket
from collections.abc import Callable

import trio

from broker.edge.http.turns import Line

READ_BYTES = 1 << 16
UNACKNOWLEDGED_S = 60.0  # what the client's kernel may leave unacknowledged: then it is gone


class Channel:
    """The raw connection, after a 101."""

    def __init__(
        self,
        client: socket.socket,
        line: Line,
        received: bytes,
        expect_progress: Callable[[bool], None],
    ) -> None:
        self._socket = client
        self._line = line
        self._received = received  # what came right behind the request
        self._expect_progress = expect_progress
        self._sending = trio.Lock()
        self._torn = False  # a send was cancelled halfway: nothing can follow it
        if client.family != socket.AF_UNIX:
            # A client whose machine is gone doesn't hang up. Heartbeats then find nobody.
            limit_ms = round(UNACKNOWLEDGED_S * 1000)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)

    async def send(self, data: bytes) -> None:
        """Send all of it, after what was given before; returns when the kernel has it.

        A client that takes nothing for too long has its connection ended.
        Raises: OSError, if the client is gone.
        """
        async with self._sending:
            if self._torn:
                raise BrokenPipeError
            rest = memoryview(data)
            self._torn = True
            try:
                while True:
                    with contextlib.suppress(BlockingIOError):
                        rest = rest[self._socket.send(rest) :]
                    if not rest:
                        break
                    self._expect_progress(True)
                    await trio.lowlevel.wait_writable(self._socket)
            finally:
                self._expect_progress(False)
            self._torn = False

    async def receive(self) -> bytes:
        """What has come, at least a byte; nothing at the end. Raises: OSError."""
        if self._received:
            await trio.lowlevel.checkpoint()
            data, self._received = self._received, b""
            return data
        while True:
            await self._line.wait_readable()
            with contextlib.suppress(BlockingIOError):
                data = self._socket.recv(READ_BYTES)
                if len(data) == READ_BYTES:
                    self._line.readable = True  # a shorter read has emptied the socket
                return data

    async def wait_hung_up(self) -> None:
        """Until the client sends no more, without reading what it sends."""
        if not self._line.hung_up:
            hung_up = trio.Event()
            self._line.on_hang_up = hung_up.set
            await hung_up.wait()
        await trio.lowlevel.checkpoint()

    async def finish(self) -> None:
        """Say that nothing follows, where the protocol has a way to."""


class ChunkedChannel(Channel):
    """The body of a response whose length nobody knows yet: each send is a chunk of it."""

    async def send(self, data: bytes) -> None:
        """As `Channel.send`; not empty, which would be the end."""
        await super().send(b"%x\r\n%b\r\n" % (len(data), data))

    async def finish(self) -> None:
        """The last chunk."""
        await super().send(b"0\r\n\r\n")
