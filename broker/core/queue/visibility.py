"""changing how long a received message stays hidden"""

import msgspec

from broker.core.commands import ChangeVisibility, ReleaseHidden, VisibilityChange
from broker.core.limits import VISIBILITY_TIMEOUT_S_MAX
from broker.core.queue import lanes
from broker.core.queue.delete import has_expired
from broker.core.queue.entries import Placed, insert, lift
from broker.core.queue.receipt_handle import locate, parse
from broker.core.queue.settle import settle
from broker.core.queue.view import QueueState, QueueView


def change_visibility(
    view: QueueView, namespace: str, command: ChangeVisibility
) -> list[str | None]:
    """Hide messages until so long from now; None or an error's name for each."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    return [_change(view, queue, change) for change in command.changes]


def _change(view: QueueView, queue: QueueState, change: VisibilityChange) -> str | None:
    handle = parse(view, change.receipt_handle)
    if handle is None:
        return "ReceiptHandleIsInvalid"
    if queue.fifo and has_expired(view, queue, handle):
        return "ReceiptHandleExpired"
    found = locate(view, queue, handle)
    if found is None:
        return "MessageNotInFlight"
    visible_at_ms, entry = found
    if visible_at_ms <= view.now_ms and change.spend_receive and not change.delayed:
        return None  # the timeout has ended: too late, and no error
    until_ms = view.now_ms + change.timeout_ms
    if not change.delayed and until_ms > handle.received_at_ms + VISIBILITY_TIMEOUT_S_MAX * 1000:
        return "VisibilityTimeoutTooLong"
    fair_lane = 0 if queue.fifo else entry.lane
    if fair_lane:
        lanes.charge(view, queue, fair_lane)  # its turn isn't forgotten on the way
    lift(view, queue, visible_at_ms, handle.sequence, entry)
    held = change.spend_receive and not change.delayed
    # A pointer leads from the handle to it, unless its place in its lane does so.
    pointed_to = held and not queue.fifo and not (entry.lane and until_ms <= queue.settled_ms)
    refund = 0 if change.spend_receive else 1
    receive_count = entry.receive_count - refund
    changed = msgspec.structs.replace(
        entry,
        in_flight=held,
        moved=pointed_to,
        receive_count=receive_count,
        first_received_at_ms=entry.first_received_at_ms if receive_count else 0,
        refunds=entry.refunds + refund,
    )
    if pointed_to:
        view.put_moved(queue.id, handle.sequence, until_ms)
    insert(view, queue, [(until_ms, handle.sequence, changed)])
    if fair_lane:
        lanes.refund(view, queue, fair_lane)
    return None


def release_hidden(view: QueueView, namespace: str, command: ReleaseHidden) -> int:
    """Make messages visible whose receivers are gone, or whose retry is wanted now."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    hidden: list[Placed] = []
    for item in view.entries(queue.id, view.now_ms + 1):
        if len(hidden) == command.limit:
            break
        if item[2].in_flight != command.delayed:
            hidden.append(item)
    for visible_at_ms, sequence, entry in hidden:
        free = msgspec.structs.replace(entry, in_flight=False, moved=False)
        insert(view, queue, [(view.now_ms, sequence, free)])  # first, as in `settle`
        lift(view, queue, visible_at_ms, sequence, entry)
    return len(hidden)
