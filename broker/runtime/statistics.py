"""what is done to each queue: counted since the start, and as rates over the last minutes

Counted in the daemon, where commands are answered: that costs the store nothing and a command less
than a microsecond. Of what the store does by itself it tells which messages have expired or gone to
a dead-letter queue. That others become visible again is seen when they are received again.

A queue's counts of the last five minutes are kept in slots of five seconds. Nothing runs while
nothing happens: a queue's slot is begun by the first count that falls into it. The time comes with
the store's answers, once for all the commands of a commit.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from broker.core import commands, resources
from broker.core.commands import Command, StoreStatus, Wakeup
from broker.core.errors import BrokerError
from broker.core.limits import METRICS_QUEUES_MAX
from broker.core.registry import Registry
from broker.core.resources import MessageMoveTask
from broker.store.seam import Listener, Store

SLOT_MS = 5_000
WINDOWS_S = (60, 300)
_SLOTS = WINDOWS_S[-1] * 1000 // SLOT_MS

SENT, RECEIVED, RECEIVED_AGAIN, DELETED, RETURNED, MOVED, EXPIRED, DEAD_LETTERED = range(8)
_NOTHING = (0,) * 8

Place = tuple[str, str]  # namespace and queue


class Figures(msgspec.Struct, frozen=True):
    """One figure for each thing that is counted."""

    sent: float = 0  # by programs and publishes: not what was dead-lettered or moved here
    received: float = 0
    received_again: float = 0  # of the received: given back, or not deleted in time
    deleted: float = 0  # by handle, by id or by cursor; not by a purge
    returned: float = 0  # given back before their visibility timeout ended
    moved: float = 0  # to another queue, by a message move task or by choice
    expired: float = 0  # at the end of their retention
    dead_lettered: float = 0  # received too often, and moved to the dead-letter queue


class QueueCounters:
    """The counts of one queue."""

    __slots__ = ("_before", "_slots", "labelled", "now", "slot")

    def __init__(self, slot: int, labelled: bool) -> None:
        self.labelled = labelled  # by its name in /metrics
        self.slot = slot
        self.now = list(_NOTHING)  # in this slot
        self._before = list(_NOTHING)  # in all slots before
        self._slots: deque[tuple[int, list[int]]] = deque(maxlen=_SLOTS)

    def turn(self, slot: int) -> None:
        """Begin another slot."""
        self._slots.append((self.slot, self.now))
        self._before = [before + now for before, now in zip(self._before, self.now, strict=True)]
        self.slot = slot
        self.now = list(_NOTHING)

    def totals(self) -> list[int]:
        """Since the start."""
        return [before + now for before, now in zip(self._before, self.now, strict=True)]

    def since(self, slot: int) -> list[int]:
        """In that slot and all after it."""
        found = [counts for at, counts in (*self._slots, (self.slot, self.now)) if at >= slot]
        return [sum(column) for column in zip(_NOTHING, *found, strict=True)]


class Statistics:
    """The counters of all queues; those of a deleted queue go with it."""

    def __init__(self, registry: Registry, now_ms: Callable[[], int]) -> None:
        self._registry = registry
        self._now_ms = now_ms
        self._started_ms = now_ms()
        self._slot = self._started_ms // SLOT_MS
        self._queues: dict[Place, QueueCounters] = {}
        self._labelled = 0
        self._gone = list(_NOTHING)  # by queues without a label, before they were deleted
        self._moves: dict[tuple[str, str], int] = {}  # by namespace and task: moved so far

    def hear_time(self, now_ms: int) -> None:
        """The time of a commit; called with every answer of the store, before its callers go on."""
        self._slot = now_ms // SLOT_MS

    def count(self, namespace: str, queue: str, kind: int, count: int = 1) -> None:
        """Note that so many messages of a queue were sent, received, ..."""
        counters = self._queues.get((namespace, queue)) or self._begin(namespace, queue)
        if counters is not None:
            if counters.slot != self._slot:
                counters.turn(self._slot)
            counters.now[kind] += count

    def count_each(self, namespace: str, queues: list[str], kind: int) -> None:
        """The same of one message for each queue: a fan-out has up to a thousand."""
        counters_of, slot = self._queues, self._slot
        for queue in queues:
            counters = counters_of.get((namespace, queue))
            if counters is None or counters.slot != slot:
                self.count(namespace, queue, kind)
            else:
                counters.now[kind] += 1

    def count_move(self, namespace: str, task: MessageMoveTask, slice_max: int) -> None:
        """Note what a message move task has moved in a slice; its record tells only the sum."""
        place = namespace, task.name
        # After a restart the sum before is not known: the slice was a whole one, or all there was.
        before = self._moves.get(place, max(0, task.moved - slice_max))
        if task.moved > before:
            self.count(namespace, task.source, MOVED, task.moved - before)
        if task.status in ("RUNNING", "CANCELLING"):
            self._moves[place] = task.moved
        else:
            self._moves.pop(place, None)

    def count_lost(self, wakeup: Wakeup) -> None:
        """Note what the store says that a queue has lost by itself."""
        self.count(wakeup.namespace, wakeup.queue, EXPIRED, wakeup.expired)
        self.count(wakeup.namespace, wakeup.queue, DEAD_LETTERED, wakeup.dead_lettered)

    def totals(self, namespace: str, queue: str) -> Figures:
        """What was counted since the daemon started, or the queue was made."""
        counters = self._queues.get((namespace, queue))
        return Figures(*counters.totals()) if counters else Figures()

    def rates(self, namespace: str, queue: str, window_s: int) -> Figures:
        """How many a second over the last `window_s`, of which up to five are still to come.

        After a start, over the time since then.
        """
        counters = self._queues.get((namespace, queue))
        if counters is None:
            return Figures()
        now_ms = max(self._now_ms(), self._slot * SLOT_MS)  # the store's clock may be ahead
        first = now_ms // SLOT_MS - window_s * 1000 // SLOT_MS + 1
        elapsed_ms = max(now_ms - max(first * SLOT_MS, self._started_ms), SLOT_MS)
        return Figures(*(round(count * 1000 / elapsed_ms, 3) for count in counters.since(first)))

    def rows(self) -> Iterator[tuple[str, str, Figures]]:
        """Totals by namespace and queue, of so many queues; those of all others under no name."""
        others = self._gone
        for (namespace, queue), counters in self._queues.items():
            totals = counters.totals()
            if counters.labelled:
                yield namespace, queue, Figures(*totals)
            else:
                others = [one + other for one, other in zip(others, totals, strict=True)]
        if any(others):
            yield "", "", Figures(*others)

    def hear(self, namespace: str, kind: str, name: str) -> None:
        """A resource has changed; called by the registrar."""
        if kind != "queue" or name in self._registry.resources(namespace).queues:
            return
        counters = self._queues.pop((namespace, name), None)
        if counters is None:
            return
        if counters.labelled:
            self._labelled -= 1
        else:
            totals = counters.totals()
            self._gone = [one + other for one, other in zip(self._gone, totals, strict=True)]

    def _begin(self, namespace: str, queue: str) -> QueueCounters | None:
        """Counters for a queue, unless it has gone: a fan-out may name one that isn't there."""
        if queue not in self._registry.resources(namespace).queues:
            return None
        labelled = self._labelled < METRICS_QUEUES_MAX
        self._labelled += labelled
        counters = self._queues[namespace, queue] = QueueCounters(self._slot, labelled)
        return counters


