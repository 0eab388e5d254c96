"""cron held against another implementation, and against a look at every minute

The other one (cronsim) has classic cron's five fields and no zones: it is asked for local times,
and what clocks do to these is worked out here in the plainest way. What only AWS's grammar has is
held against a day-by-day reading of it.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.core.schedule import Cron, InvalidScheduleExpression, parse_schedule_expression

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]
START, END = datetime(2024, 1, 1, tzinfo=UTC), datetime(2034, 1, 1, tzinfo=UTC)

# AWS's expression, and the same in classic cron (where Sunday is 0).
SAME = [
    ("30 2 * * ? *", "30 2 * * *"),
    ("0/15 1-3 ? * SUN *", "*/15 1-3 * * 0"),
    ("15 12 L * ? *", "15 12 L * *"),
    ("0 9 LW * ? *", "0 9 LW * *"),
    ("5 1 ? * 6L *", "5 1 * * 5L"),
    ("0 2 ? * SAT#3 *", "0 2 * * 6#3"),
    ("45 23 29 2 ? *", "45 23 29 2 *"),
    ("10-50/20 0/6 1,15,31 JAN-JUN/2,DEC ? *", "10-50/20 */6 1,15,31 1,3,5,12 *"),
    ("0 1 ? * MON-FRI *", "0 1 * * 1-5"),
    ("59 1 ? 3,4,10,11 1,7 *", "59 1 * 3,4,10,11 0,6"),
]


def cron(text: str) -> Cron:
    found = parse_schedule_expression(f"cron({text})")
    assert isinstance(found, Cron)
    return found


def runs(expression: Cron, zone: tzinfo, start: datetime) -> Iterator[datetime]:
    at_ms = expression.next_after(int(start.timestamp() * 1000) - 1, zone)
    while at_ms is not None:
        yield EPOCH + timedelta(milliseconds=at_ms)
        at_ms = expression.next_after(at_ms, zone)


def shown_first(local: datetime, zone: tzinfo) -> datetime | None:
    """By looking at all instants near it."""
    for hours in range(-16, 17):
        for half in (0, 30):
            at = local.replace(tzinfo=UTC) + timedelta(hours=hours, minutes=half)
            if at.astimezone(zone).replace(tzinfo=None) == local:
                return at
    return None


@pytest.mark.parametrize("zone_name", ZONES)
@pytest.mark.parametrize(("ours", "classic"), SAME)
def test_ten_years_of_runs_are_the_same(ours: str, classic: str, zone_name: str) -> None:
    zone = ZoneInfo(zone_name)
    locals_ = CronSim(classic, START.replace(tzinfo=None) - timedelta(days=2))
    expected = []
    for local in locals_:
        at = shown_first(local, zone)
        if at is not None and at >= END:
            break
        if at is not None and at >= START:
            expected.append(at)
    found = list(islice(runs(cron(ours), zone, START), len(expected) + 1))
    assert found[: len(expected)] == expected
    assert found[-1] >= END
    assert len(expected) >= 2


# The grammar, at random

numbers = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day": (1, 31),
    "month": (1, 12),
    "weekday": (1, 7),
}


@st.composite
def fields(draw: st.DrawFn, kind: str) -> tuple[str, frozenset[int]]:
    """A field's text, and the values that it allows."""
    low, high = numbers[kind]
    whole = range(low, high + 1)
    texts, values = [], set()
    for _ in range(draw(st.integers(1, 3))):
        form = draw(st.sampled_from(["one", "range", "step", "range step", "all", "all step"]))
        if kind == "weekday" and "step" in form:
            form = "range"
        first, last = draw(st.sampled_from(whole)), draw(st.sampled_from(whole))
        step = draw(st.integers(1, high))
        around = [*whole[whole.index(first) :], *whole[: whole.index(first)]]
        span = around[: around.index(last) + 1]
        text, allowed = {
            "one": (f"{first}", [first]),
            "range": (f"{first}-{last}", span),
            "step": (f"{first}/{step}", list(range(first, high + 1, step))),
            "range step": (f"{first}-{last}/{step}", span[::step]),
            "all": ("*", list(whole)),
            "all step": (f"*/{step}", list(whole[::step])),
        }[form]
        texts.append(text)
        values.update(allowed)
    return ",".join(texts), frozenset(values)


@st.composite
def days(draw: st.DrawFn) -> tuple[str, str, object]:
    """Both fields of days, and whether a date is one of them."""
    form = draw(st.sampled_from(["day", "weekday", "last", "lastW", "W", "weekdayL", "#"]))
    day, weekday = draw(st.integers(1, 31)), draw(st.integers(1, 7))
    number = draw(st.integers(1, 5))
    if form == "day":
        text, values = draw(fields("day"))
        return text, "?", lambda at: at.day in values
    if form == "weekday":
        text, values = draw(fields("weekday"))
        return "?", text, lambda at: at.isoweekday() % 7 + 1 in values
    return {
        "last": ("L", "?", is_last),
        "lastW": ("LW", "?", lambda at: is_weekday(at) and no_later_weekday(at)),
        "W": (f"{day}W", "?", lambda at: nearest_weekday(at, day)),
        "weekdayL": (
            "?",
            f"{weekday}L",
            lambda at: (
                at.isoweekday() % 7 + 1 == weekday and (at + timedelta(days=7)).month != at.month
            ),
        ),
        "#": (
            "?",
            f"{weekday}#{number}",
            lambda at: at.isoweekday() % 7 + 1 == weekday and (at.day - 1) // 7 + 1 == number,
        ),
    }[form]


def is_last(at: date) -> bool:
    return (at + timedelta(days=1)).month != at.month


def is_weekday(at: date) -> bool:
    return at.weekday() < 5


def no_later_weekday(at: date) -> bool:
    later = (at + timedelta(days=n) for n in range(1, 4))
    return not any(is_weekday(each) and each.month == at.month for each in later)


def nearest_weekday(at: date, day: int) -> bool:
    """Whether no other weekday of the month is nearer to that day, which the month has."""
    try:
        wanted = at.replace(day=day)
    except ValueError:
        return False
    near = (wanted + timedelta(days=n) for n in range(-3, 4))
    found = [each for each in near if is_weekday(each) and each.month == at.month]
    return at == min(found, key=lambda each: abs(each - wanted))


@settings(deadline=None, max_examples=150)
@given(fields("minute"), fields("hour"), days(), fields("month"), st.integers(2025, 2035))
def test_any_expression_has_the_runs_that_it_says(
    minute: tuple[str, frozenset[int]],
    hour: tuple[str, frozenset[int]],
    chosen: tuple[str, str, object],
    month: tuple[str, frozenset[int]],
    year: int,
) -> None:
    day_of_month, day_of_week, is_day = chosen
    text = f"{minute[0]} {hour[0]} {day_of_month} {month[0]} {day_of_week} {year}/1"
    start = datetime(year, 1, 1, tzinfo=UTC)
    expected = []
    for number in range(3 * 366):
        at = start + timedelta(days=number)
        if at.month in month[1] and is_day(at.date()):  # type: ignore[operator]
            expected += [
                at.replace(hour=h, minute=m) for h in sorted(hour[1]) for m in sorted(minute[1])
            ]
        if len(expected) > 50:
            break
    found = list(islice(runs(cron(text), UTC, start), 50))
    assert found[: len(expected)] == expected[:50]


@settings(max_examples=500)
@given(st.text(alphabet="0123456789*/-,?LW#MONJAT ", max_size=30))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    with suppress(InvalidScheduleExpression):
        cron(text).next_after(0, UTC)
