"""what must hold of a store's file after every commit, by one full scan of the map

The scan knows the key layouts and nothing of the rules: it counts, it doesn't reason.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import lmdb
import msgspec

from broker.core.queue.view import NEVER_MS, Entry, Expansion
from broker.store import keys
from broker.store.engine import MAP_BYTES, Engine
from broker.store.state import QueueRecord


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
    entries = check_map(engine._env, settled=settled)
    state = engine._state
    scheduled = set(state.due)
    for (namespace, name), queue in state.queues.items():
        places = [(at, entry) for id_, at, _, entry in entries if id_ == queue.id]
        hidden = [(at, entry) for at, entry in places if at > queue.settled_ms]
        in_flight = sum(entry.in_flight for _, entry in hidden)
        counted = queue.visible, queue.in_flight, queue.delayed
        assert counted == (len(places) - len(hidden), in_flight, len(hidden) - in_flight), name
        if hidden:
            assert queue.next_due_ms <= min(at for at, _ in hidden), f"{name} would sleep too long"
            assert (queue.next_due_ms, namespace, name) in scheduled
        if queue.visible:
            assert queue.expires_ms < NEVER_MS, f"visible messages of {name} would never expire"
            assert (queue.expires_ms, namespace, name) in scheduled


def check_map(env: lmdb.Environment, *, settled: bool = False) -> list[tuple[int, int, int, Entry]]:
    """Check the map; with `settled`, housekeeping must be done too. The entries it holds."""
    kinds: dict[int, list[tuple[bytes, bytes]]] = {}
    with env.begin() as txn:
        for key, value in txn.cursor():
            kinds.setdefault(key[0], []).append((bytes(key), bytes(value)))
    meta = {key[1:].decode(): value for key, value in kinds.pop(keys.META)}
    assert meta.keys() == {"format", "clock", "signing_key"}
    now_ms, next_id = msgspec.msgpack.decode(meta["clock"])

    records = {keys.parse_record(key) for key, _ in kinds.pop(keys.RECORD, [])}
    queues = {
        _number(key): msgspec.msgpack.decode(value, type=QueueRecord)
        for key, value in kinds.pop(keys.QUEUE, [])
    }
    names = [(queue.namespace, queue.name) for queue in queues.values()]
    assert len(set(names)) == len(names), "a queue has two states"
    assert set(names) == {(ns, name) for ns, kind, name in records if kind == "queue"}

    reclaimed = {_number(key) for key, _ in kinds.pop(keys.RECLAIM, [])}
    assert not reclaimed & queues.keys(), "a living queue was given to housekeeping"

    entries = [
        (*keys.parse_entry(key), msgspec.msgpack.decode(value, type=Entry))
        for key, value in kinds.pop(keys.ENTRY, [])
    ]
    places = [(queue_id, sequence) for queue_id, _, sequence, _ in entries]
    assert len(set(places)) == len(places), "an entry lies in two places"
    assert {queue_id for queue_id, _ in places} <= queues.keys() | reclaimed
    for queue_id, queue in queues.items():
        assert queue_id < next_id
        assert queue.settled_ms <= now_ms
        _check_counts(queue, [(at, entry) for id_, at, _, entry in entries if id_ == queue_id])

    moved = {key[1:]: _number8(value) for key, value in kinds.pop(keys.MOVED, [])}
    expected = {
        keys.moved(queue_id, sequence)[1:]: at
        for queue_id, at, sequence, entry in entries
        if entry.moved
    }
    assert moved == expected, "pointers and moved entries don't match"

    expansions = [
        msgspec.msgpack.decode(value, type=Expansion) for _, value in kinds.pop(keys.EXPANSION, [])
    ]
    claims = Counter(entry.body_id for _, _, _, entry in entries)
    shared = {entry.body_id for _, _, _, entry in entries if entry.shared}
    for expansion in expansions:
        for new in expansion.entries:
            body_id, is_shared = expansion.body_ids[new.body]
            claims[body_id] += 1
            if is_shared:
                shared.add(body_id)
    bodies = {_number(key) for key, _ in kinds.pop(keys.BODY, [])}
    assert bodies == claims.keys(), "bodies without entries, or entries without bodies"
    assert all(body_id < next_id for body_id in bodies)
    references = {
        _number(key): keys.COUNT.unpack(value)[0] for key, value in kinds.pop(keys.REFERENCES, [])
    }
    assert references == {body_id: claims[body_id] for body_id in shared}
    assert all(claims[body_id] == 1 for body_id in claims.keys() - shared)
    assert not kinds, f"records of unknown kinds: {sorted(kinds)}"
    if settled:
        assert not reclaimed, "housekeeping has not come to an end"
        assert not expansions, "a wide fan-out was not finished"
    return entries


def _check_counts(queue: QueueRecord, places: list[tuple[int, Any]]) -> None:
    visible = sum(at <= queue.settled_ms for at, _ in places)
    in_flight = sum(at > queue.settled_ms and entry.in_flight for at, entry in places)
    counted = queue.visible, queue.in_flight, queue.delayed
    assert counted == (visible, in_flight, len(places) - visible - in_flight), queue.name


def _number(key: bytes) -> int:
    return _number8(key[1:])


def _number8(data: bytes) -> int:
    number: int = keys.NUMBER.unpack(data)[0]
    return number
