"""sending: to one queue, or to many with each body stored once"""

import msgspec

from broker.core.commands import Accepted, FanOut, NewEntry, NewMessage, SendMessages
from broker.core.limits import FAN_OUT_TARGETS_MAX
from broker.core.queue import deduplication
from broker.core.queue.entries import Placed, count_in, insert, release_body
from broker.core.queue.lanes import lane_for
from broker.core.queue.settle import settle
from broker.core.queue.view import Entry, Expansion, QueueState, QueueView


def send_messages(view: QueueView, namespace: str, command: SendMessages) -> list[Accepted] | None:
    """Put messages into one queue."""
    queue = view.queue(namespace, command.queue)
    view.admit()
    settle(view, queue)
    if queue.fifo:
        return _send_once(view, queue, command.messages)
    bodies = []
    items = []
    for message in command.messages:
        sequence = view.next_id()
        bodies.append((sequence, message.body))
        items.append(_placed(view, queue, message, sequence))
    view.put_bodies(bodies)
    insert(view, queue, items)
    return None


def _placed(view: QueueView, queue: QueueState, message: NewMessage, sequence: int) -> Placed:
    now_ms = view.now_ms
    visible_at_ms = now_ms + message.delay_ms
    if message.group is None and not queue.fifo and not message.cancellable:
        return visible_at_ms, sequence, Entry(sequence, message.message_id, now_ms)
    entry = Entry(
        sequence,
        message.message_id,
        now_ms,
        lane=lane_for(queue, message.group, message.message_id),
        kept_from_ms=visible_at_ms if message.cancellable else 0,
        cancellable=message.cancellable and message.delay_ms > 0,
    )
    return visible_at_ms, sequence, entry


def _send_once(view: QueueView, queue: QueueState, messages: list[NewMessage]) -> list[Accepted]:
    """Put messages into a FIFO queue, but for those that it has been sent already."""
    accepted = []
    bodies = []
    items = []
    for message in messages:
        if message.deduplication_id is not None:
            earlier = deduplication.find_earlier(view, queue, message)
            if earlier is not None:
                accepted.append(earlier)
                continue
        sequence = view.next_id()
        if message.deduplication_id is not None:
            deduplication.note(view, queue, message, sequence)
        accepted.append(Accepted(message.message_id, sequence))
        bodies.append((sequence, message.body))
        items.append(_placed(view, queue, message, sequence))
    view.put_bodies(bodies)
    insert(view, queue, items)
    return accepted


def fan_out(view: QueueView, namespace: str, command: FanOut) -> list[int]:
    """Put entries into many queues; the answer is which of them found no place.

    A wider fan-out than one commit takes is stored as it is, and expanded slice by slice: it is as
    durable, and what finds no place is known only then.
    """
    view.admit()
    entries = command.entries
    if len(entries) <= FAN_OUT_TARGETS_MAX:
        return distribute(view, namespace, command.bodies, entries)
    body_ids = store_bodies(view, command.bodies, entries)
    for start in range(0, len(entries), FAN_OUT_TARGETS_MAX):
        slice_ = entries[start : start + FAN_OUT_TARGETS_MAX]
        view.put_expansion(view.next_id(), Expansion(namespace, view.now_ms, body_ids, slice_))
    return []


def expand(view: QueueView) -> list[str]:
    """Carry out one slice of a wide fan-out; names of queues that were gone."""
    found = view.first_expansion()
    if found is None:
        return []
    expansion_id, expansion = found
    view.delete_expansion(expansion_id)
    homeless = place(
        view, expansion.namespace, expansion.body_ids, expansion.entries, expansion.sent_at_ms
    )
    return [expansion.entries[index].queue for index in homeless]


def distribute(
    view: QueueView, namespace: str, bodies: list[bytes], entries: list[NewEntry]
) -> list[int]:
    """Store bodies and the entries that share them; also of what a dispatcher puts in place."""
    return place(view, namespace, store_bodies(view, bodies, entries), entries, view.now_ms)


def store_bodies(
    view: QueueView, bodies: list[bytes], entries: list[NewEntry]
) -> list[tuple[int, bool]]:
    """Store each body that an entry has, once; its id, and whether several entries share it."""
    references = [0] * len(bodies)
    for new in entries:
        references[new.body] += 1
    ids = [view.next_id() for _ in bodies]
    view.put_bodies(
        (id_, body) for id_, body, count in zip(ids, bodies, references, strict=True) if count
    )
    for id_, count in zip(ids, references, strict=True):
        if count > 1:
            view.put_references(id_, count)
    return [(id_, count > 1) for id_, count in zip(ids, references, strict=True)]


def place(
    view: QueueView,
    namespace: str,
    body_ids: list[tuple[int, bool]],
    entries: list[NewEntry],
    sent_at_ms: int,
) -> list[int]:
    """Put entries into their queues; the answer is which of them found none."""
    homeless = []
    items = []
    settled: set[int] = set()  # each queue once: what is counted and not yet stored would be missed
    for index, new in enumerate(entries):
        body_id, shared = body_ids[new.body]
        entry = Entry(body_id, new.message_id, sent_at_ms, shared=shared, via=new.via)
        queue = view.find_queue(namespace, new.queue)
        if queue is None and new.dead_letter_queue is not None:
            queue = view.find_queue(namespace, new.dead_letter_queue)
        if queue is None:
            homeless.append(index)
            release_body(view, entry)
            continue
        if queue.id not in settled:
            settle(view, queue)
            settled.add(queue.id)
        visible_at_ms = view.now_ms + new.delay_ms
        if queue.fifo:
            lane = lane_for(queue, None, new.message_id)
            entry = msgspec.structs.replace(entry, lane=lane)
            insert(view, queue, [(visible_at_ms, view.next_id(), entry)])
            continue
        count_in(view, queue, visible_at_ms, entry)
        items.append((queue.id, visible_at_ms, view.next_id(), entry))
    view.put_entries(items)
    return homeless
