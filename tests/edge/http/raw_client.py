"""an HTTP client that sends any bytes and shows what came back, byte for byte"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from broker.core.limits import CONNECTIONS_MAX
from broker.edge.http.message import Request, Response
from broker.edge.http.server import Server, listen

BODY_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Answer:
    """One response."""

    status: int
    headers: dict[str, str]
    body: bytes


class Hung(Exception):
    """The server closed the connection where an answer was expected."""


class RawClient:
    """One connection."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self._buffer = b""

    async def send(self, data: bytes) -> None:
        """Send as it is."""
        await self.stream.send_all(data)

    async def request(self, data: bytes, *, head: bool = False) -> Answer:
        """Send, and read one answer."""
        await self.send(data)
        return await self.answer(head=head)

    async def answer(self, *, head: bool = False) -> Answer:
        """The next response. Raises: Hung."""
        while b"\r\n\r\n" not in self._buffer:
            await self.read_some()
        raw, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = raw.decode("latin-1").split("\r\n")
        version, status, _ = first.split(" ", 2)
        assert version == "HTTP/1.1"
        headers: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(": ")
            assert colon
            assert name.lower() not in headers, f"{name} came twice"
            headers[name.lower()] = value
        length = 0 if head else int(headers.get("content-length", 0))
        while len(self._buffer) < length:
            await self.read_some()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Answer(int(status), headers, body)

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        while True:
            try:
                await self.read_some()
            except Hung:
                data, self._buffer = self._buffer, b""
                return data

    async def read_some(self) -> None:
        """Take in what has arrived, for a later answer. Raises: Hung."""
        try:
            data = await self.stream.receive_some(1 << 20)
        except trio.BrokenResourceError:
            data = b""
        if not data:
            raise Hung(self._buffer)
        self._buffer += bytes(data)


@dataclass(slots=True)
class Running:
    """A server on a port of its own."""

    server: Server
    port: int
    listening: trio.CancelScope
    requests: list[Request] = field(default_factory=list)

    async def connect(self) -> RawClient:
        """A new connection to it."""
        return RawClient(await trio.open_tcp_stream("127.0.0.1", self.port))

    def drain(self) -> None:
        """What the daemon does at SIGTERM."""
        self.listening.cancel()
        self.server.drain()


async def show(request: Request) -> Response:
    """A handler that answers with what it was asked."""
    line = f"{request.method} {request.target.decode('latin-1')} ".encode()
    return Response(200, line + request.body, "text/plain")


Handler = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def serving(
    handler: Handler = show, *, connections_max: int = CONNECTIONS_MAX
) -> AsyncIterator[Running]:
    """A server with the handler, on loopback; bodies may have 1,000 bytes."""
    listener = listen("127.0.0.1", 0)
    requests: list[Request] = []

    async def handle(request: Request) -> Response:
        requests.append(request)
        return await handler(request)

    server = Server(listener, handle, lambda *_: BODY_LIMIT, connections_max)
    listening = trio.CancelScope()

    async def accept() -> None:
        with listening:
            await server.accept(nursery)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.run)
        nursery.start_soon(accept)
        yield Running(server, listener.getsockname()[1], listening, requests)
        nursery.cancel_scope.cancel()
    listener.close()


def get(path: str = "/", *headers: str) -> bytes:
    """A GET without body."""
    return _head("GET", path, headers)


def post(body: bytes, *headers: str, path: str = "/") -> bytes:
    """A POST with its Content-Length."""
    return _head("POST", path, (f"Content-Length: {len(body)}", *headers)) + body


def chunked(*chunks: bytes, trailers: str = "", headers: tuple[str, ...] = ()) -> bytes:
    """A POST in chunks."""
    coded = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = _head("POST", "/", ("Transfer-Encoding: chunked", *headers))
    return head + coded + b"0\r\n" + trailers.encode() + b"\r\n"


def _head(method: str, path: str, headers: tuple[str, ...]) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
