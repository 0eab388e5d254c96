"""regular intervals: `rate(5 minutes)`"""

import re
from dataclasses import dataclass

__all__ = ["Rate", "parse_rate"]

_RATE = re.compile(r"rate\(([0-9]{1,9}) (minute|hour|day)(s?)\)")
_UNIT_MS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}


@dataclass(frozen=True, slots=True)
class Rate:
    """An interval; a day is 24 hours, whatever clocks do."""

    period_ms: int

    def next_after(self, after_ms: int, first_ms: int) -> int:
        """The first instant behind `after_ms` that is whole periods from `first_ms`."""
        if after_ms < first_ms:
            return first_ms
        return after_ms + self.period_ms - (after_ms - first_ms) % self.period_ms


def parse_rate(text: str, *, strict: bool) -> Rate | None:
    """None if the text is none. `strict`: one minute, but two minutes."""
    found = _RATE.fullmatch(text)
    if found is None or int(found[1]) == 0:
        return None
    count = int(found[1])
    if strict and (found[3] == "") != (count == 1):
        return None
    return Rate(count * _UNIT_MS[found[2]])
