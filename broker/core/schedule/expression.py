"""schedule expressions, as rules and as EventBridge Scheduler take them"""

from functools import lru_cache

from broker.core.errors import InvalidParameter
from broker.core.schedule.at import At, parse_at
from broker.core.schedule.cron import Cron, parse_cron
from broker.core.schedule.rate import Rate, parse_rate

__all__ = [
    "Expression",
    "InvalidScheduleExpression",
    "parse_rule_expression",
    "parse_schedule_expression",
]

Expression = At | Cron | Rate


class InvalidScheduleExpression(InvalidParameter):
    """The text is no schedule expression."""


@lru_cache(maxsize=10_000)
def parse_rule_expression(text: str) -> Cron | Rate:
    """A rule's: `cron` or `rate`, the latter with its unit's singular and plural in place.

    Raises: InvalidScheduleExpression.
    """
    found = parse_rate(text, strict=True) or parse_cron(text)
    if found is None:
        raise InvalidScheduleExpression("Parameter ScheduleExpression is not valid.")
    return found


@lru_cache(maxsize=10_000)
def parse_schedule_expression(text: str) -> Expression:
    """Scheduler's: `at`, `cron` or `rate`. Raises: InvalidScheduleExpression."""
    found = parse_at(text) or parse_rate(text, strict=False) or parse_cron(text)
    if found is None:
        raise InvalidScheduleExpression(f"Invalid Schedule Expression {text}.")
    return found
