"""putting entries into a queue and taking them out, with their bodies and counts"""

from broker.core.queue.view import NEVER_MS, Entry, QueueState, QueueView


def insert(view: QueueView, queue: QueueState, items: list[tuple[int, int, Entry]]) -> None:
    """Store entries, given with visible_at_ms and sequence, and count them."""
    queue_id = queue.id
    view.put_entries([(queue_id, at_ms, sequence, entry) for at_ms, sequence, entry in items])
    for visible_at_ms, _, entry in items:
        count_in(view, queue, visible_at_ms, entry)


def count_in(view: QueueView, queue: QueueState, visible_at_ms: int, entry: Entry) -> None:
    """Count an entry that is put into the queue, and see to it that somebody takes note."""
    if visible_at_ms <= queue.settled_ms:
        queue.visible += 1
        view.wake(queue)
        expect_expiry(view, queue)
        return
    if entry.in_flight:
        queue.in_flight += 1
    else:
        queue.delayed += 1
    if visible_at_ms < queue.next_due_ms:
        queue.next_due_ms = visible_at_ms
        view.schedule(queue, visible_at_ms)


def expect_expiry(view: QueueView, queue: QueueState) -> None:
    """Have the queue looked at when its first visible message may have become too old."""
    if queue.expires_ms == NEVER_MS:
        queue.expires_ms = view.now_ms + queue.retention_ms
        view.schedule(queue, queue.expires_ms)


def remove(
    view: QueueView, queue: QueueState, visible_at_ms: int, sequence: int, entry: Entry
) -> None:
    """Take an entry out of its queue; its body stays for whoever takes it on."""
    view.delete_entry(queue.id, visible_at_ms, sequence)
    if entry.moved:
        view.put_moved(queue.id, sequence, None)
    queue.count(visible_at_ms, entry, -1)


def drop(
    view: QueueView, queue: QueueState, visible_at_ms: int, sequence: int, entry: Entry
) -> None:
    """Take an entry out of its queue, and its body with the last of those that share it."""
    remove(view, queue, visible_at_ms, sequence, entry)
    release_body(view, entry)


def release_body(view: QueueView, entry: Entry) -> None:
    """Forget an entry's claim to its body."""
    if entry.shared:
        others = view.get_references(entry.body_id) - 1
        view.put_references(entry.body_id, others)
        if others:
            return
    view.delete_body(entry.body_id)
