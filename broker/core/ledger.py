"""the ledger: what became of each event of the last days, so that it can be explained

An event's record lies in an internal queue beside its text, which its deliveries share: the rules
that matched, and each delivery with its queue and its message id. Each attempt at a delivery that
the broker itself makes is another record, found by the delivery's id and the attempt's number. What
a replay made of an event is a third, found by the event's id and the replay's name, in a queue of
its own: what lies with the events is what can be replayed, and a replay must not add to that.
Records go by age, and the oldest of too many; nobody receives them.
"""

import hashlib
from collections.abc import Iterable

import msgspec

from broker.core.commands import NewEntry
from broker.core.message import Via
from broker.core.names import QueueName, uuid_bytes

__all__ = [
    "ATTEMPTS",
    "EVENTS",
    "REPLAYS",
    "Attempt",
    "Delivery",
    "Lost",
    "Trace",
    "attempt_id",
    "event_key",
    "is_ledger",
    "replay_key",
    "trace_of",
]

EVENTS = QueueName("ledger/events")
ATTEMPTS = QueueName("ledger/attempts")
REPLAYS = QueueName("ledger/replays")
DELIVERIES_MAX = 1_000  # that one record names; of more, their count


class Delivery(msgspec.Struct, frozen=True, array_like=True):
    """One entry that an event led to."""

    source: str  # `<bus>|<rule>|<target id>`, or a subscription; "" of an archive or dead letter
    protocol: str  # "events", or the subscription's
    queue: str
    message_id: bytes
    cause: str = ""  # of a dead letter


class Lost(msgspec.Struct, frozen=True, array_like=True):
    """A delivery that nothing took."""

    source: str
    target: str
    why: str


class Trace(msgspec.Struct, frozen=True, array_like=True):
    """What routing made of an event."""

    bus: str
    rules: list[str]  # that matched, as `<bus>|<rule>`
    deliveries: list[Delivery]
    more_deliveries: int = 0
    lost: list[Lost] = []


class Attempt(msgspec.Struct, frozen=True, array_like=True):
    """One attempt at a delivery, and what follows from it."""

    number: int
    at_ms: int  # when it was over
    outcome: str  # delivered, failed or given up
    answer: str = ""
    next_at_ms: int | None = None
    dead_letter_queue: str | None = None  # where it went, if it was given up
    dead_letter_id: bytes = b""


_trace_encoder = msgspec.msgpack.Encoder()
_trace_decoder = msgspec.msgpack.Decoder(Trace)
_attempt_decoder = msgspec.msgpack.Decoder(Attempt)


def trace_of(
    bus: str,
    rules: list[str],
    entries: Iterable[NewEntry],
    undeliverable: Iterable[tuple[str, str, str]],
) -> bytes:
    """The record of an event."""
    deliveries = [
        Delivery(via.subscription, via.protocol, entry.queue, entry.message_id, via.cause or "")
        if (via := entry.via) is not None
        else Delivery("", "", entry.queue, entry.message_id)
        for entry in entries
    ]
    more = max(len(deliveries) - DELIVERIES_MAX, 0)
    lost = [Lost(*each) for each in undeliverable]
    return _trace_encoder.encode(Trace(bus, rules, deliveries[:DELIVERIES_MAX], more, lost))


def read_trace(via: Via | None) -> Trace:
    """The record that an entry of the ledger carries."""
    assert via is not None
    return _trace_decoder.decode(via.trace)


def read_attempt(body: bytes) -> Attempt:
    """An attempt's record."""
    return _attempt_decoder.decode(body)


def write_attempt(attempt: Attempt) -> bytes:
    """The record of an attempt."""
    return _trace_encoder.encode(attempt)


def event_key(event_id: str) -> bytes:
    """By what an event is found: its id, if that is a UUID as EventBridge's are, else a digest."""
    try:
        key = uuid_bytes(event_id)
    except ValueError:
        key = b""
    return key if len(key) == 16 else hashlib.sha256(event_id.encode()).digest()[:16]


def replay_key(event_id: str, replay: str) -> bytes:
    """By what is found what a replay made of an event."""
    return hashlib.blake2b(event_key(event_id) + replay.encode(), digest_size=16).digest()


def attempt_id(delivery_id: bytes, number: int) -> bytes:
    """By what an attempt is found."""
    return hashlib.blake2b(delivery_id + number.to_bytes(4, "big"), digest_size=16).digest()


def is_ledger(queue: str) -> bool:
    """Whether it is one of these queues."""
    return queue.startswith("ledger/")
