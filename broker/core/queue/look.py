"""looking at a queue without changing it: counts, and peeks with cursors to go on from"""

import struct

from broker.core.commands import (
    CountMessages,
    FindById,
    FindMessages,
    Peeked,
    PeekMessages,
    QueueCounts,
)
from broker.core.errors import InvalidParameter
from broker.core.limits import COMMIT_BYTES_MAX
from broker.core.queue import lanes
from broker.core.queue.entries import Placed
from broker.core.queue.settle import settle
from broker.core.queue.view import IN_LANE, Entry, QueueState, QueueView

_IN_LANE, _IN_TIME = range(2)  # where a message lay when it was peeked
_CURSOR = struct.Struct(">BQQQI")  # that, visible_at_ms, lane, sequence, receives
_SEQUENCE_MAX = (1 << 63) - 1


def count_messages(view: QueueView, namespace: str, command: CountMessages) -> list[QueueCounts]:
    """The counts of each queue."""
    counts = []
    for name in command.queues:
        queue = view.queue(namespace, name)
        settle(view, queue)
        oldest = _next_sent_at_ms(view, queue) if queue.visible else None
        counts.append(
            QueueCounts(queue.visible, queue.in_flight, queue.delayed, oldest, queue.receivable)
        )
    return counts


def _next_sent_at_ms(view: QueueView, queue: QueueState) -> int | None:
    """When the message that is next to be received was sent; of a tenant's, or without a group."""
    found = []
    turn = lanes.first_turn(view, queue)
    if turn is not None:
        ((_, entry),) = lanes.front(view, queue, turn[2], 1)
        found.append(entry.sent_at_ms)
    first = next(view.entries(queue.id, 0), None)
    if first is not None and first[0] <= queue.settled_ms:
        found.append(first[2].sent_at_ms)
    return min(found, default=None)


def peek_messages(view: QueueView, namespace: str, command: PeekMessages) -> list[Peeked]:
    """Messages in the order in which they become visible; fewer than asked for if large.

    Visible ones with a group come before all others, group by group.
    """
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    peeked: list[Peeked] = []
    peeked_bytes = 0
    for visible_at_ms, sequence, entry, cursor in _page(view, queue, command):
        peeked.append(_peeked(view, visible_at_ms, sequence, entry, cursor))
        peeked_bytes += len(peeked[-1].body)
        if len(peeked) > 1 and peeked_bytes > COMMIT_BYTES_MAX:
            peeked.pop()
            break
    return peeked


def find_messages(view: QueueView, namespace: str, command: FindMessages) -> list[Peeked | None]:
    """The message at each cursor, or None."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    found: list[Peeked | None] = []
    for cursor in command.cursors:
        item = at_cursor(view, queue, cursor)
        found.append(_peeked(view, *item, cursor) if item else None)
    return found


def find_by_id(view: QueueView, namespace: str, command: FindById) -> list[Peeked | None]:
    """The message of each id, or None."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    found: list[Peeked | None] = []
    for message_id in command.message_ids:
        place = view.get_scheduled(queue.id, message_id)
        entry = view.get_entry(queue.id, *place) if place is not None else None
        if place is None or entry is None:
            found.append(None)
            continue
        cursor = _CURSOR.pack(_IN_TIME, place[0], 0, place[1], entry.receives)
        found.append(_peeked(view, *place, entry, cursor))
    return found


def _peeked(
    view: QueueView, visible_at_ms: int, sequence: int, entry: Entry, cursor: bytes
) -> Peeked:
    return Peeked(
        entry.message_id,
        view.get_body(entry.body_id),
        entry.sent_at_ms,
        visible_at_ms or entry.sent_at_ms,
        entry.receive_count,
        entry.in_flight and visible_at_ms > view.now_ms,
        cursor,
        entry.via,
        entry.dead_letter_source_arn,
        sequence,
    )


def at_cursor(view: QueueView, queue: QueueState, cursor: bytes) -> Placed | None:
    """The message that a peek found there, if it is there still and nobody has received it since.

    One that has become visible meanwhile may have stepped over into its lane.
    """
    try:
        _, visible_at_ms, lane, sequence, receives = _parsed(cursor)
    except InvalidParameter:
        return None
    entry = view.get_entry(queue.id, visible_at_ms, sequence)
    if entry is not None and entry.in_flight and visible_at_ms > view.now_ms:
        return None
    if entry is None and lane:
        item = view.get_in_lane(queue.id, lane, sequence)
        visible_at_ms, entry = IN_LANE, item if isinstance(item, Entry) else None
    if entry is None or entry.receives != receives:
        return None
    return visible_at_ms, sequence, entry


def _page(
    view: QueueView, queue: QueueState, command: PeekMessages
) -> list[tuple[int, int, Entry, bytes]]:
    kind, visible_at_ms, lane, sequence, _ = _parsed(command.after)
    page: list[tuple[int, int, Entry, bytes]] = []
    if kind == _IN_LANE and not queue.visible:
        visible_at_ms = sequence = 0  # not past all the markers of what is hidden
    elif kind == _IN_LANE:
        for _, number, item in view.lanes(queue.id, lane, sequence + 1):
            if len(page) == command.count:
                return page
            if isinstance(item, Entry):
                page.append((IN_LANE, number, item, _cursor(_IN_LANE, 0, number, item)))
        visible_at_ms = sequence = 0
    for at_ms, number, entry in view.entries(queue.id, visible_at_ms, sequence + 1):
        if len(page) == command.count:
            break
        page.append((at_ms, number, entry, _cursor(_IN_TIME, at_ms, number, entry)))
    return page


def cursor_at(visible_at_ms: int) -> bytes:
    """A cursor before all messages, without a group, that became visible then or later."""
    return _CURSOR.pack(_IN_TIME, visible_at_ms, 0, 0, 0)


def _cursor(kind: int, visible_at_ms: int, sequence: int, entry: Entry) -> bytes:
    return _CURSOR.pack(kind, visible_at_ms, entry.lane, sequence, entry.receives)


def _parsed(cursor: bytes) -> tuple[int, int, int, int, int]:
    """A cursor's parts; those of a place before everything, if it is empty."""
    if not cursor:
        return _IN_LANE, 0, 0, 0, 0
    if len(cursor) == _CURSOR.size and cursor[0] in (_IN_LANE, _IN_TIME):
        parts: tuple[int, int, int, int, int] = _CURSOR.unpack(cursor)
        if parts[3] <= _SEQUENCE_MAX:
            return parts
    raise InvalidParameter("The cursor is none that an earlier peek gave out.")
