"""sending: to one queue, or to many with each body stored once"""

from broker.core.commands import FanOut, NewEntry, SendMessages
from broker.core.queue.entries import insert
from broker.core.queue.settle import expect_expiry, settle
from broker.core.queue.view import Entry, QueueState, QueueView


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
    expect_expiry(view, queue)


def fan_out(view: QueueView, namespace: str, command: FanOut) -> list[int]:
    """Put entries into many queues; the answer is which of them found no place."""
    view.admit()
    return distribute(view, namespace, command.bodies, command.entries)


def distribute(
    view: QueueView, namespace: str, bodies: list[bytes], entries: list[NewEntry]
) -> list[int]:
    """Store bodies and the entries that share them; also of what a dispatcher puts in place."""
    now_ms = view.now_ms
    homeless = []
    places: list[tuple[QueueState, NewEntry]] = []
    references = [0] * len(bodies)
    for index, new in enumerate(entries):
        queue = view.find_queue(namespace, new.queue)
        if queue is None and new.dead_letter_queue is not None:
            queue = view.find_queue(namespace, new.dead_letter_queue)
        if queue is None:
            homeless.append(index)
            continue
        references[new.body] += 1
        places.append((queue, new))
    body_ids = [view.next_id() for _ in bodies]
    view.put_bodies(
        (body_id, body)
        for body_id, body, count in zip(body_ids, bodies, references, strict=True)
        if count
    )
    for body_id, count in zip(body_ids, references, strict=True):
        if count > 1:
            view.put_references(body_id, count)
    for queue, new in places:
        settle(view, queue)
        entry = Entry(
            body_ids[new.body],
            new.message_id,
            now_ms,
            shared=references[new.body] > 1,
            via=new.via,
        )
        insert(view, queue, [(now_ms + new.delay_ms, view.next_id(), entry)])
        expect_expiry(view, queue)
    return homeless
