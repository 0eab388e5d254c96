"""moving messages between queues: chosen ones, or all of them as a task in slices

A task is a configuration record, and each of its slices changes record and queues in one step: a
crash between two slices loses nothing and moves nothing twice. It moves what was there when it
began, told by sequence numbers, so it comes to an end even if its messages come back. Messages in
flight are left alone, and so are those behind them in a FIFO group: order is kept.
"""

from itertools import islice

import msgspec

from broker.core import resources
from broker.core.commands import DiscardMessages, MoveMessages, Record, RelocateMessages
from broker.core.configuration import RecordView
from broker.core.errors import MoveTaskDoesNotExist
from broker.core.limits import RECLAIM_SLICE
from broker.core.names import Arn
from broker.core.queue.entries import Placed, drop, insert, release_body, remove
from broker.core.queue.lanes import lane_for
from broker.core.queue.look import at_cursor
from broker.core.queue.settle import settle
from broker.core.queue.view import IN_LANE, Entry, QueueState, QueueView
from broker.core.resources import MessageMoveTask

NO_QUEUE = "AWS.SimpleQueueService.NonExistentQueue"
NO_SOURCE = "CouldNotDetermineMessageSource"


def relocate_messages(
    view: QueueView, namespace: str, command: RelocateMessages
) -> list[str | None]:
    """Move messages that a peek found; None or what is in the way, for each."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    results: list[str | None] = []
    for pick in command.picks:
        item = at_cursor(view, queue, pick.cursor)
        if item is None:
            results.append("MessageNotFound")
            continue
        target = _target(view, namespace, command.destination, item[2])
        if not isinstance(target, QueueState):
            results.append(target)
            continue
        _move(view, queue, target, item, pick.message_id, pick.body)
        results.append(None)
    return results


def discard_messages(view: QueueView, namespace: str, command: DiscardMessages) -> list[str | None]:
    """Delete messages that a peek found; None or what is in the way, for each."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    results: list[str | None] = []
    for cursor in command.cursors:
        item = at_cursor(view, queue, cursor)
        if item is not None:
            drop(view, queue, *item)
        results.append(None if item else "MessageNotFound")
    return results


def move_messages(view: RecordView, namespace: str, command: MoveMessages) -> Record:
    """Carry out a slice of a task; its record as it is now."""
    record = view.get_record(namespace, "message_move_task", command.task)
    if record is None:
        raise MoveTaskDoesNotExist
    task = resources.decode(record.value)
    assert isinstance(task, MessageMoveTask)
    if task.status not in ("RUNNING", "CANCELLING"):
        return record
    changed = _next_slice(view, namespace, task, command.message_ids)
    changed = msgspec.structs.replace(changed, modified_at_ms=view.now_ms)
    record = Record(
        namespace, record.kind, record.name, record.version + 1, resources.encode(changed)
    )
    view.put_record(record)
    return record


def _next_slice(
    view: QueueView, namespace: str, task: MessageMoveTask, message_ids: list[bytes]
) -> MessageMoveTask:
    change = msgspec.structs.replace
    if task.status == "CANCELLING":
        return change(task, status="CANCELLED")
    source = view.find_queue(namespace, task.source)
    if source is None:
        return change(task, status="FAILED", failure_reason=NO_QUEUE)
    settle(view, source)
    if not task.until_sequence:
        task = change(task, until_sequence=view.next_id(), to_move=source.visible)
    items, too_old, next_lane = _choose(view, source, task, len(message_ids))
    for item in too_old:
        drop(view, source, *item)
        view.report(source, expired=1)
    for number, (item, message_id) in enumerate(zip(items, message_ids, strict=False)):
        target = _target(view, namespace, task.destination, item[2])
        if not isinstance(target, QueueState):
            reason = NO_QUEUE if target == "QueueDoesNotExist" else target
            moved = task.moved + number
            return change(task, status="FAILED", failure_reason=reason, moved=moved)
        _move(view, source, target, item, message_id, None)
    all_seen = next_lane is None and source.settled_ms == view.now_ms
    done = all_seen and not items and not too_old
    return change(
        task,
        moved=task.moved + len(items),
        next_lane=next_lane or 0,
        status="COMPLETED" if done else "RUNNING",
    )


def _choose(
    view: QueueView, source: QueueState, task: MessageMoveTask, count: int
) -> tuple[list[Placed], list[Placed], int | None]:
    """Visible messages that were there when the task began, those on the way to them that are too
    old, and the lane where to go on.
    """
    items: list[Placed] = []
    too_old: list[Placed] = []

    def take(item: Placed) -> bool:
        """Whether it concerns the task."""
        _, sequence, entry = item
        if entry.expires_ms(source.retention_ms) <= view.now_ms:
            too_old.append(item)
        elif sequence < task.until_sequence:
            items.append(item)
        else:
            return False
        return True

    # What came since lies behind what was there; looking on for stragglers has to end.
    for visible_at_ms, sequence, entry in islice(view.entries(source.id, 0), RECLAIM_SLICE):
        if visible_at_ms > source.settled_ms or len(items) == count:
            break
        take((visible_at_ms, sequence, entry))
    lane, after = task.next_lane, 0
    for _ in range(RECLAIM_SLICE):
        if len(items) == count:
            return items, too_old, lane
        found = next(view.lanes(source.id, lane, after), None)
        if found is None:
            return items, too_old, None
        found_lane, sequence, item = found
        if isinstance(item, Entry) and take((IN_LANE, sequence, item)):
            lane, after = found_lane, sequence + 1
        else:
            lane, after = found_lane + 1, 0
    return items, too_old, lane


def _target(
    view: QueueView, namespace: str, destination: str | None, entry: Entry
) -> QueueState | str:
    """Where a message goes, or why it can't: to the queue it was dead-lettered from, if to none."""
    if destination is None:
        arn = Arn.parse(entry.dead_letter_source_arn or "")
        if arn is None or str(arn.namespace) != namespace:
            return NO_SOURCE
        destination = arn.resource
    return view.find_queue(namespace, destination) or "QueueDoesNotExist"


def _move(
    view: QueueView,
    source: QueueState,
    target: QueueState,
    item: Placed,
    message_id: bytes,
    body: bytes | None,
) -> None:
    """Take a message from one queue and send it to another, as new, perhaps with a new body.

    It forgets where it was dead-lettered from once it is back there.
    """
    settle(view, target)
    entry = item[2]
    remove(view, source, *item)
    body_id, shared = entry.body_id, entry.shared
    if body is not None:
        release_body(view, entry)
        body_id, shared = view.next_id(), False
        view.put_bodies([(body_id, body)])
    home = Arn.parse(entry.dead_letter_source_arn or "")
    is_home = home is not None and home.resource == target.name
    moved = Entry(
        body_id,
        message_id,
        view.now_ms,
        shared=shared,
        via=entry.via,
        dead_letter_source_arn=None if is_home else entry.dead_letter_source_arn,
        lane=entry.lane or lane_for(target, None, message_id),
    )
    insert(view, target, [(view.now_ms, view.next_id(), moved)])
