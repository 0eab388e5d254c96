"""what must hold of a store's file after every commit, by one full scan of the map

The scan knows the key layouts and nothing of the rules: it counts, it doesn't reason.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import lmdb
import msgspec

from broker.core import resources
from broker.core.limits import DEDUPLICATION_MS
from broker.core.queue.view import NEVER_MS, Entry, Expansion, Memory, Tenant
from broker.store import keys
from broker.store.engine import MAP_BYTES, Engine
from broker.store.state import QueueRecord


class Placed(NamedTuple):
    """An entry in the order of time."""

    queue_id: int
    visible_at_ms: int
    sequence: int
    entry: Entry


class InLane(NamedTuple):
    """An entry in its lane, or a marker: where the hidden one lies."""

    queue_id: int
    lane: int
    sequence: int
    item: Entry | int


@dataclass
class Contents:
    """All that lies in a map, decoded."""

    now_ms: int = 0
    next_id: int = 0
    queues: dict[int, QueueRecord] = field(default_factory=dict)
    fifo: set[int] = field(default_factory=set)  # ids of queues
    reclaimed: set[int] = field(default_factory=set)
    entries: list[Placed] = field(default_factory=list)
    lanes: list[InLane] = field(default_factory=list)
    turns: dict[int, dict[tuple[int, int], int]] = field(default_factory=dict)
    tenants: dict[int, dict[int, Tenant]] = field(default_factory=dict)
    expansions: list[Expansion] = field(default_factory=list)

    def of(self, queue_id: int) -> tuple[list[Placed], list[InLane]]:
        """What lies in one queue."""
        entries = [placed for placed in self.entries if placed.queue_id == queue_id]
        return entries, [place for place in self.lanes if place.queue_id == queue_id]


def check_directory(directory: Path, *, settled: bool = False) -> None:
    """Check a directory that no store has open."""
    env = lmdb.open(
        str(directory), map_size=MAP_BYTES, max_dbs=0, readonly=True, lock=False, readahead=False
    )
    try:
        check_map(env, settled=settled)
    finally:
        env.close()


def check_engine(engine: Engine, *, settled: bool = False) -> None:
    """Check an open engine: its file, and what it remembers of it."""
    contents = check_map(engine._env, settled=settled)
    state = engine._state
    scheduled = set(state.due)
    for (namespace, name), queue in state.queues.items():
        entries, in_lanes = contents.of(queue.id)
        _check_counts(queue, entries, in_lanes)
        hidden = [placed.visible_at_ms for placed in entries if _is_hidden(queue, placed)]
        if hidden:
            assert queue.next_due_ms <= min(hidden), f"{name} would sleep too long"
            assert (queue.next_due_ms, namespace, name) in scheduled
        if len(hidden) < len(entries):
            assert queue.expires_ms < NEVER_MS, f"visible messages of {name} would never expire"
            assert (queue.expires_ms, namespace, name) in scheduled
        if any(isinstance(place.item, Entry) for place in in_lanes):
            assert queue.sweep_ms < NEVER_MS, f"the lanes of {name} would never be swept"
            assert (queue.sweep_ms, namespace, name) in scheduled


def check_map(env: lmdb.Environment, *, settled: bool = False) -> Contents:
    """Check the map; with `settled`, housekeeping must be done too. What it holds."""
    kinds: dict[int, list[tuple[bytes, bytes]]] = {}
    with env.begin() as txn:
        for key, value in txn.cursor():
            kinds.setdefault(key[0], []).append((bytes(key), bytes(value)))
    contents = Contents()
    _read_meta(contents, kinds)
    _read_queues(contents, kinds)
    _read_messages(contents, kinds)
    _check_pointers(contents, kinds)
    _check_bodies(contents, kinds)
    _check_memory(contents, kinds, settled=settled)
    assert not kinds, f"records of unknown kinds: {sorted(kinds)}"
    for queue_id, queue in contents.queues.items():
        entries, in_lanes = contents.of(queue_id)
        turns = contents.turns.get(queue_id, {})
        tenants = contents.tenants.get(queue_id, {})
        assert queue.settled_ms <= contents.now_ms
        _check_counts(queue, entries, in_lanes)
        for placed in entries:
            assert not placed.entry.lane or _is_hidden(queue, placed), "visible, not in its lane"
        for place in in_lanes:
            if isinstance(place.item, Entry):
                assert place.item.lane == place.lane, "an entry is in another's lane"
                assert not place.item.moved
                assert not place.item.cancellable
        if queue_id in contents.fifo:
            assert not tenants, "a FIFO queue has tenants"
            _check_fifo(entries, in_lanes, turns)
        else:
            _check_tenants(entries, in_lanes, turns, tenants)
        assert len(turns) == queue.turns, queue.name
    if settled:
        assert not contents.reclaimed, "housekeeping has not come to an end"
        assert not contents.expansions, "a wide fan-out was not finished"
    return contents


# Reading, and what must hold of each kind by itself

Kinds = dict[int, list[tuple[bytes, bytes]]]


def _read_meta(contents: Contents, kinds: Kinds) -> None:
    meta = {key[1:].decode(): value for key, value in kinds.pop(keys.META)}
    assert meta.keys() == {"format", "clock", "signing_key"}
    contents.now_ms, contents.next_id = msgspec.msgpack.decode(meta["clock"])


def _read_queues(contents: Contents, kinds: Kinds) -> None:
    records = {keys.parse_record(key): value for key, value in kinds.pop(keys.RECORD, [])}
    for key, value in kinds.pop(keys.QUEUE, []):
        queue_id = _number(key)
        assert queue_id < contents.next_id
        queue = msgspec.msgpack.decode(value, type=QueueRecord)
        contents.queues[queue_id] = queue
        _, config = msgspec.msgpack.decode(records[queue.namespace, "queue", queue.name])
        resource = resources.decode(config)
        assert isinstance(resource, resources.Queue)
        if resource.fifo:
            contents.fifo.add(queue_id)
    names = [(queue.namespace, queue.name) for queue in contents.queues.values()]
    assert len(set(names)) == len(names), "a queue has two states"
    assert set(names) == {(ns, name) for ns, kind, name in records if kind == "queue"}
    contents.reclaimed = {_number(key) for key, _ in kinds.pop(keys.RECLAIM, [])}
    assert not contents.reclaimed & contents.queues.keys(), "a living queue is to be reclaimed"


def _read_messages(contents: Contents, kinds: Kinds) -> None:
    for key, value in kinds.pop(keys.ENTRY, []):
        entry = msgspec.msgpack.decode(value, type=Entry)
        contents.entries.append(Placed(*keys.parse_entry(key), entry))
    for key, value in kinds.pop(keys.LANE, []):
        is_marker = len(value) == keys.NUMBER.size
        item = _number8(value) if is_marker else msgspec.msgpack.decode(value, type=Entry)
        contents.lanes.append(InLane(_first_number(key), *keys.parse_in_lane(key), item))
    for key, value in kinds.pop(keys.TURN, []):
        turns = contents.turns.setdefault(_first_number(key), {})
        turns[keys.parse_turn(key)] = _number8(value)
    for key, value in kinds.pop(keys.TENANT, []):
        tenants = contents.tenants.setdefault(_first_number(key), {})
        tenants[_number8(key[9:])] = msgspec.msgpack.decode(value, type=Tenant)
    places = [(placed.queue_id, placed.sequence) for placed in contents.entries]
    places += [
        (place.queue_id, place.sequence)
        for place in contents.lanes
        if isinstance(place.item, Entry)
    ]
    assert len(set(places)) == len(places), "an entry lies in two places"
    queue_ids = {queue_id for queue_id, _ in places} | contents.turns.keys()
    queue_ids |= contents.tenants.keys() | {place.queue_id for place in contents.lanes}
    gone = queue_ids - contents.queues.keys() - contents.reclaimed
    assert not gone, "something was left of a queue that is gone"


def _check_pointers(contents: Contents, kinds: Kinds) -> None:
    """To entries whose visibility was changed, and to those that can be cancelled."""
    moved = {key[1:]: _number8(value) for key, value in kinds.pop(keys.MOVED, [])}
    assert moved == {
        keys.moved(queue_id, sequence)[1:]: at_ms
        for queue_id, at_ms, sequence, entry in contents.entries
        if entry.moved
    }, "pointers and moved entries don't match"
    scheduled = {key: keys.PLACE.unpack(value) for key, value in kinds.pop(keys.SCHEDULED, [])}
    assert scheduled == {
        keys.scheduled(queue_id, entry.message_id): (at_ms, sequence)
        for queue_id, at_ms, sequence, entry in contents.entries
        if entry.cancellable
    }, "pointers and cancellable entries don't match"


def _check_bodies(contents: Contents, kinds: Kinds) -> None:
    """Each has as many claims as it has references."""
    entries = [placed.entry for placed in contents.entries]
    entries += [place.item for place in contents.lanes if isinstance(place.item, Entry)]
    claims = Counter(entry.body_id for entry in entries)
    shared = {entry.body_id for entry in entries if entry.shared}
    for _, value in kinds.pop(keys.EXPANSION, []):
        contents.expansions.append(msgspec.msgpack.decode(value, type=Expansion))
    for expansion in contents.expansions:
        for new in expansion.entries:
            body_id, is_shared = expansion.body_ids[new.body]
            claims[body_id] += 1
            if is_shared:
                shared.add(body_id)
    bodies = {_number(key) for key, _ in kinds.pop(keys.BODY, [])}
    assert bodies == claims.keys(), "bodies without entries, or entries without bodies"
    assert all(body_id < contents.next_id for body_id in bodies)
    references = {
        _number(key): keys.COUNT.unpack(value)[0] for key, value in kinds.pop(keys.REFERENCES, [])
    }
    assert references == {body_id: claims[body_id] for body_id in shared}
    assert all(claims[body_id] == 1 for body_id in claims.keys() - shared)


def _check_memory(contents: Contents, kinds: Kinds, *, settled: bool) -> None:
    """All that queues remember is to be forgotten at some time, and not before it may be."""
    forgotten_ms: dict[bytes, int] = {}
    for key, value in kinds.pop(keys.FORGET, []):
        at_ms = keys.parse_forget(key)
        if settled:
            assert at_ms > contents.now_ms, "what was to be forgotten is still there"
        for memory_key in msgspec.msgpack.decode(value, type=list[bytes]):
            forgotten_ms[memory_key] = max(at_ms, forgotten_ms.get(memory_key, 0))
    for key, value in kinds.pop(keys.MEMORY, []):
        memory = msgspec.msgpack.decode(value, type=Memory)
        assert key in forgotten_ms, "something would be remembered for ever"
        assert forgotten_ms[key] >= memory.at_ms + DEDUPLICATION_MS


# What must hold of each queue


def _check_counts(queue: Any, entries: list[Placed], in_lanes: list[InLane]) -> None:
    hidden = [placed for placed in entries if _is_hidden(queue, placed)]
    lined_up = sum(isinstance(place.item, Entry) for place in in_lanes)
    in_flight = sum(placed.entry.in_flight for placed in hidden)
    counted = queue.visible, queue.in_flight, queue.delayed
    visible = len(entries) - len(hidden) + lined_up
    assert counted == (visible, in_flight, len(hidden) - in_flight), queue.name


def _check_fifo(
    entries: list[Placed], in_lanes: list[InLane], turns: dict[tuple[int, int], int]
) -> None:
    """Each hidden message has its marker, and each lane that begins with a message its turn."""
    markers = {
        (place.lane, place.sequence): place.item
        for place in in_lanes
        if not isinstance(place.item, Entry)
    }
    assert markers == {
        (placed.entry.lane, placed.sequence): placed.visible_at_ms for placed in entries
    }, "markers and hidden messages don't match"
    fronts: dict[int, InLane] = {}
    for place in in_lanes:  # in order of sequence
        fronts.setdefault(place.lane, place)
    assert turns == {
        (0, front.sequence): lane for lane, front in fronts.items() if isinstance(front.item, Entry)
    }, "turns and lanes that may be received from don't match"


def _check_tenants(
    entries: list[Placed],
    in_lanes: list[InLane],
    turns: dict[tuple[int, int], int],
    tenants: dict[int, Tenant],
) -> None:
    """Each tenant is known by what it has, and has a turn if anything waits."""
    waiting = Counter(place.lane for place in in_lanes)
    in_flight = Counter(
        placed.entry.lane for placed in entries if placed.entry.lane and placed.entry.in_flight
    )
    assert all(isinstance(place.item, Entry) for place in in_lanes), "a marker in a fair queue"
    assert {lane: (known.waiting, known.in_flight) for lane, known in tenants.items()} == {
        lane: (waiting[lane], in_flight[lane]) for lane in waiting.keys() | in_flight.keys()
    }, "tenants and their messages don't match"
    assert turns == {
        (known.in_flight, known.since): lane for lane, known in tenants.items() if known.waiting
    }, "turns and tenants that wait don't match"


def _is_hidden(queue: Any, placed: Placed) -> bool:
    return placed.visible_at_ms > int(queue.settled_ms)


def _first_number(key: bytes) -> int:
    return _number8(key[1:9])


def _number(key: bytes) -> int:
    return _number8(key[1:])


def _number8(data: bytes) -> int:
    number: int = keys.NUMBER.unpack(data)[0]
    return number
