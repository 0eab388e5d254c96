"""an HTTP endpoint that does what a test tells it, and remembers what it was sent, and when"""

import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import h11
import trio


@dataclass
class Posted:
    """A request as it came."""

    at: float  # on trio's clock
    path: str
    headers: dict[str, str]  # names in lower case, in their order
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    @property
    def kind(self) -> str:
        return self.headers["x-amz-sns-message-type"]


BODY = "x-body"  # among an answer's headers: what its body is to be

Answer = tuple[int, dict[str, str]]
Behaviour = Callable[[Posted], Awaitable[Answer]]


async def accept(_: Posted) -> Answer:
    return 200, {}


def answer(status: int, **headers: str) -> Behaviour:
    async def behaviour(_: Posted) -> Answer:
        return status, {name.replace("_", "-"): value for name, value in headers.items()}

    return behaviour


async def hang(_: Posted) -> Answer:
    await trio.sleep_forever()
    raise AssertionError


def first(*behaviours: Behaviour, then: Behaviour = accept) -> Behaviour:
    """One after the other, a request each."""
    left = list(behaviours)

    async def behaviour(posted: Posted) -> Answer:
        return await (left.pop(0) if left else then)(posted)

    return behaviour


@dataclass
class Receiver:
    """An endpoint on loopback."""

    port: int
    behaviour: Behaviour = accept
    scheme: str = "http"
    posted: list[Posted] = field(default_factory=list)
    slow_body: bool = False  # the head of an answer comes, and no more
    under_way: int = 0
    under_way_most: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    @property
    def notifications(self) -> list[Posted]:
        return [each for each in self.posted if each.kind == "Notification"]

    def times(self, since: float) -> list[float]:
        return [each.at - since for each in self.notifications]

    async def serve(self, stream: trio.abc.Stream) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            while await self._one(connection, stream):
                connection.start_next_cycle()
        except (trio.BrokenResourceError, trio.ClosedResourceError, h11.RemoteProtocolError):
            pass
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await stream.aclose()

    async def _one(self, connection: h11.Connection, stream: trio.abc.Stream) -> bool:
        head: h11.Request | None = None
        body = b""
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive_some(65_536))
            elif isinstance(event, h11.Request):
                head = event
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                break
            else:
                return False
        assert head is not None
        headers = {name.decode(): value.decode() for name, value in head.headers}
        posted = Posted(trio.current_time(), head.target.decode(), headers, body)
        self.posted.append(posted)
        self.under_way += 1
        self.under_way_most = max(self.under_way_most, self.under_way)
        try:
            status, extra = await self.behaviour(posted)
        finally:
            self.under_way -= 1
        extra = dict(extra)
        content = extra.pop(BODY, "ok").encode()
        response = h11.Response(
            status_code=status,
            headers=[*extra.items(), ("Content-Length", str(len(content)))],
        )
        await stream.send_all(connection.send(response) or b"")
        if self.slow_body:
            await trio.sleep_forever()
        await stream.send_all(connection.send(h11.Data(data=content)) or b"")
        await stream.send_all(connection.send(h11.EndOfMessage()) or b"")
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE


@asynccontextmanager
async def open_receiver(
    behaviour: Behaviour = accept, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    """A receiver that listens until the block is left."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    receiver = Receiver(port, behaviour, "https" if tls else "http")

    async def serve(stream: trio.SocketStream) -> None:
        if tls is None:
            await receiver.serve(stream)
            return
        await receiver.serve(trio.SSLStream(stream, tls, server_side=True))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, serve, [listener]))
        yield receiver
        nursery.cancel_scope.cancel()
