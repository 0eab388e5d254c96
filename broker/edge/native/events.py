"""/v1/events: put events on a bus, as our own JSON or as CloudEvents"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import msgspec

from broker.core import errors
from broker.core.errors import BrokerError, EventBusDoesNotExist, InvalidParameter, StoreFull
from broker.core.event import Event
from broker.core.limits import BULK_MESSAGES_MAX
from broker.core.registry import DEFAULT_BUS
from broker.edge.native import cloudevents
from broker.edge.native.bodies import decode, unsupported
from broker.edge.native.cloudevents import BATCH, PREFIX, STRUCTURED, CloudEvent
from broker.edge.native.event import NewEvent, event_or_refusal, from_entry
from broker.edge.native.message import EntryError, entry_error
from broker.edge.native.operation import JSON, Call, Result, Shape, operations

PART_EVENTS = 1_000  # routed and committed at a time


class OnBus(Shape, frozen=True, kw_only=True):
    """Which bus."""

    bus: Annotated[str, msgspec.Meta(description="The event bus.")] = DEFAULT_BUS


class PutEvents(Result, frozen=True, kw_only=True, omit_defaults=False):
    """The ids of the events, in order; null where `errors` says why there is none."""

    event_ids: list[str | None]
    errors: list[EntryError]


CloudEvents = Annotated[list[CloudEvent], msgspec.Meta(max_length=BULK_MESSAGES_MAX)]


@operations.add(
    "POST",
    "/v1/events",
    query=OnBus,
    body=NewEvent,
    media={STRUCTURED: CloudEvent, BATCH: CloudEvents},
    answers={200: PutEvents},
    raises=(
        EventBusDoesNotExist,
        errors.MessageTooLong,
        errors.NotSupported,
        errors.LimitExceeded,
        StoreFull,
    ),
)
async def put_events(call: Call, query: OnBus) -> PutEvents:
    """Put an event on a bus; answered when every delivery that results is on disk.

    Takes an event in EventBridge's words (application/json), a CloudEvent 1.0 in structured mode
    (application/cloudevents+json), a batch of them (application/cloudevents-batch+json), or one in
    binary mode: its attributes in `ce-` headers, its data in the body. A CloudEvent's type becomes
    the detail-type, its subject the one resource; other attributes are the event's `cloudevent`.
    Events of a batch succeed or fail each for itself.
    """
    call.broker.event_buses.get(call.namespace, query.bus)
    request = call.request
    media_type = request.content_type
    if media_type == BATCH:
        return await put_each(call, query.bus, _batch(request.body))
    if media_type == STRUCTURED:
        event = cloudevents.from_structured(decode(JSON, dict[str, Any], request.body))
    elif any(name.startswith(PREFIX) for name in request.headers):
        event = cloudevents.from_binary(request.headers, request.body)
    elif media_type != JSON and request.body:
        raise unsupported(request, (JSON, STRUCTURED, BATCH))
    else:
        event = from_entry(decode(JSON, NewEvent, request.body))
    event = _traced(call, event)
    event_id = await call.broker.events.put(call.namespace, event, query.bus)
    return PutEvents(event_ids=[event_id], errors=[])


def _traced(call: Call, event: Event) -> Event:
    header = call.request.trace_header
    return event if header is None else replace(event, trace_header=header)


def _batch(body: bytes) -> list[Event | BrokerError]:
    documents = decode(JSON, list[dict[str, Any]], body)
    if len(documents) > BULK_MESSAGES_MAX:
        raise InvalidParameter(f"A batch has at most {BULK_MESSAGES_MAX} events.")
    return [event_or_refusal(cloudevents.from_structured, each) for each in documents]


async def put_each(call: Call, bus: str, events: Sequence[Event | BrokerError]) -> PutEvents:
    """Put events on a bus, each for itself."""
    ids: list[str | None] = [None] * len(events)
    refused = {index: each for index, each in enumerate(events) if isinstance(each, BrokerError)}
    accepted = [
        (index, _traced(call, each)) for index, each in enumerate(events) if isinstance(each, Event)
    ]
    for start in range(0, len(accepted), PART_EVENTS):
        part = accepted[start : start + PART_EVENTS]
        outcomes = await call.broker.events.put_each(call.namespace, [e for _, e in part], bus)
        for (index, _), outcome in zip(part, outcomes, strict=True):
            if isinstance(outcome, BrokerError):
                refused[index] = outcome
            else:
                ids[index] = outcome
    found = [entry_error(index, refused[index]) for index in sorted(refused)]
    return PutEvents(event_ids=ids, errors=found)
