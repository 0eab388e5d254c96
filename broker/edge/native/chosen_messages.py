"""/v1/queues/{name}/messages/redrive and /discard: what becomes of messages that a peek found

A message is named by its cursor, which holds as long as nobody receives, moves or deletes it. So
what is done is done to the message that was looked at, once: a request that is made again, because
its answer was lost, finds nothing left to do.
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated

import msgspec

from broker.core import errors
from broker.core.commands import Pick
from broker.core.dead_letters import check_move
from broker.core.errors import BrokerError, QueueDoesNotExist, StoreFull
from broker.core.limits import CHOSEN_MESSAGES_MAX
from broker.core.names import uuid_text
from broker.edge.native.message import EntryError, entry_error
from broker.edge.native.messages import Done, queue_of
from broker.edge.native.operation import Call, Result, Shape, operations
from broker.edge.native.redrives import destination_of
from broker.edge.native.scan import cursor_bytes

Cursors = Annotated[
    list[str],
    msgspec.Meta(
        min_length=1,
        max_length=CHOSEN_MESSAGES_MAX,
        description="Of messages, as a peek told them.",
    ),
]
Destination = Annotated[
    str | None,
    msgspec.Meta(
        description="A queue of the same namespace and type; by default each message goes back to "
        "the queue it was dead-lettered from."
    ),
]

_REFUSALS: dict[str, Callable[[], BrokerError]] = {
    "MessageNotFound": errors.MessageNotFound,
    "CouldNotDetermineMessageSource": errors.CouldNotDetermineMessageSource,
    "QueueDoesNotExist": partial(QueueDoesNotExist, "The queue it goes to does not exist."),
}


class Chosen(Shape, frozen=True, kw_only=True):
    """Messages to move, and where to."""

    cursors: Cursors
    destination: Destination = None


class Moved(Result, frozen=True, kw_only=True, omit_defaults=False):
    """The new ids of the messages, in order; null where `errors` says why one wasn't moved."""

    message_ids: list[str | None]
    errors: list[EntryError]


@operations.add(
    "POST",
    "/v1/queues/{name}/messages/redrive",
    body=Chosen,
    answers={200: Moved},
    raises=(QueueDoesNotExist, StoreFull),
)
async def redrive_messages(call: Call, name: str, chosen: Chosen) -> Moved:
    """Move chosen messages, in the order given; a message is moved or refused for itself.

    A moved message is sent as new: with a new id, received never. Messages in flight are not found.
    """
    queue = queue_of(call, name)
    if chosen.destination is not None:
        destination_of(call, chosen.destination)
        check_move(queue, queue_of(call, chosen.destination))
    ids = call.broker.ids.many(len(chosen.cursors))
    picks = [
        Pick(cursor_bytes(cursor), new_id)
        for cursor, new_id in zip(chosen.cursors, ids, strict=True)
    ]
    results = await call.broker.queues.relocate(call.namespace, name, picks, chosen.destination)
    return moved([refusal_of(each) if each else None for each in results], ids)


class Discard(Shape, frozen=True, kw_only=True):
    """Messages to delete."""

    cursors: Cursors


@operations.add(
    "POST",
    "/v1/queues/{name}/messages/discard",
    body=Discard,
    answers={200: Done},
    raises=(QueueDoesNotExist,),
)
async def discard_messages(call: Call, name: str, chosen: Discard) -> Done:
    """Delete chosen messages without receiving them. Messages in flight are not found."""
    queue_of(call, name)
    cursors = [cursor_bytes(cursor) for cursor in chosen.cursors]
    results = await call.broker.queues.discard(call.namespace, name, cursors)
    refused = [
        entry_error(index, refusal_of(each))
        for index, each in enumerate(results)
        if each is not None
    ]
    return Done(successful=len(results) - len(refused), errors=refused)


def refusal_of(result: str) -> BrokerError:
    """What the store says is in the way of one message."""
    return _REFUSALS[result]()


def moved(outcomes: list[BrokerError | None], ids: list[bytes]) -> Moved:
    """What became of each: its refusal, or its new id."""
    return Moved(
        message_ids=[
            None if refusal else uuid_text(new_id)
            for refusal, new_id in zip(outcomes, ids, strict=True)
        ],
        errors=[entry_error(n, refusal) for n, refusal in enumerate(outcomes) if refusal],
    )
