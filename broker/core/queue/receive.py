"""receiving: hide what is visible, give it a handle, set aside what was received too often"""

from itertools import islice, takewhile

import msgspec

from broker.core.commands import Received, ReceiveMessages
from broker.core.errors import OverLimit
from broker.core.limits import COMMIT_BYTES_MAX, IN_FLIGHT_MAX
from broker.core.names import Namespace
from broker.core.queue.entries import drop, insert, remove
from broker.core.queue.receipt_handle import issue
from broker.core.queue.settle import settle
from broker.core.queue.view import Entry, QueueState, QueueView

Taken = tuple[int, Entry, bytes]  # a sequence number, the entry taken out from under it, its body
PAGE = 16  # entries looked at before the bytes are counted again
SET_ASIDE_MAX = 1_000  # expired or dead-lettered messages that one receive may clear away


def receive_messages(view: QueueView, namespace: str, command: ReceiveMessages) -> list[Received]:
    """Up to `count` visible messages, oldest visibility first; fewer if they are large."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    if queue.in_flight >= IN_FLIGHT_MAX:
        raise OverLimit
    taken: list[Taken] = []
    set_aside = taken_bytes = 0
    # All that is looked at is taken out, and what is received is put back only at the end: with a
    # timeout of 0 it would be found again.
    while (
        len(taken) < command.count and set_aside < SET_ASIDE_MAX and taken_bytes < COMMIT_BYTES_MAX
    ):
        page = _first_visible(view, queue, min(command.count - len(taken), PAGE))
        if not page:
            break
        for visible_at_ms, sequence, entry in page:
            if entry.sent_at_ms + queue.retention_ms <= view.now_ms:
                drop(view, queue, visible_at_ms, sequence, entry)
                set_aside += 1
            elif _dead_letter(view, queue, visible_at_ms, sequence, entry):
                set_aside += 1
            else:
                remove(view, queue, visible_at_ms, sequence, entry)
                body = view.get_body(entry.body_id)
                taken.append((sequence, entry, body))
                taken_bytes += len(body)
    return _hide(view, queue, taken, command)


def _first_visible(view: QueueView, queue: QueueState, count: int) -> list[tuple[int, int, Entry]]:
    now_ms = view.now_ms
    return list(islice(takewhile(lambda item: item[0] <= now_ms, view.entries(queue.id, 0)), count))


def _hide(
    view: QueueView, queue: QueueState, taken: list[Taken], command: ReceiveMessages
) -> list[Received]:
    """Put messages back where their visibility timeout ends; what their receiver gets."""
    now_ms = view.now_ms
    hidden_until_ms = now_ms + command.visibility_timeout_ms
    hidden: list[tuple[int, int, Entry]] = []
    received: list[Received] = []
    for sequence, entry, body in taken:
        receive_count = entry.receive_count + 1
        first_received_at_ms = entry.first_received_at_ms or now_ms
        again = Entry(
            entry.body_id,
            entry.message_id,
            entry.sent_at_ms,
            receive_count,
            first_received_at_ms,
            in_flight=True,
            shared=entry.shared,
            via=entry.via,
            dead_letter_source_arn=entry.dead_letter_source_arn,
            refunds=entry.refunds,
        )
        hidden.append((hidden_until_ms, sequence, again))
        received.append(
            Received(
                issue(view, queue, hidden_until_ms, sequence, again.receives, command.nonce),
                entry.message_id,
                body,
                entry.sent_at_ms,
                first_received_at_ms,
                receive_count,
                entry.via,
                entry.dead_letter_source_arn,
            )
        )
    insert(view, queue, hidden)
    return received


def _dead_letter(
    view: QueueView, queue: QueueState, visible_at_ms: int, sequence: int, entry: Entry
) -> bool:
    """Move a message that was received too often; whether it went.

    It keeps its id and the time it was sent, so retention runs on. If the dead-letter queue is
    gone the message stays: better received once more than lost.
    """
    policy = queue.config.redrive_policy
    if policy is None or entry.receive_count < policy.max_receive_count:
        return False
    place = queue.dead_letter_queue
    target = view.find_queue(*place) if place else None
    if target is None or target is queue:
        return False
    settle(view, target)
    remove(view, queue, visible_at_ms, sequence, entry)
    source_arn = entry.dead_letter_source_arn or Namespace.parse(queue.namespace).arn(
        "sqs", queue.name
    )
    letter = msgspec.structs.replace(
        entry,
        receive_count=0,
        first_received_at_ms=0,
        in_flight=False,
        moved=False,
        dead_letter_source_arn=source_arn,
    )
    insert(view, target, [(view.now_ms, view.next_id(), letter)])
    return True
