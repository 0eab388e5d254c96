"""the two streams of a queue's messages: the same methods, blocking and awaited

While a program is busy, only the visibility timeout of what it holds runs on.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

import httpx

from broker.client.connections import AsyncConnection, Connection
from broker.client.results import StreamMessage, TagError

if TYPE_CHECKING:
    from broker.client.streaming import StreamProtocol


class MessageStream(Connection):
    """Batches of a queue's messages, for blocking programs; a context manager and an iterator.

    Leaving it waits until all that was asked for is on disk; what is held then goes back.
    Raises throughout: BrokerRefused, BrokerNotRunning, BrokerUnanswered; StreamEnded, if the broker
    ends the stream.
    """

    _protocol: "StreamProtocol"

    def __init__(self, url: httpx.URL) -> None:
        # Imported late: only streams need it, and every command would wait for it.
        from broker.client.streaming import StreamProtocol

        super().__init__(url, StreamProtocol(url))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[StreamMessage]:
        """The next batch, waiting for it as long as it takes."""
        while not self._protocol.batches:
            self._protocol.check()
            self._receive()
        return self._protocol.batches.popleft()

    def acknowledge(self, messages: Iterable[StreamMessage]) -> None:
        """Have messages deleted. `confirm` waits until they are."""
        self._send(self._protocol.ask_for("ack", messages))

    def extend(self, messages: Iterable[StreamMessage], *, visibility_timeout_s: int) -> None:
        """Have messages stay hidden until so long from now."""
        how = {"visibility_timeout_s": visibility_timeout_s}
        self._send(self._protocol.ask_for("extend", messages, **how))

    def release(self, messages: Iterable[StreamMessage], *, spend_receive: bool = False) -> None:
        """Give messages back, visible at once; `spend_receive` if it counts as an attempt."""
        self._send(self._protocol.ask_for("release", messages, spend_receive=spend_receive))

    def set_credit(self, credit: int) -> None:
        """How many messages may be held from now on."""
        self._send(self._protocol.ask(credit=credit))

    def confirm(self) -> list[TagError]:
        """Wait until all that was asked for is on disk; what of it, by tags, was not done."""
        while not self._protocol.all_confirmed:
            self._protocol.check_open()
            self._receive()
        errors, self._protocol.errors = self._protocol.errors, []
        return errors


class AsyncMessageStream(AsyncConnection):
    """Batches of a queue's messages, on trio or asyncio; an async context manager and iterator.

    Leaving it waits until all that was asked for is on disk; what is held then goes back.
    Cancelled, it is left at once.
    Raises throughout: BrokerRefused, BrokerNotRunning, BrokerUnanswered; StreamEnded, if the broker
    ends the stream.
    """

    _protocol: "StreamProtocol"

    def __init__(self, url: httpx.URL) -> None:
        # Imported late: only streams need it, and every command would wait for it.
        from broker.client.streaming import StreamProtocol

        super().__init__(url, StreamProtocol(url))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[StreamMessage]:
        """The next batch, waiting for it as long as it takes."""
        while not self._protocol.batches:
            self._protocol.check()
            await self._receive()
        return self._protocol.batches.popleft()

    async def acknowledge(self, messages: Iterable[StreamMessage]) -> None:
        """Have messages deleted. `confirm` waits until they are."""
        await self._send(self._protocol.ask_for("ack", messages))

    async def extend(self, messages: Iterable[StreamMessage], *, visibility_timeout_s: int) -> None:
        """Have messages stay hidden until so long from now."""
        how = {"visibility_timeout_s": visibility_timeout_s}
        await self._send(self._protocol.ask_for("extend", messages, **how))

    async def release(
        self, messages: Iterable[StreamMessage], *, spend_receive: bool = False
    ) -> None:
        """Give messages back, visible at once; `spend_receive` if it counts as an attempt."""
        await self._send(self._protocol.ask_for("release", messages, spend_receive=spend_receive))

    async def set_credit(self, credit: int) -> None:
        """How many messages may be held from now on."""
        await self._send(self._protocol.ask(credit=credit))

    async def confirm(self) -> list[TagError]:
        """Wait until all that was asked for is on disk; what of it, by tags, was not done."""
        while not self._protocol.all_confirmed:
            self._protocol.check_open()
            await self._receive()
        errors, self._protocol.errors = self._protocol.errors, []
        return errors
