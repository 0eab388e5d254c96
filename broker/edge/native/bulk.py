"""bulk sends, publishes and events: up to 10,000 in one body, each stored or refused for itself

The way to the store is cut in parts. While one part is committed the next is encoded, and other
requests get their turn in between; a commit stays within its bounds. An answer is two lists, not
an object for each message, because it is written for millions of them.
"""

from collections.abc import Iterator
from typing import Annotated

import msgspec
import trio

from broker.core import errors
from broker.core.commands import NewMessage
from broker.core.errors import (
    BrokerError,
    EventBusDoesNotExist,
    QueueDoesNotExist,
    StoreFull,
    TopicDoesNotExist,
)
from broker.core.limits import BULK_MESSAGES_MAX, MIB
from broker.core.publication import Publication
from broker.core.resources import Queue
from broker.edge.native.event import NewEvent, event_or_refusal, from_entry
from broker.edge.native.events import OnBus, PutEvents, put_each
from broker.edge.native.message import Entry, EntryError, entry_error, to_message
from broker.edge.native.messages import queue_of, sending_to
from broker.edge.native.operation import Call, Result, Shape, operations
from broker.edge.native.topics import NewPublication, to_publication
from broker.runtime.ids import uuid_texts

PART_MESSAGES = 1_000
PART_BYTES = 4 * MIB

Part = tuple[list[int], list[NewMessage]]  # encoded messages, and their places in the request


class Bulk(Shape, frozen=True, kw_only=True, gc=False):
    """Messages to send."""

    messages: Annotated[list[Entry], msgspec.Meta(min_length=1, max_length=BULK_MESSAGES_MAX)]


class BulkSent(Result, frozen=True, kw_only=True, omit_defaults=False):
    """The ids of the messages, in order; null where `errors` says why there is none."""

    message_ids: list[str | None]
    errors: list[EntryError]


@operations.add(
    "POST",
    "/v1/queues/{name}/messages/bulk",
    body=Bulk,
    binary=True,
    answers={200: BulkSent},
    raises=(QueueDoesNotExist, StoreFull),
)
async def send_bulk(call: Call, name: str, bulk: Bulk) -> BulkSent:
    """Send up to 10,000 messages; answered when all that are not refused are on disk.

    Each is stored or refused for itself. If the store takes none of them, the whole request is
    refused for the store's reason. A FIFO queue is sent one part after the other, and what follows
    a part that the store didn't take is refused too: it would overtake.
    """
    queue = queue_of(call, name)
    ids: list[str | None] = [None] * len(bulk.messages)
    refused: dict[int, BrokerError] = {}
    store_refusals: list[BrokerError] = []

    async def store(part: Part) -> None:
        places, encoded = part
        try:
            accepted = await call.broker.queues.send_encoded(call.namespace, name, encoded)
        except BrokerError as refusal:
            store_refusals.append(refusal)
            refused.update(dict.fromkeys(places, refusal))
        else:
            texts = uuid_texts([message.message_id for message in accepted or encoded])
            for index, text in zip(places, texts, strict=True):
                ids[index] = text

    async with trio.open_nursery() as parts:
        for part in _parts(call, queue, bulk.messages, refused):
            if not queue.fifo:
                parts.start_soon(store, part)
                await trio.lowlevel.checkpoint()
            elif store_refusals:
                refused.update(dict.fromkeys(part[0], store_refusals[0]))
            else:
                await store(part)
    if store_refusals and not any(ids):
        raise store_refusals[0]
    found = [entry_error(index, refused[index]) for index in sorted(refused)]
    return BulkSent(message_ids=ids, errors=found)


def _parts(
    call: Call, queue: Queue, entries: list[Entry], refused: dict[int, BrokerError]
) -> Iterator[Part]:
    """Encoded messages, cut to parts; what is refused is noted."""
    new_ids = call.broker.ids.many(len(entries))
    sending = sending_to(call, queue)
    places: list[int] = []
    encoded: list[NewMessage] = []
    size = 0
    for index, entry in enumerate(entries):
        try:
            _, new = to_message(sending, entry, new_ids[index])
        except BrokerError as refusal:
            refused[index] = refusal
            continue
        places.append(index)
        encoded.append(new)
        size += len(new.body)
        if len(encoded) >= PART_MESSAGES or size >= PART_BYTES:
            yield places, encoded
            places, encoded, size = [], [], 0
    if encoded:
        yield places, encoded


class BulkPublication(Shape, frozen=True, kw_only=True):
    """Messages for all subscriptions of a topic."""

    messages: Annotated[
        list[NewPublication], msgspec.Meta(min_length=1, max_length=BULK_MESSAGES_MAX)
    ]


@operations.add(
    "POST",
    "/v1/topics/{name}/publish/bulk",
    body=BulkPublication,
    binary=True,
    answers={200: BulkSent},
    raises=(TopicDoesNotExist, errors.LimitExceeded, StoreFull),
)
async def publish_bulk(call: Call, name: str, bulk: BulkPublication) -> BulkSent:
    """Publish up to 10,000 messages, each to every subscription or to none."""
    topic = call.broker.topics.get(call.namespace, name)
    accepted: list[int] = []
    publications: list[Publication] = []
    ids: list[str | None] = [None] * len(bulk.messages)
    refused: list[EntryError] = []
    for index, new in enumerate(bulk.messages):
        try:
            publications.append(to_publication(topic, new, call.request.trace_header))
        except BrokerError as refusal:
            refused.append(entry_error(index, refusal))
        else:
            accepted.append(index)
    for start in range(0, len(publications), PART_MESSAGES):
        part = slice(start, start + PART_MESSAGES)
        outcomes = await call.broker.topics.publish_each(call.namespace, name, publications[part])
        for index, outcome in zip(accepted[part], outcomes, strict=True):
            if isinstance(outcome, BrokerError):
                refused.append(entry_error(index, outcome))
            else:
                ids[index] = outcome.message_id
    refused.sort(key=lambda error: error.index)
    return BulkSent(message_ids=ids, errors=refused)


class BulkEvents(Shape, frozen=True, kw_only=True):
    """Events for one bus."""

    events: Annotated[list[NewEvent], msgspec.Meta(min_length=1, max_length=BULK_MESSAGES_MAX)]


@operations.add(
    "POST",
    "/v1/events/bulk",
    query=OnBus,
    body=BulkEvents,
    binary=True,
    answers={200: PutEvents},
    raises=(EventBusDoesNotExist, errors.LimitExceeded, StoreFull),
)
async def put_events_bulk(call: Call, query: OnBus, bulk: BulkEvents) -> PutEvents:
    """Put up to 10,000 events on a bus, each with all its deliveries or with none."""
    call.broker.event_buses.get(call.namespace, query.bus)
    events = [event_or_refusal(from_entry, entry) for entry in bulk.events]
    return await put_each(call, query.bus, events)