class CountedStore:
    """A store whose commands are counted as they are answered.

    What was submitted for a caller who has been cancelled since is not counted.
    """

    def __init__(self, store: Store, statistics: Statistics) -> None:
        self._store = store
        self._statistics = statistics

    @property
    def status(self) -> StoreStatus:
        """See `broker.store.seam.Store`."""
        return self._store.status

    @status.setter
    def status(self, status: StoreStatus) -> None:
        self._store.status = status

    @property
    def listener(self) -> Listener:
        """See `broker.store.seam.Store`."""
        return self._store.listener

    @listener.setter
    def listener(self, listener: Listener) -> None:
        self._store.listener = listener

    async def submit(self, namespace: str, commands: Sequence[Command]) -> list[Any]:
        """See `broker.store.seam.Store`."""
        outcomes = await self._store.submit(namespace, commands)
        for command, outcome in zip(commands, outcomes):  # noqa: B905  (strict costs more)
            count = _COUNTS.get(command.__class__)
            if count is not None and (outcome is None or not isinstance(outcome, BrokerError)):
                count(self._statistics, namespace, command, outcome)
        return outcomes


def _send(
    statistics: Statistics, namespace: str, command: commands.SendMessages, outcome: Any
) -> None:
    if outcome is None:
        sent = len(command.messages)
    else:  # of a FIFO queue: a duplicate is answered with an earlier id
        pairs = zip(command.messages, outcome, strict=True)
        sent = sum(accepted.message_id == message.message_id for message, accepted in pairs)
    statistics.count(namespace, command.queue, SENT, sent)


