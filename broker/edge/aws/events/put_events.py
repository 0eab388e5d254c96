"""EventBridge actions on events: put them on a bus, test a pattern"""

from itertools import groupby
from typing import Any

from broker.core import pattern
from broker.core.errors import BrokerError, InvalidParameter, MessageTooLong
from broker.core.event import Event
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import (
    EVENT_BYTES_MAX,
    EVENT_ENTRIES_MAX,
    EVENT_RESOURCE_CHARS_MAX,
    TRACE_HEADER_CHARS_MAX,
)
from broker.core.names import Namespace
from broker.core.pattern import InvalidEvent
from broker.core.trace_header import accepted_header
from broker.edge.aws.events.service import check_pattern_length, events, locate_bus
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.validation import Violations

TIME_BYTES = 14  # what a given time counts
TIME_S_END = 253_402_300_800  # the first second of the year 10000
_ENVELOPE = ("id", "account", "source", "time", "region", "resources", "detail-type")


class PutEventsRequestEntry(Members, kw_only=True):
    source: str | None = None
    detail_type: str | None = None
    detail: str | None = None
    time: float | None = None  # seconds since the epoch
    resources: list[str] | None = None
    event_bus_name: str | None = None
    trace_header: str | None = None


class PutEventsRequest(Members, kw_only=True):
    entries: list[PutEventsRequestEntry]
    endpoint_id: Refused = None


class PutEventsResultEntry(Members, kw_only=True):
    event_id: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class PutEventsResponse(Members, kw_only=True, omit_defaults=True):
    failed_entry_count: int
    entries: list[PutEventsResultEntry]


@events.action("PutEvents", PutEventsRequest)
async def put_events(call: Call, request: PutEventsRequest) -> PutEventsResponse:
    """Put up to ten events on buses; each is refused or delivered for itself, in order."""
    count = len(request.entries)
    if not 1 <= count <= EVENT_ENTRIES_MAX:
        bound = (
            "greater than or equal to 1"
            if count == 0
            else f"less than or equal to {EVENT_ENTRIES_MAX}"
        )
        raise InvalidParameter(
            f"1 validation error detected: Value '[{count} entries]' at 'entries' failed to "
            f"satisfy constraint: Member must have length {bound}"
        )
    if sum(_size(entry) for entry in request.entries) > EVENT_BYTES_MAX:
        raise MessageTooLong("Total size of the entries in the request is over the limit.")
    # All of them first: a request that is refused has put none.
    _check_texts(request.entries)
    places = [locate_bus(call, entry.event_bus_name) for entry in request.entries]
    parsed = [_parsed(entry, call.request.trace_header) for entry in request.entries]
    results: list[PutEventsResultEntry] = []
    for place, group in groupby(range(count), places.__getitem__):
        results += await _put_each(call, [parsed[index] for index in group], *place)
    return PutEventsResponse(
        failed_entry_count=sum(1 for result in results if result.error_code), entries=results
    )


def _check_texts(entries: list[PutEventsRequestEntry]) -> None:
    """Raises: InvalidParameter, for what is the request's fault and not one entry's alone."""
    v = Violations()
    for number, entry in enumerate(entries, start=1):
        path = f"entries.{number}.member"
        for place, resource in enumerate(entry.resources or (), start=1):
            v.length(f"{path}.resources.{place}.member", resource, 0, EVENT_RESOURCE_CHARS_MAX)
        v.length(f"{path}.traceHeader", entry.trace_header, 1, TRACE_HEADER_CHARS_MAX)
    v.check()


async def _put_each(
    call: Call, parsed: list[Event | PutEventsResultEntry], namespace: Namespace, bus: str
) -> list[PutEventsResultEntry]:
    """Put events on one bus, in one commit if it takes them; a refusal stays where it is."""
    good = [each for each in parsed if isinstance(each, Event)]
    outcomes = iter(await call.broker.events.put_each(namespace, good, bus))
    return [_result(next(outcomes)) if isinstance(each, Event) else each for each in parsed]


def _result(outcome: str | BrokerError) -> PutEventsResultEntry:
    if isinstance(outcome, BrokerError):
        return _failed(events.wire(outcome).shape, outcome.message)
    return PutEventsResultEntry(event_id=outcome)


def _parsed(entry: PutEventsRequestEntry, traced: str | None) -> Event | PutEventsResultEntry:
    """`traced` is the request's own trace header."""
    refusal = _refusal(entry)
    if refusal is not None:
        return refusal
    assert entry.source
    assert entry.detail_type
    assert entry.detail
    try:
        detail = parse_json(entry.detail)
    except InvalidJson:
        detail = None
    if not isinstance(detail, dict):
        return _failed("MalformedDetail", "Detail is malformed.")
    return Event(
        source=entry.source,
        detail_type=entry.detail_type,
        detail=detail,
        resources=entry.resources or [],
        time_ms=None if entry.time is None else int(entry.time * 1000),
        trace_header=accepted_header(entry.trace_header) or traced,
    )


def _refusal(entry: PutEventsRequestEntry) -> PutEventsResultEntry | None:
    for name, value in (
        ("Source", entry.source),
        ("DetailType", entry.detail_type),
        ("Detail", entry.detail),
    ):
        if not value:
            reason = f"{name} is a required argument."
            return _failed("InvalidArgument", f"Parameter {name} is not valid. Reason: {reason}")
    if entry.source is not None and entry.source.startswith("aws."):
        return _failed("NotAuthorizedForSourceException", "Not authorized for the source.")
    if entry.time is not None and not 0 <= entry.time < TIME_S_END:
        reason = "Time must lie between the years 1970 and 9999."
        return _failed("InvalidArgument", f"Parameter Time is not valid. Reason: {reason}")
    return None


def _failed(code: str, message: str) -> PutEventsResultEntry:
    return PutEventsResultEntry(error_code=code, error_message=message)


def _size(entry: PutEventsRequestEntry) -> int:
    texts = (entry.source, entry.detail_type, entry.detail, *(entry.resources or ()))
    fixed = TIME_BYTES if entry.time is not None else 0
    return fixed + sum(len(text.encode()) for text in texts if text)


class EventPatternRequest(Members, kw_only=True):
    event_pattern: str
    event: str


class EventPatternResponse(Members, kw_only=True):
    result: bool


@events.action("TestEventPattern", EventPatternRequest)
async def test_event_pattern(call: Call, request: EventPatternRequest) -> EventPatternResponse:
    """Whether a pattern matches an event."""
    check_pattern_length(request.event_pattern)
    parsed = pattern.parse_given(request.event_pattern)
    event: Any = pattern.parse_event(request.event)
    if isinstance(event, dict) and any(name not in event for name in _ENVELOPE):
        raise InvalidEvent
    return EventPatternResponse(result=bool(pattern.Matcher([(0, parsed)]).matching(event)))
