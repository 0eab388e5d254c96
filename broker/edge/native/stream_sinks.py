"""the two ways from a queue's stream to its receiver: over WebSocket and as server-sent events

Over a WebSocket the broker answers a client's Close only when all that the client had asked for is
on disk. Server-sent events go one way: their client asks by POST.
"""

from collections.abc import Sequence

import trio

from broker.core.commands import Received
from broker.core.errors import BrokerError
from broker.core.limits import STREAM_CLOSE_S, STREAM_TAGS_MAX
from broker.edge.http.channel import Channel
from broker.edge.native.bodies import decode
from broker.edge.native.operation import JSON, MSGPACK
from broker.edge.native.server_sent_events import ServerSentEvents
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
from broker.edge.native.websocket import Pieces, WebSocket
from broker.runtime.stream import Asked, Ending, Stream


class WebSocketStream:
    """The way to a stream's receiver, which is on the other end of a WebSocket."""

    def __init__(self, channel: Channel, stream: Stream, media_type: str, origin: str) -> None:
        self._socket = WebSocket(channel, media_type, stream.leave)
        self._stream = stream
        self._origin = origin
        self._frame = 0  # of the client, the last that was read
        self._done_frame = 0  # the last up to which all is on disk
        self._told_frame = 0  # the last up to which the client knows it
        self._errors: list[TagError] = []  # of those in between
        self._news = trio.lowlevel.ParkingLot()
        self._untold = trio.lowlevel.ParkingLot()  # who waits until fewer errors are to be told

    async def run(self) -> None:
        """Until the stream has ended and the connection is closed."""
        await self._socket.tell(opened(self._stream))
        async with trio.open_nursery() as tasks:
            tasks.start_soon(self._socket.listen, self._hear, self._wait_turn)
            tasks.start_soon(self._socket.keep_open)
            tasks.start_soon(self._confirm)
            ending = await self._stream.run(self)
            tasks.cancel_scope.cancel()
        with trio.move_on_after(STREAM_CLOSE_S):
            await self._tell_confirmed()
            await self._socket.close(ending)

    async def messages(self, first_tag: int, received: Sequence[Received]) -> bool:
        """See `broker.runtime.stream.Sink`."""
        return await self._socket.tell(to_messages(first_tag, received, self._origin))

    def confirmed(self, asked: Sequence[Asked]) -> None:
        """See `broker.runtime.stream.Sink`."""
        for each in asked:
            if each.frame:  # else it was asked for by POST, and is answered there
                self._done_frame = each.frame
                self._errors += tag_errors(each)
        self._news.unpark()

    async def ended(self, ending: Ending) -> None:
        """See `broker.runtime.stream.Sink`."""
        await self._socket.tell(ended(ending))

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
            if not await self._socket.tell(Confirmed(frame=frame, errors=errors)):
                return
            self._told_frame = frame
            del self._errors[: len(errors)]
            self._untold.unpark_all()

    async def _wait_turn(self) -> None:
        """Until more may be asked for: what waits for its commit, or to be told, is bounded."""
        await self._stream.wait_room()
        while len(self._errors) > STREAM_TAGS_MAX:
            await self._untold.park()

    async def _hear(self, pieces: Pieces) -> None:
        """One frame. What is wrong with it is answered, and changes nothing."""
        self._frame += 1
        data = b"".join(each.encode() if isinstance(each, str) else each for each in pieces)
        media_type = JSON if isinstance(pieces[0], str) else MSGPACK
        try:
            self._stream.ask(to_asked(decode(media_type, StreamRequest, data), self._frame))
        except BrokerError as error:
            await self._socket.tell(refused(self._frame, error))


class EventStream:
    """The way to a stream's receiver, which reads the body of a response."""

    def __init__(self, channel: Channel, stream: Stream, origin: str) -> None:
        self._events = ServerSentEvents(channel, stream.leave)
        self._stream = stream
        self._origin = origin

    async def run(self) -> None:
        """Until the stream has ended."""
        await self._events.tell(opened(self._stream))
        async with trio.open_nursery() as tasks:
            tasks.start_soon(self._events.wait_left)
            tasks.start_soon(self._events.keep_open)
            ending = await self._stream.run(self)
            tasks.cancel_scope.cancel()
        await self._events.close(ending)

    async def messages(self, first_tag: int, received: Sequence[Received]) -> bool:
        """See `broker.runtime.stream.Sink`."""
        return await self._events.tell(to_messages(first_tag, received, self._origin))

    def confirmed(self, asked: Sequence[Asked]) -> None:
        """See `broker.runtime.stream.Sink`. Who asked by POST is answered there."""

    async def ended(self, ending: Ending) -> None:
        """See `broker.runtime.stream.Sink`."""
        await self._events.tell(ended(ending))
