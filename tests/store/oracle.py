"""a queue service in plain dicts and lists, to judge the real one by

Written from the service's documentation and the commands' docstrings, as naively as possible: a
message is one mutable object, every question is answered by looking at all of them. It shares no
code with `broker.core`. Message groups are in `oracle_groups`, moves in `oracle_moves`.

What it leaves open: a message that is too old is never received, but when it goes is the store's
affair. `forget` drops from the model what the store has let go, and refuses if it had no right to.
"""

from dataclasses import dataclass, field
from itertools import count
from typing import NamedTuple

HOURS_12_MS = 12 * 60 * 60 * 1000
MINUTES_5_MS = 5 * 60 * 1000


class Refused(Exception):
    """The name of the error that is to be raised."""


class New(NamedTuple):
    """A message to be sent."""

    message_id: bytes
    body: bytes
    delay_ms: int
    group: str | None = None
    deduplication_id: str | None = None
    cancellable: bool = False


@dataclass(eq=False)
class Message:
    """One message in one queue."""

    message_id: bytes
    body: bytes
    sent_at_ms: int
    visible_at_ms: int
    order: int  # grows with every message that comes into a queue
    group: str | None = None
    kept_from_ms: int = 0  # when its retention began, if later than it was sent
    cancellable: bool = False
    lined_up: bool = False  # the group knows already that it became visible
    receive_count: int = 0
    first_received_at_ms: int = 0
    received_at_ms: int = 0
    held: bool = False  # by a receiver
    receipt: int | None = None  # the one receipt that is good
    receipts: list[int] = field(default_factory=list)  # that one and all before
    source: str | None = None  # of a dead letter


class Accepted(NamedTuple):
    """What a FIFO queue remembers of a deduplication id."""

    at_ms: int
    scope: str
    group: str | None
    deduplication_id: str
    message: Message


@dataclass
class Attempt:
    """What a FIFO queue remembers of a receive's attempt id."""

    at_ms: int
    hidden_until_ms: int
    received: list[tuple[Message, int | None]]  # with the receipt it was given


@dataclass
class Settings:
    """What a queue's configuration says."""

    retention_ms: int = 345_600_000
    dead_letter_queue: str | None = None
    max_receive_count: int = 0
    fifo: bool = False
    scope: str = "queue"
    delay_ms: int = 0


@dataclass
class Queue:
    """A queue with its messages."""

    name: str
    version: int = 0
    settings: Settings = field(default_factory=Settings)
    purged_at_ms: int = 0
    messages: list[Message] = field(default_factory=list)
    since: dict[str, int] = field(default_factory=dict)  # group: last served or began to wait
    accepted: list[Accepted] = field(default_factory=list)
    attempts: dict[str, Attempt] = field(default_factory=dict)
    touched: dict[str | bytes, int] = field(default_factory=dict)  # group or id: last received


Entry = tuple[str, str | None, bytes, bytes, int]  # queue, dead-letter queue, id, body, delay


