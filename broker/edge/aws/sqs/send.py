"""SQS actions that send: one message, or up to ten"""

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from broker.core import message as messages
from broker.core.errors import (
    BatchTooLong,
    BrokerError,
    InvalidParameter,
    MessageTooLong,
)
from broker.core.limits import (
    BATCH_BYTES_MAX,
)
from broker.core.message import Attributes, Message
from broker.core.names import uuid_text
from broker.core.resources import Queue
from broker.edge.aws.message_attributes import (
    MessageAttributeValue,
    attributes_bytes,
    md5_of,
    to_attributes,
)
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.sqs.batch import BatchResultErrorEntry, check_batch, failed_entry
from broker.edge.aws.sqs.service import locate_queue, sqs
from broker.edge.aws.sqs.validation import check_body, check_delay, check_size


class NewMessageAttributeValue(MessageAttributeValue, kw_only=True):
    """An attribute as it is sent. SQS has names for lists of values and takes none either."""

    query_names: ClassVar = {
        "StringListValues": "StringListValue",
        "BinaryListValues": "BinaryListValue",
    }
    string_list_values: Refused = None
    binary_list_values: Refused = None


class _NewMessage(Members, kw_only=True):
    """What a single send and a batch entry have in common."""

    query_names: ClassVar = {
        "MessageAttributes": "MessageAttribute",
        "MessageSystemAttributes": "MessageSystemAttribute",
    }
    message_body: str
    delay_seconds: int | None = None
    message_attributes: dict[str, NewMessageAttributeValue] | None = None
    message_system_attributes: dict[str, NewMessageAttributeValue] | None = None
    message_deduplication_id: str | None = None
    message_group_id: Refused = None


class SendMessageRequest(_NewMessage, kw_only=True):
    queue_url: str


class SendMessageResponse(Members, kw_only=True):
    md5_of_message_body: str = msgspec.field(name="MD5OfMessageBody")
    message_id: str
    md5_of_message_attributes: str | None = msgspec.field(
        default=None, name="MD5OfMessageAttributes"
    )
    md5_of_message_system_attributes: str | None = msgspec.field(
        default=None, name="MD5OfMessageSystemAttributes"
    )


@sqs.action("SendMessage", SendMessageRequest)
async def send_message(call: Call, request: SendMessageRequest) -> SendMessageResponse:
    """Send one message; answered when it is on disk."""
    namespace, name = locate_queue(call, request.queue_url)
    queue = call.broker.queues.get(namespace, name)
    message, system, _ = _to_message(call, queue, request)
    delay_s = queue.delay_s if request.delay_seconds is None else request.delay_seconds
    (message_id,) = await call.broker.queues.send(namespace, name, [(message, delay_s)])
    return SendMessageResponse(
        md5_of_message_body=message.md5.hex(),
        message_id=uuid_text(message_id),
        md5_of_message_attributes=md5_of(message.attributes),
        md5_of_message_system_attributes=md5_of(system),
    )


def _to_message(
    call: Call, queue: Queue, new: _NewMessage, *, in_batch: bool = False
) -> tuple[Message, Attributes, int]:
    """The message, its system attributes as given, and its size in bytes."""
    body = new.message_body
    check_body(body)
    if new.delay_seconds is not None:
        check_delay(new.delay_seconds)
    if new.message_deduplication_id is not None:
        raise InvalidParameter(
            f"Value {new.message_deduplication_id} for parameter MessageDeduplicationId is "
            "invalid. Reason: The request include parameter that is not valid for this queue type."
        )
    attributes = to_attributes(new.message_attributes)
    system = to_attributes_of_system(new.message_system_attributes)
    size = len(body) if body.isascii() else len(body.encode())
    if attributes:
        size += attributes_bytes(attributes)
    check_size(size, queue.maximum_message_size, in_batch=in_batch)
    kept = {"SenderId": call.namespace.account}
    for name, value in system.items():
        kept[name] = value.string_value or ""
    return messages.message(body, attributes, kept), system, size


def to_attributes_of_system(given: Mapping[str, MessageAttributeValue] | None) -> Attributes:
    """The attributes, checked; only AWSTraceHeader is known.

    Raises: InvalidParameter, InvalidMessageContents.
    """
    if not given:
        return {}
    for name, value in given.items():
        if name != "AWSTraceHeader" or value.data_type != "String":
            raise InvalidParameter(f"Message system attribute name '{name}' is invalid.")
    return to_attributes(given)


class SendMessageBatchRequestEntry(_NewMessage, kw_only=True):
    id: str


class SendMessageBatchRequest(Members, kw_only=True):
    query_names: ClassVar = {"Entries": "SendMessageBatchRequestEntry"}
    queue_url: str
    entries: list[SendMessageBatchRequestEntry] = msgspec.field(default_factory=list)


class SendMessageBatchResultEntry(SendMessageResponse, kw_only=True):
    id: str


class SendMessageBatchResponse(Members, kw_only=True):
    query_names: ClassVar = {
        "Successful": "SendMessageBatchResultEntry",
        "Failed": "BatchResultErrorEntry",
    }
    successful: list[SendMessageBatchResultEntry] | None = None
    failed: list[BatchResultErrorEntry] | None = None


@sqs.action("SendMessageBatch", SendMessageBatchRequest)
async def send_message_batch(
    call: Call, request: SendMessageBatchRequest
) -> SendMessageBatchResponse:
    """Send up to ten messages; each is refused or stored for itself."""
    namespace, name = locate_queue(call, request.queue_url)
    queue = call.broker.queues.get(namespace, name)
    check_batch(request.entries, "SendMessageBatchRequestEntry")
    accepted: list[tuple[str, Message, Attributes, int]] = []
    failed: list[BatchResultErrorEntry] = []
    total_bytes = 0
    for entry in request.entries:
        try:
            message, system, size = _to_message(call, queue, entry, in_batch=True)
        except BrokerError as error:
            if isinstance(error, MessageTooLong):
                total_bytes += error.details["size_bytes"]
            failed.append(failed_entry(entry.id, error))
            continue
        total_bytes += size
        delay_s = queue.delay_s if entry.delay_seconds is None else entry.delay_seconds
        accepted.append((entry.id, message, system, delay_s))
    if total_bytes > BATCH_BYTES_MAX:
        raise BatchTooLong(
            f"Batch requests cannot be longer than {BATCH_BYTES_MAX} bytes. "
            f"You have sent {total_bytes} bytes."
        )
    successful = []
    if accepted:
        sent = [(message, delay_s) for _, message, _, delay_s in accepted]
        message_ids = await call.broker.queues.send(namespace, name, sent)
        successful = [
            SendMessageBatchResultEntry(
                id=entry_id,
                message_id=uuid_text(message_id),
                md5_of_message_body=message.md5.hex(),
                md5_of_message_attributes=md5_of(message.attributes),
                md5_of_message_system_attributes=md5_of(system),
            )
            for (entry_id, message, system, _), message_id in zip(
                accepted, message_ids, strict=True
            )
        ]
    return SendMessageBatchResponse(successful=successful or None, failed=failed or None)
