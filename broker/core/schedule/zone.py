"""local times of a time zone as instants, across the changes of its clocks"""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from broker.core.errors import InvalidParameter

__all__ = ["EPOCH", "InvalidTimeZone", "instant_ms", "local_time", "time_zone"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class InvalidTimeZone(InvalidParameter):
    """No time zone of this name is known."""


@lru_cache(maxsize=1_000)
def time_zone(name: str) -> tzinfo:
    """A zone by its name in the IANA database. Raises: InvalidTimeZone."""
    if name in ("UTC", "Etc/UTC", "GMT"):
        return UTC
    try:
        # A name is a path in the database: the library refuses those that lead out of it.
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidTimeZone(
            f"The ScheduleExpressionTimezone you specified is not valid: {name}"
        ) from None


def instant_ms(local: datetime, zone: tzinfo) -> int | None:
    """When the clocks of the zone show this time, first; None if they skip it.

    A time that they show twice is the earlier one.
    """
    at = local.replace(tzinfo=zone, fold=0)
    at_utc = at.astimezone(UTC)
    if at_utc.astimezone(zone).replace(tzinfo=None) != local:
        return None
    return (at_utc - EPOCH) // _MILLISECOND


def local_time(at_ms: int, zone: tzinfo) -> datetime:
    """What the clocks of the zone show then, without the zone."""
    return (EPOCH + timedelta(milliseconds=at_ms)).astimezone(zone).replace(tzinfo=None, fold=0)
