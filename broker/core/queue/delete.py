"""deleting received messages, and putting something in a message's place"""

from broker.core.commands import DeleteMessages, ReplaceMessage
from broker.core.queue.entries import drop
from broker.core.queue.receipt_handle import Handle, find, locate, parse
from broker.core.queue.send import spread
from broker.core.queue.settle import settle
from broker.core.queue.view import QueueState, QueueView


def delete_messages(view: QueueView, namespace: str, command: DeleteMessages) -> list[str | None]:
    """Delete by handle; None or an error's name for each."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    results: list[str | None] = []
    for receipt_handle in command.receipt_handles:
        handle = parse(view, receipt_handle)
        if handle is None:
            results.append("ReceiptHandleIsInvalid")
            continue
        if queue.fifo and has_expired(view, queue, handle):
            results.append("ReceiptHandleExpired")
            continue
        found = locate(view, queue, handle)
        if found is not None:
            drop(view, queue, found[0], handle.sequence, found[1])
        results.append(None)
    return results


def has_expired(view: QueueView, queue: QueueState, handle: Handle) -> bool:
    """Whether the message is there still, and no longer the handle's.

    A FIFO queue gives the message to the next receiver, or is about to: a late delete would take it
    away from under it.
    """
    found = find(view, queue, handle)
    if found is None:
        return False
    visible_at_ms, entry = found
    held = entry.in_flight and entry.receives == handle.receives
    return not held or visible_at_ms <= view.now_ms


def replace_message(
    view: QueueView, namespace: str, command: ReplaceMessage
) -> tuple[bool, list[int]]:
    """Delete one message and put others in its place, if the handle is still good."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    handle = parse(view, command.receipt_handle)
    found = locate(view, queue, handle) if handle else None
    if handle is None or found is None:
        return False, []
    if command.admit:
        view.admit()
    drop(view, queue, found[0], handle.sequence, found[1])
    return True, spread(view, namespace, command.bodies, command.entries)
