"""names of deleted queues: for a while SQS gives none of them to a new queue

A note is written in the commit that deletes the queue, so that a restart doesn't forget it. It goes
when the name is used again, or with a later deletion once its time is over.
"""

from collections.abc import Iterable

from broker.core.errors import QueueDeletedRecently
from broker.core.registry import Resources
from broker.core.resources import DeletedQueue
from broker.runtime.registrar import Change

FORGOTTEN_AT_ONCE = 100  # notes that one deletion takes along, which bounds its commit


def note_deletion(resources: Resources, name: str, now_ms: int, blocked_s: int) -> Iterable[Change]:
    """The changes that go with a queue's deletion."""
    over = [
        note.name
        for note in resources.deleted_queues.values()
        if note.name != name and note.created_at_ms + blocked_s * 1000 <= now_ms
    ]
    for old in over[:FORGOTTEN_AT_ONCE]:
        yield "deleted_queue", old, None, None
    if blocked_s:
        note = DeletedQueue(name=name, created_at_ms=now_ms, modified_at_ms=now_ms)
        yield "deleted_queue", name, note, None


def forget_deletion(resources: Resources, name: str) -> Iterable[Change]:
    """The changes that go with a queue's creation."""
    if name in resources.deleted_queues:
        yield "deleted_queue", name, None, None


def check_not_blocked(resources: Resources, name: str, now_ms: int, blocked_s: int) -> None:
    """Raises: QueueDeletedRecently."""
    note = resources.deleted_queues.get(name)
    if note is not None and now_ms < note.created_at_ms + blocked_s * 1000:
        raise QueueDeletedRecently(
            f"You must wait {blocked_s} seconds after deleting a queue before you can create "
            "another with the same name."
        )
