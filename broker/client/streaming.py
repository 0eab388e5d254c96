"""a stream of a queue's messages, without I/O: bytes to batches of messages, requests to bytes"""

from collections import deque
from collections.abc import Iterable
from typing import Any

import httpx
import msgspec
from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    RejectData,
    Request,
)

from broker.client.asking import refusal
from broker.client.errors import BrokerRefused, BrokerUnanswered, StreamEnded
from broker.client.results import StreamMessage, TagError

SUBPROTOCOL = "broker.msgpack"
TAGS_MAX = 1_000  # of one request


class _Opened(msgspec.Struct, tag_field="type", tag="open"):
    stream: str


class _Messages(msgspec.Struct, tag_field="type", tag="messages"):
    messages: list[StreamMessage]


class _Confirmed(msgspec.Struct, tag_field="type", tag="confirmed"):
    frame: int
    errors: list[TagError] = []


class _Refused(msgspec.Struct, tag_field="type", tag="error"):
    status: int
    code: str
    detail: str


class _Ended(msgspec.Struct, tag_field="type", tag="end"):
    code: str
    detail: str


_decode = msgspec.msgpack.Decoder(_Opened | _Messages | _Confirmed | _Refused | _Ended).decode
_encode = msgspec.msgpack.Encoder().encode


class StreamProtocol:
    """One stream. The caller moves bytes: `receive` what came, send what a method returns."""

    def __init__(self, url: httpx.URL) -> None:
        self.opened = False
        self.closed = False  # both sides have said so
        self.batches: deque[list[StreamMessage]] = deque()
        self.errors: list[TagError] = []
        self._outgoing = b""  # to be sent before anything else: answers to pings
        self._failure: Exception | None = None
        self._protocol = WSConnection(ConnectionType.CLIENT)
        self._pieces: list[bytes] = []
        self._frames = self._confirmed = 0
        self._rejected: tuple[int, dict[str, str]] | None = None
        self._rejection = b""
        self._request = Request(
            host=url.netloc.decode(), target=url.raw_path.decode(), subprotocols=[SUBPROTOCOL]
        )

    def handshake(self) -> bytes:
        """The first bytes to send."""
        return self._protocol.send(self._request)

    def receive(self, data: bytes) -> None:
        """Take in what came; b"" for the end of the connection. Raises: BrokerRefused."""
        self._protocol.receive_data(data or None)
        for event in self._protocol.events():
            self._heed(event)

    def _heed(self, event: Event) -> None:
        match event:
            case BytesMessage(data=piece, message_finished=finished):
                self._pieces.append(bytes(piece))
                if finished:
                    data, self._pieces = b"".join(self._pieces), []
                    self._read(data)
            case Ping():
                self._outgoing += self._protocol.send(event.response())
            case CloseConnection(code=code, reason=reason):
                if int(code) == 1006:
                    self._fail(BrokerUnanswered("the connection of a stream broke"))
                elif not self.closed:
                    self._outgoing += self._answer(event)
                    self._fail(StreamEnded(reason or str(int(code)), "The broker closed it."))
                self.closed = True
            case AcceptConnection():
                self.opened = True
            case RejectConnection(status_code=status, headers=headers):
                names = {key.decode().lower(): value.decode("latin-1") for key, value in headers}
                self._rejected = (status, names)
            case RejectData(data=piece, body_finished=finished):
                self._rejection += piece
                if finished and self._rejected is not None:
                    raise refusal(*self._rejected, bytes(self._rejection))

    def _answer(self, closing: CloseConnection) -> bytes:
        """The answer to a close that we didn't ask for."""
        if self._protocol.state is ConnectionState.REMOTE_CLOSING:
            return self._protocol.send(closing.response())
        return b""

    def _read(self, data: bytes) -> None:
        match _decode(data):
            case _Messages(messages=messages):
                self.batches.append(messages)
            case _Confirmed(frame=frame, errors=errors):
                self._confirmed = frame
                self.errors += errors
            case _Refused(status=status, code=code, detail=detail):
                self._fail(BrokerRefused(status, code, detail))
            case _Ended(code=code, detail=detail):
                self._fail(StreamEnded(code, detail))

    def _fail(self, failure: Exception) -> None:
        if self._failure is None:
            self._failure = failure

    @property
    def all_confirmed(self) -> bool:
        """Whether all that was asked for is on disk."""
        return self._confirmed >= self._frames

    def check(self) -> None:
        """Raises: what has ended the stream, if anything has."""
        if self._failure is not None:
            raise self._failure

    def check_open(self) -> None:
        """Raises: what has ended the stream, if nothing can be asked for any more."""
        if self.closed:
            self.check()

    def ask(self, **what: Any) -> bytes:
        """A request's bytes. Raises: what has closed the stream."""
        self.check_open()
        self._frames += 1
        return self.take_outgoing() + self._protocol.send(BytesMessage(_encode(what)))

    def ask_for(self, action: str, messages: Iterable[StreamMessage], **how: Any) -> bytes:
        """The bytes of requests for that to be done with messages, however many they are."""
        tags = [message.tag for message in messages]
        parts = (tags[at : at + TAGS_MAX] for at in range(0, len(tags), TAGS_MAX))
        return b"".join([self.ask(**{action: part}, **how) for part in parts])

    def close(self) -> bytes:
        """The bytes that say goodbye."""
        if self._protocol.state is ConnectionState.OPEN:
            return self.take_outgoing() + self._protocol.send(CloseConnection(1000))
        return self.take_outgoing()

    def take_outgoing(self) -> bytes:
        """What is to be sent now, if anything."""
        data, self._outgoing = self._outgoing, b""
        return data
