"""message groups: each has a lane of its visible messages, and lanes take turns

A message with a group lies in one of two places. While it is hidden (in flight or delayed) it is
an entry in the queue's order of time, like any other. When it becomes visible it steps over into
its group's lane, in the order of sequence numbers; so whose turn it is can be found however large
one group's backlog is. What becomes visible is moved in slices: thousands may do so at once.

A lane that may be received from has one turn, and receiving takes the first turn:

- In a FIFO queue a group is locked while an earlier message of it is hidden. A hidden message
  leaves a marker in its lane, which says where it lies, so the lane's first item tells: a message,
  and the lane has a turn, ranked by that message's age; a marker, and it has none. One receive
  takes as many messages from the front of a lane as it can.
- In a standard queue groups are tenants and the queue is fair (max-min): the next message is taken
  from the tenant with the fewest messages in flight; among equals, from the one that has waited
  longest since it was last served or had nothing to receive. Each message of a receive is chosen
  so. A tenant with nothing visible or in flight is forgotten; when one began to wait is told by the
  age of its message. A tenant with a huge backlog gets what others leave, and one with many or slow
  messages in flight waits for those first; whoever has little to do is served as if alone. A
  message without a group is a tenant of its own, with nothing in flight. Amazon's thresholds (a
  tenant is noisy with more than a tenth of the messages in flight, and at least 30) come to the
  same order, but a tenant below them may delay others.
"""

from hashlib import blake2b

from broker.core.queue.view import Entry, QueueState, QueueView, Tenant

_NOBODY = Tenant()


def lane_for(queue: QueueState, group: str | None, message_id: bytes) -> int:
    """The number of the lane in which a new message waits; 0 for none.

    What comes into a FIFO queue without a group, from a source that knows none, is a group of its
    own.
    """
    if group is not None:
        return _number(group.encode())
    return _number(message_id) if queue.fifo else 0


def _number(name: bytes) -> int:
    # One bit less than a key has room for, so that there is always a number behind it.
    return int.from_bytes(blake2b(name, digest_size=8).digest()) >> 1 or 1


def line_up(view: QueueView, queue: QueueState, sequence: int, entry: Entry) -> None:
    """Put a message that is visible into its lane."""
    view.put_in_lane(queue.id, entry.lane, sequence, entry)
    queue.visible += 1
    if queue.fifo:
        give_turn(view, queue, entry.lane)
        return
    tenant = view.get_tenant(queue.id, entry.lane) or _NOBODY
    since = tenant.since if tenant.waiting else max(tenant.since, sequence)
    _rerank(view, queue, entry.lane, waiting=1, since=since)
    view.wake(queue)


def step_out(view: QueueView, queue: QueueState, sequence: int, entry: Entry) -> None:
    """Take a visible message from its lane.

    In a FIFO lane its place stays until it is `vacated` or taken by what is put back there, and the
    lane is locked until then.
    """
    queue.visible -= 1
    if queue.fifo:
        withdraw_turn(view, queue, sequence)
    else:
        view.delete_in_lane(queue.id, entry.lane, sequence)
        _rerank(view, queue, entry.lane, waiting=-1)


def hide(
    view: QueueView, queue: QueueState, visible_at_ms: int, sequence: int, entry: Entry
) -> None:
    """Take note that a message of a group is hidden now."""
    if queue.fifo:
        view.put_marker(queue.id, entry.lane, sequence, visible_at_ms)
    elif entry.in_flight:
        charge(view, queue, entry.lane)


def unhide(view: QueueView, queue: QueueState, entry: Entry) -> None:
    """Take note that it no longer is; in a FIFO lane its marker stays likewise."""
    if entry.in_flight and not queue.fifo:
        refund(view, queue, entry.lane)


def vacate(view: QueueView, queue: QueueState, sequence: int, lane: int) -> None:
    """Give up the place of a message that has left its FIFO lane for good."""
    view.delete_in_lane(queue.id, lane, sequence)
    give_turn(view, queue, lane)


def serve(view: QueueView, queue: QueueState, sequence: int, entry: Entry) -> None:
    """`step_out` of a fair lane and the charge for being in flight, in one: it is received."""
    view.delete_in_lane(queue.id, entry.lane, sequence)
    queue.visible -= 1
    _rerank(view, queue, entry.lane, waiting=-1, in_flight=1, since=view.next_id())


def charge(view: QueueView, queue: QueueState, lane: int) -> None:
    """Charge a fair lane for one message in flight; so its tenant is known until the `refund`."""
    _rerank(view, queue, lane, in_flight=1)


def refund(view: QueueView, queue: QueueState, lane: int) -> None:
    """Take the charge back."""
    _rerank(view, queue, lane, in_flight=-1)


def first_turn(view: QueueView, queue: QueueState) -> tuple[int, int, int] | None:
    """Whose turn it is: messages in flight, since when, lane."""
    return view.first_turn(queue.id) if queue.turns else None


def front(view: QueueView, queue: QueueState, lane: int, count: int) -> list[tuple[int, Entry]]:
    """Up to `count` messages from the front of a lane, with their sequence numbers."""
    found: list[tuple[int, Entry]] = []
    if count == 1:
        first = view.head(queue.id, lane)
        return [(first[0], first[1])] if first and isinstance(first[1], Entry) else []
    for sequence, item in view.lane(queue.id, lane):
        if not isinstance(item, Entry) or len(found) == count:
            break  # behind a marker, everything waits
        found.append((sequence, item))
    return found


def give_turn(view: QueueView, queue: QueueState, lane: int) -> None:
    """To a FIFO lane, unless it has one, is empty or is locked."""
    first = view.head(queue.id, lane)
    if first is not None and isinstance(first[1], Entry):
        if view.put_turn(queue.id, 0, first[0], lane):
            queue.turns += 1
        view.wake(queue)


def withdraw_turn(view: QueueView, queue: QueueState, head: int) -> None:
    """From the FIFO lane with that message at its front; if another is, nothing happens."""
    if view.delete_turn(queue.id, 0, head):
        queue.turns -= 1


def _rerank(
    view: QueueView,
    queue: QueueState,
    lane: int,
    waiting: int = 0,
    in_flight: int = 0,
    since: int | None = None,
) -> None:
    """Add to what is known of a tenant, and change its turn with it."""
    tenant = view.get_tenant(queue.id, lane) or _NOBODY
    changed = Tenant(
        tenant.waiting + waiting,
        tenant.in_flight + in_flight,
        tenant.since if since is None else since,
    )
    if tenant.waiting:
        view.delete_turn(queue.id, tenant.in_flight, tenant.since)
        queue.turns -= 1
    if changed.waiting:
        view.put_turn(queue.id, changed.in_flight, changed.since, lane)
        queue.turns += 1
    idle = not changed.waiting and not changed.in_flight
    view.put_tenant(queue.id, lane, None if idle else changed)
