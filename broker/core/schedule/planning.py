"""what follows for a schedule's waiting message when its record changes"""

from dataclasses import dataclass
from typing import Literal, TypeVar

import msgspec

from broker.core.names import uuid_bytes, uuid_text
from broker.core.resources import Rule, Schedule
from broker.core.schedule.expression import Expression, parse_rule_expression
from broker.core.schedule.planned_run import PlannedRun, Scheduled, timing_of
from broker.core.schedule.rate import Rate

__all__ = ["Plan", "plan_change"]

S = TypeVar("S", bound=Scheduled)


@dataclass(frozen=True, slots=True)
class Plan:
    """The message that goes, and the one that comes."""

    cancelled: bytes | None = None
    run: PlannedRun | None = None


def plan_change(
    before: Scheduled | None, after: S, run_id: bytes, now_ms: int, random: float
) -> tuple[S, Plan]:
    """The record as it is to be stored, and what is to be done about its message.

    What doesn't concern the times of its runs leaves the message alone. `run_id` is a new one.
    """
    if before is not None and _times(before) == _times(after):
        kept = msgspec.structs.replace(
            after, run_id=before.run_id, first_run_ms=before.first_run_ms
        )
        return kept, Plan()
    after = msgspec.structs.replace(
        after, run_id="", first_run_ms=_first_run_ms(before, after, now_ms)
    )
    cancelled = uuid_bytes(before.run_id) if before is not None and before.run_id else None
    run = _first_run(after, uuid_text(run_id), now_ms, random)
    if run is None:
        return after, Plan(cancelled)
    return msgspec.structs.replace(after, run_id=run.run_id), Plan(cancelled, run)


def _times(of: Scheduled) -> tuple[object, ...]:
    """All that decides when it runs."""
    if isinstance(of, Rule):
        return of.enabled, of.schedule_expression
    return (
        of.enabled,
        of.schedule_expression,
        of.time_zone,
        of.start_ms,
        of.end_ms,
        of.window_minutes,
        of.delete_after_completion,
    )


def _first_run_ms(before: Scheduled | None, after: Scheduled, now_ms: int) -> int:
    """From when a rate counts: as before, if it is the same rate.

    A rule waits for a period first; a schedule begins at once, or at its start.
    """
    if isinstance(after, Rule):
        if before is not None and before.schedule_expression == after.schedule_expression:
            return before.first_run_ms
        expression: Expression | None = (
            parse_rule_expression(after.schedule_expression) if after.schedule_expression else None
        )
        return now_ms + expression.period_ms if isinstance(expression, Rate) else now_ms
    if (
        isinstance(before, Schedule)
        and before.schedule_expression == after.schedule_expression
        and before.start_ms == after.start_ms
    ):
        return before.first_run_ms
    return after.start_ms if after.start_ms is not None else now_ms


def _first_run(of: Scheduled, run_id: str, now_ms: int, random: float) -> PlannedRun | None:
    timing = timing_of(of)
    if timing is None:
        return None
    kind: Literal["rule", "schedule"] = "rule" if isinstance(of, Rule) else "schedule"
    # What is due at this very moment is still to come.
    at_ms = timing.next_after(now_ms - 1)
    if at_ms is not None:
        due_ms = timing.due_ms(at_ms, random)
        return PlannedRun(kind=kind, name=of.name, run_id=run_id, at_ms=at_ms, due_ms=due_ms)
    if isinstance(of, Schedule) and of.delete_after_completion:
        end_ms = max(now_ms, of.end_ms or 0)
        return PlannedRun(
            kind=kind, name=of.name, run_id=run_id, at_ms=end_ms, due_ms=end_ms, step="complete"
        )
    return None
