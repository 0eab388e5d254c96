"""SQS actions on messages: send, receive, delete, change visibility, and their batches"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, TypeVar

import msgspec

from broker.core import message as messages
from broker.core.commands import Received, VisibilityChange
from broker.core.errors import (
    BatchEntryIdsNotDistinct,
    BatchTooLong,
    BrokerError,
    EmptyBatch,
    InvalidBatchEntryId,
    InvalidParameter,
    MessageNotInFlight,
    MessageTooLong,
    ReceiptHandleIsInvalid,
    TooManyEntriesInBatch,
)
from broker.core.limits import (
    BATCH_BYTES_MAX,
    BATCH_ENTRIES_MAX,
    RECEIVE_COUNT_MAX,
    VISIBILITY_TIMEOUT_S_MAX,
    WAIT_TIME_S_MAX,
)
from broker.core.message import Attributes, Message, md5_of_attributes
from broker.core.names import uuid_text
from broker.core.resources import Queue
from broker.edge.aws.message_attributes import (
    MessageAttributeValue,
    attributes_bytes,
    to_attributes,
)
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.sqs.service import locate_queue, sqs
from broker.edge.aws.sqs.validation import check_body, check_delay, check_size

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


# Send


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
        md5_of_message_attributes=_md5(message.attributes),
        md5_of_message_system_attributes=_md5(system),
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


class BatchResultErrorEntry(Members, kw_only=True):
    id: str
    sender_fault: bool
    code: str
    message: str


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
    _check_batch(request.entries, "SendMessageBatchRequestEntry")
    accepted: list[tuple[str, Message, Attributes, int]] = []
    failed: list[BatchResultErrorEntry] = []
    total_bytes = 0
    for entry in request.entries:
        try:
            message, system, size = _to_message(call, queue, entry, in_batch=True)
        except BrokerError as error:
            if isinstance(error, MessageTooLong):
                total_bytes += error.details["size_bytes"]
            failed.append(_failed(entry.id, error))
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
                md5_of_message_attributes=_md5(message.attributes),
                md5_of_message_system_attributes=_md5(system),
            )
            for (entry_id, message, system, _), message_id in zip(
                accepted, message_ids, strict=True
            )
        ]
    return SendMessageBatchResponse(successful=successful or None, failed=failed or None)


# Receive


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
    receive_request_attempt_id: Refused = None


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
        raise _out_of_range("MaxNumberOfMessages", count, "Must be between 1 and 10, if provided.")
    wait_s = request.wait_time_seconds
    if wait_s is None:
        wait_s = queue.receive_wait_time_s
    if not 0 <= wait_s <= WAIT_TIME_S_MAX:
        raise _out_of_range("WaitTimeSeconds", wait_s, "Must be >= 0 and <= 20, if provided.")
    timeout_s = request.visibility_timeout
    if timeout_s is None:
        timeout_s = queue.visibility_timeout_s
    _check_visibility_timeout(timeout_s)
    if wait_s:
        with call.request.long_poll():
            received = await call.broker.queues.receive(namespace, name, count, timeout_s, wait_s)
    else:
        received = await call.broker.queues.receive(namespace, name, count, timeout_s)
    system_names = {*request.attribute_names, *request.message_system_attribute_names}
    return ReceiveMessageResponse(
        messages=[
            _to_received_message(call, one, system_names, request.message_attribute_names)
            for one in received
        ]
        or None
    )


def _to_received_message(
    call: Call, received: Received, system_names: set[str], attribute_names: list[str]
) -> ReceivedMessage:
    message = messages.rendered(messages.decode(received.body), received.via, call.origin)
    attributes = {
        name: value
        for name, value in (message.attributes or {}).items()
        if _is_wanted(name, attribute_names)
    }
    return ReceivedMessage(
        message_id=uuid_text(received.message_id),
        receipt_handle=base64.b64encode(received.receipt_handle).decode(),
        md5_of_body=message.md5.hex(),
        body=message.body,
        attributes=_system_attributes(received, message, system_names) or None,
        md5_of_message_attributes=_md5(attributes),
        message_attributes={
            name: MessageAttributeValue(
                data_type=a.data_type, string_value=a.string_value, binary_value=a.binary_value
            )
            for name, a in attributes.items()
        }
        or None,
    )


def _system_attributes(received: Received, message: Message, names: set[str]) -> dict[str, str]:
    if not names:
        return {}
    every = {
        "SentTimestamp": str(received.sent_at_ms),
        "ApproximateReceiveCount": str(received.receive_count),
        "ApproximateFirstReceiveTimestamp": str(received.first_received_at_ms),
        **(message.system_attributes or {}),
    }
    if received.dead_letter_source_arn is not None:
        every["DeadLetterQueueSourceArn"] = received.dead_letter_source_arn
    if "All" in names:
        return every
    return {name: value for name, value in every.items() if name in names}


def _is_wanted(name: str, patterns: list[str]) -> bool:
    for pattern in patterns:
        if pattern in ("All", ".*", "*") or pattern == name:
            return True
        if pattern.endswith(".*") and name.startswith(pattern[:-1]):
            return True
    return False


# Delete, change visibility


class DeleteMessageRequest(Members, kw_only=True):
    queue_url: str
    receipt_handle: str


@sqs.action("DeleteMessage", DeleteMessageRequest)
async def delete_message(call: Call, request: DeleteMessageRequest) -> None:
    """Delete one received message."""
    namespace, name = locate_queue(call, request.queue_url)
    handle = _handle(request.receipt_handle)
    (result,) = await call.broker.queues.delete_messages(namespace, name, [handle])
    if result is not None:
        raise _handle_error(result, request.receipt_handle)


class DeleteMessageBatchRequestEntry(Members, kw_only=True):
    id: str
    receipt_handle: str


class DeleteMessageBatchRequest(Members, kw_only=True):
    query_names: ClassVar = {"Entries": "DeleteMessageBatchRequestEntry"}
    queue_url: str
    entries: list[DeleteMessageBatchRequestEntry] = msgspec.field(default_factory=list)


class BatchResultEntry(Members, kw_only=True):
    id: str


class DeleteMessageBatchResponse(Members, kw_only=True):
    query_names: ClassVar = {
        "Successful": "DeleteMessageBatchResultEntry",
        "Failed": "BatchResultErrorEntry",
    }
    successful: list[BatchResultEntry] | None = None
    failed: list[BatchResultErrorEntry] | None = None


@sqs.action("DeleteMessageBatch", DeleteMessageBatchRequest)
async def delete_message_batch(
    call: Call, request: DeleteMessageBatchRequest
) -> DeleteMessageBatchResponse:
    """Delete up to ten received messages."""
    _check_batch(request.entries, "DeleteMessageBatchRequestEntry")
    namespace, name = locate_queue(call, request.queue_url)
    handles = [_handle_bytes(entry.receipt_handle) for entry in request.entries]
    results = await call.broker.queues.delete_messages(namespace, name, handles)
    successful, failed = _batch_outcome(request.entries, results)
    return DeleteMessageBatchResponse(successful=successful, failed=failed)


class ChangeMessageVisibilityRequest(Members, kw_only=True):
    queue_url: str
    receipt_handle: str
    visibility_timeout: int


@sqs.action("ChangeMessageVisibility", ChangeMessageVisibilityRequest)
async def change_message_visibility(call: Call, request: ChangeMessageVisibilityRequest) -> None:
    """Hide a received message until so long from now."""
    _check_visibility_timeout(request.visibility_timeout)
    change = VisibilityChange(_handle(request.receipt_handle), request.visibility_timeout * 1000)
    namespace, name = locate_queue(call, request.queue_url)
    (result,) = await call.broker.queues.change_visibility(namespace, name, [change])
    if result is not None:
        raise _handle_error(result, request.receipt_handle)


class ChangeMessageVisibilityBatchRequestEntry(Members, kw_only=True):
    id: str
    receipt_handle: str
    visibility_timeout: int = 0


class ChangeMessageVisibilityBatchRequest(Members, kw_only=True):
    query_names: ClassVar = {"Entries": "ChangeMessageVisibilityBatchRequestEntry"}
    queue_url: str
    entries: list[ChangeMessageVisibilityBatchRequestEntry] = msgspec.field(default_factory=list)


class ChangeMessageVisibilityBatchResponse(Members, kw_only=True):
    query_names: ClassVar = {
        "Successful": "ChangeMessageVisibilityBatchResultEntry",
        "Failed": "BatchResultErrorEntry",
    }
    successful: list[BatchResultEntry] | None = None
    failed: list[BatchResultErrorEntry] | None = None


@sqs.action("ChangeMessageVisibilityBatch", ChangeMessageVisibilityBatchRequest)
async def change_message_visibility_batch(
    call: Call, request: ChangeMessageVisibilityBatchRequest
) -> ChangeMessageVisibilityBatchResponse:
    """Hide up to ten received messages until so long from now."""
    _check_batch(request.entries, "ChangeMessageVisibilityBatchRequestEntry")
    namespace, name = locate_queue(call, request.queue_url)
    call.broker.queues.get(namespace, name)
    failed: list[BatchResultErrorEntry] = []
    accepted: list[ChangeMessageVisibilityBatchRequestEntry] = []
    for entry in request.entries:
        try:
            _check_visibility_timeout(entry.visibility_timeout)
        except BrokerError as error:
            failed.append(_failed(entry.id, error))
        else:
            accepted.append(entry)
    changes = [
        VisibilityChange(_handle_bytes(entry.receipt_handle), entry.visibility_timeout * 1000)
        for entry in accepted
    ]
    results = (
        await call.broker.queues.change_visibility(namespace, name, changes) if changes else []
    )
    successful, refused = _batch_outcome(accepted, results)
    return ChangeMessageVisibilityBatchResponse(
        successful=successful, failed=[*failed, *(refused or [])] or None
    )


# Helpers of several actions


class _Identified(Protocol):
    id: str


class _WithHandle(_Identified, Protocol):
    receipt_handle: str


E = TypeVar("E", bound=_WithHandle)


def _check_batch(entries: Sequence[_Identified], entry_name: str) -> None:
    if not entries:
        raise EmptyBatch(f"There should be at least one {entry_name} in the request.")
    if len(entries) > BATCH_ENTRIES_MAX:
        raise TooManyEntriesInBatch(
            f"Maximum number of entries per request are {BATCH_ENTRIES_MAX}. "
            f"You have sent {len(entries)}."
        )
    seen = set()
    for entry in entries:
        if not _ENTRY_ID.fullmatch(entry.id):
            raise InvalidBatchEntryId
        if entry.id in seen:
            raise BatchEntryIdsNotDistinct(f"Id {entry.id} repeated.")
        seen.add(entry.id)


def _batch_outcome(
    entries: Sequence[E], results: list[str | None]
) -> tuple[list[BatchResultEntry] | None, list[BatchResultErrorEntry] | None]:
    successful, failed = [], []
    for entry, result in zip(entries, results, strict=True):
        if result is None:
            successful.append(BatchResultEntry(id=entry.id))
        else:
            failed.append(_failed(entry.id, _handle_error(result, entry.receipt_handle)))
    return successful or None, failed or None


def _failed(entry_id: str, error: BrokerError) -> BatchResultErrorEntry:
    wire = sqs.wire(error)
    return BatchResultErrorEntry(
        id=entry_id, sender_fault=wire.status < 500, code=wire.query_code, message=error.message
    )


def _handle_error(name: str, receipt_handle: str) -> BrokerError:
    if name == "ReceiptHandleIsInvalid":
        return ReceiptHandleIsInvalid(
            f'The input receipt handle "{receipt_handle}" is not a valid receipt handle.'
        )
    reason = (
        f"Total VisibilityTimeout for the message is beyond the limit "
        f"[{VISIBILITY_TIMEOUT_S_MAX} seconds]"
        if name == "VisibilityTimeoutTooLong"
        else "Message does not exist or is not available for visibility timeout change."
    )
    return MessageNotInFlight(
        f"Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: {reason}"
    )


def _handle(text: str) -> bytes:
    handle = _handle_bytes(text)
    if not handle:
        raise _handle_error("ReceiptHandleIsInvalid", text)
    return handle


def _handle_bytes(text: str) -> bytes:
    """The handle, or b"" for what can't be one: the store says so of each."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _check_visibility_timeout(timeout_s: int) -> None:
    if not 0 <= timeout_s <= VISIBILITY_TIMEOUT_S_MAX:
        raise _out_of_range(
            "VisibilityTimeout", timeout_s, "Must be between 0 and 43200, if provided."
        )


def _out_of_range(name: str, value: int, reason: str) -> InvalidParameter:
    return InvalidParameter(f"Value {value} for parameter {name} is invalid. Reason: {reason}")


def _md5(attributes: Attributes | None) -> str | None:
    return md5_of_attributes(attributes) if attributes else None
