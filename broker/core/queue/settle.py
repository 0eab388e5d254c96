"""time passing in a queue: what was hidden becomes visible, what is too old goes"""

from broker.core.limits import COMMIT_ENTRIES_MAX, RECLAIM_SLICE, SETTLE_SLICE
from broker.core.queue.entries import (
    Placed,
    drop,
    expect_expiry,
    insert,
    lift,
    release_body,
    take_visible,
)
from broker.core.queue.view import IN_LANE, NEVER_MS, Entry, QueueState, QueueView

MOVE_EFFORT = SETTLE_SLICE // RECLAIM_SLICE  # a slice of either kind takes about the same time


def settle(view: QueueView, queue: QueueState) -> None:
    """Count as visible what has become so. Before anything else that a command does to a queue.

    The line stops short of the present if there is more than a slice to do; the rest is due at
    once, but in another commit: else a batch of commands, each with its slice, would hold up
    everybody. It is always drawn between two milliseconds.
    """
    now_ms = view.now_ms
    if queue.id in view.behind:
        return
    if queue.next_due_ms > now_ms:
        if queue.settled_ms < now_ms:
            queue.settled_ms = now_ms
        return
    line_ms, next_due_ms = now_ms, NEVER_MS
    at_ms = 0
    counted = [0, 0]  # that were delayed and in flight, up to the millisecond `at_ms`
    since = [0, 0]  # and in it
    grouped: list[Placed] = []
    looked_at = 0
    for looked_at, item in enumerate(view.entries(queue.id, queue.settled_ms + 1)):
        visible_at_ms, _, entry = item
        if visible_at_ms > at_ms:
            if visible_at_ms > now_ms:
                next_due_ms = visible_at_ms
                break
            counted[0] += since[0]
            counted[1] += since[1]
            since = [0, 0]
            if looked_at >= SETTLE_SLICE:
                next_due_ms, line_ms = visible_at_ms, visible_at_ms - 1
                break
            at_ms = visible_at_ms
        if not entry.lane:
            since[entry.in_flight] += 1
        elif len(grouped) < RECLAIM_SLICE:
            grouped.append(item)
        else:
            next_due_ms, line_ms = at_ms, at_ms - 1
            since = [0, 0]
            break
    view.effort += looked_at + 1 + MOVE_EFFORT * len(grouped)
    delayed, in_flight = counted[0] + since[0], counted[1] + since[1]
    # Into the lane first: a tenant with nothing left, if only for a moment, is forgotten.
    insert(view, queue, [(IN_LANE, sequence, entry) for _, sequence, entry in grouped])
    for item in grouped:
        lift(view, queue, *item)
    queue.delayed -= delayed
    queue.in_flight -= in_flight
    queue.visible += delayed + in_flight
    queue.settled_ms = max(queue.settled_ms, line_ms)
    queue.next_due_ms = next_due_ms
    if line_ms < now_ms:
        view.behind.add(queue.id)
    if next_due_ms < NEVER_MS:
        view.schedule(queue, next_due_ms)
    if delayed or in_flight:
        view.wake(queue)
        expect_expiry(view, queue)


def delay_again(view: QueueView, queue: QueueState, by_ms: int) -> None:
    """Have a FIFO queue's delayed messages wait so much longer, or shorter.

    A new delay holds for them too. Of more than a commit takes, those that are due last keep the
    old one.
    """
    delayed: list[Placed] = []
    for item in view.entries(queue.id, queue.settled_ms + 1):
        if len(delayed) == COMMIT_ENTRIES_MAX:
            break
        if not item[2].in_flight:
            delayed.append(item)
    for item in delayed:
        lift(view, queue, *item)
    until_ms = [max(at_ms + by_ms, queue.settled_ms) for at_ms, _, _ in delayed]
    insert(
        view,
        queue,
        [(at_ms, seq, entry) for at_ms, (_, seq, entry) in zip(until_ms, delayed, strict=True)],
    )


def expire(view: QueueView, queue: QueueState) -> None:
    """Drop visible messages that are too old, or too many, a slice at a time.

    A message that was received and came back lies behind younger ones, and may be found too old
    only when it is received; `receive` looks at its age again.
    """
    settle(view, queue)
    if queue.expires_ms <= view.now_ms:
        _expire_first(view, queue)
    if queue.sweep_ms <= view.now_ms:
        _sweep_lanes(view, queue)


def _expire_first(view: QueueView, queue: QueueState) -> None:
    queue.expires_ms = NEVER_MS
    excess = queue.excess
    too_old: list[Placed] = []
    for visible_at_ms, sequence, entry in view.entries(queue.id, 0):
        if visible_at_ms > queue.settled_ms:
            break
        expires_ms = entry.expires_ms(queue.retention_ms)
        if expires_ms > view.now_ms and len(too_old) >= excess:
            queue.expires_ms = expires_ms
            break
        if len(too_old) == RECLAIM_SLICE:
            queue.expires_ms = view.now_ms
            break
        too_old.append((visible_at_ms, sequence, entry))
    _drop_expired(view, queue, too_old)
    if queue.expires_ms < NEVER_MS:
        view.schedule(queue, queue.expires_ms)


def make_room(view: QueueView, queue: QueueState, count: int) -> None:
    """Drop the oldest messages for `count` new ones, where it is the oldest that go.

    Never more than came, so that no commit becomes long: what else there is in excess, because the
    limit was lowered, is left to `expire`.
    """
    too_many = take_visible(view, queue, min(count, queue.excess))
    for _, _, entry in too_many:
        release_body(view, entry)
    if too_many:
        view.report(queue, expired=len(too_many))


SWEEPS_PER_RETENTION = 64  # how often lanes are looked through: what is too old goes that late


def _sweep_lanes(view: QueueView, queue: QueueState) -> None:
    """Look at the front of as many lanes as a slice allows; the next slice goes on behind them."""
    too_old: list[Placed] = []
    lane, after = queue.sweep_lane, 0
    for _ in range(RECLAIM_SLICE):
        item = next(view.lanes(queue.id, lane, after), None)
        if item is None:
            lane = 0
            break
        lane, sequence, entry = item
        if isinstance(entry, Entry) and entry.expires_ms(queue.retention_ms) <= view.now_ms:
            too_old.append((IN_LANE, sequence, entry))
            after = sequence + 1
        else:
            lane, after = lane + 1, 0
    _drop_expired(view, queue, too_old)
    queue.sweep_lane, queue.sweep_ms = lane, NEVER_MS
    if lane:
        queue.sweep_ms = view.now_ms
    elif next(view.lanes(queue.id, 0), None) is not None:  # perhaps locked, and without a turn
        queue.sweep_ms = view.now_ms + queue.retention_ms // SWEEPS_PER_RETENTION
    if queue.sweep_ms < NEVER_MS:
        view.schedule(queue, queue.sweep_ms)


def _drop_expired(view: QueueView, queue: QueueState, items: list[Placed]) -> None:
    view.effort += MOVE_EFFORT * len(items)
    for item in items:
        drop(view, queue, *item)
    if items:
        view.report(queue, expired=len(items))
