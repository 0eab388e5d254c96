"""moving messages: chosen ones by the cursors of a peek, or all of them as a task in slices

In which order a task takes the message groups is the store's affair, so a slice is followed: told
what the store moved, the model refuses what it had no right to move, and a task that ended too
early.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from tests.store.oracle import Message, Queue, Refused
from tests.store.oracle_groups import Groups

WIRE_REASON = {"QueueDoesNotExist": "AWS.SimpleQueueService.NonExistentQueue"}


class Cursor(NamedTuple):
    """Where a peek found a message."""

    name: str
    message: Message
    visible_at_ms: int
    receipts: int  # how often it had been received until then


@dataclass
class MoveTask:
    """A message move task and what is known of its source."""

    source: str
    destination: str | None
    status: str = "RUNNING"
    failure_reason: str = ""
    moved: int = 0
    to_move: int | None = None
    began_ms: int = 0
    until: int = 0  # messages from this number on came after it began


@dataclass
class Oracle(Groups):
    """The whole service."""

    tasks: dict[str, MoveTask] = field(default_factory=dict)

    # Chosen messages

    def relocate(
        self, name: str, picks: list[tuple[Cursor, bytes, bytes | None]], destination: str | None
    ) -> list[str | None]:
        """Picks are a cursor, a new message id, and perhaps a new body."""
        queue = self._queue(name)
        results: list[str | None] = []
        for cursor, message_id, body in picks:
            if not self._is_there(queue, cursor):
                results.append("MessageNotFound")
                continue
            target = self._target(cursor.message, destination)
            if isinstance(target, Queue):
                self._move(queue, target, cursor.message, message_id, body)
                self.touch(queue, cursor.message)
            results.append(None if isinstance(target, Queue) else target)
        return results

    def discard(self, name: str, cursors: list[Cursor]) -> list[str | None]:
        queue = self._queue(name)
        results: list[str | None] = []
        for cursor in cursors:
            is_there = self._is_there(queue, cursor)
            if is_there:
                queue.messages.remove(cursor.message)
                self.touch(queue, cursor.message)
            results.append(None if is_there else "MessageNotFound")
        return results

    def _is_there(self, queue: Queue, cursor: Cursor) -> bool:
        """Whether it was neither received since nor is held by a receiver."""
        message = cursor.message
        if message not in queue.messages or len(message.receipts) != cursor.receipts:
            return False
        if message.held and self.is_hidden(message):
            return False
        in_lane = message.group is not None and not self.is_hidden(message)
        return in_lane or message.visible_at_ms == cursor.visible_at_ms

    def _target(self, message: Message, destination: str | None) -> Queue | str:
        if destination is None and message.source is None:
            return "CouldNotDetermineMessageSource"
        return self.queues.get(destination or message.source or "") or "QueueDoesNotExist"

    def _move(
        self, queue: Queue, target: Queue, message: Message, message_id: bytes, body: bytes | None
    ) -> None:
        """As if it were sent anew."""
        queue.messages.remove(message)
        target.messages.append(
            Message(
                message_id,
                message.body if body is None else body,
                sent_at_ms=self.now_ms,
                visible_at_ms=self.now_ms,
                order=next(self.numbers),
                group=message.group,
                source=None if message.source == target.name else message.source,
            )
        )

    # Tasks

    def move(
        self,
        name: str,
        moved: list[bytes],
        message_ids: list[bytes],
        status: str,
        failure_reason: str,
    ) -> MoveTask:
        """Follow a slice: `moved` are the messages that it moved, in the order of their new ids;
        the rest is what it left the task in.
        """
        task = self.tasks.get(name)
        if task is None:
            raise Refused("MoveTaskDoesNotExist")
        if task.status == "CANCELLING":
            assert not moved, "a cancelled task went on"
            task.status = "CANCELLED"
        source = self.queues.get(task.source)
        if task.status != "RUNNING":
            assert not moved, "a task that had ended went on"
            return task
        if source is None:
            assert not moved
            task.status, task.failure_reason = "FAILED", WIRE_REASON["QueueDoesNotExist"]
            return task
        if not task.until:
            task.until, task.began_ms = next(self.numbers), self.now_ms
            task.to_move = self.counts(task.source)[0]
        assert len(moved) <= len(message_ids), "more was moved than allowed"
        for message_id, new_id in zip(moved, message_ids, strict=False):
            (message,) = [m for m in source.messages if m.message_id == message_id]
            assert self._may_be_moved(source, task, message)
            target = self._target(message, task.destination)
            assert isinstance(target, Queue)
            self._move(source, target, message, new_id, None)
            task.moved += 1
        task.status = status
        if status == "COMPLETED":
            assert not moved
            forgotten = [m for m in source.messages if self._had_to_be_moved(source, task, m)]
            assert not forgotten, "a task left something behind"
        elif status == "FAILED":
            reasons = {
                str(self._target(message, task.destination))
                for message in source.messages
                if self._may_be_moved(source, task, message)
                and not isinstance(self._target(message, task.destination), Queue)
            }
            assert failure_reason in {WIRE_REASON.get(reason, reason) for reason in reasons}
            task.failure_reason = failure_reason
        else:
            assert status == "RUNNING"
        return task

    def _may_be_moved(self, source: Queue, task: MoveTask, message: Message) -> bool:
        """Whether it is visible, was there when the task began, and nothing of its group that came
        before it is left behind.
        """
        if self.is_hidden(message) or self.too_old(source, message) or message.order >= task.until:
            return False
        if not source.settings.fifo:
            return True
        before = [m for m in self.group(source, message.group) if m.order < message.order]
        return all(self.too_old(source, m) and not self.is_hidden(m) for m in before)

    def _had_to_be_moved(self, source: Queue, task: MoveTask, message: Message) -> bool:
        """Whether it was there for the taking all the time."""
        if not self._may_be_moved(source, task, message):
            return False
        if source.touched.get(message.group or message.message_id, 0) > task.until:
            return False
        mine = self.group(source, message.group) if source.settings.fifo else [message]
        return all(m.visible_at_ms <= task.began_ms for m in mine if m.order <= message.order)
