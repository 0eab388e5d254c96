"""a queue service in plain dicts and lists, to judge the real one by

Written from the service's documentation and the commands' docstrings, as naively as possible: a
message is one mutable object, every question is answered by looking at all of them. It shares no
code with `broker.core`.

What it leaves open: a message that is too old is never received, but when it goes is the store's
affair. `forget` drops from the model what the store has let go, and refuses if it had no right to.
"""

from dataclasses import dataclass, field
from itertools import count

HOURS_12_MS = 12 * 60 * 60 * 1000


class Refused(Exception):
    """The name of the error that is to be raised."""


@dataclass
class Message:
    """One message in one queue."""

    message_id: bytes
    body: bytes
    sent_at_ms: int
    visible_at_ms: int
    order: int  # among those that become visible in the same millisecond
    receive_count: int = 0
    first_received_at_ms: int = 0
    received_at_ms: int = 0
    held: bool = False  # by a receiver
    receipt: int | None = None  # the one receipt that is good
    source: str | None = None  # of a dead letter


@dataclass
class Queue:
    """A queue with its messages."""

    name: str
    version: int
    retention_ms: int
    dead_letter_queue: str | None = None
    max_receive_count: int = 0
    purged_at_ms: int = 0
    messages: list[Message] = field(default_factory=list)


