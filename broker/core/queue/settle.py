"""time passing in a queue: what was hidden becomes visible, what is too old goes"""

from broker.core.limits import RECLAIM_SLICE
from broker.core.queue.entries import drop, expect_expiry
from broker.core.queue.view import NEVER_MS, Entry, QueueState, QueueView


def settle(view: QueueView, queue: QueueState) -> None:
    """Count as visible what has become so. Before anything else that a command does to a queue."""
    now_ms = view.now_ms
    if queue.next_due_ms > now_ms:
        if queue.settled_ms < now_ms:
            queue.settled_ms = now_ms
        return
    next_due_ms = NEVER_MS
    became_visible = 0
    for visible_at_ms, _, entry in view.entries(queue.id, queue.settled_ms + 1):
        if visible_at_ms > now_ms:
            next_due_ms = visible_at_ms
            break
        became_visible += 1
        if entry.in_flight:
            queue.in_flight -= 1
        else:
            queue.delayed -= 1
    queue.visible += became_visible
    queue.settled_ms = now_ms
    queue.next_due_ms = next_due_ms
    if next_due_ms < NEVER_MS:
        view.schedule(queue, next_due_ms)
    if became_visible:
        view.wake(queue)
        expect_expiry(view, queue)


def expire(view: QueueView, queue: QueueState) -> None:
    """Drop visible messages that are too old, a slice at a time.

    A message that was received and came back lies behind younger ones, and may be found too old
    only when it is received; `receive` looks at its age again.
    """
    settle(view, queue)
    if queue.expires_ms > view.now_ms:
        return
    queue.expires_ms = NEVER_MS
    too_old: list[tuple[int, int, Entry]] = []
    for visible_at_ms, sequence, entry in view.entries(queue.id, 0):
        if visible_at_ms > view.now_ms:
            break
        if entry.sent_at_ms + queue.retention_ms > view.now_ms:
            queue.expires_ms = entry.sent_at_ms + queue.retention_ms
            break
        if len(too_old) == RECLAIM_SLICE:
            queue.expires_ms = view.now_ms
            break
        too_old.append((visible_at_ms, sequence, entry))
    for visible_at_ms, sequence, entry in too_old:
        drop(view, queue, visible_at_ms, sequence, entry)
    if queue.expires_ms < NEVER_MS:
        view.schedule(queue, queue.expires_ms)
