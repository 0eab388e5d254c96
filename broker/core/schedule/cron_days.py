"""the two fields of a cron expression that choose days, each as a question to a month

One of them is always `?`. Days of the month may be the last one (`L`), the weekday nearest to one
(`15W`, within the month) or the last weekday (`LW`); days of the week the last such of the month
(`6L`) or one of them by number (`SAT#3`).
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date

from broker.core.schedule.cron_field import DAYS_OF_WEEK, CronField

__all__ = ["Days", "MonthDays", "WeekDays"]

_DAYS = CronField(1, 31)
_WEEK = CronField(1, 7, DAYS_OF_WEEK, steps=False)
_WEEKDAY = re.compile(r"([0-9]{1,2})W")
_LAST = re.compile(r"([0-9A-Z]+)L")
_NUMBERED = re.compile(r"([0-9A-Z]+)#([1-5])")
_SATURDAY = 7


@dataclass(frozen=True, slots=True)
class MonthDays:
    """Days by their number."""

    days: tuple[int, ...] = ()
    last: bool = False  # of the month
    nearest_weekday: bool = False  # to the one day there is

    @classmethod
    def parse(cls, text: str) -> "MonthDays":
        """Raises: NotInField."""
        text = text.upper()
        if text in ("L", "LW"):
            return cls(last=True, nearest_weekday=text == "LW")
        if found := _WEEKDAY.fullmatch(text):
            return cls((_DAYS.value(found[1]),), nearest_weekday=True)
        return cls(_DAYS.values(text))

    def of_month(self, year: int, month: int) -> list[int]:
        """The days of this month, in order."""
        _, length = monthrange(year, month)
        days = [length] if self.last else [day for day in self.days if day <= length]
        if self.nearest_weekday:
            return [_nearest_weekday(year, month, day, length) for day in days]
        return days


@dataclass(frozen=True, slots=True)
class WeekDays:
    """Days of the week, 1 being Sunday; all of a month, its last, or the one with a number."""

    days: tuple[int, ...]
    last: bool = False
    number: int | None = None  # 1..5

    @classmethod
    def parse(cls, text: str) -> "WeekDays":
        """Raises: NotInField."""
        text = text.upper()
        if text == "L":  # of the week
            return cls((_SATURDAY,))
        if found := _NUMBERED.fullmatch(text):
            return cls((_WEEK.value(found[1]),), number=int(found[2]))
        if found := _LAST.fullmatch(text):
            return cls((_WEEK.value(found[1]),), last=True)
        return cls(_WEEK.values(text))

    def of_month(self, year: int, month: int) -> list[int]:
        """The days of this month, in order."""
        first_weekday, length = monthrange(year, month)  # of the 1st, Monday being 0
        first = (first_weekday + 1) % 7 + 1
        if self.last or self.number is not None:
            (weekday,) = self.days
            days = list(range(1 + (weekday - first) % 7, length + 1, 7))
            if self.last:
                return days[-1:]
            assert self.number is not None
            return days[self.number - 1 : self.number]
        return [day for day in range(1, length + 1) if (first + day - 2) % 7 + 1 in self.days]


Days = MonthDays | WeekDays


def _nearest_weekday(year: int, month: int, day: int, length: int) -> int:
    weekday = date(year, month, day).weekday()
    if weekday == 5:  # Saturday
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < length else day - 2
    return day
