"""a stream of a queue's messages, without I/O: bytes to batches of messages, requests to bytes"""

from collections import deque
from collections.abc import Iterable
from typing import Any

import httpx
import msgspec
from wsproto.events import BytesMessage

from broker.client.errors import BrokerRefused, StreamEnded
from broker.client.results import StreamMessage, TagError
from broker.client.websocket import WebSocketProtocol

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


class StreamProtocol(WebSocketProtocol):
    """One stream."""

    def __init__(self, url: httpx.URL) -> None:
        super().__init__(url, "broker.msgpack")
        self.batches: deque[list[StreamMessage]] = deque()
        self.errors: list[TagError] = []
        self._frames = self._confirmed = 0

    def read(self, data: bytes) -> None:
        """Take in one frame."""
        match _decode(data):
            case _Messages(messages=messages):
                self.batches.append(messages)
            case _Confirmed(frame=frame, errors=errors):
                self._confirmed = frame
                self.errors += errors
            case _Refused(status=status, code=code, detail=detail):
                self.fail(BrokerRefused(status, code, detail))
            case _Ended(code=code, detail=detail):
                self.fail(StreamEnded(code, detail))

    @property
    def all_confirmed(self) -> bool:
        """Whether all that was asked for is on disk."""
        return self._confirmed >= self._frames

    def ask(self, **what: Any) -> bytes:
        """A request's bytes. Raises: what has closed the stream."""
        data = self.send(BytesMessage(_encode(what)))
        self._frames += 1
        return data

    def ask_for(self, action: str, messages: Iterable[StreamMessage], **how: Any) -> bytes:
        """The bytes of requests for that to be done with messages, however many they are."""
        tags = [message.tag for message in messages]
        parts = (tags[at : at + TAGS_MAX] for at in range(0, len(tags), TAGS_MAX))
        return b"".join([self.ask(**{action: part}, **how) for part in parts])
