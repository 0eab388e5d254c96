"""a stream over WebSocket: frames both ways, as JSON in text or msgpack in binary

The broker answers a client's Close only when all that the client had asked for is on disk.
"""

import base64
import binascii
import contextlib
from collections.abc import Sequence

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

from broker.core.commands import Received
from broker.core.errors import BrokerError
from broker.core.limits import (
    STREAM_CLOSE_S,
    STREAM_HEARTBEAT_S,
    STREAM_REQUEST_BYTES_MAX,
    STREAM_TAGS_MAX,
)
from broker.edge.http.channel import Channel
from broker.edge.http.message import Request, Response
from broker.edge.native.bodies import decode, encode_json, encode_msgpack
from broker.edge.native.errors import MalformedRequest
from broker.edge.native.operation import JSON, MSGPACK
from broker.edge.native.stream_frames import (
    Confirmed,
    StreamRequest,
    TagError,
    ended,
    opened,
    refused,
    tag_errors,
    to_asked,
    to_messages,
)
from broker.runtime.stream import (
    QUEUE_DELETED,
    SHUTTING_DOWN,
    STORE_UNAVAILABLE,
    Asked,
    Ending,
    Stream,
)

SUBPROTOCOLS = {"broker.json": JSON, "broker.msgpack": MSGPACK}
# Taken in at once: it may be hundreds of frames, during which nobody else gets a turn.
PIECE_BYTES = 1 << 10
QUEUE_DELETED_CODE = 4404  # in the range that RFC 6455 leaves to applications
_CLOSE_CODES = {
    SHUTTING_DOWN: CloseReason.GOING_AWAY,
    QUEUE_DELETED: QUEUE_DELETED_CODE,
    STORE_UNAVAILABLE: CloseReason.INTERNAL_ERROR,
}
_GONE = CloseConnection(CloseReason.ABNORMAL_CLOSURE)  # nobody is there to be told


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


class WebSocketStream:
    """The way to a stream's receiver, which is on the other end of a WebSocket."""

    def __init__(self, channel: Channel, stream: Stream, media_type: str, origin: str) -> None:
        self._channel = channel
        self._stream = stream
        self._packed = media_type == MSGPACK
        self._origin = origin
        self._protocol = Connection(ConnectionType.SERVER)
        self._frame = 0  # of the client, the last that was read
        self._done_frame = 0  # the last up to which all is on disk
        self._told_frame = 0  # the last up to which the client knows it
        self._errors: list[TagError] = []  # of those in between
        self._news = trio.lowlevel.ParkingLot()
        self._untold = trio.lowlevel.ParkingLot()  # who waits until fewer errors are to be told
        self._closing: CloseConnection | None = None  # what to say at the end, if it's settled

    async def run(self) -> None:
        """Until the stream has ended and the connection is closed."""
        await self._tell(opened(self._stream))
        async with trio.open_nursery() as tasks:
            tasks.start_soon(self._read)
            tasks.start_soon(self._beat)
            tasks.start_soon(self._confirm)
            ending = await self._stream.run(self)
            tasks.cancel_scope.cancel()
        if self._closing is None:
            self._closing = CloseConnection(_CLOSE_CODES[ending], ending.code)
        with trio.move_on_after(STREAM_CLOSE_S):
            await self._tell_confirmed()
            await self._close(self._closing)

    # What the stream sends

    async def messages(self, first_tag: int, received: Sequence[Received]) -> bool:
        """See `broker.runtime.stream.Sink`."""
        return await self._tell(to_messages(first_tag, received, self._origin))

    def confirmed(self, asked: Sequence[Asked]) -> None:
        """See `broker.runtime.stream.Sink`."""
        for each in asked:
            if each.frame:  # else it was asked for by POST, and is answered there
                self._done_frame = each.frame
                self._errors += tag_errors(each)
        self._news.unpark()

    async def _confirm(self) -> None:
        """Tell what is done, all of it at once that was done meanwhile.

        In a task of its own: a client that doesn't read may still acknowledge. Else one that sends
        first and reads then would wait for us, and we for it.
        """
        while True:
            await self._tell_confirmed()
            await self._news.park()

    async def _tell_confirmed(self) -> None:
        while self._told_frame < self._done_frame:
            frame, errors = self._done_frame, self._errors[:]
            if not await self._tell(Confirmed(frame=frame, errors=errors)):
                return
            self._told_frame = frame
            del self._errors[: len(errors)]
            self._untold.unpark_all()

    async def ended(self, ending: Ending) -> None:
        """See `broker.runtime.stream.Sink`."""
        await self._tell(ended(ending))

    async def _tell(self, document: msgspec.Struct) -> bool:
        message: TextMessage | BytesMessage
        if self._packed:
            message = BytesMessage(encode_msgpack(document))
        else:
            message = TextMessage(encode_json(document).decode())
        return await self._send(message)

    async def _send(self, event: Event) -> bool:
        if self._protocol.state is not ConnectionState.OPEN:
            return False
        try:
            await self._channel.send(self._protocol.send(event))
        except OSError:
            self._closing = self._closing or _GONE
            self._stream.leave()
            return False
        return True

    async def _beat(self) -> None:
        """Keep the way open: proxies and firewalls forget connections that are quiet.

        Nobody waits for the answers. A client may be busy for long; that its machine is there, the
        kernel's own acknowledgements tell.
        """
        while True:
            await trio.sleep(STREAM_HEARTBEAT_S)
            await self._send(Ping())

    # What the client sends

    async def _read(self) -> None:
        pieces: list[bytes | bytearray | str] = []
        size = 0
        data = b""
        while self._closing is None:
            await self._stream.wait_room()
            while len(self._errors) > STREAM_TAGS_MAX:
                await self._untold.park()
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
                        await self._hear(pieces)
                        pieces, size = [], 0
                elif isinstance(event, Ping):
                    await self._send(event.response())
                elif isinstance(event, CloseConnection):
                    self._closing = event.response()
                    break
        self._stream.leave()

    async def _hear(self, pieces: list[bytes | bytearray | str]) -> None:
        """One frame. What is wrong with it is answered, and changes nothing."""
        self._frame += 1
        data = b"".join(each.encode() if isinstance(each, str) else each for each in pieces)
        media_type = JSON if isinstance(pieces[0], str) else MSGPACK
        try:
            self._stream.ask(to_asked(decode(media_type, StreamRequest, data), self._frame))
        except BrokerError as error:
            await self._tell(refused(self._frame, error))

    # The end

    async def _close(self, closing: CloseConnection) -> None:
        """Say why, and wait for the client to hang up: else it might never read it."""
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
