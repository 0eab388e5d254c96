"""sending: to one queue, or to many with each body stored once"""

from broker.core.commands import FanOut, NewEntry, SendMessages
from broker.core.limits import FAN_OUT_TARGETS_MAX
from broker.core.queue.entries import count_in, insert, release_body
from broker.core.queue.settle import settle
from broker.core.queue.view import Entry, Expansion, QueueView


def send_messages(view: QueueView, namespace: str, command: SendMessages) -> None:
    """Put messages into one queue."""
    queue = view.queue(namespace, command.queue)
    view.admit()
    settle(view, queue)
    now_ms = view.now_ms
    bodies = []
    items = []
    for message in command.messages:
        sequence = view.next_id()
        bodies.append((sequence, message.body))
        items.append(
            (now_ms + message.delay_ms, sequence, Entry(sequence, message.message_id, now_ms))
        )
    view.put_bodies(bodies)
    insert(view, queue, items)


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
        settle(view, queue)
        visible_at_ms = view.now_ms + new.delay_ms
        count_in(view, queue, visible_at_ms, entry)
        items.append((queue.id, visible_at_ms, view.next_id(), entry))
    view.put_entries(items)
    return homeless
