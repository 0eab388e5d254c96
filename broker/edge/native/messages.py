"""/v1/queues/{name}/messages and what consumers do: send, receive, acknowledge, extend, peek"""

import base64
import binascii
from typing import Annotated

import msgspec

from broker.core import errors
from broker.core import message as messages
from broker.core.commands import Peeked, VisibilityChange
from broker.core.errors import BrokerError, InvalidParameter, QueueDoesNotExist, StoreFull
from broker.core.limits import VISIBILITY_TIMEOUT_S_MAX, WAIT_TIME_S_MAX
from broker.core.names import is_internal, uuid_text
from broker.core.resources import Queue
from broker.edge.native.errors import TagIsInvalid
from broker.edge.native.message import (
    Attribute,
    EntryError,
    NewMessage,
    ReceivedMessage,
    entry_error,
    handle_bytes,
    shown_attributes,
    to_message,
    to_received,
)
from broker.edge.native.operation import Call, Result, Shape, operations
from broker.edge.receive import receive_for

RECEIVE_COUNT_MAX = 1_000
PEEK_COUNT_MAX = 100

VisibilityTimeout = Annotated[int, msgspec.Meta(ge=0, le=VISIBILITY_TIMEOUT_S_MAX)]
Handles = Annotated[list[str], msgspec.Meta(min_length=1, max_length=RECEIVE_COUNT_MAX)]


def queue_of(call: Call, name: str) -> Queue:
    """A queue that programs may use. Raises: QueueDoesNotExist."""
    queue = call.broker.queues.get(call.namespace, name)
    if is_internal(name):
        raise QueueDoesNotExist
    return queue


class Sent(Result, frozen=True, kw_only=True):
    """A message that is on disk."""

    message_id: str
    md5_of_body: str


@operations.add(
    "POST",
    "/v1/queues/{name}/messages",
    body=NewMessage,
    answers={200: Sent},
    raises=(QueueDoesNotExist, errors.MessageTooLong, StoreFull),
)
async def send_message(call: Call, name: str, new: NewMessage) -> Sent:
    """Send one message; answered when it is on disk."""
    queue = queue_of(call, name)
    message = to_message(queue, new, {"SenderId": call.namespace.account})
    delay_s = queue.delay_s if new.delay_s is None else new.delay_s
    (message_id,) = await call.broker.queues.send(call.namespace, name, [(message, delay_s)])
    return Sent(message_id=uuid_text(message_id), md5_of_body=message.md5.hex())


class Receive(Shape, frozen=True, kw_only=True):
    """How many messages, for how long, and how long to wait for the first."""

    count: Annotated[int, msgspec.Meta(ge=1, le=RECEIVE_COUNT_MAX)] = 1
    visibility_timeout_s: VisibilityTimeout | None = None  # None: the queue's
    wait_time_s: Annotated[int, msgspec.Meta(ge=0, le=WAIT_TIME_S_MAX)] | None = None


class ReceivedMessages(Result, frozen=True, kw_only=True, omit_defaults=False):
    """Messages, hidden from other receivers until they are acknowledged or time is up."""

    messages: list[ReceivedMessage]


@operations.add(
    "POST",
    "/v1/queues/{name}/receive",
    body=Receive,
    binary=True,
    answers={200: ReceivedMessages},
    raises=(QueueDoesNotExist, errors.OverLimit),
)
async def receive_messages(call: Call, name: str, receive: Receive) -> ReceivedMessages:
    """Receive messages, waiting for the first one (long poll) if that is asked for.

    A client that hangs up before it is answered takes no message with it.
    """
    queue = queue_of(call, name)
    wait_s = receive.wait_time_s
    if wait_s is None:
        wait_s = queue.receive_wait_time_s
    timeout_s = receive.visibility_timeout_s
    if timeout_s is None:
        timeout_s = queue.visibility_timeout_s
    received = await receive_for(
        call.request,
        call.broker.queues,
        call.namespace,
        name,
        receive.count,
        timeout_s,
        wait_s,
    )
    return ReceivedMessages(messages=[to_received(one, call.origin) for one in received])


class Acknowledge(Shape, frozen=True, kw_only=True):
    """Handles of messages that are done with."""

    receipt_handles: Handles


class Done(Result, frozen=True, kw_only=True, omit_defaults=False):
    """How many went well, and why the others did not."""

    successful: int
    errors: list[EntryError]


