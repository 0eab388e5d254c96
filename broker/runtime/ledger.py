"""keeps the ledger, and reads in it what became of an event"""

from dataclasses import dataclass
from typing import Any

import trio

from broker.core import ledger, pattern
from broker.core.commands import Command, FanOut, NewEntry, Peeked
from broker.core.errors import EventIsUnknown, RuleDoesNotExist
from broker.core.json_text import parse_json
from broker.core.ledger import Attempt, Delivery, Trace
from broker.core.limits import LEDGER_DAYS, LEDGER_EVENTS
from broker.core.message import Message, decode
from broker.core.names import Namespace, is_internal
from broker.core.pattern import FailedClause
from broker.core.registry import Registry
from broker.core.resources import Queue
from broker.runtime.queues import Queues
from broker.runtime.registrar import Change, Registrar

DAY_S = 86_400
ATTEMPTS_PAGE = 50  # attempts at a delivery that are looked for at once
REPLAYS_PAGE = 500  # replays of which it is asked at once whether they had an event
QUEUES = (ledger.EVENTS, ledger.ATTEMPTS, ledger.REPLAYS)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerOptions:
    """How long events can be explained, and how many: beyond `events_max` the oldest go."""

    days: float = LEDGER_DAYS  # 0: there is no ledger
    events_max: int = LEDGER_EVENTS


@dataclass(frozen=True, slots=True)
class TracedDelivery:
    """One delivery of an event, and the attempts at it that the broker made itself."""

    delivery: Delivery
    attempts: list[Attempt]
    internal: bool  # it waits in one of the broker's own queues until it is delivered


@dataclass(frozen=True, slots=True)
class ReplayTrace:
    """What a replay made of an event."""

    replay: str
    replayed_at_ms: int
    trace: Trace
    deliveries: list[TracedDelivery]


@dataclass(frozen=True, slots=True)
class EventTrace:
    """What became of an event."""

    event: dict[str, Any]
    put_at_ms: int | None  # None: that was forgotten, and only replays of it are known
    trace: Trace
    deliveries: list[TracedDelivery]
    replays: list[ReplayTrace]  # the oldest first


