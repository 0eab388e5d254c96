"""key layouts: one ordered map, each kind of record under a prefix of one byte

    0x00 name                                      meta: format, clock, next id, signing key
    0x01 namespace 0x00 kind 0x00 name             configuration record: [version, value]
    0x02 queue id                                  queue: namespace, name, counts, ...
    0x03 queue id, visible_at_ms, sequence         entry
    0x04 body id                                   references to a shared body: 4 bytes
    0x05 queue id, sequence                        where a moved entry lies: 8 bytes
    0x06 queue id                                  id given to housekeeping
    0x07 expansion id                              slice of a wide fan-out that waits
    0x7f body id                                   body

Numbers are 8 bytes, big-endian, so that byte order is their order. Bodies come last because their
ids only grow: every new body is appended at the very end of the map.
"""

import struct

META, RECORD, QUEUE, ENTRY, REFERENCES, MOVED, RECLAIM, EXPANSION = range(8)
BODY = 0x7F

FORMAT = 1

_pack1 = struct.Struct(">BQ").pack
_pack2 = struct.Struct(">BQQ").pack
_pack3 = struct.Struct(">BQQQ").pack
_unpack3 = struct.Struct(">BQQQ").unpack
NUMBER = struct.Struct(">Q")
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


def body(body_id: int) -> bytes:
    """A body."""
    return _pack1(BODY, body_id)
