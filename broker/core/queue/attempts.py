"""receives that are made again: the same messages for the same attempt id

A receiver whose connection broke before the answer came can't know what it was given, and the
groups of those messages stay locked until their timeout. Under a ReceiveRequestAttemptId it may ask
again, for five minutes.
"""

from hashlib import blake2b

import msgspec

from broker.core.commands import Received, ReceiveMessages
from broker.core.limits import DEDUPLICATION_MS
from broker.core.queue.entries import insert, lift
from broker.core.queue.receipt_handle import find, parse
from broker.core.queue.view import Attempt, Entry, QueueState, QueueView


def note(
    view: QueueView, queue: QueueState, command: ReceiveMessages, received: list[Received]
) -> None:
    """Remember what an attempt was answered with."""
    hidden_until_ms = view.now_ms + command.visibility_timeout_ms
    handles = [message.receipt_handle for message in received]
    attempt = Attempt(view.now_ms, hidden_until_ms, handles)
    view.remember(queue.identity, _digest(command), attempt)


def repeat(view: QueueView, queue: QueueState, command: ReceiveMessages) -> list[Received] | None:
    """What the attempt was answered with before, hidden anew for the whole timeout.

    None if there was no such attempt in the last five minutes, or any of its messages is no longer
    as that receive left it.
    """
    attempt = view.recall(queue.identity, _digest(command))
    if not isinstance(attempt, Attempt) or attempt.at_ms + DEDUPLICATION_MS <= view.now_ms:
        return None
    held: list[tuple[int, Entry]] = []
    for receipt_handle in attempt.receipt_handles:
        handle = parse(view, receipt_handle)
        found = find(view, queue, handle) if handle is not None else None
        if handle is None or found is None:
            return None
        visible_at_ms, entry = found
        is_held = entry.in_flight and entry.receives == handle.receives
        if not is_held or visible_at_ms != attempt.hidden_until_ms:
            return None
        held.append((handle.sequence, entry))
    until_ms = view.now_ms + command.visibility_timeout_ms
    for sequence, entry in held:
        lift(view, queue, attempt.hidden_until_ms, sequence, entry)
    insert(view, queue, [(until_ms, sequence, entry) for sequence, entry in held])
    again = msgspec.structs.replace(attempt, hidden_until_ms=until_ms)
    view.remember(queue.identity, _digest(command), again)
    return [
        Received(
            receipt_handle,
            entry.message_id,
            view.get_body(entry.body_id),
            entry.sent_at_ms,
            entry.first_received_at_ms,
            entry.receive_count,
            entry.via,
            entry.dead_letter_source_arn,
            sequence,
        )
        for receipt_handle, (sequence, entry) in zip(attempt.receipt_handles, held, strict=True)
    ]


def _digest(command: ReceiveMessages) -> bytes:
    assert command.attempt_id is not None
    return blake2b(command.attempt_id.encode(), digest_size=16, person=b"attempt").digest()
