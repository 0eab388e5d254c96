"""deleting received messages, and putting something in a message's place"""

from broker.core.commands import DeleteMessages, ReplaceMessage
from broker.core.queue.entries import drop
from broker.core.queue.receipt_handle import locate, parse
from broker.core.queue.send import distribute
from broker.core.queue.settle import settle
from broker.core.queue.view import QueueView


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
        found = locate(view, queue, handle)
        if found is not None:
            drop(view, queue, found[0], handle.sequence, found[1])
        results.append(None)
    return results


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
    drop(view, queue, found[0], handle.sequence, found[1])
    return True, distribute(view, namespace, command.bodies, command.entries)