@dataclass
class Service:
    """What all queues have in common, in one namespace; the order of messages is a subclass's."""

    wide: int  # more targets than this are reached slice by slice
    now_ms: int = 0
    queues: dict[str, Queue] = field(default_factory=dict)
    slices: list[tuple[int, list[Entry]]] = field(default_factory=list)
    numbers: "count[int]" = field(default_factory=lambda: count(1))

    # Configuration

    def configure(self, name: str, settings: Settings, expected_version: int | None) -> int:
        queue = self.queues.get(name)
        self._compare(queue, expected_version)
        if queue is None:
            queue = self.queues[name] = Queue(name, settings=settings)
        later_ms = settings.delay_ms - queue.settings.delay_ms
        queue.version += 1
        queue.settings = settings
        if settings.fifo:  # a new delay holds for what is delayed already
            for message in queue.messages:
                if self.is_hidden(message) and not message.held:
                    message.visible_at_ms = max(message.visible_at_ms + later_ms, self.now_ms)
        return queue.version

    def delete_queue(self, name: str, expected_version: int | None) -> int:
        self._compare(self.queues.get(name), expected_version)
        self.queues.pop(name, None)
        return 0

    def _compare(self, queue: Queue | None, expected_version: int | None) -> None:
        found = queue.version if queue else 0
        if expected_version is not None and expected_version != found:
            raise Refused("RecordChanged")

    # Sending

    def send(self, name: str, messages: list[New]) -> list[Message] | None:
        """Of a FIFO queue: what each came to, perhaps a message of an earlier send."""
        queue = self._queue(name)
        stored = []
        for new in messages:
            message = self._earlier(queue, new)
            if message is None:
                message = self._add(queue, new, self.now_ms)
                if queue.settings.fifo and new.deduplication_id is not None:
                    scope = queue.settings.scope
                    queue.accepted.append(
                        Accepted(self.now_ms, scope, new.group, new.deduplication_id, message)
                    )
            stored.append(message)
        return stored if queue.settings.fifo else None

    def _earlier(self, queue: Queue, new: New) -> Message | None:
        """What was accepted under its id in the last five minutes, looked up in today's scope
        first; an id counts in the scope in which it was accepted.
        """
        if not queue.settings.fifo or new.deduplication_id is None:
            return None
        same = [
            accepted
            for accepted in queue.accepted
            if accepted.deduplication_id == new.deduplication_id
            and (accepted.scope == "queue" or accepted.group == new.group)
            and self.now_ms < accepted.at_ms + MINUTES_5_MS
        ]
        same.sort(key=lambda accepted: accepted.scope != queue.settings.scope)
        return same[0].message if same else None

    def fan_out(self, entries: list[Entry]) -> list[int]:
        if len(entries) <= self.wide:
            return self._place(entries, self.now_ms)
        for start in range(0, len(entries), self.wide):
            self.slices.append((self.now_ms, entries[start : start + self.wide]))
        return []

    def _place(self, entries: list[Entry], sent_at_ms: int) -> list[int]:
        homeless = []
        for index, (name, dead_letter_queue, message_id, body, delay_ms) in enumerate(entries):
            queue = self.queues.get(name) or self.queues.get(dead_letter_queue or "")
            if queue is None:
                homeless.append(index)
            else:
                self._add(queue, New(message_id, body, delay_ms), sent_at_ms)
        return homeless

    def _add(self, queue: Queue, new: New, sent_at_ms: int) -> Message:
        message = Message(
            new.message_id,
            new.body,
            sent_at_ms,
            visible_at_ms=self.now_ms + new.delay_ms,
            order=next(self.numbers),
            group=new.group,
            kept_from_ms=self.now_ms + new.delay_ms if new.cancellable else 0,
            cancellable=new.cancellable,
        )
        if queue.settings.fifo and new.group is None:
            message.group = f"alone {new.message_id.hex()}"  # a group of its own
        queue.messages.append(message)
        return message

    # Receiving

    def take(self, queue: Queue, limit: int) -> list[Message]:
        """The messages that are received next; those received too often are moved away."""
        raise NotImplementedError

    def receive(
        self, name: str, limit: int, timeout_ms: int, attempt_id: str | None = None
    ) -> list[Message]:
        queue = self._queue(name)
        if queue.settings.fifo and attempt_id is not None:
            repeated = self._repeat(queue, attempt_id, timeout_ms)
            if repeated is not None:
                return repeated
        received = self.take(queue, limit)
        for message in received:
            message.receive_count += 1
            message.first_received_at_ms = message.first_received_at_ms or self.now_ms
            message.received_at_ms = self.now_ms
            message.visible_at_ms = self.now_ms + timeout_ms
            message.held, message.cancellable = True, False
            message.receipt = next(self.numbers)
            message.receipts.append(message.receipt)
            self.touch(queue, message)
        if queue.settings.fifo and attempt_id is not None and received:
            queue.attempts[attempt_id] = Attempt(
                self.now_ms, self.now_ms + timeout_ms, [(m, m.receipt) for m in received]
            )
        return received

    def _repeat(self, queue: Queue, attempt_id: str, timeout_ms: int) -> list[Message] | None:
        """What the attempt was given, if none of it was deleted or changed since."""
        attempt = queue.attempts.get(attempt_id)
        if attempt is None or self.now_ms >= attempt.at_ms + MINUTES_5_MS:
            return None
        for message, receipt in attempt.received:
            changed = message.receipt != receipt or message.visible_at_ms != attempt.hidden_until_ms
            if message not in queue.messages or changed or not self.is_hidden(message):
                return None
        attempt.hidden_until_ms = self.now_ms + timeout_ms
        for message, _ in attempt.received:
            message.visible_at_ms = attempt.hidden_until_ms
            self.touch(queue, message)
        return [message for message, _ in attempt.received]

    def touch(self, queue: Queue, message: Message) -> None:
        """Note when something was last done with a message of a group."""
        queue.touched[message.group or message.message_id] = next(self.numbers)

    def is_spent(self, queue: Queue, message: Message) -> bool:
        """Whether it isn't to be received any more."""
        return self.too_old(queue, message) or self.dead_letter_queue(queue, message) is not None

    def dead_letter_queue(self, queue: Queue, message: Message) -> Queue | None:
        target = self.queues.get(queue.settings.dead_letter_queue or "")
        if target is queue or message.receive_count < queue.settings.max_receive_count:
            return None
        return target

    def put_aside(self, queue: Queue, message: Message) -> None:
        """Drop a spent message, or move it to the dead-letter queue."""
        queue.messages.remove(message)
        if self.too_old(queue, message):
            return
        target = self.dead_letter_queue(queue, message)
        assert target is not None
        source = message.source or queue.name
        sent_at_ms = self.now_ms if target.settings.fifo else message.sent_at_ms
        target.messages.append(
            Message(
                message.message_id,
                message.body,
                sent_at_ms,
                visible_at_ms=self.now_ms,
                order=next(self.numbers),
                group=message.group,
                kept_from_ms=message.kept_from_ms,
                source=source,
            )
        )
        self.settle()

    # With a receipt: None for one that was never issued

    def delete(self, name: str, receipts: list[int | None]) -> list[str | None]:
        queue = self._queue(name)
        return [self._delete(queue, receipt) for receipt in receipts]

    def _delete(self, queue: Queue, receipt: int | None) -> str | None:
        if receipt is None:
            return "ReceiptHandleIsInvalid"
        if self._has_expired(queue, receipt):
            return "ReceiptHandleExpired"
        found = self._held(queue, receipt)
        if found is not None:
            queue.messages.remove(found)
        return None

    def change_visibility(
        self, name: str, receipt: int | None, timeout_ms: int, spend: bool, delayed: bool
    ) -> str | None:
        queue = self._queue(name)
        if receipt is None:
            return "ReceiptHandleIsInvalid"
        if self._has_expired(queue, receipt):
            return "ReceiptHandleExpired"
        found = self._held(queue, receipt)
        if found is None:
            return "MessageNotInFlight"
        if found.visible_at_ms <= self.now_ms and spend and not delayed:
            return None
        until_ms = self.now_ms + timeout_ms
        if not delayed and until_ms > found.received_at_ms + HOURS_12_MS:
            return "VisibilityTimeoutTooLong"
        self.rehide(queue, found, until_ms)
        if not spend:
            found.receive_count -= 1
            if found.receive_count == 0:
                found.first_received_at_ms = 0
        if delayed or not spend:  # nobody has it any more
            found.held, found.receipt = False, None
        return None

    def rehide(self, queue: Queue, message: Message, until_ms: int) -> None:
        """A message is hidden until another time, or no longer."""
        if until_ms > self.now_ms:
            message.lined_up = False
        message.visible_at_ms = until_ms
        self.touch(queue, message)

    def replace(
        self, name: str, receipt: int | None, entries: list[Entry]
    ) -> tuple[list[int], list[int]]:
        queue = self._queue(name)
        found = self._held(queue, receipt)
        if found is None:
            return [0], []
        queue.messages.remove(found)
        return [], self._place(entries, self.now_ms)

    def release(self, name: str, limit: int) -> int:
        queue = self._queue(name)
        hidden = [m for m in self.by_time(queue) if m.held and self.is_hidden(m)][:limit]
        for message in hidden:
            self.rehide(queue, message, self.now_ms)
            message.held, message.receipt = False, None
        return len(hidden)

    def _held(self, queue: Queue, receipt: int | None) -> Message | None:
        if receipt is None:
            return None
        return next((m for m in queue.messages if m.receipt == receipt), None)

    def _has_expired(self, queue: Queue, receipt: int) -> bool:
        """Whether a FIFO queue has the message still, and its receiver not any more."""
        found = next((m for m in queue.messages if receipt in m.receipts), None)
        if found is None or not queue.settings.fifo:
            return False
        return found.receipt != receipt or not found.held or not self.is_hidden(found)

    # The rest

    def cancel(self, name: str, message_ids: list[bytes]) -> list[bool]:
        queue = self._queue(name)
        cancelled = []
        for message_id in message_ids:
            waiting = [
                message
                for message in queue.messages
                if message.message_id == message_id
                and message.cancellable
                and self.is_hidden(message)
            ]
            for message in waiting:
                queue.messages.remove(message)
                self.touch(queue, message)
            cancelled.append(bool(waiting))
        return cancelled

    def purge(self, name: str) -> None:
        queue = self._queue(name)
        if self.now_ms < queue.purged_at_ms + 60_000:
            raise Refused("PurgeQueueInProgress")
        queue.purged_at_ms = self.now_ms
        queue.messages.clear()

    def advance(self) -> list[str]:
        if not self.slices:
            return []
        sent_at_ms, entries = self.slices.pop(0)
        return [entries[index][0] for index in self._place(entries, sent_at_ms)]

    def settle(self) -> None:
        """After every command, and whenever time has passed."""

    # Looking

    def is_hidden(self, message: Message) -> bool:
        return message.visible_at_ms > self.now_ms

    def counts(self, name: str) -> tuple[int, int, int]:
        messages = self._queue(name).messages
        hidden = [message for message in messages if self.is_hidden(message)]
        held = sum(message.held for message in hidden)
        return len(messages) - len(hidden), held, len(hidden) - held

    def by_time(self, queue: Queue) -> list[Message]:
        """In the order in which they become visible."""
        return sorted(queue.messages, key=lambda m: (m.visible_at_ms, m.order))

    def too_old(self, queue: Queue, message: Message) -> bool:
        kept_from_ms = max(message.sent_at_ms, message.kept_from_ms)
        return kept_from_ms + queue.settings.retention_ms <= self.now_ms

    def ids_too_old(self, name: str) -> set[bytes]:
        queue = self.queues.get(name)
        found = [m for m in queue.messages if self.too_old(queue, m)] if queue else []
        return {message.message_id for message in found}

    def forget(self, name: str, present: set[bytes]) -> None:
        """Drop what the store let go. It may let go what is visible and too old, nothing else."""
        queue = self._queue(name)
        gone = [message for message in queue.messages if message.message_id not in present]
        for message in gone:
            assert self.too_old(queue, message), "the store lost a message"
            assert not self.is_hidden(message), "the store lost a hidden message"
            queue.messages.remove(message)
        self.settle()

    def _queue(self, name: str) -> Queue:
        if name not in self.queues:
            raise Refused("QueueDoesNotExist")
        return self.queues[name]
