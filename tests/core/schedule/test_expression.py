"""which texts are schedule expressions, and which are not"""

import pytest

from broker.core.schedule import (
    At,
    Cron,
    InvalidScheduleExpression,
    Rate,
    parse_rule_expression,
    parse_schedule_expression,
)

MINUTE_MS = 60_000


@pytest.mark.parametrize(
    ("text", "period_ms"),
    [
        ("rate(1 minute)", MINUTE_MS),
        ("rate(5 minutes)", 5 * MINUTE_MS),
        ("rate(1 hour)", 60 * MINUTE_MS),
        ("rate(36 hours)", 36 * 60 * MINUTE_MS),
        ("rate(7 days)", 7 * 24 * 60 * MINUTE_MS),
    ],
)
def test_a_rate_is_a_number_of_minutes_hours_or_days(text: str, period_ms: int) -> None:
    assert parse_rule_expression(text) == Rate(period_ms)
    assert parse_schedule_expression(text) == Rate(period_ms)


@pytest.mark.parametrize("text", ["rate(1 minutes)", "rate(5 minute)", "rate(1 days)"])
def test_only_a_rule_minds_singular_and_plural(text: str) -> None:
    assert isinstance(parse_schedule_expression(text), Rate)
    with pytest.raises(InvalidScheduleExpression):
        parse_rule_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rate()",
        "rate(0 minutes)",
        "rate(-1 minutes)",
        "rate(1.5 hours)",
        "rate(10 years)",
        "rate(10 seconds)",
        "rate( 5 minutes)",
        "rate(5 minutes )",
        "rate(5  minutes)",
        "rate(5 Minutes)",
        "RATE(5 minutes)",
        " rate(5 minutes)",
        "cron()",
        "cron(0 12 * * ?)",
        "cron(0 12 * * ? * *)",
        "cron(0 1 * * * *)",
        "cron(0 1 ? * ? *)",
        "cron(60 1 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 1 0 * ? *)",
        "cron(0 1 32 * ? *)",
        "cron(0 1 * 13 ? *)",
        "cron(0 1 * XXX ? *)",
        "cron(0 1 ? * 0 *)",
        "cron(0 1 ? * 8 *)",
        "cron(0 1 ? * MON/2 *)",
        "cron(0 1 * * ? 1969)",
        "cron(0 1 * * ? 2200)",
        "cron(0 1 * * ? 2030-2020)",
        "cron(? 1 * * ? *)",
        "cron(0/0 1 * * ? *)",
        "cron(0, 1 * * ? *)",
        "cron(0 1 1,L * ? *)",
        "cron(0 1 1W,15W * ? *)",
        "cron(0 1 1-5W * ? *)",
        "cron(0 1 ? * 3#1,6#3 *)",
        "cron(0 1 ? * 3#6 *)",
        "cron(0 1 ? * 3#0 *)",
        "cron(0 1 L-3 * ? *)",
        "cron(* * * ? *)",
    ],
)
def test_all_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidScheduleExpression) as refused:
        parse_rule_expression(text)
    assert refused.value.message == "Parameter ScheduleExpression is not valid."
    with pytest.raises(InvalidScheduleExpression) as refused:
        parse_schedule_expression(text)
    assert refused.value.message == f"Invalid Schedule Expression {text}."


@pytest.mark.parametrize(
    "text",
    ["at(2026-11-23T14:00:00)", "at(1970-01-01T00:00:00)", "at(2199-12-31T23:59:59)"],
)
def test_one_time_is_scheduler_s_alone(text: str) -> None:
    assert isinstance(parse_schedule_expression(text), At)
    with pytest.raises(InvalidScheduleExpression):
        parse_rule_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "at(2026-11-23)",
        "at(2026-11-23T14:00)",
        "at(2026-11-23T14:00:00Z)",
        "at(2026-11-23T14:00:00+01:00)",
        "at(2026-11-23T14:00:00.5)",
        "at(2026-02-30T14:00:00)",
        "at(2026-11-23T24:00:00)",
        "at(2026-11-23 14:00:00)",
        "at(9999-11-23T14:00:00)",
    ],
)
def test_one_time_has_no_zone_and_no_fraction(text: str) -> None:
    with pytest.raises(InvalidScheduleExpression):
        parse_schedule_expression(text)


def cron(text: str) -> Cron:
    found = parse_rule_expression(f"cron({text})")
    assert isinstance(found, Cron)
    return found


@pytest.mark.parametrize(
    ("field", "minutes"),
    [
        ("5", [5]),
        ("5,1,3", [1, 3, 5]),
        ("10-13", [10, 11, 12, 13]),
        ("0/15", [0, 15, 30, 45]),
        ("*/20", [0, 20, 40]),
        ("5/25", [5, 30, 55]),
        ("0-59/30", [0, 30]),
        ("58-1", [0, 1, 58, 59]),
        ("1,10-11,50/5", [1, 10, 11, 50, 55]),
    ],
)
def test_a_field_is_a_list_of_values_ranges_and_steps(field: str, minutes: list[int]) -> None:
    assert list(cron(f"{field} 0 * * ? *").minutes) == minutes


def test_months_and_days_of_the_week_have_names() -> None:
    assert cron("0 0 1 JAN,mar,DEC ? *").months == (1, 3, 12)
    assert cron("0 0 ? * MON-FRI *") == cron("0 0 ? * 2-6 *")
    assert cron("0 0 ? * FRI-MON *") == cron("0 0 ? * 6,7,1,2 *")


@pytest.mark.parametrize(
    ("days", "of_february_2026", "of_august_2026"),
    [
        ("30 * ?", [], [30]),
        ("L * ?", [28], [31]),
        ("LW * ?", [27], [31]),  # the 28th is a Saturday
        ("1W * ?", [2], [3]),  # the 1st is a Sunday; a Saturday, of which the month keeps clear
        ("15W * ?", [16], [14]),
        ("30W * ?", [], [31]),
        ("? * 1", [1, 8, 15, 22], [2, 9, 16, 23, 30]),
        ("? * L", [7, 14, 21, 28], [1, 8, 15, 22, 29]),
        ("? * 6L", [27], [28]),
        ("? * SAT#3", [21], [15]),
        ("? * SAT#5", [], [29]),
    ],
)
def test_days_of_a_month(days: str, of_february_2026: list[int], of_august_2026: list[int]) -> None:
    of_month = cron(f"0 0 {days} *").days.of_month
    assert of_month(2026, 2) == of_february_2026
    assert of_month(2026, 8) == of_august_2026
