"""/v1/queues/{name}/messages: look at messages without receiving them, all or those wanted"""

from typing import Annotated

import msgspec

from broker.core.errors import QueueDoesNotExist
from broker.core.limits import PEEK_COUNT_MAX
from broker.core.names import uuid_text
from broker.core.system_attributes import system_attributes
from broker.edge.native.message import Attribute, shown_attributes
from broker.edge.native.messages import queue_of
from broker.edge.native.operation import Call, Result, operations
from broker.edge.native.scan import Filters, Found, cursor_text, scan


class Peek(Filters, frozen=True, kw_only=True):
    """How many messages to look at, behind which one to begin, and which are wanted."""

    count: Annotated[int, msgspec.Meta(ge=1, le=PEEK_COUNT_MAX)] = 10


class PeekedMessage(Result, frozen=True, kw_only=True):
    """A message as it lies in its queue."""

    message_id: str
    body: str
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)
    system_attributes: dict[str, str] = msgspec.field(default_factory=dict)
    state: str  # visible, in_flight or delayed
    sent_at_ms: int
    visible_at_ms: int
    receive_count: int
    dead_letter_source_arn: str | None = None
    cause: str | None = None  # of a dead letter
    cursor: str  # where it lies, until it is received or hidden


class PeekedMessages(Result, frozen=True, kw_only=True, omit_defaults=False):
    """Part of a queue; `next` is null after the last one, however few messages were wanted."""

    messages: list[PeekedMessage]
    scanned: int  # how many were looked at
    next: str | None = None


@operations.add(
    "GET",
    "/v1/queues/{name}/messages",
    query=Peek,
    answers={200: PeekedMessages},
    raises=(QueueDoesNotExist,),
)
async def peek_messages(call: Call, name: str, query: Peek) -> PeekedMessages:
    """Look at messages in the order in which they become visible; changes nothing.

    Visible ones that have a group come first, group by group. With a filter, a request looks at a
    bounded number of messages: go on with `next` until it is null. Messages that are received or
    come back meanwhile may be seen twice or not at all.
    """
    queue_of(call, name)
    found: list[PeekedMessage] = []

    def take(each: Found) -> bool:
        found.append(_shown(call, each))
        return len(found) < query.count

    scanned = await scan(call, name, query, take, query.count)
    return PeekedMessages(messages=found, scanned=scanned.scanned, next=scanned.next)


def _shown(call: Call, found: Found) -> PeekedMessage:
    peeked, message = found.peeked, found.message
    if peeked.in_flight:
        state = "in_flight"
    else:
        state = "delayed" if peeked.visible_at_ms > call.broker.now_ms() else "visible"
    return PeekedMessage(
        message_id=uuid_text(peeked.message_id),
        body=message.body,
        attributes=shown_attributes(message.attributes),
        system_attributes=system_attributes(message, peeked),
        state=state,
        sent_at_ms=peeked.sent_at_ms,
        visible_at_ms=peeked.visible_at_ms,
        receive_count=peeked.receive_count,
        dead_letter_source_arn=peeked.dead_letter_source_arn,
        cause=found.cause.text if found.cause else None,
        cursor=cursor_text(peeked.cursor),
    )
