"""what is followed of a topic or an event bus, without I/O: bytes to batches of events"""

from collections import deque
from typing import Any, Generic, TypeVar

import httpx
import msgspec

from broker.client.errors import StreamEnded
from broker.client.results import LiveBatch
from broker.client.websocket import WebSocketProtocol

T = TypeVar("T")


class _Opened(msgspec.Struct, tag_field="type", tag="open"):
    pass


class _Events(msgspec.Struct, tag_field="type", tag="events"):
    events: msgspec.Raw


class _Missed(msgspec.Struct, tag_field="type", tag="missed"):
    count: int


class _Ended(msgspec.Struct, tag_field="type", tag="end"):
    code: str
    detail: str


_decode = msgspec.json.Decoder(_Opened | _Events | _Missed | _Ended).decode


class LiveProtocol(WebSocketProtocol, Generic[T]):
    """One who follows. In JSON: msgpack has no integers as large as events may hold."""

    all_confirmed = True  # nothing is asked for

    def __init__(self, url: httpx.URL, kind: Any) -> None:
        super().__init__(url, "broker.json")
        self.batches: deque[LiveBatch[T]] = deque()
        self._events: msgspec.json.Decoder[list[T]] = msgspec.json.Decoder(list[kind])

    def read(self, data: bytes) -> None:
        """Take in one frame."""
        match _decode(data):
            case _Events(events=events):
                self.batches.append(LiveBatch(0, self._events.decode(events)))
            case _Missed(count=count):
                self.batches.append(LiveBatch(count, []))
            case _Ended(code=code, detail=detail):
                self.fail(StreamEnded(code, detail))
