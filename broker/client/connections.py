"""the connection of a stream: the same over a blocking socket and awaited, whatever it brings

A stream is one connection, and is read while the program asks it for something: for the next batch,
or to have confirmed what it asked for. There is no task or thread behind it, so one task at a time
uses it. A program may be busy for as long as it likes between two calls.
"""

import socket
import ssl
from types import TracebackType
from typing import TYPE_CHECKING, Self

import anyio
import httpx

from broker.client.errors import BrokerClientError, BrokerNotRunning, BrokerUnanswered

if TYPE_CHECKING:  # else every command would wait for it, and only streams need it
    from broker.client.websocket import WebSocketProtocol

READ_BYTES = 1 << 18
PATIENCE_S = 30.0  # for a connection, and for the broker to say goodbye


def _address(url: httpx.URL) -> tuple[str, int]:
    return url.host, url.port or (443 if url.scheme == "https" else 80)


class Connection:
    """For blocking programs: a context manager. Leaving it says goodbye."""

    _protocol: "WebSocketProtocol"

    def __init__(self, url: httpx.URL, protocol: "WebSocketProtocol") -> None:
        self._url = url
        self._protocol = protocol
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


class AsyncConnection:
    """On trio or asyncio: an async context manager. Leaving it says goodbye; cancelled, at once."""

    _protocol: "WebSocketProtocol"

    def __init__(self, url: httpx.URL, protocol: "WebSocketProtocol") -> None:
        self._url = url
        self._protocol = protocol
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
