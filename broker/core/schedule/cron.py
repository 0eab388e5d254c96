"""times of the calendar: `cron(minutes hours day-of-month month day-of-week year)`

Each field becomes the sorted values that it allows; the two fields for days become a question to a
month. So the next time is found field by field, from the year down, however far away it is.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo

from broker.core.schedule.cron_days import Days, MonthDays, WeekDays
from broker.core.schedule.cron_field import MONTHS, CronField, NotInField
from broker.core.schedule.zone import instant_ms, local_time

__all__ = ["Cron", "parse_cron"]

_CRON = re.compile(r"cron\((\S+(?:[ \t]+\S+){5})\)")
_YEAR_MIN, _YEAR_MAX = 1970, 2199

_MINUTES = CronField(0, 59)
_HOURS = CronField(0, 23)
_MONTH = CronField(1, 12, MONTHS)
_YEARS = CronField(_YEAR_MIN, _YEAR_MAX, wraps=False)
_EVERY_YEAR = _YEARS.values("*")  # shared: nearly every expression has it


@dataclass(frozen=True, slots=True)
class Cron:
    """An expression, taken apart."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: Days
    months: tuple[int, ...]
    years: tuple[int, ...]

    def next_after(self, after_ms: int, zone: tzinfo) -> int | None:
        """The first instant behind `after_ms` at which the zone's clocks show such a time.

        A time that they skip doesn't come; one that they show twice comes once, the first time.
        None if no such time is left.
        """
        local = local_time(max(after_ms, 0), zone)
        # While clocks are behind, some local times that are still to be shown have been already.
        for at in self._local_times(local.replace(second=0, microsecond=0)):
            at_ms = instant_ms(at, zone)
            if at_ms is not None and at_ms > after_ms:
                return at_ms
        return None

    def _local_times(self, start: datetime) -> Iterator[datetime]:
        """All from `start` on, in order."""
        for year, month, day in self._dates(start):
            today = (year, month, day) == (start.year, start.month, start.day)
            first = (start.hour, start.minute) if today else (0, 0)
            for hour in self.hours[bisect_left(self.hours, first[0]) :]:
                low = first[1] if hour == first[0] else 0
                for minute in self.minutes[bisect_left(self.minutes, low) :]:
                    yield datetime(year, month, day, hour, minute)

    def _dates(self, start: datetime) -> Iterator[tuple[int, int, int]]:
        for year in self.years[bisect_left(self.years, start.year) :]:
            for month in self.months:
                if (year, month) < (start.year, start.month):
                    continue
                low = start.day if (year, month) == (start.year, start.month) else 1
                for day in self.days.of_month(year, month):
                    if day >= low:
                        yield year, month, day


def parse_cron(text: str) -> Cron | None:
    """None if the text is none."""
    found = _CRON.fullmatch(text)
    if found is None:
        return None
    minutes, hours, day_of_month, month, day_of_week, year = found[1].split()
    if (day_of_month == "?") == (day_of_week == "?"):
        return None
    try:
        days = MonthDays.parse(day_of_month) if day_of_week == "?" else WeekDays.parse(day_of_week)
        return Cron(
            _MINUTES.values(minutes),
            _HOURS.values(hours),
            days,
            _MONTH.values(month),
            _EVERY_YEAR if year == "*" else _YEARS.values(year),
        )
    except NotInField:
        return None
