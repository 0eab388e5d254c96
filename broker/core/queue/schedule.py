"""messages with a long delay: found by their id, and cancelled, until they become visible"""

from broker.core.commands import CancelMessages
from broker.core.queue.entries import drop
from broker.core.queue.settle import settle
from broker.core.queue.view import QueueState, QueueView


def cancel_messages(view: QueueView, namespace: str, command: CancelMessages) -> list[bool]:
    """Delete delayed messages by id; whether each was still to become visible."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    return cancel(view, queue, command.message_ids)


def cancel(view: QueueView, queue: QueueState, message_ids: list[bytes]) -> list[bool]:
    """The same, of a queue that is settled."""
    cancelled = []
    for message_id in message_ids:
        place = view.get_scheduled(queue.id, message_id)
        entry = view.get_entry(queue.id, *place) if place is not None else None
        if place is None or entry is None or place[0] <= view.now_ms:
            cancelled.append(False)
            continue
        drop(view, queue, *place, entry)
        cancelled.append(True)
    return cancelled
