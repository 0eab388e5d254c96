"""SQS ReceiveMessage: what is returned of a message, and how long it is waited for"""

from binascii import b2a_base64
from typing import ClassVar

import msgspec

from broker.core import message as messages
from broker.core.commands import Received
from broker.core.errors import InvalidAttributeName
from broker.core.limits import (
    RECEIVE_COUNT_MAX,
    WAIT_TIME_S_MAX,
)
from broker.core.message import Attributes, Message
from broker.core.names import uuid_text
from broker.core.system_attributes import system_attributes
from broker.core.trace_header import AWS_TRACE_HEADER
from broker.edge.aws.message_attributes import (
    MessageAttributeValue,
    md5_of,
)
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sqs import attributes as queue_attributes
from broker.edge.aws.sqs.message_group import check_attempt_id
from broker.edge.aws.sqs.service import locate_queue, sqs
from broker.edge.aws.sqs.validation import (
    check_visibility_timeout,
    out_of_range,
)
from broker.edge.receive import receive_for

SYSTEM_ATTRIBUTES = (
    "All",
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageDeduplicationId",
    "MessageGroupId",
    AWS_TRACE_HEADER,
    "DeadLetterQueueSourceArn",
)
# AttributeNames, the older of the two lists, may also name attributes of queues: no message has
# them, so nothing is returned.
_KNOWN_NAMES = {*SYSTEM_ATTRIBUTES, *queue_attributes.NAMES}


class ReceiveMessageRequest(Members, kw_only=True):
    query_names: ClassVar = {
        "AttributeNames": "AttributeName",
        "MessageSystemAttributeNames": "MessageSystemAttributeName",
        "MessageAttributeNames": "MessageAttributeName",
    }
    queue_url: str
    attribute_names: list[str] = msgspec.field(default_factory=list)
    message_system_attribute_names: list[str] = msgspec.field(default_factory=list)
    message_attribute_names: list[str] = msgspec.field(default_factory=list)
    max_number_of_messages: int = 1
    visibility_timeout: int | None = None
    wait_time_seconds: int | None = None
    receive_request_attempt_id: str | None = None  # of FIFO queues


class ReceivedMessage(Members, kw_only=True):
    query_names: ClassVar = {"Attributes": "Attribute", "MessageAttributes": "MessageAttribute"}
    message_id: str
    receipt_handle: str
    md5_of_body: str = msgspec.field(name="MD5OfBody")
    body: str
    attributes: dict[str, str] | None = None
    md5_of_message_attributes: str | None = msgspec.field(
        default=None, name="MD5OfMessageAttributes"
    )
    message_attributes: dict[str, MessageAttributeValue] | None = None


class ReceiveMessageResponse(Members, kw_only=True):
    query_names: ClassVar = {"Messages": "Message"}
    messages: list[ReceivedMessage] | None = None


@sqs.action("ReceiveMessage", ReceiveMessageRequest)
async def receive_message(call: Call, request: ReceiveMessageRequest) -> ReceiveMessageResponse:
    """Up to ten messages, waiting up to 20 seconds for the first."""
    namespace, name = locate_queue(call, request.queue_url)
    queue = call.broker.queues.get(namespace, name)
    count = request.max_number_of_messages
    if not 1 <= count <= RECEIVE_COUNT_MAX:
        raise out_of_range("MaxNumberOfMessages", count, "Must be between 1 and 10, if provided.")
    wait_s = request.wait_time_seconds
    if wait_s is None:
        wait_s = queue.receive_wait_time_s
    if not 0 <= wait_s <= WAIT_TIME_S_MAX:
        raise out_of_range("WaitTimeSeconds", wait_s, "Must be >= 0 and <= 20, if provided.")
    timeout_s = request.visibility_timeout
    if timeout_s is None:
        timeout_s = queue.visibility_timeout_s
    check_visibility_timeout(timeout_s)
    attempt_id = request.receive_request_attempt_id
    if attempt_id is not None:
        check_attempt_id(queue, attempt_id)
    system_names = {*request.attribute_names, *request.message_system_attribute_names}
    if not system_names <= _KNOWN_NAMES:
        unknown = min(system_names - _KNOWN_NAMES)
        raise InvalidAttributeName(f"Unknown Attribute {unknown}.")
    received = await receive_for(
        call.request, call.broker.queues, namespace, name, count, timeout_s, wait_s, attempt_id
    )
    origin = call.origin
    return ReceiveMessageResponse(
        messages=[
            _to_received_message(origin, one, system_names, request.message_attribute_names)
            for one in received
        ]
        or None
    )


def _to_received_message(
    origin: str, received: Received, system_names: set[str], attribute_names: list[str]
) -> ReceivedMessage:
    message = messages.rendered(messages.decode(received.body), received.via, origin)
    wanted: Attributes = {}
    if message.attributes and attribute_names:
        wanted = {
            name: value
            for name, value in message.attributes.items()
            if _is_wanted(name, attribute_names)
        }
    return ReceivedMessage(
        message_id=uuid_text(received.message_id),
        receipt_handle=b2a_base64(received.receipt_handle, newline=False).decode(),
        md5_of_body=message.md5.hex(),
        body=message.body,
        attributes=_system_attributes(received, message, system_names) if system_names else None,
        md5_of_message_attributes=md5_of(wanted),
        message_attributes=_shown(wanted) if wanted else None,
    )


def _shown(attributes: Attributes) -> dict[str, MessageAttributeValue]:
    return {
        name: MessageAttributeValue(
            data_type=a.data_type, string_value=a.string_value, binary_value=a.binary_value
        )
        for name, a in attributes.items()
    }


def _system_attributes(
    received: Received, message: Message, names: set[str]
) -> dict[str, str] | None:
    every = {
        "SentTimestamp": str(received.sent_at_ms),
        "ApproximateReceiveCount": str(received.receive_count),
        "ApproximateFirstReceiveTimestamp": str(received.first_received_at_ms),
        **system_attributes(message, received),
    }
    if received.dead_letter_source_arn is not None:
        every["DeadLetterQueueSourceArn"] = received.dead_letter_source_arn
    if "All" in names:
        return every
    return {name: value for name, value in every.items() if name in names} or None


def _is_wanted(name: str, patterns: list[str]) -> bool:
    for pattern in patterns:
        if pattern in ("All", ".*", "*") or pattern == name:
            return True
        if pattern.endswith(".*") and name.startswith(pattern[:-1]):
            return True
    return False
