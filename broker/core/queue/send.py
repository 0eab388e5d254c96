"""sending: to one queue, or to many with each body stored once"""

import msgspec

from broker.core.commands import (
    Accepted,
    FanOut,
    FanOutOnce,
    NewEntry,
    NewMessage,
    Published,
    SendMessages,
)
from broker.core.limits import FAN_OUT_TARGETS_MAX
from broker.core.message import Via
from broker.core.queue import deduplication
from broker.core.queue.entries import Placed, count_in, drop, expect_expiry, insert, release_body
from broker.core.queue.lanes import lane_for
from broker.core.queue.settle import make_room, settle
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
    visible_at_ms = max(now_ms + message.delay_ms, message.not_before_ms)
    if message.group is None and not queue.fifo and not message.cancellable:
        return visible_at_ms, sequence, Entry(sequence, message.message_id, now_ms)
    entry = Entry(
        sequence,
        message.message_id,
        now_ms,
        lane=lane_for(queue, message.group, message.message_id),
        kept_from_ms=visible_at_ms if message.cancellable else 0,
        cancellable=message.cancellable and visible_at_ms > now_ms,
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
    return spread(view, namespace, command.bodies, command.entries)


def spread(
    view: QueueView, namespace: str, bodies: list[bytes], entries: list[NewEntry]
) -> list[int]:
    """`distribute`, at once or slice by slice."""
    if len(entries) <= FAN_OUT_TARGETS_MAX:
        return distribute(view, namespace, bodies, entries)
    body_ids = store_bodies(view, bodies, entries)
    for start in range(0, len(entries), FAN_OUT_TARGETS_MAX):
        slice_ = entries[start : start + FAN_OUT_TARGETS_MAX]
        view.put_expansion(view.next_id(), Expansion(namespace, view.now_ms, body_ids, slice_))
    return []


def fan_out_once(view: QueueView, namespace: str, command: FanOutOnce) -> Published:
    """Fan out a FIFO topic's message, unless one was published under its id a short while ago."""
    topic = view.queue(namespace, command.queue)
    view.admit()
    message = NewMessage(
        command.message_id,
        b"",
        group=command.group,
        deduplication_id=command.deduplication_id,
    )
    earlier = deduplication.find_earlier(view, topic, message)
    if earlier is not None:
        return Published(earlier.message_id, earlier.sequence, repeated=True)
    sequence = view.next_id()
    deduplication.note(view, topic, message, sequence)
    entries = [_numbered(new, sequence) for new in command.entries]
    if command.archive:
        archived = Via("", "envelope", sequence=sequence)
        entries.append(NewEntry(command.queue, command.message_id, 0, via=archived))
    homeless = distribute(view, namespace, command.bodies, entries)
    return Published(command.message_id, sequence, homeless)


def _numbered(new: NewEntry, sequence: int) -> NewEntry:
    if new.via is None:
        return new
    return msgspec.structs.replace(new, via=msgspec.structs.replace(new.via, sequence=sequence))


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
    now_ms = view.now_ms
    sequence = view.next_ids(len(entries))
    known: dict[str, QueueState | None] = {}  # settled: once, or what isn't stored yet is missed
    for index, new in enumerate(entries):
        body_id, shared = body_ids[new.body]
        entry = Entry(body_id, new.message_id, sent_at_ms, shared=shared, via=new.via)
        queue = _settled(view, namespace, new.queue, known)
        if queue is None or _is_full(queue):
            entry = _dead_letter(entry, "QueueDoesNotExist" if queue is None else "QueueIsFull")
            name = new.dead_letter_queue
            queue = _settled(view, namespace, name, known) if name is not None else None
        if queue is None:
            homeless.append(index)
            release_body(view, entry)
        elif queue.config.fifo or new.group is not None:
            _place_in_group(view, queue, new, entry, sequence + index)
        elif new.findable:
            found = msgspec.structs.replace(entry, cancellable=True)
            _drop_findable(view, queue, new.message_id)
            visible_at_ms = max(now_ms + new.delay_ms, new.not_before_ms)
            insert(view, queue, [(visible_at_ms, sequence + index, found)])
        elif new.delay_ms or new.not_before_ms > now_ms or queue.settled_ms < now_ms:
            visible_at_ms = max(now_ms + new.delay_ms, new.not_before_ms)
            count_in(view, queue, visible_at_ms, entry)
            items.append((queue.id, visible_at_ms, sequence + index, entry))
        else:
            queue.visible += 1
            items.append((queue.id, now_ms, sequence + index, entry))
    for placed in known.values():
        if placed is not None and placed.visible:
            view.wake(placed)
            expect_expiry(view, placed)
    view.put_entries(items)
    for placed in known.values():
        if placed is not None and placed.excess:
            make_room(view, placed, sum(new.queue == placed.name for new in entries))
    return homeless


def _drop_findable(view: QueueView, queue: QueueState, message_id: bytes) -> None:
    """Of two messages with one id, the later one is found."""
    place = view.get_scheduled(queue.id, message_id)
    entry = view.get_entry(queue.id, *place) if place is not None else None
    if place is not None and entry is not None:
        drop(view, queue, *place, entry)


def _settled(
    view: QueueView, namespace: str, name: str, known: dict[str, QueueState | None]
) -> QueueState | None:
    if name in known:
        return known[name]
    queue = known[name] = view.find_queue(namespace, name)
    if queue is not None:
        settle(view, queue)
    return queue


def _is_full(queue: QueueState) -> bool:
    limit = queue.config.messages_max
    if limit is None or queue.config.oldest_go:
        return False
    return queue.visible + queue.in_flight + queue.delayed >= limit


def _dead_letter(entry: Entry, cause: str) -> Entry:
    if entry.via is None:
        return entry
    return msgspec.structs.replace(entry, via=msgspec.structs.replace(entry.via, cause=cause))


def _place_in_group(
    view: QueueView, queue: QueueState, new: NewEntry, entry: Entry, sequence: int
) -> None:
    """Put an entry into its group's lane, unless a FIFO queue was sent the same already."""
    if queue.fifo and new.deduplication_id is not None:
        message = NewMessage(
            new.message_id, b"", group=new.group, deduplication_id=new.deduplication_id
        )
        if deduplication.find_earlier(view, queue, message) is not None:
            release_body(view, entry)
            return
        deduplication.note(view, queue, message, sequence)
    lane = lane_for(queue, new.group, new.message_id)
    entry = msgspec.structs.replace(entry, lane=lane)
    visible_at_ms = max(view.now_ms + new.delay_ms, new.not_before_ms)
    insert(view, queue, [(visible_at_ms, sequence, entry)])
