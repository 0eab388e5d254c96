"""one receiver's stream of a queue's messages: sent in batches as they come, within its credit

Each message gets a tag, a number that counts up from 1 in its stream; the receiver settles messages
by their tags, and the stream knows the receipt handles. A tag is *held* from when its message is
received until it is acknowledged or released. Credit is how many may be held at once, so a receiver
that doesn't settle, or doesn't read, is sent no more; that bounds what a stream keeps in memory, as
does the size of a batch, of which there is one at a time.

Two tasks work for a stream. One receives and sends. The other carries out what the receiver asks
for: all that gathered while the last commit was under way goes into the next one, so it doesn't
matter whether a receiver acknowledges messages one by one or by the thousand.

When a stream ends, however that comes about:

- what its receiver has asked for is still carried out;
- messages that were not sent in full go back as if they had never been received;
- messages that were sent go back too, at once, but their receive counts: they may have been
  processed, and one that kills its receiver must find its way to the dead-letter queue.
"""

import logging
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import trio

from broker.core.commands import (
    Received,
    VisibilityChange,
)
from broker.core.errors import BrokerError, OverLimit, QueueDoesNotExist, StoreUnavailable
from broker.core.limits import (
    COMMIT_ENTRIES_MAX,
    STREAM_DRAIN_S,
    STREAM_FRAME_BYTES,
    STREAM_REQUESTS_MAX,
)
from broker.core.names import Namespace
from broker.runtime.queues import Queues

log = logging.getLogger(__name__)

TROUBLE_PAUSE_S = 1.0  # too many messages in flight, or the store in trouble
TYPICAL_BYTES = 1_024  # of a body, until a stream knows better


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What a receiver wants of its stream."""

    credit: int
    batch: int  # messages sent together, at most
    visibility_timeout_s: int


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a stream ended."""

    code: str
    detail: str


LEFT = Ending("ReceiverLeft", "The receiver has gone.")
QUEUE_DELETED = Ending("QueueDoesNotExist", "The queue was deleted.")
SHUTTING_DOWN = Ending("ShuttingDown", "The broker stops. Acknowledge what is done, and come back.")
STORE_UNAVAILABLE = Ending("StoreUnavailable", "The store has gone away.")


@dataclass(slots=True)
class Asked:
    """What a receiver asks for at once, by tags; and what came of it."""

    acknowledge: Sequence[int] = ()
    extend: Sequence[int] = ()
    visibility_timeout_s: int = 0  # from now, of those that are extended
    release: Sequence[int] = ()
    spend_receive: bool = False  # whether the receives of those that are released count
    credit: int | None = None
    frame: int = 0  # the transport's own number of it
    refused: list[tuple[int, str | BrokerError]] = field(default_factory=list)  # tags, and why
    done: trio.Event = field(default_factory=trio.Event)

    @property
    def weight(self) -> int:
        """Entries of its commit, at most."""
        return len(self.acknowledge) + len(self.extend) + len(self.release)


class Sink(Protocol):
    """The way to a receiver. Nothing of it raises because the receiver has gone."""

    async def messages(self, first_tag: int, received: Sequence[Received]) -> bool:
        """Send messages, whose tags count up; whether all of it was sent."""

    def confirmed(self, asked: Sequence[Asked]) -> None:
        """Take note that this has been carried out, and is on disk."""

    async def ended(self, ending: Ending) -> None:
        """Say that no more messages come. What is asked for now is still carried out."""


@dataclass(slots=True)
class _Part:
    """Commands made of what was asked for, and where each of their results belongs."""

    asked: list[Asked] = field(default_factory=list)
    changes: list[VisibilityChange] = field(default_factory=list)
    changed: list[tuple[Asked, int]] = field(default_factory=list)
    deletes: list[bytes] = field(default_factory=list)
    deleted: list[tuple[Asked, int]] = field(default_factory=list)
    settled: dict[int, bytes] = field(default_factory=dict)  # no longer held, if all goes well

    @property
    def weight(self) -> int:
        """Entries of its commit."""
        return len(self.changes) + len(self.deletes)


