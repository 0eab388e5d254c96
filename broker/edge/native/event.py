"""events as the native API writes them: checked, and made ready for a bus"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar

import msgspec

from broker.core.errors import BrokerError, InvalidParameter, MessageTooLong
from broker.core.event import Event
from broker.core.limits import EVENT_BYTES_MAX
from broker.edge.native.operation import Shape

_TIME_MS_END = 253_402_300_800_000  # year 10000

T = TypeVar("T")

NotEmpty = Annotated[str, msgspec.Meta(min_length=1)]


class NewEvent(Shape, frozen=True, kw_only=True):
    """An event to put on a bus, in EventBridge's words."""

    source: NotEmpty
    detail_type: NotEmpty
    detail: dict[str, Any]
    resources: list[str] = msgspec.field(default_factory=list)
    time: Annotated[
        str | None, msgspec.Meta(description="RFC 3339, from 1970 on; by default now.")
    ] = None
    id: Annotated[str | None, msgspec.Meta(description="By default a new UUID.")] = None

    def to_event(self, time_ms: int | None) -> Event:
        """Raises: MessageTooLong."""
        event = Event(
            source=self.source,
            detail_type=self.detail_type,
            detail=self.detail,
            resources=self.resources,
            time_ms=time_ms,
            id=self.id or None,
        )
        check_size(event)
        return event


def check_size(event: Event) -> None:
    """Raises: MessageTooLong."""
    size = sum(len(text.encode()) for text in (event.source, event.detail_type, *event.resources))
    size += len(msgspec.json.encode([event.detail, event.cloud_event or None])) - len("[,null]")
    if size > EVENT_BYTES_MAX:
        raise MessageTooLong(f"The event has {size} bytes; at most {EVENT_BYTES_MAX} are allowed.")


def to_time_ms(text: str | None) -> int | None:
    """Milliseconds since the epoch. Raises: InvalidParameter."""
    if text is None:
        return None
    try:
        at = msgspec.convert(text, datetime)
    except msgspec.ValidationError:
        at = None
    if at is None or at.tzinfo is None:
        raise InvalidParameter(f"The time {text!r} is not in RFC 3339, as 2026-01-02T03:04:05Z is.")
    time_ms = int(at.timestamp() * 1000)
    if not 0 <= time_ms < _TIME_MS_END:
        raise InvalidParameter(f"The time {text!r} is not between the years 1970 and 9999.")
    return time_ms


def from_entry(entry: NewEvent) -> Event:
    """The event of our own JSON. Raises: InvalidParameter, MessageTooLong."""
    return entry.to_event(to_time_ms(entry.time))


def event_or_refusal(convert: Callable[[T], Event], given: T) -> Event | BrokerError:
    """One of many: what is wrong with it is its own affair."""
    try:
        return convert(given)
    except BrokerError as refusal:
        return refusal
