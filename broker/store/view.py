"""one LMDB write transaction, as the rules in core see it"""

import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator

import lmdb
import msgspec

from broker.core.commands import Record
from broker.core.errors import QueueDoesNotExist, StoreFull
from broker.core.queue.view import Entry, Expansion, QueueState
from broker.store import keys
from broker.store.state import State, pairs

_encode_entry = msgspec.msgpack.Encoder().encode
_decode_entry = msgspec.msgpack.Decoder(Entry).decode
_decode_expansion = msgspec.msgpack.Decoder(Expansion).decode
_encode = msgspec.msgpack.encode
_decode_record = msgspec.msgpack.Decoder(tuple[int, bytes]).decode


class TransactionView:
    """Implements `core.apply.StoreView` over the store's state and one open transaction.

    What it changes in `state` is good only if the transaction commits: after anything else the
    state is loaded again.
    """

    __slots__ = ("_admit", "_cursor", "_state", "_txn", "dirty", "now_ms", "woken", "wrote")

    def __init__(
        self, txn: lmdb.Transaction, state: State, now_ms: int, admit: Callable[[], bool]
    ) -> None:
        self._txn = txn
        self._cursor = txn.cursor()
        self._state = state
        self._admit = admit
        self.now_ms = now_ms
        self.dirty: dict[int, QueueState] = {}  # by identity: to be written back
        self.woken: dict[int, QueueState] = {}
        self.wrote = False  # if not, there is nothing to commit

    # Queues

    def queue(self, namespace: str, name: str) -> QueueState:
        queue = self.find_queue(namespace, name)
        if queue is None:
            raise QueueDoesNotExist
        return queue

    def find_queue(self, namespace: str, name: str) -> QueueState | None:
        queue = self._state.queues.get((namespace, name))
        if queue is not None:
            self.dirty[id(queue)] = queue
        return queue

    def add_queue(self, queue: QueueState) -> None:
        self._state.queues[queue.namespace, queue.name] = queue
        self.dirty[id(queue)] = queue

    def remove_queue(self, queue: QueueState) -> None:
        del self._state.queues[queue.namespace, queue.name]
        self._txn.delete(keys.queue(queue.id))
        self.dirty.pop(id(queue), None)
        self.woken.pop(id(queue), None)

    def next_id(self) -> int:
        next_id = self._state.next_id
        self._state.next_id = next_id + 1
        return next_id

    def admit(self) -> None:
        if not self._admit():
            raise StoreFull

    def sign(self, data: bytes) -> bytes:
        return hashlib.blake2b(data, digest_size=8, key=self._state.signing_key).digest()

    # Time

    def wake(self, queue: QueueState) -> None:
        self.woken[id(queue)] = queue

    def schedule(self, queue: QueueState, due_ms: int) -> None:
        heapq.heappush(self._state.due, (due_ms, queue.namespace, queue.name))

    def due_queues(self) -> list[QueueState]:
        due: dict[tuple[str, str], None] = {}
        while self._state.due and self._state.due[0][0] <= self.now_ms:
            _, namespace, name = heapq.heappop(self._state.due)
            due[namespace, name] = None
        found = (self.find_queue(*place) for place in due)
        return [queue for queue in found if queue is not None]

    # Entries and bodies

    def put_entries(self, entries: Iterable[tuple[int, int, int, Entry]]) -> None:
        self.wrote = True
        key = keys.entry
        items = [
            (key(queue_id, visible_at_ms, sequence), _encode_entry(entry))
            for queue_id, visible_at_ms, sequence, entry in entries
        ]
        self._cursor.putmulti(items)

    def get_entry(self, queue_id: int, visible_at_ms: int, sequence: int) -> Entry | None:
        value = self._txn.get(keys.entry(queue_id, visible_at_ms, sequence))
        return None if value is None else _decode_entry(value)

    def delete_entry(self, queue_id: int, visible_at_ms: int, sequence: int) -> None:
        self.wrote = True
        deleted = self._txn.delete(keys.entry(queue_id, visible_at_ms, sequence))
        assert deleted, "an entry was to be deleted that isn't there"

    def entries(
        self, queue_id: int, from_ms: int, from_sequence: int = 0
    ) -> Iterator[tuple[int, int, Entry]]:
        cursor = self._cursor
        if not cursor.set_range(keys.entry(queue_id, from_ms, from_sequence)):
            return
        prefix = keys.entries(queue_id)
        for key, value in pairs(cursor):
            if not key.startswith(prefix):
                return
            _, visible_at_ms, sequence = keys.parse_entry(key)
            yield visible_at_ms, sequence, _decode_entry(value)

    def put_bodies(self, bodies: Iterable[tuple[int, bytes]]) -> None:
        key = keys.body
        items = [(key(body_id), body) for body_id, body in bodies]
        _, added = self._cursor.putmulti(items, append=True)
        assert added == len(items), "a body's id is not the largest"

    def get_body(self, body_id: int) -> bytes:
        body = self._txn.get(keys.body(body_id))
        assert body is not None, "an entry has no body"
        return bytes(body)

    def delete_body(self, body_id: int) -> None:
        deleted = self._txn.delete(keys.body(body_id))
        assert deleted, "a body was to be deleted that isn't there"

    def get_references(self, body_id: int) -> int:
        value = self._txn.get(keys.references(body_id))
        assert value is not None, "a shared body has no reference count"
        count: int = keys.COUNT.unpack(value)[0]
        return count

    def put_references(self, body_id: int, count: int) -> None:
        if count:
            self._txn.put(keys.references(body_id), keys.COUNT.pack(count))
        else:
            self._txn.delete(keys.references(body_id))

    def get_moved(self, queue_id: int, sequence: int) -> int | None:
        value = self._txn.get(keys.moved(queue_id, sequence))
        return None if value is None else int(keys.NUMBER.unpack(value)[0])

    def put_moved(self, queue_id: int, sequence: int, visible_at_ms: int | None) -> None:
        key = keys.moved(queue_id, sequence)
        if visible_at_ms is None:
            self._txn.delete(key)
        else:
            self._txn.put(key, keys.NUMBER.pack(visible_at_ms))

    # Housekeeping

    def put_expansion(self, expansion_id: int, expansion: Expansion) -> None:
        self.wrote = True
        self._txn.put(keys.expansion(expansion_id), _encode(expansion))
        self._state.expansions += 1

    def first_expansion(self) -> tuple[int, Expansion] | None:
        if not self._state.expansions:
            return None
        found = self._cursor.set_range(keys.expansion(0))
        assert found, "an expansion is counted that isn't there"
        expansion_id = keys.NUMBER.unpack(self._cursor.key()[1:])[0]
        return expansion_id, _decode_expansion(self._cursor.value())

    def delete_expansion(self, expansion_id: int) -> None:
        self.wrote = True
        self._txn.delete(keys.expansion(expansion_id))
        self._state.expansions -= 1

    def reclaim_later(self, queue_id: int) -> None:
        self.wrote = True
        self._txn.delete(keys.queue(queue_id))
        self._txn.put(keys.reclaim(queue_id), b"")
        self._state.reclaim.append(queue_id)

    def reclaimable(self) -> list[int]:
        return self._state.reclaim

    def reclaimed(self, queue_id: int) -> None:
        self.wrote = True
        self._txn.delete(keys.reclaim(queue_id))
        self._state.reclaim.remove(queue_id)

    # Configuration records

    def get_record(self, namespace: str, kind: str, name: str) -> Record | None:
        value = self._txn.get(keys.record(namespace, kind, name))
        return None if value is None else Record(namespace, kind, name, *_decode_record(value))

    def put_record(self, record: Record) -> None:
        self.wrote = True
        key = keys.record(record.namespace, record.kind, record.name)
        self._txn.put(key, _encode((record.version, record.value)))

    def delete_record(self, namespace: str, kind: str, name: str) -> None:
        self.wrote = True
        self._txn.delete(keys.record(namespace, kind, name))

    def records(self) -> list[Record]:
        found = []
        if self._cursor.set_range(bytes([keys.RECORD])):
            for key, value in pairs(self._cursor):
                if key[0] != keys.RECORD:
                    break
                found.append(Record(*keys.parse_record(key), *_decode_record(value)))
        return found

    # The end

    def write_back(self) -> None:
        """Write all that was changed in memory. The last thing before a commit."""
        for queue in self.dirty.values():
            self._txn.put(keys.queue(queue.id), State.encode_queue(queue))
        self._txn.put(keys.meta("clock"), _encode((self.now_ms, self._state.next_id)))
