"""a WebSocket, whatever goes over it: handshake, documents out, frames in, heartbeats, close"""

import base64
import binascii
import contextlib
from collections.abc import Awaitable, Callable

import msgspec
import trio
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    TextMessage,
)
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import generate_accept_token

from broker.core.limits import STREAM_HEARTBEAT_S, STREAM_REQUEST_BYTES_MAX
from broker.edge.http.channel import Channel
from broker.edge.http.message import Request, Response
from broker.edge.native.bodies import encode_json, to_msgpack
from broker.edge.native.errors import MalformedRequest
from broker.edge.native.operation import JSON, MSGPACK
from broker.runtime.live import EVENT_BUS_DELETED, TOPIC_DELETED
from broker.runtime.stream import QUEUE_DELETED, SHUTTING_DOWN, STORE_UNAVAILABLE, Ending

SUBPROTOCOLS = {"broker.json": JSON, "broker.msgpack": MSGPACK}
# Taken in at once: it may be hundreds of frames, during which nobody else gets a turn.
PIECE_BYTES = 1 << 10
DELETED_CODE = 4404  # in the range that RFC 6455 leaves to applications
_CLOSE_CODES = {
    SHUTTING_DOWN.code: CloseReason.GOING_AWAY,
    QUEUE_DELETED.code: DELETED_CODE,
    TOPIC_DELETED.code: DELETED_CODE,
    EVENT_BUS_DELETED.code: DELETED_CODE,
    STORE_UNAVAILABLE.code: CloseReason.INTERNAL_ERROR,
}
_GONE = CloseConnection(CloseReason.ABNORMAL_CLOSURE)  # nobody is there to be told

Pieces = list[bytes | bytearray | str]  # of one message, all of them text or all binary


def handshake(request: Request, media_type: str | None) -> tuple[Response, str]:
    """The answer that switches to WebSocket, without a takeover as yet, and the frames' media type.

    `media_type` is what the query asks for, None if it doesn't. Raises: MalformedRequest.
    """
    headers = request.headers
    if headers.get("sec-websocket-version") != "13":
        raise MalformedRequest("The header Sec-WebSocket-Version must be 13.")
    key = headers.get("sec-websocket-key", "")
    try:
        nonce = base64.b64decode(key, validate=True)
    except (binascii.Error, ValueError):
        nonce = b""
    if len(nonce) != 16:
        raise MalformedRequest("The header Sec-WebSocket-Key must be 16 bytes in base64.")
    answer = [
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", generate_accept_token(key.encode()).decode()),
    ]
    offered = [each.strip() for each in headers.get("sec-websocket-protocol", "").split(",")]
    if offered != [""]:
        known = [
            each
            for each in offered
            if each in SUBPROTOCOLS and media_type in (None, SUBPROTOCOLS[each])
        ]
        if not known:
            raise MalformedRequest(
                f"None of the subprotocols {', '.join(offered)} can be had; there are "
                f"{' and '.join(SUBPROTOCOLS)}, which must agree with the parameter format."
            )
        answer.append(("Sec-WebSocket-Protocol", known[0]))
        media_type = SUBPROTOCOLS[known[0]]
    return Response(101, headers=answer), media_type or JSON


class WebSocket:
    """One connection. `leave` is called when the client has gone, or is to go."""

    def __init__(self, channel: Channel, media_type: str, leave: Callable[[], None]) -> None:
        self._channel = channel
        self._packed = media_type == MSGPACK
        self._leave = leave
        self._protocol = Connection(ConnectionType.SERVER)
        self._closing: CloseConnection | None = None  # what to say at the end, if it's settled

    async def tell(self, document: msgspec.Struct) -> bool:
        """Send one frame; whether all of it was sent."""
        message: TextMessage | BytesMessage
        if self._packed:
            message = BytesMessage(to_msgpack(document))
        else:
            message = TextMessage(encode_json(document).decode())
        return await self._send(message)

    async def keep_open(self) -> None:
        """Send heartbeats until cancelled: proxies and firewalls forget quiet connections.

        Nobody waits for the answers. A client may be busy for long; that its machine is there, the
        kernel's own acknowledgements tell.
        """
        while True:
            await trio.sleep(STREAM_HEARTBEAT_S)
            await self._send(Ping())

    async def listen(
        self,
        hear: Callable[[Pieces], Awaitable[None]],
        wait_turn: Callable[[], Awaitable[None]],
    ) -> None:
        """Hear the client's messages until it closes, vanishes, or sends what can't be taken.

        Before each piece that is taken in, `wait_turn` may slow the client down.
        """
        pieces: Pieces = []
        size = 0
        data = b""
        while self._closing is None:
            await wait_turn()
            if data:
                await trio.lowlevel.checkpoint()
            else:
                with contextlib.suppress(OSError):
                    data = await self._channel.receive()
            if not data:
                self._closing = _GONE
                break
            self._protocol.receive_data(data[:PIECE_BYTES])
            data = data[PIECE_BYTES:]
            for event in self._protocol.events():
                if isinstance(event, Message):
                    size += len(event.data)
                    if size > STREAM_REQUEST_BYTES_MAX:
                        text = f"a frame may have at most {STREAM_REQUEST_BYTES_MAX} bytes"
                        self._closing = CloseConnection(CloseReason.MESSAGE_TOO_BIG, text)
                        break
                    if event.data or not pieces:  # there may be empty ones without end
                        pieces.append(event.data)
                    if event.message_finished:
                        await hear(pieces)
                        pieces, size = [], 0
                        if self._closing is not None:
                            break
                elif isinstance(event, Ping):
                    await self._send(event.response())
                elif isinstance(event, CloseConnection):
                    self._closing = event.response()
                    break
        self._leave()

    async def wait_left(self) -> None:
        """Until the client closes or vanishes, of one that has nothing to say: frames end it."""
        await self.listen(self._refuse, trio.lowlevel.checkpoint)

    async def _refuse(self, _: Pieces) -> None:
        text = "nothing can be asked for on this stream"
        self._closing = CloseConnection(CloseReason.POLICY_VIOLATION, text)

    async def close(self, ending: Ending) -> None:
        """Say why it ends, and wait for the client to hang up: else it might never read it."""
        closing = self._closing or CloseConnection(_CLOSE_CODES[ending.code], ending.code)
        if closing is _GONE:
            return
        try:
            await self._channel.send(self._protocol.send(closing))
            while data := await self._channel.receive():
                if self._protocol.state is ConnectionState.CLOSED:
                    continue  # it has said goodbye: what else it sends is nobody's business
                self._protocol.receive_data(data)
                for event in self._protocol.events():
                    if isinstance(event, CloseConnection):
                        return
        except OSError:
            return

    async def _send(self, event: Event) -> bool:
        if self._protocol.state is not ConnectionState.OPEN:
            return False
        try:
            await self._channel.send(self._protocol.send(event))
        except OSError:
            self._closing = self._closing or _GONE
            self._leave()
            return False
        return True
