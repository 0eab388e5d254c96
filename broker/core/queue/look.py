"""looking at a queue without changing it: counts, and peeks with cursors to go on from"""

import struct
from collections.abc import Iterator

from broker.core.commands import CountMessages, Peeked, PeekMessages, QueueCounts
from broker.core.errors import InvalidParameter
from broker.core.limits import COMMIT_BYTES_MAX
from broker.core.queue import lanes
from broker.core.queue.entries import Placed
from broker.core.queue.settle import settle
from broker.core.queue.view import IN_LANE, Entry, QueueState, QueueView

_CURSOR = struct.Struct(">BQQ")
_IN_LANE, _IN_TIME = range(2)  # where a cursor points: lane or visible_at_ms, then sequence


def count_messages(view: QueueView, namespace: str, command: CountMessages) -> list[QueueCounts]:
    """The counts of each queue."""
    counts = []
    for name in command.queues:
        queue = view.queue(namespace, name)
        settle(view, queue)
        oldest = _next_sent_at_ms(view, queue) if queue.visible else None
        counts.append(QueueCounts(queue.visible, queue.in_flight, queue.delayed, oldest))
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
        body = view.get_body(entry.body_id)
        peeked_bytes += len(body)
        if peeked and peeked_bytes > COMMIT_BYTES_MAX:
            break
        peeked.append(
            Peeked(
                entry.message_id,
                body,
                entry.sent_at_ms,
                visible_at_ms or entry.sent_at_ms,
                entry.receive_count,
                entry.in_flight and visible_at_ms > view.now_ms,
                cursor,
                entry.via,
                entry.dead_letter_source_arn,
                sequence,
            )
        )
    return peeked


def at_cursor(view: QueueView, queue: QueueState, cursor: bytes) -> Placed | None:
    """The message that a peek found there, if it is there still and nobody has received it."""
    try:
        kind, place, sequence = _parsed(cursor)
    except InvalidParameter:
        return None
    if kind == _IN_LANE:
        item = view.get_in_lane(queue.id, place, sequence)
        return (IN_LANE, sequence, item) if isinstance(item, Entry) else None
    entry = view.get_entry(queue.id, place, sequence)
    if entry is None or (entry.in_flight and place > view.now_ms):
        return None
    return place, sequence, entry


def _page(
    view: QueueView, queue: QueueState, command: PeekMessages
) -> list[tuple[int, int, Entry, bytes]]:
    kind, place, sequence = _parsed(command.after)
    in_lanes: Iterator[tuple[int, int, Entry, bytes]] = iter(())
    if kind == _IN_LANE:
        in_lanes = (
            (IN_LANE, sequence, item, _CURSOR.pack(_IN_LANE, lane, sequence))
            for lane, sequence, item in view.lanes(queue.id, place, sequence + 1)
            if isinstance(item, Entry)
        )
        place = sequence = 0
    page = []
    for item in in_lanes:
        page.append(item)
        if len(page) == command.count:
            return page
    for visible_at_ms, number, entry in view.entries(queue.id, place, sequence + 1):
        if len(page) == command.count:
            break
        cursor = _CURSOR.pack(_IN_TIME, visible_at_ms, number)
        page.append((visible_at_ms, number, entry, cursor))
    return page


def _parsed(cursor: bytes) -> tuple[int, int, int]:
    """Kind, place and sequence; before everything, if the cursor is empty."""
    if not cursor:
        return _IN_LANE, 0, 0
    if len(cursor) != _CURSOR.size or cursor[0] not in (_IN_LANE, _IN_TIME):
        raise InvalidParameter("The cursor is none that an earlier peek gave out.")
    return _CURSOR.unpack(cursor)
