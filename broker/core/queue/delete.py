"""deleting received messages, and putting something in a message's place"""

from broker.core.commands import DeleteMessages, ReplaceMessages
from broker.core.queue.entries import Placed, drop
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


def replace_messages(
    view: QueueView, namespace: str, command: ReplaceMessages
) -> tuple[list[int], list[int]]:
    """Delete messages and put others in their place, if all handles are still good."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    found: list[Placed] = []
    stale: list[int] = []
    for index, receipt_handle in enumerate(command.receipt_handles):
        handle = parse(view, receipt_handle)
        place = locate(view, queue, handle) if handle else None
        if handle is None or place is None:
            stale.append(index)
        else:
            found.append((place[0], handle.sequence, place[1]))
    if stale:
        return stale, []
    if command.admit:
        view.admit()
    for visible_at_ms, sequence, entry in found:
        drop(view, queue, visible_at_ms, sequence, entry)
    return [], spread(view, namespace, command.bodies, command.entries)
