"""server-sent events, whatever they tell: documents out as JSON, heartbeats, and the end"""

import contextlib
from collections.abc import Callable

import msgspec
import trio

from broker.core.limits import STREAM_HEARTBEAT_S
from broker.edge.http.channel import Channel
from broker.edge.native.bodies import encode_json
from broker.runtime.stream import Ending

EVENT_STREAM = "text/event-stream"


class ServerSentEvents:
    """The body of one response. `leave` is called when the client has gone."""

    def __init__(self, channel: Channel, leave: Callable[[], None]) -> None:
        self._channel = channel
        self._leave = leave

    async def tell(self, document: msgspec.Struct) -> bool:
        """Send one event, named as the document is tagged; whether all of it was sent."""
        name = str(document.__struct_config__.tag)
        return await self._send(b"event: %b\ndata: %b\n\n" % (name.encode(), encode_json(document)))

    async def keep_open(self) -> None:
        """Send comments until cancelled: proxies forget connections that are quiet."""
        while True:
            await trio.sleep(STREAM_HEARTBEAT_S)
            await self._send(b": still here\n\n")

    async def wait_left(self) -> None:
        """Until the client hangs up."""
        await self._channel.wait_hung_up()
        self._leave()

    async def close(self, ending: Ending) -> None:
        """Say that nothing follows, if anybody is there to hear it; why, an event has told."""
        with contextlib.suppress(OSError):
            await self._channel.finish()

    async def _send(self, data: bytes) -> bool:
        try:
            await self._channel.send(data)
        except OSError:
            self._leave()
            return False
        return True