class Stream:
    """Opened by `Streams`, and run once."""

    def __init__(
        self,
        queues: Queues,
        namespace: Namespace,
        queue: str,
        stream_id: str,
        settings: StreamSettings,
    ) -> None:
        self.namespace = namespace
        self.queue = queue
        self.id = stream_id
        self.settings = settings
        self._queues = queues
        self._credit = settings.credit
        self._typical_bytes = TYPICAL_BYTES
        self._held: dict[int, bytes] = {}  # receipt handles by tag
        self._next_tag = 1
        self._unsent_tag = 1  # from here on, nothing was sent in full
        self._asked: deque[Asked] = deque()
        self._ending: Ending | None = None
        self._left = False
        self._over = False  # nothing more is asked for
        self._receiving = trio.CancelScope()
        self._settled = trio.lowlevel.ParkingLot()  # something may be held no more, or is to end
        self._news = trio.lowlevel.ParkingLot()  # something was asked for
        self._room = trio.lowlevel.ParkingLot()  # more may be asked for

    async def run(self, sink: Sink) -> Ending:
        """Send messages until the stream ends, and settle what is asked for; why it ended."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._settle, sink)
                ending = await self._send(sink)
                if not self._left:
                    await sink.ended(ending)
                with trio.move_on_after(STREAM_DRAIN_S):
                    while self._held and ending is SHUTTING_DOWN and not self._left:
                        await self._settled.park()
                self._over = True
                self._news.unpark()
        finally:
            self._over = True
            with trio.CancelScope(shield=True):  # for a commit: what was asked for stands
                while self._asked:
                    sink.confirmed(await self._carry_out())
            self._give_back()
        return ending

    def end(self, ending: Ending) -> None:
        """Have the stream end for that reason, unless it already does."""
        if self._ending is None:
            self._ending = ending
            self._receiving.cancel()

    def leave(self) -> None:
        """The receiver has gone: there is nobody to tell anything any more."""
        self._left = True
        self._settled.unpark_all()
        self.end(LEFT)

    def ask(self, asked: Asked) -> None:
        """Have something carried out: in order, confirmed through the sink, `done` set then."""
        self._asked.append(asked)
        if asked.credit is not None:
            if asked.credit < self._credit:
                self._receiving.cancel()  # it may be about to take more than there is credit for
            self._credit = asked.credit
            self._settled.unpark_all()
        self._news.unpark()

    async def wait_room(self) -> None:
        """Until more can be asked for: a receiver that asks faster than the disk is slowed down."""
        while len(self._asked) >= STREAM_REQUESTS_MAX and not self._over:
            await self._room.park()

    @property
    def over(self) -> bool:
        """Whether it is too late to ask for anything."""
        return self._over

    # Sending

    async def _send(self, sink: Sink) -> Ending:
        while self._ending is None:
            received = await self._receive()
            if received:
                await self._deliver(sink, received)
        return self._ending

    async def _receive(self) -> list[Received]:
        """Messages, as soon as there are some and credit for them; none if things have changed."""
        settings = self.settings
        with trio.CancelScope() as self._receiving:
            while (credit := self._credit - len(self._held)) <= 0:
                await self._settled.park()
            count = min(credit, settings.batch, max(1, STREAM_FRAME_BYTES // self._typical_bytes))
            try:
                received = await self._queues.receive(
                    self.namespace, self.queue, count, settings.visibility_timeout_s, math.inf
                )
            except QueueDoesNotExist:
                self.end(QUEUE_DELETED)
            except StoreUnavailable:
                self.end(STORE_UNAVAILABLE)
            except BrokerError as error:
                if not isinstance(error, OverLimit):  # which passes as messages are settled
                    log.warning("a stream of %s waits: %s", self.queue, error.message)
                await trio.sleep(TROUBLE_PAUSE_S)
            else:
                if not received:
                    self.end(SHUTTING_DOWN)  # nobody waits any more
                return received
        return []

    async def _deliver(self, sink: Sink, received: list[Received]) -> None:
        first = self._next_tag
        self._next_tag += len(received)
        self._held.update(enumerate((one.receipt_handle for one in received), first))
        self._typical_bytes = max(1, sum(len(one.body) for one in received) // len(received))
        try:
            for part in _frames(received):
                if not await sink.messages(self._unsent_tag, part):
                    return
                self._unsent_tag += len(part)
        except Exception:
            self._unsent_tag = self._next_tag  # a message that can't be sent must not come forever
            raise

    # Settling

    async def _settle(self, sink: Sink) -> None:
        while True:
            while self._asked:
                sink.confirmed(await self._carry_out())
            if self._over:
                return
            await self._news.park()

    async def _carry_out(self) -> list[Asked]:
        """Do what has gathered, in one commit."""
        part = _Part()
        while self._asked:
            weight = part.weight + self._asked[0].weight
            if part.asked and weight > COMMIT_ENTRIES_MAX:
                break
            self._take(self._asked.popleft(), part)
        self._room.unpark_all()
        self._settled.unpark_all()
        if part.weight:
            with trio.CancelScope(shield=True):  # for a commit: what it did must be known
                await self._commit(part)
        for asked in part.asked:
            asked.done.set()
        return part.asked

    def _take(self, asked: Asked, part: _Part) -> None:
        """Turn tags into handles. From now on those that are settled take no credit."""
        part.asked.append(asked)
        held = self._held
        for tag in asked.acknowledge:
            if (handle := held.pop(tag, None)) is not None:
                part.settled[tag] = handle
                part.deletes.append(handle)
                part.deleted.append((asked, tag))
            else:
                asked.refused.append((tag, "TagIsInvalid"))
        timeout_ms = asked.visibility_timeout_s * 1000
        for tag in asked.extend:
            if (handle := held.get(tag)) is not None:
                part.changes.append(VisibilityChange(handle, timeout_ms))
                part.changed.append((asked, tag))
            else:
                asked.refused.append((tag, "TagIsInvalid"))
        for tag in asked.release:
            if (handle := held.pop(tag, None)) is not None:
                part.settled[tag] = handle
                part.changes.append(VisibilityChange(handle, 0, asked.spend_receive))
                part.changed.append((asked, tag))
            else:
                asked.refused.append((tag, "TagIsInvalid"))

    async def _commit(self, part: _Part) -> None:
        try:
            changed, deleted = await self._queues.settle(
                self.namespace, self.queue, part.changes, part.deletes
            )
        except BrokerError as error:
            self._held.update(part.settled)
            for asked, tag in (*part.changed, *part.deleted):
                asked.refused.append((tag, error))
            if isinstance(error, QueueDoesNotExist):
                self.end(QUEUE_DELETED)
            elif isinstance(error, StoreUnavailable):
                self.end(STORE_UNAVAILABLE)
            return
        for places, results in ((part.changed, changed), (part.deleted, deleted)):
            for (asked, tag), name in zip(places, results, strict=True):
                if name is not None:
                    asked.refused.append((tag, name))

    def _give_back(self) -> None:
        unsent_tag = self._unsent_tag
        for was_sent in (True, False):
            handles = [h for tag, h in self._held.items() if (tag < unsent_tag) is was_sent]
            self._queues.returns.give_back(
                self.namespace, self.queue, handles, spend_receive=was_sent
            )
        self._held.clear()


def _frames(received: list[Received]) -> Iterator[list[Received]]:
    """Cut where a frame would get too large."""
    start = size = 0
    for index, one in enumerate(received):
        size += len(one.body)
        if size > STREAM_FRAME_BYTES and index > start:
            yield received[start:index]
            start, size = index, len(one.body)
    yield received[start:]
