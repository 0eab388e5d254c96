"""/v1/queues/{name}/messages and what consumers do: send, receive, acknowledge, extend"""

from typing import Annotated

import msgspec

from broker.core import errors
from broker.core.commands import VisibilityChange
from broker.core.errors import BrokerError, InvalidParameter, QueueDoesNotExist, StoreFull
from broker.core.limits import VISIBILITY_TIMEOUT_S_MAX, WAIT_TIME_S_MAX
from broker.core.names import is_internal, keeps_dead_letters, uuid_text
from broker.core.resources import Queue
from broker.core.system_attributes import sent_by, sequence_number
from broker.edge.aws.sqs.message_group import check_attempt_id
from broker.edge.native.errors import TagIsInvalid
from broker.edge.native.message import (
    EntryError,
    NewMessage,
    ReceivedMessage,
    Sending,
    entry_error,
    handle_bytes,
    to_message,
    to_received,
)
from broker.edge.native.operation import Call, Result, Shape, operations
from broker.edge.receive import receive_for

RECEIVE_COUNT_MAX = 1_000

VisibilityTimeout = Annotated[int, msgspec.Meta(ge=0, le=VISIBILITY_TIMEOUT_S_MAX)]
Handles = Annotated[list[str], msgspec.Meta(min_length=1, max_length=RECEIVE_COUNT_MAX)]


def queue_of(call: Call, name: str) -> Queue:
    """A queue that programs may use. Raises: QueueDoesNotExist."""
    queue = call.broker.queues.get(call.namespace, name)
    if is_internal(name) and not keeps_dead_letters(name):
        raise QueueDoesNotExist
    return queue


def sending_to(call: Call, queue: Queue) -> Sending:
    """What holds for all messages that this request sends to the queue."""
    return Sending(
        queue,
        sent_by(call.namespace, call.request.trace_header),
        call.broker.now_ms(),
        call.broker.queues.options.delay_s_max,
    )


class Sent(Result, frozen=True, kw_only=True):
    """A message that is on disk; a duplicate is answered as what it is a duplicate of."""

    message_id: str
    md5_of_body: str
    sequence_number: str | None = None  # of FIFO queues


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
    message, record = to_message(sending_to(call, queue), new, call.broker.ids.new())
    accepted = await call.broker.queues.send_encoded(call.namespace, name, [record])
    if accepted is None:
        return Sent(message_id=uuid_text(record.message_id), md5_of_body=message.md5.hex())
    (one,) = accepted
    return Sent(
        message_id=uuid_text(one.message_id),
        md5_of_body=message.md5.hex(),
        sequence_number=sequence_number(one.sequence),
    )


class Receive(Shape, frozen=True, kw_only=True):
    """How many messages, for how long, and how long to wait for the first."""

    count: Annotated[int, msgspec.Meta(ge=1, le=RECEIVE_COUNT_MAX)] = 1
    visibility_timeout_s: VisibilityTimeout | None = None  # None: the queue's
    wait_time_s: Annotated[int, msgspec.Meta(ge=0, le=WAIT_TIME_S_MAX)] | None = None
    receive_request_attempt_id: Annotated[
        str | None,
        msgspec.Meta(
            description="Of FIFO queues: the same receive, made again within five minutes after "
            "its answer was lost, gets the same messages."
        ),
    ] = None


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
    attempt_id = receive.receive_request_attempt_id
    if attempt_id is not None:
        check_attempt_id(queue, attempt_id)
    received = await receive_for(
        call.request,
        call.broker.queues,
        call.namespace,
        name,
        receive.count,
        timeout_s,
        wait_s,
        attempt_id,
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
    "ReceiptHandleExpired": errors.MessageNotInFlight("The receipt handle has expired."),
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
