"""messages as the native API writes them: new ones checked, received ones described"""

import base64
import binascii
from typing import Annotated

import msgspec

from broker.core import message as messages
from broker.core.commands import Received
from broker.core.errors import BrokerError, MissingParameter
from broker.core.limits import DELAY_S_MAX
from broker.core.message import Attributes, Message, md5_digest
from broker.core.names import uuid_text
from broker.core.resources import Queue
from broker.edge.aws.message_attributes import (
    MessageAttributeValue,
    attributes_bytes,
    check_characters,
    to_attributes,
)
from broker.edge.aws.sqs.validation import check_delay, check_size
from broker.edge.native.operation import Result, Shape
from broker.edge.native.problems import to_problem

_CONTROLS = bytes(value for value in range(32) if value not in b"\t\n\r")

Body = Annotated[str, msgspec.Meta(description="Text; not empty.")]
Delay = Annotated[
    int, msgspec.Meta(ge=0, le=DELAY_S_MAX, description="Seconds; the queue's delay by default.")
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
    attributes: dict[str, Attribute] | None = None


class Entry(Shape, frozen=True, kw_only=True, gc=False):
    """A message of a bulk. What is wrong with it is its own affair, not the bulk's."""

    body: Body
    delay_s: int | None = None
    attributes: dict[str, Attribute] | None = None


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


def to_message(queue: Queue, new: NewMessage | Entry, system: dict[str, str]) -> Message:
    """The message to store, with system attributes that are the same for all of a request.

    Raises: MissingParameter, InvalidMessageContents, InvalidParameter, MessageTooLong.
    """
    body = new.body
    data = body.encode()
    if not data:
        raise MissingParameter("The body must not be empty.")
    # Most bodies are plain ASCII without control characters, which is seen at a glance.
    if not data.isascii() or len(data.translate(None, _CONTROLS)) != len(data):
        check_characters(body)
    if new.delay_s is not None:
        check_delay(new.delay_s)
    attributes = None
    size = len(data)
    if new.attributes:
        attributes = checked_attributes(new.attributes)
        size += attributes_bytes(attributes)
    if size > queue.maximum_message_size:
        check_size(size, queue.maximum_message_size)
    return Message(body, md5_digest(data), attributes, system)


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
        system_attributes=message.system_attributes or {},
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
