"""messages as the native API writes them: new ones checked, received ones described"""

import base64
import binascii
from dataclasses import dataclass
from typing import Annotated

import msgspec

from broker.core import commands
from broker.core import message as messages
from broker.core.commands import Received
from broker.core.errors import BrokerError, InvalidParameter, MissingParameter
from broker.core.limits import (
    DELAY_S_MAX,
    DELIVER_AT_SPREAD_MS,
    LONG_DELAY_S_MAX,
    MESSAGE_GROUP_ID_CHARS_MAX,
)
from broker.core.message import Attributes, Message, md5_digest
from broker.core.names import uuid_text
from broker.core.resources import Queue
from broker.core.system_attributes import system_attributes
from broker.edge.aws.message_attributes import (
    MessageAttributeValue,
    attributes_bytes,
    checked_bytes,
    to_attributes,
)
from broker.edge.aws.sqs.message_group import (
    check_group,
    check_group_given,
    deduplication_id_of,
    not_of_this_type,
)
from broker.edge.aws.sqs.validation import check_size, delay_of
from broker.edge.native.operation import Result, Shape
from broker.edge.native.problems import to_problem

Body = Annotated[str, msgspec.Meta(description="Text; not empty.")]
Delay = Annotated[
    int,
    msgspec.Meta(
        ge=0,
        le=LONG_DELAY_S_MAX,
        description=f"Seconds; the queue's delay by default. More than {DELAY_S_MAX} only if the "
        "configuration's delay_s_max allows it. Not on FIFO queues.",
    ),
]
DeliverAt = Annotated[
    int,
    msgspec.Meta(
        ge=0,
        description="In place of delay_s: when the message becomes visible, in milliseconds since "
        f"the epoch, or up to {DELIVER_AT_SPREAD_MS} ms after that; at once if it is past.",
    ),
]
_ID_META = {
    "min_length": 1,
    "max_length": MESSAGE_GROUP_ID_CHARS_MAX,
    "pattern": "^[!-~]+$",
}
MessageGroupId = Annotated[
    str,
    msgspec.Meta(
        **_ID_META,
        description="Required on FIFO queues: messages of a group are received in order. On others "
        "the tenant that shares the queue with the rest.",
    ),
]
DeduplicationId = Annotated[
    str,
    msgspec.Meta(
        **_ID_META,
        description="On FIFO queues, required if they don't deduplicate by content: a message that "
        "is sent again under it within five minutes is stored once.",
    ),
]


class Attribute(Shape, frozen=True, kw_only=True, omit_defaults=True):
    """A message attribute: a type, and the value that goes with it."""

    data_type: Annotated[
        str, msgspec.Meta(description="String, Number or Binary, with an optional .label")
    ] = "String"
    string_value: str | None = None
    binary_value: bytes | None = None  # base64 in JSON


class NewMessage(Shape, frozen=True, kw_only=True, gc=False):
    """A message to send."""

    body: Body
    delay_s: Delay | None = None
    deliver_at_ms: DeliverAt | None = None
    attributes: dict[str, Attribute] | None = None
    message_group_id: MessageGroupId | None = None
    message_deduplication_id: DeduplicationId | None = None


class Entry(Shape, frozen=True, kw_only=True, gc=False):
    """A message of a bulk. What is wrong with it is its own affair, not the bulk's."""

    body: Body
    delay_s: int | None = None
    deliver_at_ms: int | None = None
    attributes: dict[str, Attribute] | None = None
    message_group_id: str | None = None
    message_deduplication_id: str | None = None


class EntryError(Result, frozen=True, kw_only=True):
    """Why one entry of several was refused."""

    index: int  # of the entry in the request, from 0
    status: int
    code: str
    detail: str


class ReceivedMessage(Result, frozen=True, kw_only=True):
    """A message, and the handle to acknowledge it by."""

    message_id: str
    receipt_handle: str
    body: str
    attributes: dict[str, Attribute] = msgspec.field(default_factory=dict)
    system_attributes: dict[str, str] = msgspec.field(default_factory=dict)  # SenderId and such
    sent_at_ms: int
    first_received_at_ms: int
    receive_count: int  # this receive included
    dead_letter_source_arn: str | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """What is the same for all messages of a request."""

    queue: Queue
    system: dict[str, str]  # system attributes
    now_ms: int
    delay_s_max: int


