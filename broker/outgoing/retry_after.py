"""what a server says with Retry-After: when it wants to be asked again"""

from email.utils import parsedate_to_datetime

__all__ = ["RETRY_AFTER_S_MAX", "retry_after_s"]

RETRY_AFTER_S_MAX = 86_400.0  # a day


def retry_after_s(value: str | None, now_s: float) -> float | None:
    """Seconds from now; None if it says nothing that can be read.

    Source: RFC 9110, 10.2.3: a number of seconds or a date.
    """
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        seconds = float(value[:9])
    else:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - now_s
        except (ValueError, OverflowError):
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_S_MAX)
