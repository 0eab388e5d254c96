"""a run to come: what the message says that waits for it

A schedule has one such message at a time, which names it and the id that its record has. Whoever
takes up the message looks whether the two still agree: one of an earlier version of the schedule is
dropped. When a run is done the message of the next one takes its place, under the same id.
"""

from typing import Literal

import msgspec

from broker.core.message import Message, decode, encode, message
from broker.core.resources import Rule, Schedule
from broker.core.schedule.expression import parse_rule_expression, parse_schedule_expression
from broker.core.schedule.timing import Timing
from broker.core.schedule.zone import time_zone

__all__ = ["PlannedRun", "Scheduled", "timing_of"]

Scheduled = Rule | Schedule
MINUTE_MS = 60_000


class PlannedRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run of a rule or a schedule; or what is left to do after it."""

    kind: Literal["rule", "schedule"]
    name: str
    run_id: str  # "" if it is asked for beside the regular ones
    at_ms: int  # the instant that the expression says
    due_ms: int  # in a flexible window, later than that
    step: Literal["run", "send", "complete"] = "run"
    execution_id: str = ""  # of the run that is to be sent
    attempts: int = 0  # that were made at sending it

    def encoded(self) -> bytes:
        """The body of its message."""
        return encode(message(msgspec.json.encode(self).decode()))

    @classmethod
    def decoded(cls, body: bytes) -> "PlannedRun":
        """Of such a body."""
        found = decode(body)
        assert isinstance(found, Message)
        return _decoder.decode(found.body)


_decoder = msgspec.json.Decoder(PlannedRun)


def timing_of(resource: Scheduled | None) -> Timing | None:
    """When it runs; None if it doesn't, as it is disabled or has no schedule at all."""
    if resource is None or not resource.enabled or not resource.schedule_expression:
        return None
    if isinstance(resource, Rule):
        expression = parse_rule_expression(resource.schedule_expression)
        return Timing(expression, time_zone("UTC"), resource.first_run_ms)
    return Timing(
        parse_schedule_expression(resource.schedule_expression),
        time_zone(resource.time_zone),
        resource.first_run_ms,
        resource.start_ms,
        resource.end_ms,
        (resource.window_minutes or 0) * MINUTE_MS,
    )
