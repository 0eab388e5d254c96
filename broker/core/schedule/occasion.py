"""one run of a schedule, and the placeholders by which a target's input speaks of it"""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from broker.core.message import iso_time
from broker.core.names import Namespace, uuid_text
from broker.core.resources import Schedule

__all__ = ["Occasion", "default_input", "schedule_arn"]

_PLACEHOLDER = re.compile(
    r"<aws\.scheduler\.(schedule-arn|scheduled-time|execution-id|attempt-number)>"
)


def schedule_arn(namespace: Namespace, name: str) -> str:
    """`…:schedule/GROUP/NAME`, of `<group>/<name>`."""
    return namespace.arn("scheduler", f"schedule/{name}")


@dataclass(frozen=True, slots=True)
class Occasion:
    """A schedule's run."""

    namespace: Namespace
    schedule: Schedule
    at_ms: int  # the instant that its expression says
    execution_id: bytes
    attempt: int = 1

    @property
    def schedule_arn(self) -> str:
        """Whose run it is."""
        return schedule_arn(self.namespace, self.schedule.name)

    @property
    def scheduled_time(self) -> str:
        """`2026-01-02T03:04:05Z`"""
        return iso_time(self.at_ms)[:19] + "Z"

    @property
    def input(self) -> str:
        """What the target is told: its input, filled in, or Scheduler's own event."""
        text = self.schedule.target.input
        if text is None:
            return msgspec.json.encode(default_input(self)).decode()
        values = {
            "schedule-arn": self.schedule_arn,
            "scheduled-time": self.scheduled_time,
            "execution-id": uuid_text(self.execution_id),
            "attempt-number": str(self.attempt),
        }
        return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def default_input(occasion: Occasion) -> dict[str, Any]:
    """What a target without input is told. Its detail is text, as Scheduler has it."""
    return {
        "version": "0",
        "id": uuid_text(occasion.execution_id),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": occasion.namespace.account,
        "time": occasion.scheduled_time,
        "region": occasion.namespace.region,
        "resources": [occasion.schedule_arn],
        "detail": "{}",
    }
