"""when schedules run: expressions in time zones, from one instant to the next"""

from broker.core.schedule.at import At
from broker.core.schedule.cron import Cron
from broker.core.schedule.expression import (
    Expression,
    InvalidScheduleExpression,
    parse_rule_expression,
    parse_schedule_expression,
)
from broker.core.schedule.rate import Rate
from broker.core.schedule.timing import Timing
from broker.core.schedule.zone import InvalidTimeZone, time_zone

__all__ = [
    "At",
    "Cron",
    "Expression",
    "InvalidScheduleExpression",
    "InvalidTimeZone",
    "Rate",
    "Timing",
    "parse_rule_expression",
    "parse_schedule_expression",
    "time_zone",
]
