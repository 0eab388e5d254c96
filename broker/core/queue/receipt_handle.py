"""receipt handles: where a received message lies, signed so that none can be made up"""

import struct

import msgspec

from broker.core.queue.view import Entry, QueueState, QueueView

_LAYOUT = struct.Struct(">BQQQQI8s")  # version, queue, visible at, sequence, received at, receives
_VERSION = 1
_TAG_BYTES = 8


class Handle(msgspec.Struct, frozen=True):
    """A handle, taken apart."""

    queue_id: int
    visible_at_ms: int  # as the receive set it
    sequence: int
    received_at_ms: int
    receives: int  # of the message until then, refunded ones included


def issue(
    view: QueueView,
    queue: QueueState,
    visible_at_ms: int,
    sequence: int,
    receives: int,
    nonce: bytes,
) -> bytes:
    """The handle of a message that is received now."""
    data = _LAYOUT.pack(_VERSION, queue.id, visible_at_ms, sequence, view.now_ms, receives, nonce)
    return data + view.sign(data)


def parse(view: QueueView, handle: bytes) -> Handle | None:
    """None if this store never issued it."""
    data, tag = handle[:-_TAG_BYTES], handle[-_TAG_BYTES:]
    if len(data) != _LAYOUT.size or view.sign(data) != tag or data[0] != _VERSION:
        return None
    _, queue_id, visible_at_ms, sequence, received_at_ms, receives, _ = _LAYOUT.unpack(data)
    return Handle(queue_id, visible_at_ms, sequence, received_at_ms, receives)


def locate(view: QueueView, queue: QueueState, handle: Handle) -> tuple[int, Entry] | None:
    """The entry and where it lies now; None if nobody holds it, or another receiver does."""
    if handle.queue_id != queue.id:
        return None  # of the time before a purge, or of another queue
    visible_at_ms = handle.visible_at_ms
    entry = view.get_entry(queue.id, visible_at_ms, handle.sequence)
    if entry is None:
        moved_to_ms = view.get_moved(queue.id, handle.sequence)
        if moved_to_ms is None:
            return None
        visible_at_ms = moved_to_ms
        entry = view.get_entry(queue.id, visible_at_ms, handle.sequence)
    if entry is None or not entry.in_flight or entry.receives != handle.receives:
        return None
    return visible_at_ms, entry
