"""putting entries into a queue and taking them out, with their bodies and counts"""

import msgspec

from broker.core.limits import IN_FLIGHT_MAX
from broker.core.queue import lanes
from broker.core.queue.view import IN_LANE, NEVER_MS, Entry, QueueState, QueueView

Placed = tuple[int, int, Entry]  # visible_at_ms or IN_LANE, sequence, entry


def insert(
    view: QueueView, queue: QueueState, items: list[Placed], *, charged: bool = False
) -> None:
    """Store entries, given with visible_at_ms and sequence, and count them.

    `charged`: the tenants of a fair queue were charged for them already, by `lanes.serve`.
    """
    queue_id, settled_ms = queue.id, queue.settled_ms
    rows = []
    for visible_at_ms, sequence, entry in items:
        if entry.lane:
            charge = queue.fifo or not charged
            if visible_at_ms <= settled_ms:
                if entry.moved or entry.cancellable:  # no pointers lead into lanes
                    entry = msgspec.structs.replace(entry, moved=False, cancellable=False)
                lanes.line_up(view, queue, sequence, entry)
                if not charge:
                    lanes.refund(view, queue, entry.lane)
                expect_sweep(view, queue)
                continue
            if charge:
                lanes.hide(view, queue, visible_at_ms, sequence, entry)
        rows.append((queue_id, visible_at_ms, sequence, entry))
        count_in(view, queue, visible_at_ms, entry)
        if entry.cancellable:
            view.put_scheduled(queue_id, entry.message_id, (visible_at_ms, sequence))
    if rows:
        view.put_entries(rows)


def count_in(view: QueueView, queue: QueueState, visible_at_ms: int, entry: Entry) -> None:
    """Count an entry that is put in the order of time, and see that somebody takes note."""
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


def expect_sweep(view: QueueView, queue: QueueState) -> None:
    """Have the lanes looked through when a message in one of them may have become too old."""
    if queue.sweep_ms == NEVER_MS:
        queue.sweep_ms = view.now_ms + queue.retention_ms
        view.schedule(queue, queue.sweep_ms)


def remove(
    view: QueueView, queue: QueueState, visible_at_ms: int, sequence: int, entry: Entry
) -> None:
    """Take an entry out of its queue; its body stays for whoever takes it on."""
    lift(view, queue, visible_at_ms, sequence, entry)
    if queue.fifo:
        lanes.vacate(view, queue, sequence, entry.lane)


def lift(
    view: QueueView, queue: QueueState, visible_at_ms: int, sequence: int, entry: Entry
) -> None:
    """Take an entry out that is put back in another place; its group keeps it in its order."""
    if visible_at_ms == IN_LANE:
        lanes.step_out(view, queue, sequence, entry)
        return
    view.delete_entry(queue.id, visible_at_ms, sequence)
    queue.count(visible_at_ms, entry, -1)
    if queue.fifo and queue.in_flight == IN_FLIGHT_MAX - 1 and queue.turns:
        view.wake(queue)  # other groups had their turn, and nobody could take it
    if entry.moved:
        view.put_moved(queue.id, sequence, None)
    if entry.cancellable:
        view.put_scheduled(queue.id, entry.message_id, None)
    if entry.lane:
        lanes.unhide(view, queue, entry)


def take_visible(view: QueueView, queue: QueueState, count: int) -> list[Placed]:
    """Take out the first visible entries without a group, up to so many."""
    taken = view.pop_entries(queue.id, queue.settled_ms, count)
    queue.visible -= len(taken)
    for _, sequence, entry in taken:
        if entry.moved:
            view.put_moved(queue.id, sequence, None)
        if entry.cancellable:
            view.put_scheduled(queue.id, entry.message_id, None)
    return taken


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
