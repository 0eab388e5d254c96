"""following a topic or an event bus: batches of events, blocking and awaited"""

from typing import TYPE_CHECKING, Generic, Self, TypeVar

import httpx

from broker.client.connections import AsyncConnection, Connection
from broker.client.results import LiveBatch

if TYPE_CHECKING:
    from broker.client.live import LiveProtocol

T = TypeVar("T")


class Following(Connection, Generic[T]):
    """Batches of what is followed, for blocking programs; a context manager and an iterator.

    It begins when the block is entered: what is published from then on comes, or is counted as
    missed. There is nothing to acknowledge, and nobody waits for a program that is busy.
    Raises throughout: BrokerRefused, BrokerNotRunning, BrokerUnanswered; StreamEnded, if the broker
    ends it.
    """

    _protocol: "LiveProtocol[T]"

    def __init__(self, url: httpx.URL, kind: type[T]) -> None:
        # Imported late: only streams need it, and every command would wait for it.
        from broker.client.live import LiveProtocol

        super().__init__(url, LiveProtocol(url, kind))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> LiveBatch[T]:
        """The next batch, waiting for it as long as it takes."""
        while not self._protocol.batches:
            self._protocol.check()
            self._receive()
        return self._protocol.batches.popleft()


class AsyncFollowing(AsyncConnection, Generic[T]):
    """Batches of what is followed, on trio or asyncio; an async context manager and iterator.

    As `Following`. Cancelled, it is left at once.
    """

    _protocol: "LiveProtocol[T]"

    def __init__(self, url: httpx.URL, kind: type[T]) -> None:
        # Imported late: only streams need it, and every command would wait for it.
        from broker.client.live import LiveProtocol

        super().__init__(url, LiveProtocol(url, kind))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LiveBatch[T]:
        """The next batch, waiting for it as long as it takes."""
        while not self._protocol.batches:
            self._protocol.check()
            await self._receive()
        return self._protocol.batches.popleft()