@dataclass
class Oracle:
    """The whole service, in one namespace."""

    wide: int  # more targets than this are reached slice by slice
    now_ms: int = 0
    queues: dict[str, Queue] = field(default_factory=dict)
    slices: list[tuple[int, list[tuple[str, str | None, bytes, bytes, int]]]] = field(
        default_factory=list
    )
    numbers: "count[int]" = field(default_factory=count)

    # Configuration

    def configure(
        self,
        name: str,
        retention_ms: int,
        dead_letter_queue: str | None,
        max_receive_count: int,
        expected_version: int | None,
    ) -> int:
        queue = self.queues.get(name)
        self._compare(queue, expected_version)
        if queue is None:
            queue = self.queues[name] = Queue(name, 0, 0)
        queue.version += 1
        queue.retention_ms = retention_ms
        queue.dead_letter_queue = dead_letter_queue
        queue.max_receive_count = max_receive_count
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

    def send(self, name: str, messages: list[tuple[bytes, bytes, int]]) -> None:
        queue = self._queue(name)
        for message_id, body, delay_ms in messages:
            self._add(queue, message_id, body, delay_ms, self.now_ms)

    def fan_out(self, entries: list[tuple[str, str | None, bytes, bytes, int]]) -> list[int]:
        """Entries are queue, dead-letter queue, message id, body and delay."""
        if len(entries) <= self.wide:
            return self._place(entries, self.now_ms)
        for start in range(0, len(entries), self.wide):
            self.slices.append((self.now_ms, entries[start : start + self.wide]))
        return []

    def _place(
        self, entries: list[tuple[str, str | None, bytes, bytes, int]], sent_at_ms: int
    ) -> list[int]:
        homeless = []
        for index, (name, dead_letter_queue, message_id, body, delay_ms) in enumerate(entries):
            queue = self.queues.get(name) or self.queues.get(dead_letter_queue or "")
            if queue is None:
                homeless.append(index)
            else:
                self._add(queue, message_id, body, delay_ms, sent_at_ms)
        return homeless

    def _add(
        self, queue: Queue, message_id: bytes, body: bytes, delay_ms: int, sent_at_ms: int
    ) -> None:
        visible_at_ms = self.now_ms + delay_ms
        order = next(self.numbers)
        queue.messages.append(Message(message_id, body, sent_at_ms, visible_at_ms, order))

    # Receiving

    def receive(self, name: str, limit: int, timeout_ms: int) -> list[Message]:
        queue = self._queue(name)
        received: list[Message] = []
        for message in self.in_order(name):
            if len(received) == limit:
                break
            if message.visible_at_ms > self.now_ms:
                continue
            if self.too_old(queue, message):
                queue.messages.remove(message)
                continue
            target = self.queues.get(queue.dead_letter_queue or "")
            if (
                target is not None
                and target is not queue
                and message.receive_count >= queue.max_receive_count
            ):
                self._dead_letter(queue, message, target)
                continue
            message.receive_count += 1
            message.first_received_at_ms = message.first_received_at_ms or self.now_ms
            message.received_at_ms = self.now_ms
            message.visible_at_ms = self.now_ms + timeout_ms
            message.held = True
            message.receipt = next(self.numbers)
            received.append(message)
        return received

    def _dead_letter(self, queue: Queue, message: Message, target: Queue) -> None:
        queue.messages.remove(message)
        message.visible_at_ms = self.now_ms
        message.order = next(self.numbers)
        message.receive_count = message.first_received_at_ms = 0
        message.held, message.receipt = False, None
        message.source = message.source or queue.name
        target.messages.append(message)

    # With a receipt: None for one that was never issued

    def delete(self, name: str, receipts: list[int | None]) -> list[str | None]:
        queue = self._queue(name)
        results: list[str | None] = []
        for receipt in receipts:
            found = self._held(queue, receipt)
            if found is not None:
                queue.messages.remove(found)
            results.append("ReceiptHandleIsInvalid" if receipt is None else None)
        return results

    def change_visibility(
        self, name: str, receipt: int | None, timeout_ms: int, spend: bool, delayed: bool
    ) -> str | None:
        found = self._held(self._queue(name), receipt)
        if receipt is None:
            return "ReceiptHandleIsInvalid"
        if found is None:
            return "MessageNotInFlight"
        if found.visible_at_ms <= self.now_ms and spend and not delayed:
            return None
        until_ms = self.now_ms + timeout_ms
        if not delayed and until_ms > found.received_at_ms + HOURS_12_MS:
            return "VisibilityTimeoutTooLong"
        found.visible_at_ms = until_ms
        if not spend:
            found.receive_count -= 1
            if found.receive_count == 0:
                found.first_received_at_ms = 0
        if delayed or not spend:  # nobody has it any more
            found.held, found.receipt = False, None
        return None

    def replace(
        self,
        name: str,
        receipt: int | None,
        entries: list[tuple[str, str | None, bytes, bytes, int]],
    ) -> tuple[bool, list[int]]:
        queue = self._queue(name)
        found = self._held(queue, receipt)
        if found is None:
            return False, []
        queue.messages.remove(found)
        return True, self._place(entries, self.now_ms)

    def release(self, name: str, limit: int) -> int:
        hidden = [
            message
            for message in self.in_order(name)
            if message.held and message.visible_at_ms > self.now_ms
        ][:limit]
        for message in hidden:
            message.visible_at_ms = self.now_ms
            message.held, message.receipt = False, None
        return len(hidden)

    def _held(self, queue: Queue, receipt: int | None) -> Message | None:
        if receipt is None:
            return None
        return next((m for m in queue.messages if m.receipt == receipt), None)

    # The rest

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

    def counts(self, name: str) -> tuple[int, int, int]:
        messages = self._queue(name).messages
        hidden = [message for message in messages if message.visible_at_ms > self.now_ms]
        held = sum(message.held for message in hidden)
        return len(messages) - len(hidden), held, len(hidden) - held

    def in_order(self, name: str) -> list[Message]:
        """In the order in which they become visible."""
        return sorted(self._queue(name).messages, key=lambda m: (m.visible_at_ms, m.order))

    def too_old(self, queue: Queue, message: Message) -> bool:
        return message.sent_at_ms + queue.retention_ms <= self.now_ms

    def forget(self, name: str, present: set[bytes]) -> None:
        """Drop what the store let go. It may let go what is visible and too old, nothing else."""
        queue = self._queue(name)
        gone = [message for message in queue.messages if message.message_id not in present]
        for message in gone:
            assert self.too_old(queue, message), "the store lost a message"
            assert message.visible_at_ms <= self.now_ms, "the store lost a hidden message"
            queue.messages.remove(message)

    def _queue(self, name: str) -> Queue:
        if name not in self.queues:
            raise Refused("QueueDoesNotExist")
        return self.queues[name]
