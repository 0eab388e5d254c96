"""purging: a queue goes on empty under a new id, and housekeeping takes the old one"""

from itertools import islice

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
    queue.identity = queue.identity or queue.id
    queue.visible = queue.in_flight = queue.delayed = queue.turns = queue.sweep_lane = 0
    queue.settled_ms = view.now_ms
    queue.next_due_ms = queue.expires_ms = queue.sweep_ms = NEVER_MS


def reclaim(view: QueueView, queue_id: int, limit: int) -> bool:
    """Drop up to `limit` records of a queue that is gone; whether that was all."""
    slice_ = list(islice(view.entries(queue_id, 0), limit))
    for visible_at_ms, sequence, entry in slice_:
        view.delete_entry(queue_id, visible_at_ms, sequence)
        if entry.moved:
            view.put_moved(queue_id, sequence, None)
        if entry.cancellable:
            view.put_scheduled(queue_id, entry.message_id, None)
        release_body(view, entry)
    if slice_:
        return False
    grouped = list(islice(view.lanes(queue_id, 0), limit))
    for lane, sequence, item in grouped:
        view.delete_in_lane(queue_id, lane, sequence)
        if isinstance(item, Entry):
            release_body(view, item)
    if grouped:
        return False
    return view.forget_turns(queue_id, limit)