def to_message(
    sending: Sending, new: NewMessage | Entry, message_id: bytes
) -> tuple[Message, commands.NewMessage]:
    """The message, and what the store is given of it.

    Raises: MissingParameter, InvalidMessageContents, InvalidParameter, MessageTooLong.
    """
    queue = sending.queue
    body = new.body
    if not body:
        raise MissingParameter("The body must not be empty.")
    data = checked_bytes(body)
    delay_s = queue.delay_s
    if new.delay_s is not None:
        delay_s = delay_of(queue, new.delay_s, sending.delay_s_max)
    attributes = None
    size = len(data)
    if new.attributes:
        attributes = checked_attributes(new.attributes)
        size += attributes_bytes(attributes)
    if size > queue.maximum_message_size:
        check_size(size, queue.maximum_message_size)
    system = sending.system
    group = new.message_group_id
    deduplication_id = new.message_deduplication_id
    if queue.fifo or group is not None or deduplication_id is not None:
        group, deduplication_id, system = _grouped(sending, new)
    message = Message(body, md5_digest(data), attributes, system)
    record = messages.encode(message)
    delay_ms, cancellable = delay_s * 1000, delay_s > DELAY_S_MAX
    if new.deliver_at_ms is not None:
        delay_ms, cancellable = _until(sending, new), True
        if delay_ms:  # a million for nine o'clock must not come in one millisecond
            delay_ms += message_id[0] % DELIVER_AT_SPREAD_MS
    return message, commands.NewMessage(
        message_id, record, delay_ms, group, deduplication_id, cancellable
    )


def _grouped(
    sending: Sending, new: NewMessage | Entry
) -> tuple[str | None, str | None, dict[str, str]]:
    """Group and deduplication id, and system attributes that name them. Raises: InvalidParameter,
    MissingParameter."""
    queue, group = sending.queue, new.message_group_id
    check_group_given(queue, group)
    system = dict(sending.system)
    if group is not None:
        check_group(group)
        system["MessageGroupId"] = group
    deduplication_id = deduplication_id_of(queue, new.body, new.message_deduplication_id)
    if deduplication_id is not None:
        system["MessageDeduplicationId"] = deduplication_id
    return group, deduplication_id, system


def _until(sending: Sending, new: NewMessage | Entry) -> int:
    """Milliseconds until the message is to be delivered. Raises: InvalidParameter."""
    at_ms = new.deliver_at_ms or 0
    if new.delay_s is not None:
        raise InvalidParameter("A message has delay_s or deliver_at_ms, not both.")
    if sending.queue.fifo:
        raise not_of_this_type("deliver_at_ms", at_ms)
    delay_ms = max(0, at_ms - sending.now_ms)
    if at_ms < 0 or delay_ms > sending.delay_s_max * 1000:
        raise InvalidParameter(
            f"deliver_at_ms: {at_ms} is not within {sending.delay_s_max} seconds from now, which "
            "the configuration's delay_s_max allows."
        )
    return delay_ms


def checked_attributes(given: dict[str, Attribute] | None) -> Attributes:
    """Attributes by the rules that all protocols share. Raises: InvalidParameter."""
    return to_attributes(
        {
            name: MessageAttributeValue(
                data_type=each.data_type,
                string_value=each.string_value,
                binary_value=each.binary_value,
            )
            for name, each in (given or {}).items()
        }
    )


def shown_attributes(attributes: Attributes | None) -> dict[str, Attribute]:
    """Attributes as they are answered."""
    return {
        name: Attribute(
            data_type=each.data_type,
            string_value=each.string_value,
            binary_value=each.binary_value,
        )
        for name, each in (attributes or {}).items()
    }


def to_received(received: Received, origin: str) -> ReceivedMessage:
    """A received message as it is answered; `origin` is `http://host` by which we were reached."""
    message = messages.rendered(messages.decode(received.body), received.via, origin)
    return ReceivedMessage(
        message_id=uuid_text(received.message_id),
        receipt_handle=base64.b64encode(received.receipt_handle).decode(),
        body=message.body,
        attributes=shown_attributes(message.attributes),
        system_attributes=system_attributes(message, received),
        sent_at_ms=received.sent_at_ms,
        first_received_at_ms=received.first_received_at_ms,
        receive_count=received.receive_count,
        dead_letter_source_arn=received.dead_letter_source_arn,
    )


def handle_bytes(text: str) -> bytes:
    """The handle, or b"" for what can't be one: the store says so of each."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def entry_error(index: int, error: BrokerError) -> EntryError:
    """One entry's refusal."""
    problem = to_problem(error)
    return EntryError(index=index, status=problem.status, code=problem.code, detail=problem.detail)
