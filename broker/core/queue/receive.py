"""receiving: hide what is visible, give it a handle, set aside what was received too often"""

import msgspec

from broker.core.commands import Received, ReceiveMessages
from broker.core.errors import OverLimit
from broker.core.limits import COMMIT_BYTES_MAX, IN_FLIGHT_MAX
from broker.core.names import Namespace
from broker.core.queue import attempts, lanes
from broker.core.queue.entries import (
    Placed,
    insert,
    lift,
    release_body,
    remove,
    take_visible,
)
from broker.core.queue.receipt_handle import issue
from broker.core.queue.settle import settle
from broker.core.queue.view import IN_LANE, Entry, QueueState, QueueView

PAGE = 16  # entries looked at before the bytes are counted again
SET_ASIDE_MAX = 1_000  # expired or dead-lettered messages that one receive may clear away


def receive_messages(view: QueueView, namespace: str, command: ReceiveMessages) -> list[Received]:
    """Up to `count` visible messages, oldest visibility first; fewer if they are large."""
    queue = view.queue(namespace, command.queue)
    settle(view, queue)
    if queue.fifo and command.attempt_id is not None:
        repeated = attempts.repeat(view, queue, command)
        if repeated is not None:
            return repeated
    if queue.in_flight >= IN_FLIGHT_MAX:
        if queue.fifo:
            return []
        raise OverLimit
    receive = _Receive(view, queue, command.count)
    receive.take()
    received = _hide(view, queue, receive.taken, command)
    if queue.receivable:
        view.wake(queue)  # for the next in line: what it was woken for may have been set aside
    if queue.fifo and command.attempt_id is not None and received:
        attempts.note(view, queue, command, received)
    return received


class _Receive:
    """One receive under way.

    All that is looked at is taken out, and what is received is put back only at the end: with a
    timeout of 0 it would be found again.
    """

    def __init__(self, view: QueueView, queue: QueueState, count: int) -> None:
        self.taken: list[tuple[int, Entry, bytes]] = []  # sequence, entry, body
        self._view = view
        self._queue = queue
        self._count = count
        self._bytes = 0
        self._set_aside = 0

    def take(self) -> None:
        """Take messages out until there are enough, or none is left."""
        while (
            (wanted := self._count - len(self.taken)) > 0
            and self._set_aside < SET_ASIDE_MAX
            and self._bytes < COMMIT_BYTES_MAX
        ):
            turn = lanes.first_turn(self._view, self._queue)
            if turn is None:
                if self._queue.fifo or not self._take_page(min(wanted, PAGE)):
                    break
            elif self._queue.fifo:
                self._take_lane(turn[2], wanted)
            elif (first := self._first_without_group()) is None or turn[:2] < (0, first):
                self._take_turn(turn[2])
            else:
                self._take_page(1)

    def _take_page(self, count: int) -> bool:
        """The first messages without a group; whether there were any."""
        page = take_visible(self._view, self._queue, count)
        for item in page:
            if not self._put_aside(item[2]):
                self._keep(item)
        return bool(page)

    def _first_without_group(self) -> int | None:
        """The sequence number of the first visible message without a group."""
        first = next(self._view.entries(self._queue.id, 0), None)
        return first[1] if first and first[0] <= self._queue.settled_ms else None

    def _take_turn(self, lane: int) -> None:
        """The first message of a fair queue's lane."""
        ((sequence, entry),) = lanes.front(self._view, self._queue, lane, 1)
        if self._is_spent(entry):
            remove(self._view, self._queue, IN_LANE, sequence, entry)
            self._put_aside(entry)
        else:
            lanes.serve(self._view, self._queue, sequence, entry)
            self._keep((IN_LANE, sequence, entry))

    def _take_lane(self, lane: int, wanted: int) -> None:
        """As many as are wanted from the front of a FIFO queue's lane, which is locked by them.

        If the first is spent it is put aside, and it is seen anew whose turn it is.
        """
        items = lanes.front(self._view, self._queue, lane, wanted)
        if self._is_spent(items[0][1]):
            remove(self._view, self._queue, IN_LANE, *items[0])
            self._put_aside(items[0][1])
            return
        for sequence, entry in items:
            if self._is_spent(entry):
                break  # its turn comes when those before it are gone
            item = IN_LANE, sequence, entry
            lift(self._view, self._queue, *item)
            self._keep(item)
            if self._bytes >= COMMIT_BYTES_MAX:
                break

    def _keep(self, item: Placed) -> None:
        _, sequence, entry = item
        body = self._view.get_body(entry.body_id)
        self.taken.append((sequence, entry, body))
        self._bytes += len(body)

    def _is_spent(self, entry: Entry) -> bool:
        """Whether it isn't to be received any more."""
        queue = self._queue
        if entry.expires_ms(queue.retention_ms) <= self._view.now_ms:
            return True
        return self._dead_letter_queue(entry) is not None

    def _dead_letter_queue(self, entry: Entry) -> QueueState | None:
        """Where a message goes that was received too often.

        If that queue is gone the message stays: better received once more than lost.
        """
        policy = self._queue.config.redrive_policy
        if policy is None or entry.receive_count < policy.max_receive_count:
            return None
        place = self._queue.dead_letter_queue
        target = self._view.find_queue(*place) if place else None
        return None if target is self._queue else target

    def _put_aside(self, entry: Entry) -> bool:
        """Drop a message or move it to the dead-letter queue, if it isn't to be received any more.

        It has been taken out already.
        """
        view, queue = self._view, self._queue
        if entry.expires_ms(queue.retention_ms) <= view.now_ms:
            release_body(view, entry)
            view.report(queue, expired=1)
        elif (target := self._dead_letter_queue(entry)) is not None:
            _dead_letter(view, queue, target, entry)
            view.report(queue, dead_lettered=1)
        else:
            return False
        self._set_aside += 1
        return True


