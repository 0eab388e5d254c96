"""what the store holds in memory: queues without their messages, and what is due when"""

import hashlib
import heapq
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import lmdb
import msgspec

from broker.core import resources
from broker.core.queue.view import NEVER_MS, Entry, QueueState
from broker.store import keys

DUE_SLACK = 1_000  # alarms without a purpose that are kept, beside one for each of a queue's
SWEEP_AFTER_LOAD_MS = 60_000  # lanes are looked through for old messages when all else is running

_encode = msgspec.msgpack.encode


class QueueRecord(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A queue's state on disk; its configuration is in its configuration record."""

    namespace: str
    name: str
    visible: int
    in_flight: int
    delayed: int
    settled_ms: int
    purged_at_ms: int
    identity: int = 0
    turns: int = 0


_decode_queue = msgspec.msgpack.Decoder(QueueRecord).decode
_decode_entry = msgspec.msgpack.Decoder(Entry).decode
_decode_clock = msgspec.msgpack.Decoder(tuple[int, int]).decode
_decode_record = msgspec.msgpack.Decoder(tuple[int, bytes]).decode


@dataclass(slots=True)
class State:
    """Everything beside the map itself. Loading it takes time with the queues, not the messages."""

    signer: "hashlib.blake2b"  # keyed; copied for each signature, which is cheaper than a new one
    now_ms: int
    next_id: int
    queues: dict[tuple[str, str], QueueState] = field(default_factory=dict)
    due: list[tuple[int, str, str]] = field(default_factory=list)  # a heap: time, namespace, name
    reclaim: list[int] = field(default_factory=list)
    expansions: int = 0  # slices of wide fan-outs that wait
    forget_ms: int = NEVER_MS  # when there is first something to be forgotten

    @staticmethod
    def encode_queue(queue: QueueState) -> bytes:
        """The record of a queue's state."""
        return _encode(
            QueueRecord(
                queue.namespace,
                queue.name,
                queue.visible,
                queue.in_flight,
                queue.delayed,
                queue.settled_ms,
                queue.purged_at_ms,
                queue.identity,
                queue.turns,
            )
        )

    @classmethod
    def create(cls, txn: lmdb.Transaction) -> None:
        """Write what an empty store needs."""
        txn.put(keys.meta("format"), _encode(keys.FORMAT))
        txn.put(keys.meta("signing_key"), secrets.token_bytes(32))
        txn.put(keys.meta("clock"), _encode((0, 1)))

    @classmethod
    def load(cls, txn: lmdb.Transaction) -> "State":
        """Read it back."""
        now_ms, next_id = _decode_clock(_get(txn, keys.meta("clock")))
        signer = hashlib.blake2b(digest_size=8, key=_get(txn, keys.meta("signing_key")))
        state = cls(signer, now_ms, next_id)
        cursor = txn.cursor()
        state.reclaim = [keys.NUMBER.unpack(key[1:])[0] for key, _ in _all(cursor, keys.RECLAIM)]
        state.expansions = len(_all(cursor, keys.EXPANSION))
        forget = first_from(cursor, bytes([keys.FORGET]))
        if forget is not None:
            state.forget_ms = keys.parse_forget(forget[0])
        for key, value in _all(cursor, keys.QUEUE):
            record = _decode_queue(value)
            config_key = keys.record(record.namespace, "queue", record.name)
            version, config = _decode_record(_get(txn, config_key))
            resource = resources.decode(config)
            assert isinstance(resource, resources.Queue)
            queue_id = keys.NUMBER.unpack(key[1:])[0]
            queue = QueueState(
                queue_id,
                record.namespace,
                record.name,
                resource,
                version,
                record.visible,
                record.in_flight,
                record.delayed,
                record.settled_ms,
                record.purged_at_ms,
                record.identity or queue_id,
                record.turns,
            )
            state.queues[queue.namespace, queue.name] = queue
            _find_due(cursor, queue)
            queue.scope_changed_ms = now_ms  # it may have been, just before
            if first_from(cursor, keys.lanes(queue_id)) is not None:
                queue.sweep_ms = now_ms + SWEEP_AFTER_LOAD_MS
        state.due = state._all_due()
        return state

    def schedule(self, queue: QueueState, due_ms: int) -> None:
        """Have the queue be due at that time; it says itself what for.

        An alarm isn't taken back when its reason goes, and may be set again for the same one: what
        waits for months behind others is looked at often. So they are weeded now and then.
        """
        if len(self.due) > DUE_SLACK + 4 * len(self.queues):
            self.due = self._all_due()
        heapq.heappush(self.due, (due_ms, queue.namespace, queue.name))

    def _all_due(self) -> list[tuple[int, str, str]]:
        due = [
            (due_ms, queue.namespace, queue.name)
            for queue in self.queues.values()
            for due_ms in (queue.next_due_ms, queue.expires_ms, queue.sweep_ms)
            if due_ms < NEVER_MS
        ]
        heapq.heapify(due)
        return due


def pairs(cursor: lmdb.Cursor) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values from where the cursor stands. The map is opened without buffers: bytes."""
    return cast("Iterator[tuple[bytes, bytes]]", cursor.iternext(keys=True, values=True))


def first_from(cursor: lmdb.Cursor, prefix: bytes) -> tuple[bytes, bytes] | None:
    """The first record whose key begins with the prefix."""
    if not cursor.set_range(prefix):
        return None
    key, value = cast("tuple[bytes, bytes]", cursor.item())
    return (key, value) if key.startswith(prefix) else None


def from_prefix(cursor: lmdb.Cursor, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    """All records whose keys begin with the prefix."""
    if cursor.set_range(prefix):
        for key, value in pairs(cursor):
            if not key.startswith(prefix):
                return
            yield key, value


def _get(txn: lmdb.Transaction, key: bytes) -> bytes:
    value = txn.get(key)
    assert isinstance(value, bytes), f"the store has no {key!r}"
    return value


def _all(cursor: lmdb.Cursor, prefix: int) -> list[tuple[bytes, bytes]]:
    return list(from_prefix(cursor, bytes([prefix])))


def _find_due(cursor: lmdb.Cursor, queue: QueueState) -> None:
    """Two seeks: the first entry that isn't counted as visible, and the oldest that is.

    All of those that are may lie in lanes, which are swept.
    """
    first_hidden = _first_entry(cursor, queue, queue.settled_ms + 1)
    if first_hidden is not None:
        queue.next_due_ms = first_hidden[0]
    if queue.visible:
        oldest = _first_entry(cursor, queue, 0)
        if oldest is not None and oldest[0] <= queue.settled_ms:
            queue.expires_ms = oldest[1].expires_ms(queue.retention_ms)
    if queue.excess:  # the limit was lowered, and that was not worked off yet
        queue.expires_ms = queue.settled_ms


def _first_entry(cursor: lmdb.Cursor, queue: QueueState, from_ms: int) -> tuple[int, Entry] | None:
    if not cursor.set_range(keys.entry(queue.id, from_ms, 0)):
        return None
    key = bytes(cursor.key())
    if not key.startswith(keys.entries(queue.id)):
        return None
    return keys.parse_entry(key)[1], _decode_entry(cursor.value())
