"""one time: `at(2026-11-23T14:00:00)`"""

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo

from broker.core.schedule.zone import instant_ms

__all__ = ["At", "parse_at"]

_AT = re.compile(r"at\((\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\)", re.ASCII)


@dataclass(frozen=True, slots=True)
class At:
    """A local time, to the second."""

    local: datetime

    def next_after(self, after_ms: int, zone: tzinfo) -> int | None:
        """The instant, if it is still to come; None also if the zone's clocks skip it."""
        at_ms = instant_ms(self.local, zone)
        return at_ms if at_ms is not None and at_ms > after_ms else None


def parse_at(text: str) -> At | None:
    """None if the text is none."""
    found = _AT.fullmatch(text)
    if found is None:
        return None
    try:
        local = datetime.fromisoformat(found[1])
    except ValueError:
        return None
    return At(local) if 1970 <= local.year <= 2199 else None