class Ledger:
    """The ledger's queues of all namespaces that have one."""

    def __init__(
        self, registry: Registry, registrar: Registrar, queues: Queues, options: LedgerOptions
    ) -> None:
        self._registry = registry
        self._registrar = registrar
        self._queues = queues
        self._options = options

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Bring ledgers that are there into the form that the configuration asks for."""
        for namespace, resources in list(self._registry.namespaces.items()):
            changes: list[Change] = []
            for queue in self._wanted():
                found = resources.queues.get(queue.name)
                if found != queue and ledger.EVENTS in resources.queues:
                    changes.append(("queue", queue.name, queue, None))
            if not self._options.days:
                for name in QUEUES:
                    if name in resources.queues:
                        changes.append(("queue", name, None, None))
            if changes:
                await self._registrar.change(Namespace.parse(namespace), changes)
        task_status.started()

    async def open(self, namespace: Namespace) -> None:
        """Make a namespace's ledger, if there is to be one and isn't: its first event comes."""
        if self._options.days and ledger.EVENTS not in self._registry.resources(namespace).queues:
            await self._registrar.change(namespace, self.queue_changes(namespace))

    def queue_changes(self, namespace: Namespace) -> list[Change]:
        """What makes a namespace's ledger, if it isn't there yet."""
        there = self._registry.resources(namespace).queues
        return [
            ("queue", queue.name, queue, None)
            for queue in self._wanted()
            if queue.name not in there
        ]

    def noted(self, namespace: Namespace, delivery_id: bytes, attempt: Attempt) -> list[Command]:
        """What writes an attempt down, to be submitted with what settles its message."""
        if ledger.ATTEMPTS not in self._registry.resources(namespace).queues:
            return []
        id_ = ledger.attempt_id(delivery_id, attempt.number)
        entry = NewEntry(ledger.ATTEMPTS, id_, 0, findable=True)
        return [FanOut([ledger.write_attempt(attempt)], [entry])]

    async def trace(self, namespace: Namespace, event_id: str) -> EventTrace:
        """What became of an event. Raises: EventIsUnknown."""
        replayed = await self._replayed(namespace, event_id)
        replays = []
        for name, record in replayed:
            made = ledger.read_trace(record.via)
            deliveries = await self._deliveries(namespace, made)
            replays.append(ReplayTrace(name, record.sent_at_ms, made, deliveries))
        try:
            found = await self._record(namespace, event_id)
        except EventIsUnknown:
            if not replays:
                raise
            nothing = Trace(replays[0].trace.bus, [], [])
            return EventTrace(_event(replayed[0][1]), None, nothing, [], replays)
        trace = ledger.read_trace(found.via)
        deliveries = await self._deliveries(namespace, trace)
        return EventTrace(_event(found), found.sent_at_ms, trace, deliveries, replays)

    async def why_not(
        self, namespace: Namespace, event_id: str, rule: str
    ) -> tuple[FailedClause, ...]:
        """The clauses of a rule's pattern, `<bus>|<rule>`, that an event does not satisfy.

        Raises: EventIsUnknown, RuleDoesNotExist.
        """
        found = await self._record(namespace, event_id)
        known = self._registry.resources(namespace).rules.get(rule)
        if known is None:
            bus, _, name = rule.rpartition("|")
            raise RuleDoesNotExist(f"Rule {name} does not exist on EventBus {bus}.")
        return pattern.explain(pattern.parse(known.event_pattern), _event(found))

    async def _record(self, namespace: Namespace, event_id: str) -> Peeked:
        unknown = EventIsUnknown(
            f"No event {event_id} is in the ledger: it is too old, or there never was one."
        )
        if ledger.EVENTS not in self._registry.resources(namespace).queues:
            raise unknown
        (found,) = await self._queues.by_id(namespace, ledger.EVENTS, [ledger.event_key(event_id)])
        if found is None:
            raise unknown
        return found

    async def _replayed(self, namespace: Namespace, event_id: str) -> list[tuple[str, Peeked]]:
        """The record of each replay that had the event, with its name; the oldest first.

        Of a replay that was deleted, nothing is found.
        """
        resources = self._registry.resources(namespace)
        if ledger.REPLAYS not in resources.queues:
            return []
        names = list(resources.event_replays)
        found: list[tuple[str, Peeked]] = []
        for start in range(0, len(names), REPLAYS_PAGE):
            page = names[start : start + REPLAYS_PAGE]
            keys = [ledger.replay_key(event_id, name) for name in page]
            records = await self._queues.by_id(namespace, ledger.REPLAYS, keys)
            found += (
                (name, record)
                for name, record in zip(page, records, strict=True)
                if record is not None
            )
        return sorted(found, key=lambda each: each[1].sent_at_ms)

    async def _deliveries(self, namespace: Namespace, trace: Trace) -> list[TracedDelivery]:
        return [
            TracedDelivery(
                each,
                await self._attempts(namespace, each.message_id) if _ours(each.queue) else [],
                _ours(each.queue),
            )
            for each in trace.deliveries
        ]

    async def _attempts(self, namespace: Namespace, delivery_id: bytes) -> list[Attempt]:
        if ledger.ATTEMPTS not in self._registry.resources(namespace).queues:
            return []
        attempts: list[Attempt] = []
        while True:
            numbers = range(len(attempts) + 1, len(attempts) + 1 + ATTEMPTS_PAGE)
            ids = [ledger.attempt_id(delivery_id, number) for number in numbers]
            page = await self._queues.by_id(namespace, ledger.ATTEMPTS, ids)
            there = [one for one in page if one is not None]
            attempts += (ledger.read_attempt(one.body) for one in there)
            if len(there) < len(page):
                return attempts

    def _wanted(self) -> list[Queue]:
        options = self._options
        if not options.days:
            return []
        return [
            Queue(
                name=name,
                retention_s=int(options.days * DAY_S),
                messages_max=options.events_max,
                oldest_go=True,
            )
            for name in QUEUES
        ]


def _ours(queue: str) -> bool:
    """Whether the broker delivers from it itself."""
    return is_internal(queue) and not queue.startswith(("archive/", "dead-letters/", "topic/"))


def _event(record: Peeked) -> dict[str, Any]:
    body = decode(record.body)
    assert isinstance(body, Message)
    event: dict[str, Any] = parse_json(body.body)
    return event
