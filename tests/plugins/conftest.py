"""A small HTTP server on loopback, which answers as a test tells it to."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import h11
import pytest
import trio


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Response:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class HttpServer:
    """Answers with `response`, or with what `handler` says if there is one."""

    port: int = 0
    response: Response = field(default_factory=Response)
    handler: Handler | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0
    answering: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def wait_requests(self, count: int) -> None:
        with trio.fail_after(30):
            while len(self.requests) < count:  # noqa: ASYNC110
                await trio.sleep(0.01)

    async def wait_disconnected(self) -> None:
        with trio.fail_after(30):
            while self.open_connections:  # noqa: ASYNC110
                await trio.sleep(0.01)

    async def wait_idle(self) -> None:
        with trio.fail_after(30):
            while self.answering:  # noqa: ASYNC110
                await trio.sleep(0.01)

    async def serve(self, stream: trio.SocketStream) -> None:
        self.connections += 1
        self.open_connections += 1
        try:
            async with stream:
                await self._talk(stream)
        except (trio.BrokenResourceError, h11.RemoteProtocolError):
            pass  # the client has gone
        finally:
            self.open_connections -= 1

    async def _talk(self, stream: trio.SocketStream) -> None:
        connection = h11.Connection(h11.SERVER)
        while (request := await self._receive(connection, stream)) is not None:
            self.requests.append(request)
            response = await self._answer(request, stream)
            if response is None:
                return
            headers = {"Content-Length": str(len(response.body)), **response.headers}
            for event in (
                h11.Response(status_code=response.status, headers=list(headers.items())),
                h11.Data(response.body),
                h11.EndOfMessage(),
            ):
                await stream.send_all(connection.send(event) or b"")
            if connection.our_state is h11.MUST_CLOSE:
                return
            connection.start_next_cycle()

    async def _answer(self, request: Request, stream: trio.SocketStream) -> Response | None:
        """None if the client has gone before there was an answer."""
        if self.handler is None:
            return self.response
        response: Response | None = None
        self.answering += 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_disconnect, stream, nursery.cancel_scope)
            response = await self.handler(request)
            nursery.cancel_scope.cancel()
        self.answering -= 1
        return response

    async def _watch_disconnect(self, stream: trio.SocketStream, scope: trio.CancelScope) -> None:
        await trio.lowlevel.wait_readable(stream.socket)
        scope.cancel()

    async def _receive(
        self, connection: h11.Connection, stream: trio.SocketStream
    ) -> Request | None:
        head: h11.Request | None = None
        body = b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some(65_536))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                assert head is not None
                headers = {name.decode(): value.decode() for name, value in head.headers}
                return Request(head.method.decode(), head.target.decode(), headers, body)
            else:
                return None


@asynccontextmanager
async def serving() -> AsyncIterator[HttpServer]:
    server = HttpServer()
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, server.serve, 0, host="127.0.0.1"))
        server.port = listeners[0].socket.getsockname()[1]
        yield server
        nursery.cancel_scope.cancel()


@pytest.fixture
async def http_server() -> AsyncIterator[HttpServer]:
    async with serving() as server:
        yield server
