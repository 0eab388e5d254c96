"""when a schedule runs: its expression in its time zone, between its dates"""

from dataclasses import dataclass
from datetime import tzinfo

from broker.core.schedule.at import At
from broker.core.schedule.expression import Expression
from broker.core.schedule.rate import Rate

__all__ = ["Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """All that decides when a schedule runs. One time (`at`) knows no dates."""

    expression: Expression
    zone: tzinfo
    first_ms: int = 0  # from when a rate counts; its first run
    start_ms: int | None = None
    end_ms: int | None = None  # the last instant at which it may run
    window_ms: int = 0  # a run comes at a random instant within so long

    def next_after(self, after_ms: int) -> int | None:
        """The first instant behind `after_ms` at which it is to run; None if there is none."""
        if isinstance(self.expression, At):
            return self.expression.next_after(after_ms, self.zone)
        if self.start_ms is not None:
            after_ms = max(after_ms, self.start_ms - 1)
        if isinstance(self.expression, Rate):
            next_ms: int | None = self.expression.next_after(after_ms, self.first_ms)
        else:
            next_ms = self.expression.next_after(after_ms, self.zone)
        if next_ms is None or (self.end_ms is not None and next_ms > self.end_ms):
            return None
        return next_ms

    def due_ms(self, at_ms: int, random: float) -> int:
        """When the run of that instant comes; `random` is in 0..1, without 1."""
        return at_ms + int(self.window_ms * random)
