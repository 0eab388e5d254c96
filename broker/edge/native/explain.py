"""why an event went where it went, and why not elsewhere: traces, and rules held against events"""

from typing import Annotated, Any

import msgspec

from broker.core import errors, pattern
from broker.core.json_text import parse_json
from broker.core.ledger import Attempt, Delivery, Lost
from broker.core.limits import EVENT_PATTERN_CHARS_MAX
from broker.core.names import Namespace, uuid_text
from broker.core.pattern import FailedClause, InvalidEventPattern, plain
from broker.core.registry import DEFAULT_BUS
from broker.core.rule_targets import rule_arn
from broker.edge.native.operation import Call, Result, Shape, operations
from broker.runtime.ledger import EventTrace, TracedDelivery


class AttemptMade(Result, frozen=True, kw_only=True):
    """One attempt at a delivery that the broker made."""

    number: int
    at_ms: int
    outcome: Annotated[str, msgspec.Meta(description="delivered, failed, or given up")]
    answer: str = ""
    next_at_ms: int | None = None
    dead_letter_queue: str | None = None
    dead_letter_id: str | None = None  # its message id there


class DeliveryTrace(Result, frozen=True, kw_only=True):
    """One delivery that an event led to."""

    rule: str | None = None  # that sent it, on the bus below
    bus: str | None = None
    target: str | None = None  # the id of the rule's target
    subscription: str | None = None  # if it came by a topic
    queue: str
    message_id: str
    state: Annotated[
        str,
        msgspec.Meta(
            description="sent: it lies in the queue, or was received from there; of what the "
            "broker delivers itself: waiting, retrying, delivered or given up"
        ),
    ]
    cause: str = ""  # of a dead letter
    attempts: list[AttemptMade] = []


class LostDelivery(Result, frozen=True, kw_only=True):
    """A delivery that nothing took, and no dead-letter queue kept."""

    source: str
    target: str
    why: str


class ReplayOfEvent(Result, frozen=True, kw_only=True, omit_defaults=False):
    """What a replay made of an event."""

    replay: str
    replayed_at_ms: int
    rules: list[str]  # the ARNs of those that matched
    deliveries: list[DeliveryTrace]
    more_deliveries: int
    lost: list[LostDelivery]


class Trace(Result, frozen=True, kw_only=True, omit_defaults=False):
    """What became of an event."""

    event: dict[str, Any]
    bus: str
    put_at_ms: Annotated[
        int | None,
        msgspec.Meta(description="null: the ledger has forgotten that, and knows only replays."),
    ]
    rules: list[str]  # the ARNs of those that matched
    deliveries: list[DeliveryTrace]
    more_deliveries: int  # that aren't shown one by one
    lost: list[LostDelivery]
    replays: list[ReplayOfEvent]  # that the event was in, but for those deleted since


@operations.add(
    "GET", "/v1/events/{id}/trace", answers={200: Trace}, raises=(errors.EventIsUnknown,)
)
async def trace_event(call: Call, id: str) -> Trace:
    """Which rules an event matched, what that led to, and each attempt at delivering it.

    Events are kept for some days, as `[ledger]` in the configuration says.
    """
    return _shown(call.namespace, await call.broker.ledger.trace(call.namespace, id))


class Clause(Result, frozen=True, kw_only=True):
    """A clause of a pattern that an event does not satisfy."""

    branch: int = 0  # of a pattern with $or
    path: str
    wanted: list[Any]  # one of these
    found: list[Any]  # what the event has there; nothing: the field is absent
    in_other_elements: bool = False  # each clause holds, but in different elements of an array


class Match(Result, frozen=True, kw_only=True, omit_defaults=False):
    """Whether an event matches a pattern; if not, each clause of each branch that failed."""

    matches: bool
    failed: list[Clause]
    enabled: bool = True  # whether the rule is; a disabled one matches nothing


class OfRule(Shape, frozen=True, kw_only=True):
    """Which rule."""

    rule: str
    bus: str = DEFAULT_BUS


@operations.add(
    "GET",
    "/v1/events/{id}/why-not",
    query=OfRule,
    answers={200: Match},
    raises=(errors.EventIsUnknown, errors.RuleDoesNotExist, errors.EventBusDoesNotExist),
)
async def why_not_event(call: Call, id: str, query: OfRule) -> Match:
    """Why a rule, as it is now, does not match an event of the ledger."""
    rule = call.broker.rules.get(call.namespace, query.bus, query.rule)
    failed = await call.broker.ledger.why_not(call.namespace, id, rule.name)
    return _match(failed, enabled=rule.enabled)


