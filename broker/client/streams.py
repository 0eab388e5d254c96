"""the two streams of a queue's messages: the same methods, blocking and awaited

A stream is one connection, and is read while the program asks it for something: for the next batch,
or to have confirmed what it asked for. There is no task or thread behind it, so one task at a time
uses it. A program may be busy for as long as it likes between two calls; only the visibility
timeout of what it holds runs on.
"""

import socket
import ssl
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import anyio
import httpx

from broker.client.errors import BrokerClientError, BrokerNotRunning, BrokerUnanswered
from broker.client.results import StreamMessage, TagError

READ_BYTES = 1 << 18
PATIENCE_S = 30.0  # for a connection, and for the broker to say goodbye


def _address(url: httpx.URL) -> tuple[str, int]:
    return url.host, url.port or (443 if url.scheme == "https" else 80)


class MessageStream:
    """Batches of a queue's messages, for blocking programs; a context manager and an iterator.

    Leaving it waits until all that was asked for is on disk; what is held then goes back.
    Raises throughout: BrokerRefused, BrokerNotRunning, BrokerUnanswered; StreamEnded, if the broker
    ends the stream.
    """

    def __init__(self, url: httpx.URL) -> None:
        # Imported late: only streams need it, and every command would wait for it.
        from broker.client.streaming import StreamProtocol

        self._url = url
        self._protocol = StreamProtocol(url)
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        try:
            connection = socket.create_connection(_address(self._url), PATIENCE_S)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._url.scheme == "https":
                context = ssl.create_default_context()
                connection = context.wrap_socket(connection, server_hostname=self._url.host)
        except OSError as error:
            raise BrokerNotRunning(str(self._url), str(error)) from error
        self._socket = connection
        try:
            self._send(self._protocol.handshake())
            while not self._protocol.opened:
                self._protocol.check()
                self._receive()
            connection.settimeout(None)
        except BaseException:
            connection.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._socket is not None
        try:
            self._socket.settimeout(PATIENCE_S)
            self._send(self._protocol.close())
            while not self._protocol.closed:
                self._receive()
        except BrokerClientError:
            if error is None and not self._protocol.all_confirmed:
                raise
        finally:
            self._socket.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[StreamMessage]:
        """The next batch, waiting for it as long as it takes."""
        while not self._protocol.batches:
            self._protocol.check()
            self._receive()
        return self._protocol.batches.popleft()

    def acknowledge(self, messages: Iterable[StreamMessage]) -> None:
        """Have messages deleted. `confirm` waits until they are."""
        self._send(self._protocol.ask_for("ack", messages))

    def extend(self, messages: Iterable[StreamMessage], *, visibility_timeout_s: int) -> None:
        """Have messages stay hidden until so long from now."""
        how = {"visibility_timeout_s": visibility_timeout_s}
        self._send(self._protocol.ask_for("extend", messages, **how))

    def release(self, messages: Iterable[StreamMessage], *, spend_receive: bool = False) -> None:
        """Give messages back, visible at once; `spend_receive` if it counts as an attempt."""
        self._send(self._protocol.ask_for("release", messages, spend_receive=spend_receive))

    def set_credit(self, credit: int) -> None:
        """How many messages may be held from now on."""
        self._send(self._protocol.ask(credit=credit))

    def confirm(self) -> list[TagError]:
        """Wait until all that was asked for is on disk; what of it, by tags, was not done."""
        while not self._protocol.all_confirmed:
            self._protocol.check_open()
            self._receive()
        errors, self._protocol.errors = self._protocol.errors, []
        return errors

    def _receive(self) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(READ_BYTES)
        except OSError as error:
            raise BrokerUnanswered(f"the connection of a stream broke: {error}") from error
        self._protocol.receive(data)
        if outgoing := self._protocol.take_outgoing():
            self._send(outgoing)

    def _send(self, data: bytes) -> None:
        assert self._socket is not None
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise BrokerUnanswered(f"the connection of a stream broke: {error}") from error


class AsyncMessageStream:
    """Batches of a queue's messages, on trio or asyncio; an async context manager and iterator.

    Leaving it waits until all that was asked for is on disk; what is held then goes back.
    Cancelled, it is left at once.
    Raises throughout: BrokerRefused, BrokerNotRunning, BrokerUnanswered; StreamEnded, if the broker
    ends the stream.
    """

    def __init__(self, url: httpx.URL) -> None:
        # Imported late: only streams need it, and every command would wait for it.
        from broker.client.streaming import StreamProtocol

        self._url = url
        self._protocol = StreamProtocol(url)
        self._stream: anyio.abc.ByteStream | None = None

    async def __aenter__(self) -> Self:
        host, port = _address(self._url)
        try:
            with anyio.fail_after(PATIENCE_S):
                if self._url.scheme == "https":
                    self._stream = await anyio.connect_tcp(host, port, tls=True)
                else:
                    self._stream = await anyio.connect_tcp(host, port)
        except OSError as error:  # a TimeoutError is one
            raise BrokerNotRunning(str(self._url), str(error)) from error
        try:
            with anyio.fail_after(PATIENCE_S):
                await self._send(self._protocol.handshake())
                while not self._protocol.opened:
                    self._protocol.check()
                    await self._receive()
        except TimeoutError as error:
            await anyio.aclose_forcefully(self._stream)
            raise BrokerUnanswered(f"no answer from {self._url}") from error
        except BaseException:
            await anyio.aclose_forcefully(self._stream)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._stream is not None
        try:
            with anyio.move_on_after(PATIENCE_S):
                await self._send(self._protocol.close())
                while not self._protocol.closed:
                    await self._receive()
        except BrokerClientError:
            if error is None and not self._protocol.all_confirmed:
                raise
        finally:
            await anyio.aclose_forcefully(self._stream)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[StreamMessage]:
        """The next batch, waiting for it as long as it takes."""
        while not self._protocol.batches:
            self._protocol.check()
            await self._receive()
        return self._protocol.batches.popleft()

    async def acknowledge(self, messages: Iterable[StreamMessage]) -> None:
        """Have messages deleted. `confirm` waits until they are."""
        await self._send(self._protocol.ask_for("ack", messages))

    async def extend(self, messages: Iterable[StreamMessage], *, visibility_timeout_s: int) -> None:
        """Have messages stay hidden until so long from now."""
        how = {"visibility_timeout_s": visibility_timeout_s}
        await self._send(self._protocol.ask_for("extend", messages, **how))

    async def release(
        self, messages: Iterable[StreamMessage], *, spend_receive: bool = False
    ) -> None:
        """Give messages back, visible at once; `spend_receive` if it counts as an attempt."""
        await self._send(self._protocol.ask_for("release", messages, spend_receive=spend_receive))

    async def set_credit(self, credit: int) -> None:
        """How many messages may be held from now on."""
        await self._send(self._protocol.ask(credit=credit))

    async def confirm(self) -> list[TagError]:
        """Wait until all that was asked for is on disk; what of it, by tags, was not done."""
        while not self._protocol.all_confirmed:
            self._protocol.check_open()
            await self._receive()
        errors, self._protocol.errors = self._protocol.errors, []
        return errors

    async def _receive(self) -> None:
        assert self._stream is not None
        try:
            data = await self._stream.receive(READ_BYTES)
        except anyio.EndOfStream:
            data = b""
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise BrokerUnanswered("the connection of a stream broke") from error
        self._protocol.receive(data)
        if outgoing := self._protocol.take_outgoing():
            await self._send(outgoing)

    async def _send(self, data: bytes) -> None:
        assert self._stream is not None
        try:
            await self._stream.send(data)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise BrokerUnanswered("the connection of a stream broke") from error
