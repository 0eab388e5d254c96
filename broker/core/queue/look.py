"""looking at a queue without changing it: counts and peeks"""

import struct
from itertools import islice

from broker.core.commands import CountMessages, Peeked, PeekMessages, QueueCounts
from broker.core.limits import COMMIT_BYTES_MAX
from broker.core.queue.settle import settle
from broker.core.queue.view import QueueView

_CURSOR = struct.Struct(">QQ")


def count_messages(view: QueueView, namespace: str, command: CountMessages) -> list[QueueCounts]:
    """The counts of each queue."""
    counts = []
    for name in command.queues:
        queue = view.queue(namespace, name)
        settle(view, queue)
        first = next(view.entries(queue.id, 0), None) if queue.visible else None
        oldest = first[2].sent_at_ms if first and first[0] <= view.now_ms else None
        counts.append(QueueCounts(queue.visible, queue.in_flight, queue.delayed, oldest))
    return counts


def peek_messages(view: QueueView, namespace: str, command: PeekMessages) -> list[Peeked]:
    """Messages in the order in which they become visible; fewer than asked for if large."""
    queue = view.queue(namespace, command.queue)
    from_ms, from_sequence = 0, 0
    if len(command.after) == _CURSOR.size:
        from_ms, after_sequence = _CURSOR.unpack(command.after)
        from_sequence = after_sequence + 1
    peeked: list[Peeked] = []
    peeked_bytes = 0
    page = list(islice(view.entries(queue.id, from_ms, from_sequence), command.count))
    for visible_at_ms, sequence, entry in page:
        body = view.get_body(entry.body_id)
        peeked_bytes += len(body)
        if peeked and peeked_bytes > COMMIT_BYTES_MAX:
            break
        peeked.append(
            Peeked(
                entry.message_id,
                body,
                entry.sent_at_ms,
                visible_at_ms,
                entry.receive_count,
                entry.in_flight and visible_at_ms > view.now_ms,
                _CURSOR.pack(visible_at_ms, sequence),
                entry.via,
                entry.dead_letter_source_arn,
            )
        )
    return peeked
