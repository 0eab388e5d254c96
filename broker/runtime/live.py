"""following topics and event buses live: what was committed is offered to whoever is there

Nothing is stored for a follower and nothing waits for it. Each has a bounded buffer; when it is
full the oldest event goes, and the follower is told how many it has missed before it is given what
came after them. So a batch never has a gap inside, and a publish costs the same however slow its
followers read.

Events are offered when they are on disk and before their publisher is answered: those of one
publisher come in its order, those of several at the same time in any.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

import msgspec
import trio

from broker.core.event import published_document
from broker.core.limits import LIVE_BATCH_MAX, LIVE_BUFFER_BYTES, STREAM_FRAME_BYTES
from broker.core.message import Notification
from broker.core.names import Namespace
from broker.core.pattern import Matcher, Pattern
from broker.core.registry import Registry
from broker.core.routed import Routed
from broker.runtime.metrics import LIVE_MISSED
from broker.runtime.stream import LEFT, Ending

T = TypeVar("T")

Envelope = dict[str, Any]  # an event as it is on a bus

TOPIC_DELETED = Ending("TopicDoesNotExist", "The topic was deleted.")
EVENT_BUS_DELETED = Ending("EventBusDoesNotExist", "The event bus was deleted.")
SHUTTING_DOWN = Ending(
    "ShuttingDown", "The broker stops. Come back; what happens meanwhile is missed."
)


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """Events in a row, perhaps none; and how many were missed just before the first."""

    missed: int
    events: list[T]


class Follower(Generic[T]):
    """One who follows: opened by `Live`, and read by one task until it ends.

    Nothing is lost by cancelling who waits for a batch.
    """

    def __init__(self, buffer: int) -> None:
        self._buffer = buffer
        self._waiting: deque[tuple[T, int]] = deque()  # with their sizes in bytes
        self._bytes = 0
        self._missed = 0  # since it was last told; all of them before what waits
        self._ending: Ending | None = None
        self._ended = trio.Event()
        self._news = trio.lowlevel.ParkingLot()

    @property
    def ending(self) -> Ending:
        """Why no more comes, when the iteration has ended."""
        assert self._ending is not None
        return self._ending

    async def wait_ended(self) -> None:
        """Until nothing more is offered; what was may still wait to be read."""
        await self._ended.wait()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Batch[T]:
        await trio.lowlevel.checkpoint()  # what comes in one turn goes into one batch
        while not self._waiting and not self._missed:
            if self._ending is not None:
                raise StopAsyncIteration
            await self._news.park()
        return self._take()

    def offer(self, event: T, size: int) -> None:
        """Have the event read, in place of the oldest ones if there is no room for it."""
        if self._ending is not None:
            return
        self._waiting.append((event, size))
        self._bytes += size
        while len(self._waiting) > self._buffer or self._bytes > LIVE_BUFFER_BYTES:
            _, dropped = self._waiting.popleft()
            self._bytes -= dropped
            self._missed += 1
            LIVE_MISSED.inc()
        self._news.unpark_all()

    def end(self, ending: Ending) -> None:
        """Have it end for that reason once all is read, unless it already does."""
        if self._ending is None:
            self._ending = ending
            self._ended.set()
            self._news.unpark_all()

    def leave(self) -> None:
        """The reader has gone: there is nobody to be told anything any more."""
        self._waiting.clear()
        self._bytes = self._missed = 0
        self._ending = LEFT
        self._ended.set()
        self._news.unpark_all()

    def _take(self) -> Batch[T]:
        missed, self._missed = self._missed, 0
        events: list[T] = []
        size = 0
        while self._waiting and len(events) < LIVE_BATCH_MAX:
            size += self._waiting[0][1]
            if events and size > STREAM_FRAME_BYTES:
                break
            event, taken = self._waiting.popleft()
            self._bytes -= taken
            events.append(event)
        return Batch(missed, events)


class _Followers(Generic[T]):
    """Those who follow one topic or bus."""

    def __init__(self) -> None:
        self._all: dict[Follower[T], None] = {}
        self._unfiltered: dict[Follower[T], None] = {}
        self._filters: Matcher[Follower[T]] = Matcher()

    def __len__(self) -> int:
        return len(self._all)

    def add(self, follower: Follower[T], pattern: Pattern | None) -> None:
        if pattern is None:
            self._unfiltered[follower] = None
        else:
            self._filters.add(follower, pattern)
        self._all[follower] = None

    def remove(self, follower: Follower[T]) -> None:
        del self._all[follower]
        if follower in self._filters:
            self._filters.remove(follower)
        else:
            del self._unfiltered[follower]

    def offer(self, event: T, size: int, document: Callable[[], dict[str, Any]]) -> None:
        """`document` makes what filters are matched against, if there are any: once for all."""
        for follower in self._unfiltered:
            follower.offer(event, size)
        if len(self._filters):
            for follower in self._filters.matching(document()):
                follower.offer(event, size)

    def end(self, ending: Ending) -> None:
        for follower in self._all:
            follower.end(ending)


class _Followed(Generic[T]):
    """All topics, or all buses, that somebody follows: by namespace and name."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], _Followers[T]] = {}

    def get(self, namespace: Namespace, name: str) -> _Followers[T] | None:
        return self._found.get((namespace.text, name))

    @contextmanager
    def open(
        self,
        namespace: Namespace,
        name: str,
        pattern: Pattern | None,
        buffer: int,
        ending: Ending | None,
    ) -> Iterator[Follower[T]]:
        """A follower, which has ended already if there is a reason for it."""
        follower: Follower[T] = Follower(buffer)
        if ending is not None:
            follower.end(ending)
            yield follower
            return
        key = (namespace.text, name)
        followers = self._found.setdefault(key, _Followers())
        followers.add(follower, pattern)
        try:
            yield follower
        finally:
            followers.remove(follower)
            # Of a name that was deleted there may be others by now.
            if not followers and self._found.get(key) is followers:
                del self._found[key]

    def end(self, namespace: str, name: str, ending: Ending) -> None:
        followers = self._found.pop((namespace, name), None)
        if followers is not None:
            followers.end(ending)

    def close(self, ending: Ending) -> None:
        for followers in self._found.values():
            followers.end(ending)


