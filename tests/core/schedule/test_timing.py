"""the instants at which schedules run: time zones, clocks that change, dates, windows"""

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest

from broker.core.schedule import (
    InvalidTimeZone,
    Timing,
    parse_schedule_expression,
    time_zone,
)

MINUTE_MS = 60_000


def ms(text: str) -> int:
    """The instant of an ISO time; UTC if it names no offset."""
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def timing(
    expression: str,
    zone: str = "UTC",
    start: str | None = None,
    end: str | None = None,
    first: str = "2026-01-01",
) -> Timing:
    return Timing(
        parse_schedule_expression(expression),
        time_zone(zone),
        ms(first),
        ms(start) if start else None,
        ms(end) if end else None,
    )


def runs(of: Timing, after: str, count: int) -> list[str]:
    """The next runs, as the zone's clocks show them."""
    found = []
    at_ms: int | None = ms(after)
    while len(found) < count:
        assert at_ms is not None
        at_ms = of.next_after(at_ms)
        if at_ms is None:
            break
        found.append(
            (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ms))
            .astimezone(of.zone)
            .isoformat(timespec="minutes")
        )
    return found


def test_the_next_run_is_behind_the_instant_never_at_it() -> None:
    daily = timing("cron(0 10 * * ? *)")
    assert daily.next_after(ms("2026-03-01T09:59:59.999")) == ms("2026-03-01T10:00")
    assert daily.next_after(ms("2026-03-01T10:00")) == ms("2026-03-02T10:00")


def test_a_local_time_that_the_clocks_skip_is_not_run() -> None:
    at_half_past_two = timing("cron(30 2 * * ? *)", "Europe/Berlin")
    assert runs(at_half_past_two, "2026-03-27T12:00", 3) == [
        "2026-03-28T02:30+01:00",
        "2026-03-30T02:30+02:00",
        "2026-03-31T02:30+02:00",
    ]


def test_a_local_time_that_the_clocks_show_twice_is_run_the_first_time() -> None:
    at_half_past_two = timing("cron(30 2 * * ? *)", "Europe/Berlin")
    assert runs(at_half_past_two, "2026-10-23T12:00", 3) == [
        "2026-10-24T02:30+02:00",
        "2026-10-25T02:30+02:00",
        "2026-10-26T02:30+01:00",
    ]


def test_asked_within_the_repeated_hour_the_next_run_is_behind_it() -> None:
    quarterly = timing("cron(0/15 * * * ? *)", "Europe/Berlin")
    second_time = "2026-10-25T02:20+01:00"
    assert runs(quarterly, second_time, 2) == ["2026-10-25T03:00+01:00", "2026-10-25T03:15+01:00"]


def test_a_zone_may_skip_a_whole_day() -> None:
    daily = timing("cron(0 12 * * ? *)", "Pacific/Apia")
    assert runs(daily, "2011-12-29T00:00", 3) == [
        "2011-12-29T12:00-10:00",
        "2011-12-31T12:00+14:00",
        "2012-01-01T12:00+14:00",
    ]


def test_a_rate_counts_from_its_first_run_whatever_clocks_do() -> None:
    daily = timing("rate(1 day)", "Europe/Berlin", first="2026-03-28T11:00")
    assert daily.next_after(ms("2026-03-01")) == ms("2026-03-28T11:00")
    assert runs(daily, "2026-03-28T10:59", 2) == [
        "2026-03-28T12:00+01:00",
        "2026-03-29T13:00+02:00",
    ]


def test_one_time_is_run_once_and_knows_no_dates() -> None:
    once = timing(
        "at(2026-11-23T14:00:00)", "America/New_York", start="2027-01-01", end="2026-01-01"
    )
    assert once.next_after(ms("2026-01-01")) == ms("2026-11-23T19:00")
    assert once.next_after(ms("2026-11-23T19:00")) is None


def test_one_time_that_the_clocks_skip_never_comes() -> None:
    assert timing("at(2026-03-29T02:30:00)", "Europe/Berlin").next_after(0) is None


def test_nothing_is_run_before_the_start_or_after_the_end() -> None:
    daily = timing("cron(0 10 * * ? *)", start="2026-05-01T10:00", end="2026-05-03T10:00")
    assert runs(daily, "2026-01-01", 9) == [
        "2026-05-01T10:00+00:00",
        "2026-05-02T10:00+00:00",
        "2026-05-03T10:00+00:00",
    ]


def test_what_can_never_be_has_no_next_run() -> None:
    assert timing("cron(0 0 30 2 ? *)").next_after(ms("2026-01-01")) is None
    assert timing("cron(0 0 1 1 ? 2020)").next_after(ms("2026-01-01")) is None


def test_a_run_comes_within_its_window() -> None:
    flexible = Timing(
        parse_schedule_expression("rate(1 day)"), time_zone("UTC"), window_ms=15 * MINUTE_MS
    )
    assert flexible.due_ms(1_000, 0.0) == 1_000
    assert flexible.due_ms(1_000, 0.5) == 1_000 + 450_000
    assert flexible.due_ms(1_000, 0.999999999) < 1_000 + 15 * MINUTE_MS


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "/etc/localtime", "a\0b"])
def test_a_zone_has_a_name_of_the_iana_database(name: str) -> None:
    with pytest.raises(InvalidTimeZone):
        time_zone(name)


def test_every_zone_there_is_can_be_had() -> None:
    for name in zoneinfo.available_timezones():
        assert time_zone(name) is not None
