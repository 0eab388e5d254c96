"""HTTP/2 where a server speaks it, and HTTP/1.1 elsewhere, with a connection for each request

Requests don't share a connection here, though the protocol has it. As httpcore does it, one that is
cancelled harms the others (a frame may be cut off; what still comes for it is never given back to
the window that all share), and they wait for each other if the server names no number of streams,
which Node.js for one doesn't. A connection serves the next request when an answer has been read to
its end, and is closed if a request was given up.
"""

from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from ssl import SSLContext

import httpcore
import httpx
import trio
from h2.exceptions import H2Error

from broker.outgoing.transport import CLOSE_S, CheckedBackend, PooledTransport

__all__ = ["Http2Transport"]

IDLE_S = 5.0  # as long as HTTP/1.1 keeps one
REQUESTS_MAX = 500  # on one connection, one after the other

NOT_UNDERSTOOD = (H2Error, ValueError)  # the latter of a status that is no number

_Origin = tuple[bytes, bytes, int | None]


@dataclass(eq=False, slots=True)
class _Connection:
    origin: _Origin
    transport: PooledTransport  # a pool of one
    requests: int = 0
    stream: httpcore.AsyncNetworkStream | None = None  # once there was an answer
    idle_since: float = 0.0

    @property
    def is_of_use(self) -> bool:
        """Whether it takes one more request: not if the server has closed it, or says that it will.

        Servers close a connection after a thousand requests or so, and httpcore gives a request up
        that is still being answered then.
        """
        if self.stream is None or self.requests >= REQUESTS_MAX:
            return False
        is_open = self.stream.get_extra_info("socket").fileno() >= 0
        return is_open and not self.stream.get_extra_info("is_readable")


class Http2Transport(httpx.AsyncBaseTransport):
    """httpx over connections made by `backend`, of which so many are kept for later requests."""

    def __init__(
        self, backend: CheckedBackend, *, idle_connections_max: int, ssl_context: SSLContext
    ) -> None:
        self._backend = backend
        self._idle_connections_max = idle_connections_max
        self._ssl_context = ssl_context
        self._idle: dict[_Connection, None] = {}  # since longest first
        self._idle_by_origin: dict[_Origin, list[_Connection]] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises: ForbiddenAddress, httpx.TransportError."""
        url = request.url
        connection = await self._take((url.raw_scheme, url.raw_host, url.port))
        connection.requests += 1
        try:
            response = await connection.transport.handle_async_request(request)
        except BaseException as error:
            await _close(connection)
            if isinstance(error, NOT_UNDERSTOOD):
                raise _as_httpx(error) from error
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        connection.stream = response.extensions.get("network_stream")

        async def on_close(is_whole: bool) -> None:
            await (self._give_back(connection) if is_whole else _close(connection))

        response.stream = _Body(response.stream, on_close)
        return response

    async def aclose(self) -> None:
        """Close the connections that no request has."""
        while self._idle:
            connection = next(iter(self._idle))
            self._forget(connection)
            await _close(connection)

    async def _take(self, origin: _Origin) -> _Connection:
        while idle := self._idle_by_origin.get(origin):
            connection = idle[-1]
            self._forget(connection)
            if connection.is_of_use:
                return connection
            await _close(connection)
        transport = PooledTransport(
            self._backend,
            connections_max=1,
            idle_connections_max=1,
            ssl_context=self._ssl_context,
            http2=True,
        )
        return _Connection(origin, transport)

    async def _give_back(self, connection: _Connection) -> None:
        now = connection.idle_since = trio.current_time()
        closing = []
        if connection.is_of_use:
            self._idle[connection] = None
            self._idle_by_origin.setdefault(connection.origin, []).append(connection)
        else:
            closing.append(connection)
        while self._idle:  # others may take or give back while one is closed
            eldest = next(iter(self._idle))
            if now - eldest.idle_since < IDLE_S and len(self._idle) <= self._idle_connections_max:
                break
            self._forget(eldest)
            closing.append(eldest)
        for each in closing:
            await _close(each)

    def _forget(self, connection: _Connection) -> None:
        del self._idle[connection]
        idle = self._idle_by_origin[connection.origin]
        idle.remove(connection)
        if not idle:
            del self._idle_by_origin[connection.origin]


class _Body(httpx.AsyncByteStream):
    """The body of an answer; when it is closed, that is told, and whether it was read whole."""

    def __init__(
        self,
        stream: httpx.AsyncByteStream,
        on_close: Callable[[bool], Coroutine[None, None, None]],
    ) -> None:
        self._stream = stream
        self._on_close = on_close
        self._is_whole = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._stream:
                yield chunk
        except NOT_UNDERSTOOD as error:
            raise _as_httpx(error) from error
        self._is_whole = True

    async def aclose(self) -> None:
        """Give the connection back, or close it."""
        try:
            await self._stream.aclose()
        finally:
            await self._on_close(self._is_whole)


async def _close(connection: _Connection) -> None:
    with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
        await connection.transport.aclose()


def _as_httpx(error: Exception) -> httpx.TransportError:
    return httpx.RemoteProtocolError(f"HTTP/2: {error or type(error).__name__}")
