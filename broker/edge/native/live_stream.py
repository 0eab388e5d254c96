"""one who follows live, over either way: sent what there is until it ends"""

from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec
import trio

from broker.core.limits import STREAM_CLOSE_S, STREAM_DRAIN_S
from broker.edge.native.live_frames import Missed
from broker.edge.native.stream_frames import ended
from broker.runtime.live import Follower
from broker.runtime.stream import LEFT, Ending

T = TypeVar("T")


class Way(Protocol):
    """The way to a client. Nothing of it raises because the client has gone."""

    async def tell(self, document: msgspec.Struct) -> bool:
        """Send one frame; whether all of it was sent."""

    async def keep_open(self) -> None:
        """Send heartbeats until cancelled."""

    async def wait_left(self) -> None:
        """Until the client has gone, or is to go."""

    async def close(self, ending: Ending) -> None:
        """Say that nothing follows."""


async def run_live(
    way: Way,
    follower: Follower[T],
    opened: msgspec.Struct,
    frame: Callable[[list[T]], msgspec.Struct],
) -> None:
    """Send what is followed, in frames, until it ends or the client has gone."""
    await way.tell(opened)
    async with trio.open_nursery() as tasks:
        tasks.start_soon(way.wait_left)
        tasks.start_soon(way.keep_open)
        tasks.start_soon(_hurry, follower, tasks.cancel_scope)
        async for batch in follower:
            if batch.missed:
                await way.tell(Missed(count=batch.missed))
            if batch.events:
                await way.tell(frame(batch.events))
        tasks.cancel_scope.cancel()
    with trio.move_on_after(STREAM_CLOSE_S):
        if follower.ending is not LEFT:
            await way.tell(ended(follower.ending))
        await way.close(follower.ending)


async def _hurry(follower: Follower[T], sending: trio.CancelScope) -> None:
    """When it ends, a client that doesn't read what is left isn't waited for."""
    await follower.wait_ended()
    sending.deadline = trio.current_time() + STREAM_DRAIN_S