def _configure_and_send(
    statistics: Statistics, namespace: str, command: commands.ConfigureAndSend, versions: list[int]
) -> None:
    if command.messages:
        statistics.count(namespace, command.queue, SENT, len(command.messages))


def _fan_out(
    statistics: Statistics, namespace: str, command: commands.FanOut, homeless: list[int]
) -> None:
    statistics.count_each(namespace, _placed(command.entries, homeless), SENT)


def _fan_out_once(
    statistics: Statistics, namespace: str, command: commands.FanOutOnce, done: commands.Published
) -> None:
    if not done.repeated:
        statistics.count_each(namespace, _placed(command.entries, done.homeless), SENT)


def _replay(
    statistics: Statistics,
    namespace: str,
    command: commands.ReplayMessages,
    outcome: tuple[int, list[int]],
) -> None:
    statistics.count_each(namespace, _placed(command.entries, outcome[1]), SENT)


def _receive(
    statistics: Statistics,
    namespace: str,
    command: commands.ReceiveMessages,
    received: list[commands.Received],
) -> None:
    if not received:
        return
    statistics.count(namespace, command.queue, RECEIVED, len(received))
    again = sum(message.receive_count > 1 for message in received)
    if again:
        statistics.count(namespace, command.queue, RECEIVED_AGAIN, again)


def _delete(
    statistics: Statistics,
    namespace: str,
    command: commands.DeleteMessages,
    results: list[str | None],
) -> None:
    statistics.count(namespace, command.queue, DELETED, results.count(None))


def _change_visibility(
    statistics: Statistics,
    namespace: str,
    command: commands.ChangeVisibility,
    results: list[str | None],
) -> None:
    pairs = zip(command.changes, results, strict=True)
    returned = sum(change.timeout_ms == 0 and result is None for change, result in pairs)
    if returned:
        statistics.count(namespace, command.queue, RETURNED, returned)


def _replace(
    statistics: Statistics,
    namespace: str,
    command: commands.ReplaceMessages,
    outcome: tuple[list[int], list[int]],
) -> None:
    stale, homeless = outcome
    if stale:
        return
    statistics.count(namespace, command.queue, DELETED, len(command.receipt_handles))
    statistics.count_each(namespace, _placed(command.entries, homeless), SENT)


def _cancel(
    statistics: Statistics, namespace: str, command: commands.CancelMessages, done: list[bool]
) -> None:
    statistics.count(namespace, command.queue, DELETED, sum(done))


def _discard(
    statistics: Statistics,
    namespace: str,
    command: commands.DiscardMessages,
    results: list[str | None],
) -> None:
    statistics.count(namespace, command.queue, DELETED, results.count(None))


def _relocate(
    statistics: Statistics,
    namespace: str,
    command: commands.RelocateMessages,
    results: list[str | None],
) -> None:
    statistics.count(namespace, command.queue, MOVED, results.count(None))


def _move(
    statistics: Statistics,
    namespace: str,
    command: commands.MoveMessages,
    record: commands.Record,
) -> None:
    task = resources.decode(record.value)
    assert isinstance(task, MessageMoveTask)
    statistics.count_move(namespace, task, len(command.message_ids))


def _placed(entries: list[commands.NewEntry], homeless: list[int]) -> list[str]:
    """The queues of entries that found one."""
    if not homeless:
        return [entry.queue for entry in entries]
    lost = set(homeless)
    return [entry.queue for index, entry in enumerate(entries) if index not in lost]


_COUNTS: dict[type[Command], Callable[[Statistics, str, Any, Any], None]] = {
    commands.SendMessages: _send,
    commands.ConfigureAndSend: _configure_and_send,
    commands.FanOut: _fan_out,
    commands.FanOutOnce: _fan_out_once,
    commands.ReplayMessages: _replay,
    commands.ReceiveMessages: _receive,
    commands.DeleteMessages: _delete,
    commands.ChangeVisibility: _change_visibility,
    commands.ReplaceMessages: _replace,
    commands.CancelMessages: _cancel,
    commands.DiscardMessages: _discard,
    commands.RelocateMessages: _relocate,
    commands.MoveMessages: _move,
}
