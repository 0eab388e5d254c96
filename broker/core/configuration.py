"""configuration records: compare-and-set, and the queue behind each queue record"""

from typing import Protocol

from broker.core import resources
from broker.core.commands import (
    Configure,
    ConfigureAndSend,
    ReadRecords,
    Record,
    RecordChange,
    ReplayMessages,
    SendMessages,
)
from broker.core.errors import RecordChanged
from broker.core.queue.purge import start_empty
from broker.core.queue.schedule import cancel
from broker.core.queue.send import distribute, send_messages
from broker.core.queue.settle import delay_again, settle
from broker.core.queue.view import QueueState, QueueView


class RecordView(QueueView, Protocol):
    """A transaction's configuration records, beside its queues."""

    def get_record(self, namespace: str, kind: str, name: str) -> Record | None:
        """The record, or None."""

    def put_record(self, record: Record) -> None:
        """Store it."""

    def delete_record(self, namespace: str, kind: str, name: str) -> None:
        """Remove it, if it is there."""

    def records(self) -> list[Record]:
        """All of them, in order."""

    def add_queue(self, queue: QueueState) -> None:
        """A new queue."""

    def remove_queue(self, queue: QueueState) -> None:
        """Forget it; what lies under its id is housekeeping's."""


def configure(view: RecordView, namespace: str, command: Configure) -> list[int]:
    """Make all changes or none; the new version of each."""
    current = _current(view, namespace, command.changes)
    if _takes_room(command.changes):
        view.admit()
    versions = []
    for change, record in zip(command.changes, current, strict=True):
        version = (record.version if record else 0) + 1
        if change.value is None:
            view.delete_record(namespace, change.kind, change.name)
            version = 0
        else:
            view.put_record(Record(namespace, change.kind, change.name, version, change.value))
        if change.kind == "queue":
            _change_queue(view, namespace, change, version)
        versions.append(version)
    return versions


def configure_and_send(view: RecordView, namespace: str, command: ConfigureAndSend) -> list[int]:
    """Change records with what waits on their behalf, all or nothing."""
    _current(view, namespace, command.changes)
    made = any(c.kind == "queue" and c.name == command.queue for c in command.changes)
    if not made:
        view.queue(namespace, command.queue)
    if command.messages:
        view.admit()
    versions = configure(view, namespace, Configure(command.changes))
    if command.cancelled:
        queue = view.queue(namespace, command.queue)
        settle(view, queue)
        cancel(view, queue, command.cancelled)
    if command.messages:
        send_messages(view, namespace, SendMessages(command.queue, command.messages))
    return versions


def replay_messages(
    view: RecordView, namespace: str, command: ReplayMessages
) -> tuple[int, list[int]]:
    """Deliver a slice of an archive, and note how far that has come."""
    view.admit()
    (version,) = configure(view, namespace, Configure([command.change]))
    return version, distribute(view, namespace, command.bodies, command.entries)


def _current(view: RecordView, namespace: str, changes: list[RecordChange]) -> list[Record | None]:
    """The records as they are. Raises: RecordChanged, if one isn't as it is expected to be."""
    current = [view.get_record(namespace, c.kind, c.name) for c in changes]
    for change, record in zip(changes, current, strict=True):
        found = record.version if record else 0
        if change.expected_version is not None and change.expected_version != found:
            raise RecordChanged(f"The {change.kind} {change.name} was changed in the meantime.")
    return current


def _takes_room(changes: list[RecordChange]) -> bool:
    """Not if a queue goes: the note that is left of it is little beside the room that it frees."""
    if any(change.kind == "queue" and change.value is None for change in changes):
        return False
    return any(change.value is not None for change in changes)


def _change_queue(view: RecordView, namespace: str, change: RecordChange, version: int) -> None:
    queue = view.find_queue(namespace, change.name)
    if change.value is None:
        if queue is not None:
            view.reclaim_later(queue.id)
            view.remove_queue(queue)
        return
    config = resources.decode(change.value)
    assert isinstance(config, resources.Queue)
    if queue is None:
        queue = QueueState(0, namespace, change.name, config, version)
        start_empty(view, queue)
        view.add_queue(queue)
        return
    if config.deduplication_scope != queue.config.deduplication_scope:
        queue.scope_changed_ms = view.now_ms
    delay_by_ms = (config.delay_s - queue.config.delay_s) * 1000
    queue.config, queue.version = config, version
    if queue.fifo and delay_by_ms:
        settle(view, queue)
        delay_again(view, queue, delay_by_ms)
    if queue.visible:  # the retention may be another now
        queue.expires_ms = queue.sweep_ms = view.now_ms
        view.schedule(queue, queue.expires_ms)


def read_records(view: RecordView, namespace: str, command: ReadRecords) -> list[Record]:
    """All records of all namespaces."""
    return view.records()
