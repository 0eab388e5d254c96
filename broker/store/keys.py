"""key layouts: one ordered map, each kind of record under a prefix of one byte

    0x00 name                                      meta: format, clock, next id, signing key
    0x01 namespace 0x00 kind 0x00 name             configuration record: [version, value]
    0x02 queue id                                  queue: namespace, name, counts, ...
    0x03 queue id, visible_at_ms, sequence         entry
    0x04 body id                                   references to a shared body: 4 bytes
    0x05 queue id, sequence                        where a moved entry lies: 8 bytes
    0x06 queue id                                  id given to housekeeping
    0x07 expansion id                              slice of a wide fan-out that waits
    0x08 queue id, lane, sequence                  visible entry of a message group, or (8 bytes)
                                                   where the hidden one lies
    0x09 queue id, in flight, since                lane that may be received from: 8 bytes
    0x0a queue id, lane                            tenant of a fair queue
    0x0b queue identity, digest                    what a queue remembers
    0x0c time, id                                  what is to be forgotten then
    0x0d queue id, message id                      where a cancellable entry lies
    0x7f body id                                   body

Numbers are 8 bytes, big-endian, so that byte order is their order. Bodies come last because their
ids only grow: every new body is appended at the very end of the map.
"""

import struct

META, RECORD, QUEUE, ENTRY, REFERENCES, MOVED, RECLAIM, EXPANSION = range(8)
LANE, TURN, TENANT, MEMORY, FORGET, SCHEDULED = range(8, 14)
BODY = 0x7F

FORMAT = 3  # 1 had nothing of message groups, 2 of HTTP endpoints; what they have reads the same

_pack1 = struct.Struct(">BQ").pack
_pack2 = struct.Struct(">BQQ").pack
_pack3 = struct.Struct(">BQQQ").pack
_unpack3 = struct.Struct(">BQQQ").unpack
_unpack2 = struct.Struct(">BQQ").unpack
NUMBER = struct.Struct(">Q")
PLACE = struct.Struct(">QQ")
COUNT = struct.Struct(">I")


def meta(name: str) -> bytes:
    """A value of the store's own."""
    return b"\x00" + name.encode()


def record(namespace: str, kind: str, name: str) -> bytes:
    """A configuration record."""
    return b"\x01" + b"\x00".join((namespace.encode(), kind.encode(), name.encode()))


def parse_record(key: bytes) -> tuple[str, str, str]:
    """Namespace, kind and name of a configuration record's key."""
    namespace, kind, name = key[1:].decode().split("\x00", 2)
    return namespace, kind, name


def queue(queue_id: int) -> bytes:
    """A queue's state."""
    return _pack1(QUEUE, queue_id)


def entry(queue_id: int, visible_at_ms: int, sequence: int) -> bytes:
    """An entry."""
    return _pack3(ENTRY, queue_id, visible_at_ms, sequence)


def parse_entry(key: bytes) -> tuple[int, int, int]:
    """Queue id, visible_at_ms and sequence of an entry's key."""
    _, queue_id, visible_at_ms, sequence = _unpack3(key)
    return queue_id, visible_at_ms, sequence


def entries(queue_id: int) -> bytes:
    """What the keys of all entries of a queue begin with."""
    return _pack1(ENTRY, queue_id)


def references(body_id: int) -> bytes:
    """A shared body's reference count."""
    return _pack1(REFERENCES, body_id)


def moved(queue_id: int, sequence: int) -> bytes:
    """Where a moved entry lies."""
    return _pack2(MOVED, queue_id, sequence)


def reclaim(queue_id: int) -> bytes:
    """An id given to housekeeping."""
    return _pack1(RECLAIM, queue_id)


def expansion(expansion_id: int) -> bytes:
    """A slice of a wide fan-out."""
    return _pack1(EXPANSION, expansion_id)


def in_lane(queue_id: int, lane: int, sequence: int) -> bytes:
    """A place in the lane of a message group."""
    return _pack3(LANE, queue_id, lane, sequence)


def parse_in_lane(key: bytes) -> tuple[int, int]:
    """Lane and sequence of such a key."""
    _, _, lane, sequence = _unpack3(key)
    return lane, sequence


def lane(queue_id: int, lane: int) -> bytes:
    """What the keys of all places of a lane begin with."""
    return _pack2(LANE, queue_id, lane)


def lanes(queue_id: int) -> bytes:
    """What the keys of all places in lanes of a queue begin with."""
    return _pack1(LANE, queue_id)


def turn(queue_id: int, in_flight: int, since: int) -> bytes:
    """A lane's turn."""
    return _pack3(TURN, queue_id, in_flight, since)


def parse_turn(key: bytes) -> tuple[int, int]:
    """In flight and since."""
    _, _, in_flight, since = _unpack3(key)
    return in_flight, since


def turns(queue_id: int) -> bytes:
    """What the keys of all turns of a queue begin with."""
    return _pack1(TURN, queue_id)


def tenant(queue_id: int, lane: int) -> bytes:
    """A tenant of a fair queue."""
    return _pack2(TENANT, queue_id, lane)


def tenants(queue_id: int) -> bytes:
    """What the keys of all tenants of a queue begin with."""
    return _pack1(TENANT, queue_id)


def memory(identity: int, digest: bytes) -> bytes:
    """What a queue remembers under a digest."""
    return _pack1(MEMORY, identity) + digest


def forget(at_ms: int, id_: int) -> bytes:
    """What is to be forgotten."""
    return _pack2(FORGET, at_ms, id_)


def parse_forget(key: bytes) -> int:
    """When that is."""
    return int(_unpack2(key)[1])


def scheduled(queue_id: int, message_id: bytes) -> bytes:
    """Where a cancellable entry lies."""
    return _pack1(SCHEDULED, queue_id) + message_id


def body(body_id: int) -> bytes:
    """A body."""
    return _pack1(BODY, body_id)
