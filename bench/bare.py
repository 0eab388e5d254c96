"""servers that only parse and answer: the ceiling of any HTTP daemon on httptools and trio

`python -m bench.bare lean|edge` prints its port and serves until killed. `lean` is written for
this alone: it collects headers and body, as any server must, and sends bytes made in advance.
`edge` is the broker's own connection with a handler that does nothing. The faster one counts, so
that slowness of our own doesn't lower the bar.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httptools
import trio

from broker.bench.address import Address
from broker.edge.http.message import Request, Response
from broker.edge.http.server import Server, listen

_BODY = (
    b'{"MD5OfMessageBody":"5d41402abc4b2a76b9719d911017c592",'
    b'"MessageId":"0b1f2d5c-8a5e-4a5e-9d55-3f1a7f0c9f11"}'
)
_REQUEST_ID = ("x-amzn-RequestId", "0b1f2d5c-8a5e-4a5e-9d55-3f1a7f0c9f11")
_RESPONSE = Response(200, _BODY, "application/x-amz-json-1.0", (_REQUEST_ID,))


class _Lean:
    """One connection's parser; what it has parsed is in `target`, `headers` and `body`."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.complete = 0
        self.on_message_begin()

    def on_message_begin(self) -> None:
        self.target = self.body = b""
        self.headers: dict[bytes, bytes] = {}

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name] = value

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete += 1


async def _serve_lean(client: "trio.socket.SocketType") -> None:
    state = _Lean()
    raw = os.dup(client.fileno())
    client.close()
    encoded = _RESPONSE.encode("Date: Fri, 02 Jan 2026 03:04:05 GMT\r\n", keep_alive=True)
    try:
        while True:
            await trio.lowlevel.wait_readable(raw)
            data = os.read(raw, 1 << 16)
            if not data:
                return
            state.parser.feed_data(data)
            if state.complete:
                answers, state.complete = state.complete, 0
                os.write(raw, encoded * answers)
    except ConnectionError:
        return
    finally:
        trio.lowlevel.notify_closing(raw)
        os.close(raw)


async def _lean() -> None:
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    server = trio.socket.from_stdlib_socket(listener)
    async with trio.open_nursery() as nursery:
        while True:
            client, _ = await server.accept()
            client.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
            nursery.start_soon(_serve_lean, client)


async def _handle(request: Request) -> Response:
    return _RESPONSE


async def _edge() -> None:
    listener = listen("127.0.0.1", 0)
    print(listener.getsockname()[1], flush=True)
    server = Server(listener, _handle, lambda method, target, headers: 1 << 20)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(server.run)
        nursery.start_soon(server.accept, nursery)


SERVERS = {"lean": _lean, "edge": _edge}


@contextmanager
def bare_server(kind: str) -> Iterator[Address]:
    """Such a server's address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.bare", kind],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Address("127.0.0.1", int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


if __name__ == "__main__":
    trio.run(SERVERS[sys.argv[1]])
