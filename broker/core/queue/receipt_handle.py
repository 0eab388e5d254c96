"""receipt handles: where a received message lies, signed so that none can be made up"""

import struct

import msgspec

from broker.core.queue.view import IN_LANE, Entry, QueueState, QueueView

# Version, queue, visible at, sequence, received at, receives, lane (if it has a group), nonce
_PLAIN = struct.Struct(">BQQQQI8s")
_GROUPED = struct.Struct(">BQQQQIQ8s")
_PLAIN_VERSION, _GROUPED_VERSION = 1, 2
_TAG_BYTES = 8


class Handle(msgspec.Struct, frozen=True):
    """A handle, taken apart."""

    queue_id: int
    visible_at_ms: int  # as the receive set it
    sequence: int
    received_at_ms: int
    receives: int  # of the message until then, refunded ones included
    lane: int = 0


def issue(
    view: QueueView,
    queue: QueueState,
    visible_at_ms: int,
    sequence: int,
    entry: Entry,
    nonce: bytes,
) -> bytes:
    """The handle of a message that is received now."""
    place = queue.id, visible_at_ms, sequence, view.now_ms, entry.receives
    if entry.lane:
        data = _GROUPED.pack(_GROUPED_VERSION, *place, entry.lane, nonce)
    else:
        data = _PLAIN.pack(_PLAIN_VERSION, *place, nonce)
    return data + view.sign(data)


def parse(view: QueueView, handle: bytes) -> Handle | None:
    """None if this store never issued it."""
    data, tag = handle[:-_TAG_BYTES], handle[-_TAG_BYTES:]
    if len(data) == _PLAIN.size and data[0] == _PLAIN_VERSION and view.sign(data) == tag:
        return Handle(*_PLAIN.unpack(data)[1:6])
    if len(data) == _GROUPED.size and data[0] == _GROUPED_VERSION and view.sign(data) == tag:
        return Handle(*_GROUPED.unpack(data)[1:7])
    return None


def locate(view: QueueView, queue: QueueState, handle: Handle) -> tuple[int, Entry] | None:
    """The entry and where it lies now; None if nobody holds it, or another receiver does."""
    found = find(view, queue, handle)
    if found is None or not found[1].in_flight or found[1].receives != handle.receives:
        return None
    return found


def find(view: QueueView, queue: QueueState, handle: Handle) -> tuple[int, Entry] | None:
    """The message that was received, whoever holds it now, and where it lies; None if it's gone."""
    if handle.queue_id != queue.id:
        return None  # of the time before a purge, or of another queue
    visible_at_ms = handle.visible_at_ms
    entry = view.get_entry(queue.id, visible_at_ms, handle.sequence)
    if entry is not None:
        return visible_at_ms, entry
    if handle.lane:
        item = view.get_in_lane(queue.id, handle.lane, handle.sequence)
        if isinstance(item, Entry):
            return IN_LANE, item
        moved_to_ms = item if queue.fifo else view.get_moved(queue.id, handle.sequence)
    else:
        moved_to_ms = view.get_moved(queue.id, handle.sequence)
    if moved_to_ms is None:
        return None
    entry = view.get_entry(queue.id, moved_to_ms, handle.sequence)
    return None if entry is None else (moved_to_ms, entry)