class Live:
    """Opens followers, and offers them what was committed. None outlives the block it is for."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._topics: _Followed[Notification] = _Followed()
        self._buses: _Followed[Envelope] = _Followed()
        self._closed = False

    @contextmanager
    def follow_topic(
        self, namespace: Namespace, topic: str, pattern: Pattern | None, buffer: int
    ) -> Iterator[Follower[Notification]]:
        """Follow what is published to a topic: all, or what the pattern matches.

        The pattern is held against `core.event.published_document`.
        """
        there = topic in self._registry.resources(namespace).topics
        ending = self._why_not(there, TOPIC_DELETED)
        with self._topics.open(namespace, topic, pattern, buffer, ending) as follower:
            yield follower

    @contextmanager
    def follow_bus(
        self, namespace: Namespace, bus: str, pattern: Pattern | None, buffer: int
    ) -> Iterator[Follower[Envelope]]:
        """Follow what is put on an event bus: all, or what the pattern matches, as a rule's."""
        there = bus in self._registry.resources(namespace).event_buses
        ending = self._why_not(there, EVENT_BUS_DELETED)
        with self._buses.open(namespace, bus, pattern, buffer, ending) as follower:
            yield follower

    def _why_not(self, there: bool, deleted: Ending) -> Ending | None:
        if self._closed:
            return SHUTTING_DOWN
        return None if there else deleted

    def committed(self, namespace: Namespace, routed: Routed) -> None:
        """Offer what is on disk: a publish or an event, and what came of it on its way."""
        for bus, envelope in routed.events:
            buses = self._buses.get(namespace, bus)
            if buses is not None:
                _offer_event(buses, envelope)
        for topic, notification in routed.notifications:
            topics = self._topics.get(namespace, topic)
            if topics is not None:
                _offer_notification(topics, notification)

    # The end

    def end_of_topic(self, namespace: str, topic: str) -> None:
        """A topic was deleted, and nobody follows it any more."""
        self._topics.end(namespace, topic, TOPIC_DELETED)

    def end_of_bus(self, namespace: str, bus: str) -> None:
        """An event bus was deleted, and nobody follows it any more."""
        self._buses.end(namespace, bus, EVENT_BUS_DELETED)

    def close(self) -> None:
        """The daemon stops: everybody is told, once they have read what waits for them."""
        self._closed = True
        self._topics.close(SHUTTING_DOWN)
        self._buses.close(SHUTTING_DOWN)


def _offer_event(followers: _Followers[Envelope], envelope: Envelope) -> None:
    followers.offer(envelope, len(msgspec.json.encode(envelope)), lambda: envelope)


def _offer_notification(followers: _Followers[Notification], notification: Notification) -> None:
    followers.offer(notification, _size(notification), lambda: published_document(notification))


def _size(notification: Notification) -> int:
    """Bytes of text, near enough."""
    size = len(notification.message.encode()) + len(notification.subject or "")
    for name, each in (notification.attributes or {}).items():
        size += len(name) + len(each.string_value or "") + len(each.binary_value or b"")
    return size
