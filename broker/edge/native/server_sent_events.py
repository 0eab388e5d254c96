"""a stream as server-sent events: frames one way, as JSON; the client asks by POST"""

from collections.abc import Sequence

import msgspec
import trio

from broker.core.commands import Received
from broker.core.limits import STREAM_HEARTBEAT_S
from broker.edge.http.channel import Channel
from broker.edge.native.bodies import encode_json
from broker.edge.native.stream_frames import ended, opened, to_messages
from broker.runtime.stream import Asked, Ending, Stream

EVENT_STREAM = "text/event-stream"


class EventStream:
    """The way to a stream's receiver, which reads the body of a response."""

    def __init__(self, channel: Channel, stream: Stream, origin: str) -> None:
        self._channel = channel
        self._stream = stream
        self._origin = origin

    async def run(self) -> None:
        """Until the stream has ended."""
        await self._tell("open", opened(self._stream))
        async with trio.open_nursery() as tasks:
            tasks.start_soon(self._wait_hung_up)
            tasks.start_soon(self._beat)
            await self._stream.run(self)
            tasks.cancel_scope.cancel()
        await self._channel.finish()

    async def messages(self, first_tag: int, received: Sequence[Received]) -> bool:
        """See `broker.runtime.stream.Sink`."""
        return await self._tell("messages", to_messages(first_tag, received, self._origin))

    def confirmed(self, asked: Sequence[Asked]) -> None:
        """See `broker.runtime.stream.Sink`. Who asked by POST is answered there."""

    async def ended(self, ending: Ending) -> None:
        """See `broker.runtime.stream.Sink`."""
        await self._tell("end", ended(ending))

    async def _tell(self, event: str, document: msgspec.Struct) -> bool:
        return await self._send(
            b"event: %b\ndata: %b\n\n" % (event.encode(), encode_json(document))
        )

    async def _send(self, data: bytes) -> bool:
        try:
            await self._channel.send(data)
        except OSError:
            self._stream.leave()
            return False
        return True

    async def _beat(self) -> None:
        """Comments, which keep the way open: proxies forget connections that are quiet."""
        while True:
            await trio.sleep(STREAM_HEARTBEAT_S)
            await self._send(b": still here\n\n")

    async def _wait_hung_up(self) -> None:
        await self._channel.wait_hung_up()
        self._stream.leave()
