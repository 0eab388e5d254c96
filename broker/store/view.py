"""one LMDB write transaction, as the rules in core see it"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import cast

import lmdb
import msgspec

from broker.core.commands import Record
from broker.core.errors import QueueDoesNotExist, StoreFull
from broker.core.limits import DEDUPLICATION_MS, FORGET_STEP_MS
from broker.core.queue.view import NEVER_MS, Entry, Expansion, Memory, QueueState, Tenant
from broker.store import keys
from broker.store.state import State, first_from, from_prefix, pairs

_encode_entry = msgspec.msgpack.Encoder().encode
_decode_entry = msgspec.msgpack.Decoder(Entry).decode
_decode_tenant = msgspec.msgpack.Decoder(Tenant).decode
_decode_memory = msgspec.msgpack.Decoder(Memory).decode
_decode_keys = msgspec.msgpack.Decoder(list[bytes]).decode
_decode_expansion = msgspec.msgpack.Decoder(Expansion).decode
_encode = msgspec.msgpack.encode
_decode_record = msgspec.msgpack.Decoder(tuple[int, bytes]).decode


class TransactionView:
    """Implements `core.apply.StoreView` over the store's state and one open transaction.

    What it changes in `state` is good only if the transaction commits: after anything else the
    state is loaded again.
    """

    __slots__ = (
        "_admit",
        "_changed_tenants",
        "_cursor",
        "_remembered",
        "_state",
        "_tenants",
        "_txn",
        "behind",
        "dirty",
        "effort",
        "lost",
        "now_ms",
        "woken",
        "wrote",
    )

    def __init__(
        self, txn: lmdb.Transaction, state: State, now_ms: int, admit: Callable[[], bool]
    ) -> None:
        self._txn = txn
        self._cursor = txn.cursor()
        self._state = state
        self._admit = admit
        self._tenants: dict[tuple[int, int], Tenant | None] = {}  # written back at the end
        self._changed_tenants: set[tuple[int, int]] = set()
        self._remembered: list[bytes] = []  # keys, to be forgotten all together
        self.now_ms = now_ms
        self.behind: set[int] = set()
        self.effort = 0
        self.dirty: dict[int, QueueState] = {}  # by identity: to be written back
        self.woken: dict[int, QueueState] = {}
        self.lost: dict[int, tuple[QueueState, int, int]] = {}  # with expired, dead-lettered
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
        return self.next_ids(1)

    def next_ids(self, count: int) -> int:
        next_id = self._state.next_id
        self._state.next_id = next_id + count
        return next_id

    def admit(self) -> None:
        if not self._admit():
            raise StoreFull

    def sign(self, data: bytes) -> bytes:
        signature = self._state.signer.copy()
        signature.update(data)
        return signature.digest()

    # Time

    def wake(self, queue: QueueState) -> None:
        self.woken[id(queue)] = queue

    def report(self, queue: QueueState, *, expired: int = 0, dead_lettered: int = 0) -> None:
        _, before, before_dead = self.lost.get(id(queue), (queue, 0, 0))
        self.lost[id(queue)] = queue, before + expired, before_dead + dead_lettered

    def schedule(self, queue: QueueState, due_ms: int) -> None:
        self._state.schedule(queue, due_ms)

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

    def pop_entries(self, queue_id: int, until_ms: int, count: int) -> list[tuple[int, int, Entry]]:
        # Deleting where the cursor stands saves a search for each.
        cursor = self._cursor
        popped: list[tuple[int, int, Entry]] = []
        end = keys.entry(queue_id, until_ms + 1, 0)
        cursor.set_range(keys.entry(queue_id, 0, 0))
        while len(popped) < count:
            key, value = cast("tuple[bytes, bytes]", cursor.item())
            if not key or key >= end:  # no key: behind the last of all
                break
            _, visible_at_ms, sequence = keys.parse_entry(key)
            popped.append((visible_at_ms, sequence, _decode_entry(value)))
            cursor.delete()
        if popped:
            self.wrote = True
        return popped

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

    def put_scheduled(
        self, queue_id: int, message_id: bytes, place: tuple[int, int] | None
    ) -> None:
        key = keys.scheduled(queue_id, message_id)
        if place is None:
            self._txn.delete(key)
        else:
            self._txn.put(key, keys.PLACE.pack(*place))

    def get_scheduled(self, queue_id: int, message_id: bytes) -> tuple[int, int] | None:
        value = self._txn.get(keys.scheduled(queue_id, message_id))
        return None if value is None else keys.PLACE.unpack(value)

    # Message groups

    def put_in_lane(self, queue_id: int, lane: int, sequence: int, entry: Entry) -> None:
        self.wrote = True
        self._txn.put(keys.in_lane(queue_id, lane, sequence), _encode_entry(entry))

    def put_marker(self, queue_id: int, lane: int, sequence: int, visible_at_ms: int) -> None:
        self.wrote = True
        place = keys.in_lane(queue_id, lane, sequence)
        self._txn.put(place, keys.NUMBER.pack(visible_at_ms))

    def get_in_lane(self, queue_id: int, lane: int, sequence: int) -> Entry | int | None:
        value = self._txn.get(keys.in_lane(queue_id, lane, sequence))
        return None if value is None else _lane_item(bytes(value))

    def delete_in_lane(self, queue_id: int, lane: int, sequence: int) -> None:
        self.wrote = True
        deleted = self._txn.delete(keys.in_lane(queue_id, lane, sequence))
        assert deleted, "a place in a lane was to be deleted that isn't there"

    def head(self, queue_id: int, lane: int) -> tuple[int, Entry | int] | None:
        found = first_from(self._cursor, keys.lane(queue_id, lane))
        return None if found is None else (keys.parse_in_lane(found[0])[1], _lane_item(found[1]))

    def lane(self, queue_id: int, lane: int) -> Iterator[tuple[int, Entry | int]]:
        for key, value in from_prefix(self._cursor, keys.lane(queue_id, lane)):
            yield keys.parse_in_lane(key)[1], _lane_item(value)

    def lanes(
        self, queue_id: int, from_lane: int, from_sequence: int = 0
    ) -> Iterator[tuple[int, int, Entry | int]]:
        if not self._cursor.set_range(keys.in_lane(queue_id, from_lane, from_sequence)):
            return
        prefix = keys.lanes(queue_id)
        for key, value in pairs(self._cursor):
            if not key.startswith(prefix):
                return
            yield *keys.parse_in_lane(key), _lane_item(value)

    def put_turn(self, queue_id: int, in_flight: int, since: int, lane: int) -> bool:
        self.wrote = True
        key = keys.turn(queue_id, in_flight, since)
        added: bool = self._txn.put(key, keys.NUMBER.pack(lane), overwrite=False)
        return added

    def delete_turn(self, queue_id: int, in_flight: int, since: int) -> bool:
        deleted: bool = self._txn.delete(keys.turn(queue_id, in_flight, since))
        return deleted

    def first_turn(self, queue_id: int) -> tuple[int, int, int] | None:
        found = first_from(self._cursor, keys.turns(queue_id))
        if found is None:
            return None
        return *keys.parse_turn(found[0]), keys.NUMBER.unpack(found[1])[0]

    def forget_turns(self, queue_id: int, limit: int) -> bool:
        # Of the commit in which the queue went, they may not even be written yet.
        self._changed_tenants = {place for place in self._changed_tenants if place[0] != queue_id}
        for prefix in (keys.turns(queue_id), keys.tenants(queue_id)):
            found = list(islice(from_prefix(self._cursor, prefix), limit))
            for key, _ in found:
                self.wrote = True
                self._txn.delete(key)
            if found:
                return False
        return True

    def get_tenant(self, queue_id: int, lane: int) -> Tenant | None:
        place = queue_id, lane
        if place not in self._tenants:
            value = self._txn.get(keys.tenant(queue_id, lane))
            self._tenants[place] = None if value is None else _decode_tenant(value)
        return self._tenants[place]

    def put_tenant(self, queue_id: int, lane: int, tenant: Tenant | None) -> None:
        self.wrote = True
        self._tenants[queue_id, lane] = tenant
        self._changed_tenants.add((queue_id, lane))

    # What queues remember

    def recall(self, identity: int, digest: bytes) -> Memory | None:
        value = self._txn.get(keys.memory(identity, digest))
        return None if value is None else _decode_memory(value)

    def remember(self, identity: int, digest: bytes, memory: Memory) -> None:
        self.wrote = True
        key = keys.memory(identity, digest)
        self._txn.put(key, _encode(memory))
        self._remembered.append(key)

    def forget_due(self, limit: int) -> None:
        if self._state.forget_ms > self.now_ms:
            return
        due: list[tuple[bytes, list[bytes]]] = []
        self._state.forget_ms = NEVER_MS
        for key, value in from_prefix(self._cursor, bytes([keys.FORGET])):
            self._state.forget_ms = keys.parse_forget(key)
            if self._state.forget_ms > self.now_ms or sum(len(each) for _, each in due) >= limit:
                break
            due.append((key, _decode_keys(value)))
            self._state.forget_ms = NEVER_MS
        for key, remembered in due:
            self.wrote = True
            self._txn.delete(key)
            for memory_key in remembered:
                memory = self._txn.get(memory_key)
                # It may have been remembered anew since.
                if memory and _decode_memory(memory).at_ms + DEDUPLICATION_MS <= self.now_ms:
                    self._txn.delete(memory_key)

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
        for queue_id, lane in self._changed_tenants:
            tenant = self._tenants[queue_id, lane]
            key = keys.tenant(queue_id, lane)
            if tenant is None:
                self._txn.delete(key)
            else:
                self._txn.put(key, _encode(tenant))
        if self._remembered:
            expires_ms = self.now_ms + DEDUPLICATION_MS
            # In steps, so that few commits are made for it.
            step_ms = expires_ms + FORGET_STEP_MS - expires_ms % FORGET_STEP_MS
            self._txn.put(keys.forget(step_ms, self.next_id()), _encode(self._remembered))
            self._state.forget_ms = min(self._state.forget_ms, step_ms)
        self._txn.put(keys.meta("clock"), _encode((self.now_ms, self._state.next_id)))


def _lane_item(value: bytes) -> Entry | int:
    """An entry, or where the hidden one lies whose marker this is."""
    if len(value) == keys.NUMBER.size:
        return int(keys.NUMBER.unpack(value)[0])
    return _decode_entry(value)
