"""HTTP connections to addresses that were checked: no second look-up between check and connection

A name is resolved here, its addresses are checked, and the connection goes to one that passed. So
a name that answers differently the second time (DNS rebinding) gains nothing. TLS still verifies
the name. httpx has no public way to give its transport a network backend; hence a transport of our
own, over httpcore's public connection pool.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any

import httpcore
import httpx
import trio

from broker.outgoing.address import Address
from broker.outgoing.resolve import Resolve

__all__ = ["CheckedBackend", "ForbiddenAddress", "PooledTransport"]

CLOSE_S = 1.0  # for a connection to be given back


class ForbiddenAddress(Exception):
    """A host has no address that may be connected to."""


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to those addresses of a host that are permitted, and to no others."""

    def __init__(self, permits: Callable[[Address], bool], resolve: Resolve) -> None:
        self._permits = permits
        self._resolve = resolve
        self._backend = httpcore.TrioBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """A connection to the first permitted address that accepts one.

        Raises: ForbiddenAddress, httpcore.ConnectError, httpcore.ConnectTimeout.
        """
        addresses = await self._addresses(host, timeout)
        permitted = [address for address in addresses if self._permits(address)]
        if addresses and not permitted:
            raise ForbiddenAddress(f"{host} has no address that may be connected to")
        failure = httpcore.ConnectError(f"{host} has no address")
        for address in permitted:
            try:
                return _Stream(
                    await self._backend.connect_tcp(
                        str(address), port, timeout, local_address, socket_options
                    )
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = httpcore.ConnectError(f"{type(error).__name__} at {address}: {error}")
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refused: no URL leads to a socket file."""
        raise ForbiddenAddress("a socket file is no address that may be connected to")

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await trio.sleep(seconds)

    async def _addresses(self, host: str, timeout_s: float | None) -> Sequence[Address]:
        try:
            with trio.fail_after(float("inf") if timeout_s is None else timeout_s):
                return await self._resolve(host)
        except trio.TooSlowError:
            raise httpcore.ConnectTimeout(f"looking up {host} took too long") from None
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"looking up {host}: {error}") from error


class _Stream(httpcore.AsyncNetworkStream):
    """Is closed if it is given up in the middle of a handshake, which httpcore forgets."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        # Called for every chunk: without one more step in between.
        self.read = stream.read  # type: ignore[method-assign]
        self.write = stream.write  # type: ignore[method-assign]
        self.aclose = stream.aclose  # type: ignore[method-assign]

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
                await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class PooledTransport(httpx.AsyncBaseTransport):
    """httpx over a bounded pool of connections made by `backend`."""

    def __init__(
        self,
        backend: httpcore.AsyncNetworkBackend,
        *,
        connections_max: int,
        idle_connections_max: int,
        ssl_context: ssl.SSLContext,
        http2: bool = False,
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=connections_max,
            max_keepalive_connections=idle_connections_max,
            keepalive_expiry=5.0,
            network_backend=backend,
            http2=http2,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises: ForbiddenAddress, httpx.TransportError."""
        assert isinstance(request.stream, httpx.AsyncByteStream)
        url = request.url
        try:
            response = await self._pool.handle_async_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=url.raw_scheme,
                        host=url.raw_host,
                        port=url.port,
                        target=url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        except TRANSPORT_ERRORS as error:
            raise _as_httpx(error) from error
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=PooledStream(response),
            extensions=response.extensions,
        )

    async def ask(
        self, request: httpx.Request, answer_bytes_max: int
    ) -> tuple[httpx.Response, bytes]:
        """One request without redirects; of the answer's body, no more than so much is read.

        Raises: ForbiddenAddress, httpx.TransportError.
        """
        response = await self.handle_async_request(request)
        body = b""
        try:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > answer_bytes_max:
                    break
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
                await response.aclose()
        return response, body

    async def aclose(self) -> None:
        """Close all connections."""
        await self._pool.aclose()


class PooledStream(httpx.AsyncByteStream):
    """The body of a response; the connection goes back to the pool when it is closed."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._response.aiter_stream():
                yield chunk
        except TRANSPORT_ERRORS as error:
            raise _as_httpx(error) from error

    async def aclose(self) -> None:
        """Give the connection back."""
        await self._response.aclose()


TRANSPORT_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    ssl.SSLError,
)


def _as_httpx(error: Exception) -> httpx.TransportError:
    # What TLS has to say arrives within trio's error without a message, that within httpcore's.
    reason: BaseException | None = error
    while reason is not None and not str(reason):
        within = reason.args[0] if reason.args else None
        reason = within if isinstance(within, BaseException) else reason.__cause__
    return httpx.TransportError(str(reason or type(error).__name__))
