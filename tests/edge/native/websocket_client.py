"""A WebSocket client, by wsproto's own client side, that sends any frame and shows what came."""

import json
from typing import Any

import msgpack
import trio
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)


class Rejected(Exception):
    """The handshake was refused."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status = status
        self.body = body

    @property
    def problem(self) -> Any:
        return json.loads(self.body)


class WebSocketClient:
    """One connection. Frames are read in order; pings are counted, and answered."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        self.protocol = WSConnection(ConnectionType.CLIENT)
        self.subprotocol: str | None = None
        self.pings = 0
        self.binary = False  # the last frame that came
        self._events: list[Event] = []
        self._pieces: list[Any] = []

    @classmethod
    async def open(
        cls, port: int, target: str, subprotocols: tuple[str, ...] = (), **headers: str
    ) -> "WebSocketClient":
        """Raises: Rejected."""
        client = cls(await trio.open_tcp_stream("127.0.0.1", port))
        extra = [(name.encode(), value.encode()) for name, value in headers.items()]
        host = headers.pop("host", "localhost")
        request = Request(
            host=host,
            target=target,
            subprotocols=list(subprotocols),
            extra_headers=[each for each in extra if each[0] != b"host"],
        )
        await client.send_event(request)
        body = b""
        while True:
            match await client.event():
                case AcceptConnection(subprotocol=subprotocol):
                    client.subprotocol = subprotocol
                    return client
                case RejectConnection(status_code=status):
                    pass
                case RejectData(data=data, body_finished=finished):
                    body += data
                    if finished:
                        raise Rejected(status, bytes(body))

    async def send_event(self, event: Event) -> None:
        await self.stream.send_all(self.protocol.send(event))

    async def ask(self, **what: Any) -> None:
        """One frame in JSON."""
        await self.send_event(TextMessage(json.dumps(what)))

    async def ask_packed(self, **what: Any) -> None:
        """One frame in msgpack."""
        await self.send_event(BytesMessage(msgpack.packb(what)))

    async def event(self) -> Event:
        """What came next."""
        while not self._events:
            try:
                data = await self.stream.receive_some(1 << 20)
            except trio.BrokenResourceError:
                data = b""
            self.protocol.receive_data(bytes(data) or None)
            self._events.extend(self.protocol.events())
        return self._events.pop(0)

    async def frame(self) -> Any:
        """The next frame, decoded; the closing code, if that is what comes."""
        while True:
            match await self.event():
                case Message() as message:
                    self._pieces.append(message.data)
                    if not message.message_finished:
                        continue
                    pieces, self._pieces = self._pieces, []
                    self.binary = not isinstance(pieces[0], str)
                    if self.binary:
                        return msgpack.unpackb(b"".join(pieces))
                    return json.loads("".join(pieces))
                case Ping() as ping:
                    self.pings += 1
                    await self.send_event(ping.response())
                case CloseConnection(code=code):
                    return int(code)

    async def bodies(self, count: int) -> dict[int, str]:
        """So many messages, by their tags."""
        found: dict[int, str] = {}
        while len(found) < count:
            frame = await self.frame()
            assert frame["type"] == "messages", frame
            found.update({each["tag"]: each["body"] for each in frame["messages"]})
        return found
