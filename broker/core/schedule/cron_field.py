"""one field of a cron expression: lists, ranges, steps and names, as the values they allow"""

import re
from dataclasses import dataclass, field

__all__ = ["DAYS_OF_WEEK", "MONTHS", "CronField", "NotInField"]

MONTHS = {
    name: number
    for number, name in enumerate("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)
}
DAYS_OF_WEEK = {
    name: number for number, name in enumerate("SUN MON TUE WED THU FRI SAT".split(), 1)
}
_PART = re.compile(r"(?:(\*)|([0-9A-Z]+)(?:-([0-9A-Z]+))?)(?:/([0-9]{1,4}))?")
_NUMBER = re.compile(r"[0-9]{1,4}")


class NotInField(Exception):
    """A text is none that the field takes."""


@dataclass(frozen=True, slots=True)
class CronField:
    """The values that a field can have."""

    low: int
    high: int
    names: dict[str, int] = field(default_factory=dict)
    wraps: bool = True  # a range may end before it begins, and goes on from the lowest value
    steps: bool = True

    def values(self, text: str) -> tuple[int, ...]:
        """Those that the text allows, in order. Raises: NotInField."""
        found: set[int] = set()
        for part in text.upper().split(","):
            found.update(self._part(part))
        return tuple(sorted(found))

    def value(self, text: str) -> int:
        """One value, by its number or its name. Raises: NotInField."""
        number = self.names.get(text)
        if number is None and _NUMBER.fullmatch(text):
            number = int(text)
        if number is None or not self.low <= number <= self.high:
            raise NotInField(text)
        return number

    def _part(self, text: str) -> list[int]:
        found = _PART.fullmatch(text)
        if found is None or (found[4] is not None and not self.steps):
            raise NotInField(text)
        step = int(found[4]) if found[4] is not None else 1
        if not 1 <= step <= self.high:
            raise NotInField(text)
        if found[1]:
            return list(range(self.low, self.high + 1, step))
        first = self.value(found[2])
        if found[3] is not None:
            last = self.value(found[3])
        else:
            last = first if found[4] is None else self.high
        if last >= first:
            return list(range(first, last + 1, step))
        if not self.wraps:
            raise NotInField(text)
        around = [*range(first, self.high + 1), *range(self.low, last + 1)]
        return around[::step]