@operations.add(
    "POST",
    "/v1/queues/{name}/acknowledge",
    body=Acknowledge,
    binary=True,
    answers={200: Done},
    raises=(QueueDoesNotExist,),
)
async def acknowledge_messages(call: Call, name: str, request: Acknowledge) -> Done:
    """Delete received messages. A handle that a later receive has overtaken deletes nothing."""
    queue_of(call, name)
    handles = [handle_bytes(text) for text in request.receipt_handles]
    results = await call.broker.queues.delete_messages(call.namespace, name, handles)
    return _done(results)


class Extend(Shape, frozen=True, kw_only=True):
    """Handles, and how long from now their messages stay hidden; 0 gives them back."""

    receipt_handles: Handles
    visibility_timeout_s: VisibilityTimeout


@operations.add(
    "POST",
    "/v1/queues/{name}/extend",
    body=Extend,
    binary=True,
    answers={200: Done},
    raises=(QueueDoesNotExist,),
)
async def extend_visibility(call: Call, name: str, request: Extend) -> Done:
    """Hide received messages until so long from now."""
    queue_of(call, name)
    timeout_ms = request.visibility_timeout_s * 1000
    changes = [VisibilityChange(handle_bytes(text), timeout_ms) for text in request.receipt_handles]
    return _done(await call.broker.queues.change_visibility(call.namespace, name, changes))


HANDLE_ERRORS: dict[str, BrokerError] = {
    "TagIsInvalid": TagIsInvalid(),
    "ReceiptHandleIsInvalid": errors.ReceiptHandleIsInvalid(),
    "MessageNotInFlight": errors.MessageNotInFlight(),
    "VisibilityTimeoutTooLong": InvalidParameter(
        f"A message can't be hidden for more than {VISIBILITY_TIMEOUT_S_MAX} seconds in all."
    ),
}


def _done(results: list[str | None]) -> Done:
    refused = [
        entry_error(index, HANDLE_ERRORS[name])
        for index, name in enumerate(results)
        if name is not None
    ]
    return Done(successful=len(results) - len(refused), errors=refused)


class Peek(Shape, frozen=True, kw_only=True):
    """How many messages to look at, and behind which one to begin."""

    count: Annotated[int, msgspec.Meta(ge=1, le=PEEK_COUNT_MAX)] = 10
    after: Annotated[str, msgspec.Meta(description="The `next` of an earlier page.")] = ""


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


class PeekedMessages(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A page of a queue; `next` is null after the last one."""

    messages: list[PeekedMessage]
    next: str | None = None


@operations.add(
    "GET",
    "/v1/queues/{name}/messages",
    query=Peek,
    answers={200: PeekedMessages},
    raises=(QueueDoesNotExist,),
)
async def peek_messages(call: Call, name: str, query: Peek) -> PeekedMessages:
    """Look at messages in the order in which they become visible; changes nothing."""
    queue_of(call, name)
    after = _cursor(query.after)
    peeked = await call.broker.queues.peek(call.namespace, name, query.count, after)
    now_ms = call.broker.now_ms()
    more = len(peeked) == query.count
    return PeekedMessages(
        messages=[_to_peeked(one, now_ms, call.origin) for one in peeked],
        next=_cursor_text(peeked[-1].cursor) if more else None,
    )


def _to_peeked(peeked: Peeked, now_ms: int, origin: str) -> PeekedMessage:
    message = messages.rendered(messages.decode(peeked.body), peeked.via, origin)
    if peeked.in_flight:
        state = "in_flight"
    else:
        state = "delayed" if peeked.visible_at_ms > now_ms else "visible"
    return PeekedMessage(
        message_id=uuid_text(peeked.message_id),
        body=message.body,
        attributes=shown_attributes(message.attributes),
        system_attributes=message.system_attributes or {},
        state=state,
        sent_at_ms=peeked.sent_at_ms,
        visible_at_ms=peeked.visible_at_ms,
        receive_count=peeked.receive_count,
        dead_letter_source_arn=peeked.dead_letter_source_arn,
    )


def _cursor_text(cursor: bytes) -> str:
    return base64.urlsafe_b64encode(cursor).decode().rstrip("=")


def _cursor(text: str) -> bytes:
    """Raises: InvalidParameter, for what was no page's `next`."""
    try:
        cursor = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        cursor = b"?"
    if len(cursor) not in (0, 16):
        raise InvalidParameter("The parameter after is not the next of an earlier page.")
    return cursor