class GivenEvent(Shape, frozen=True, kw_only=True):
    """An event, whole, as rules see it."""

    event: dict[str, Any]


@operations.add(
    "POST",
    "/v1/event-buses/{bus}/rules/{rule}/why-not",
    body=GivenEvent,
    answers={200: Match},
    raises=(errors.RuleDoesNotExist, errors.EventBusDoesNotExist),
)
async def why_not(call: Call, bus: str, rule: str, body: GivenEvent) -> Match:
    """Why a rule does not match an event."""
    found = call.broker.rules.get(call.namespace, bus, rule)
    parsed = pattern.parse(found.event_pattern)
    return _match(pattern.explain(parsed, body.event), enabled=found.enabled)


class PatternAndEvent(Shape, frozen=True, kw_only=True):
    """A pattern, as an object or as its text, and an event."""

    pattern: dict[str, Any] | str
    event: dict[str, Any]


@operations.add(
    "POST",
    "/v1/event-patterns/test",
    body=PatternAndEvent,
    answers={200: Match},
    raises=(InvalidEventPattern,),
)
async def test_event_pattern(call: Call, body: PatternAndEvent) -> Match:
    """Whether an event matches a pattern, and why not."""
    text = body.pattern
    if not isinstance(text, str):
        text = msgspec.json.encode(text).decode()
    if len(text) > EVENT_PATTERN_CHARS_MAX:
        raise InvalidEventPattern("Event pattern is too long")
    return _match(pattern.explain(pattern.parse_given(text), body.event))


def _match(failed: tuple[FailedClause, ...], *, enabled: bool = True) -> Match:
    clauses = [
        Clause(
            branch=each.branch,
            path=each.path,
            wanted=[parse_json(wanted) for wanted in each.wanted],
            found=[plain(value) for value in each.found],
            in_other_elements=each.in_other_elements,
        )
        for each in failed
    ]
    return Match(matches=not clauses, failed=clauses, enabled=enabled)


def _shown(namespace: Namespace, found: EventTrace) -> Trace:
    trace = found.trace
    return Trace(
        event=found.event,
        bus=trace.bus,
        put_at_ms=found.put_at_ms,
        rules=[rule_arn(namespace, rule) for rule in trace.rules],
        deliveries=[_delivery(each) for each in found.deliveries],
        more_deliveries=trace.more_deliveries,
        lost=_lost(trace.lost),
        replays=[
            ReplayOfEvent(
                replay=each.replay,
                replayed_at_ms=each.replayed_at_ms,
                rules=[rule_arn(namespace, rule) for rule in each.trace.rules],
                deliveries=[_delivery(one) for one in each.deliveries],
                more_deliveries=each.trace.more_deliveries,
                lost=_lost(each.trace.lost),
            )
            for each in found.replays
        ],
    )


def _lost(lost: list[Lost]) -> list[LostDelivery]:
    return [LostDelivery(source=e.source, target=e.target, why=e.why) for e in lost]


def _delivery(traced: TracedDelivery) -> DeliveryTrace:
    delivery = traced.delivery
    return DeliveryTrace(
        **_source(delivery),
        queue=delivery.queue,
        message_id=uuid_text(delivery.message_id),
        state=_state(traced),
        cause=delivery.cause,
        attempts=[_attempt(each) for each in traced.attempts],
    )


def _source(delivery: Delivery) -> dict[str, str]:
    if delivery.protocol != "events":
        return {"subscription": delivery.source} if delivery.source else {}
    rule, _, target = delivery.source.rpartition("|")
    bus, _, name = rule.rpartition("|")
    return {"rule": name, "bus": bus, "target": target}


def _state(traced: TracedDelivery) -> str:
    if traced.delivery.cause:
        return "given up"
    if not traced.internal:
        return "sent"
    if not traced.attempts:
        return "waiting"
    last = traced.attempts[-1].outcome
    return "retrying" if last == "failed" else last


def _attempt(attempt: Attempt) -> AttemptMade:
    return AttemptMade(
        number=attempt.number,
        at_ms=attempt.at_ms,
        outcome=attempt.outcome,
        answer=attempt.answer,
        next_at_ms=attempt.next_at_ms,
        dead_letter_queue=attempt.dead_letter_queue,
        dead_letter_id=uuid_text(attempt.dead_letter_id) if attempt.dead_letter_id else None,
    )
