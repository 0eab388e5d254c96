"""purging: a queue goes on empty under a new id, and housekeeping takes the old one"""

from broker.core.commands import PurgeQueue
from broker.core.errors import PurgeQueueInProgress
from broker.core.limits import PURGE_INTERVAL_MS
from broker.core.names import is_internal
from broker.core.queue.entries import release_body
from broker.core.queue.view import NEVER_MS, Entry, QueueState, QueueView


def purge_queue(view: QueueView, namespace: str, command: PurgeQueue) -> None:
    """Delete all messages, in flight or not."""
    queue = view.queue(namespace, command.queue)
    too_soon = view.now_ms < queue.purged_at_ms + PURGE_INTERVAL_MS
    if too_soon and not is_internal(queue.name):
        raise PurgeQueueInProgress(
            f"Only one PurgeQueue operation on {queue.name} is allowed every 60 seconds."
        )
    view.reclaim_later(queue.id)
    start_empty(view, queue)
    queue.purged_at_ms = view.now_ms


def start_empty(view: QueueView, queue: QueueState) -> None:
    """Give the queue a new id, under which nothing lies."""
    queue.id = view.next_id()
    queue.visible = queue.in_flight = queue.delayed = 0
    queue.settled_ms = view.now_ms
    queue.next_due_ms = queue.expires_ms = NEVER_MS


def reclaim(view: QueueView, queue_id: int, limit: int) -> bool:
    """Drop up to `limit` entries of a queue that is gone; whether that was all."""
    slice_: list[tuple[int, int, Entry]] = []
    for item in view.entries(queue_id, 0):
        if len(slice_) == limit:
            break
        slice_.append(item)
    for visible_at_ms, sequence, entry in slice_:
        view.delete_entry(queue_id, visible_at_ms, sequence)
        if entry.moved:
            view.put_moved(queue_id, sequence, None)
        release_body(view, entry)
    return len(slice_) < limit
