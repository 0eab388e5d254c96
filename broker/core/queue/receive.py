"""receiving: hide what is visible, give it a handle, set aside what was received too often"""

from itertools import islice, takewhile

import msgspec

from broker.core.commands import Received, ReceiveMessages
from broker.core.errors import OverLimit
from broker.core.limits import IN_FLIGHT_MAX
from broker.core.names import Namespace
from broker.core.queue.entries import drop, insert, remove
from broker.core.queue.receipt_handle import issue
from broker.core.queue.settle import settle
from broker.core.queue.view import Entry, QueueState, QueueView

SET_ASIDE_MAX = 1_000  # expired or dead-lettered messages that one receive may clear away


def receive_messages(view: QueueView, namespace: str, command: ReceiveMessages) -> list[Received]:
    """Up to `count` visible messages, oldest visibility first."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    if queue.in_flight >= IN_FLIGHT_MAX:
        raise OverLimit
    received: list[Received] = []
    set_aside = 0
    # With a timeout of 0 a message is visible again at once, behind all others: not twice in one
    # receive.
    taken: set[int] = set()
    from_ms, from_sequence = 0, 0
    while len(received) < command.count and set_aside < SET_ASIDE_MAX:
        page = _visible(view, queue, from_ms, from_sequence, command.count - len(received), taken)
        if not page:
            break
        for visible_at_ms, sequence, entry in page:
            from_ms, from_sequence = visible_at_ms, sequence + 1
            if entry.sent_at_ms + queue.retention_ms <= view.now_ms:
                drop(view, queue, visible_at_ms, sequence, entry)
                set_aside += 1
            elif _dead_letter(view, queue, visible_at_ms, sequence, entry):
                set_aside += 1
            else:
                taken.add(sequence)
                received.append(_hide(view, queue, visible_at_ms, sequence, entry, command))
    return received


def _visible(
    view: QueueView,
    queue: QueueState,
    from_ms: int,
    from_sequence: int,
    count: int,
    taken: set[int],
) -> list[tuple[int, int, Entry]]:
    now_ms = view.now_ms
    entries = view.entries(queue.id, from_ms, from_sequence)
    visible = takewhile(lambda item: item[0] <= now_ms, entries)
    return list(islice((item for item in visible if item[1] not in taken), count))


def _hide(
    view: QueueView,
    queue: QueueState,
    visible_at_ms: int,
    sequence: int,
    entry: Entry,
    command: ReceiveMessages,
) -> Received:
    now_ms = view.now_ms
    hidden_until_ms = now_ms + command.visibility_timeout_ms
    receive_count = entry.receive_count + 1
    first_received_at_ms = entry.first_received_at_ms or now_ms
    remove(view, queue, visible_at_ms, sequence, entry)
    hidden = Entry(
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
    insert(view, queue, [(hidden_until_ms, sequence, hidden)])
    return Received(
        issue(view, queue, hidden_until_ms, sequence, hidden.receives, command.nonce),
        entry.message_id,
        view.get_body(entry.body_id),
        entry.sent_at_ms,
        first_received_at_ms,
        receive_count,
        entry.via,
        entry.dead_letter_source_arn,
    )


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