def _hide(
    view: QueueView,
    queue: QueueState,
    taken: list[tuple[int, Entry, bytes]],
    command: ReceiveMessages,
) -> list[Received]:
    """Put messages back where their visibility timeout ends; what their receiver gets."""
    now_ms = view.now_ms
    hidden_until_ms = now_ms + command.visibility_timeout_ms
    hidden: list[Placed] = []
    received: list[Received] = []
    for sequence, entry, body in taken:
        receive_count = entry.receive_count + 1
        first_received_at_ms = entry.first_received_at_ms or now_ms
        again = Entry(
            entry.body_id,
            entry.message_id,
            entry.sent_at_ms,
            receive_count,
            first_received_at_ms,
            in_flight=True,
            shared=entry.shared,
            via=entry.via,
            dead_letter_source_arn=entry.dead_letter_source_arn,
            refunds=entry.refunds,
            lane=entry.lane,
            kept_from_ms=entry.kept_from_ms,
        )
        hidden.append((hidden_until_ms, sequence, again))
        received.append(
            Received(
                issue(view, queue, hidden_until_ms, sequence, again, command.nonce),
                entry.message_id,
                body,
                entry.sent_at_ms,
                first_received_at_ms,
                receive_count,
                entry.via,
                entry.dead_letter_source_arn,
                sequence,
            )
        )
    insert(view, queue, hidden, charged=True)
    return received


def _dead_letter(view: QueueView, queue: QueueState, target: QueueState, entry: Entry) -> None:
    """Put a message that was received too often into the dead-letter queue.

    It keeps its id and its group. A standard queue keeps the time it was sent, so retention runs
    on; a FIFO queue counts anew.
    """
    settle(view, target)
    source_arn = entry.dead_letter_source_arn or Namespace.parse(queue.namespace).arn(
        "sqs", queue.name
    )
    letter = msgspec.structs.replace(
        entry,
        sent_at_ms=view.now_ms if target.fifo else entry.sent_at_ms,
        receive_count=0,
        first_received_at_ms=0,
        in_flight=False,
        moved=False,
        dead_letter_source_arn=source_arn,
        lane=entry.lane or lanes.lane_for(target, None, entry.message_id),
    )
    insert(view, target, [(view.now_ms, view.next_id(), letter)])
