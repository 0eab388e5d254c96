"""SQS actions that send: one message, or up to ten"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec

from broker.core.commands import Accepted, NewMessage
from broker.core.errors import (
    BatchTooLong,
    BrokerError,
    InvalidParameter,
    MessageTooLong,
)
from broker.core.limits import BATCH_BYTES_MAX, DELAY_S_MAX
from broker.core.message import Attributes, Message, encode, md5_digest
from broker.core.names import uuid_text
from broker.core.resources import Queue
from broker.core.system_attributes import sent_by, sequence_number
from broker.core.trace_header import AWS_TRACE_HEADER
from broker.edge.aws.message_attributes import (
    MessageAttributeValue,
    attributes_bytes,
    md5_of,
    to_attributes,
)
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.sqs.batch import BatchResultErrorEntry, check_batch, failed_entry
from broker.edge.aws.sqs.message_group import (
    check_group,
    check_group_given,
    deduplication_id_of,
)
from broker.edge.aws.sqs.service import locate_queue, sqs
from broker.edge.aws.sqs.validation import check_size, checked_body, delay_of


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
    message_group_id: str | None = None


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
    sequence_number: str | None = None  # of FIFO queues


class _Sending:
    """What the messages of a request have in common; made once for all of them."""

    __slots__ = ("delay_s_max", "new_id", "queue", "system")

    def __init__(self, call: Call, queue: Queue) -> None:
        self.queue = queue
        self.system = sent_by(call.namespace, call.request.trace_header)
        self.delay_s_max = call.broker.queues.options.delay_s_max
        self.new_id = call.broker.ids.new


class _Checked(msgspec.Struct, gc=False):
    """A message that can be sent, and what is answered of it."""

    new: NewMessage
    md5_of_body: str
    attributes: Attributes | None
    system: Attributes | None  # as given, for their MD5
    size_bytes: int


@sqs.action("SendMessage", SendMessageRequest)
async def send_message(call: Call, request: SendMessageRequest) -> SendMessageResponse:
    """Send one message; answered when it is on disk."""
    namespace, name = locate_queue(call, request.queue_url)
    queue = call.broker.queues.get(namespace, name)
    check_group_given(queue, request.message_group_id)
    checked = _check(_Sending(call, queue), request)
    accepted = await call.broker.queues.send_encoded(namespace, name, [checked.new])
    first = accepted[0] if accepted else None
    return SendMessageResponse(
        md5_of_message_body=checked.md5_of_body,
        message_id=uuid_text(first.message_id if first else checked.new.message_id),
        md5_of_message_attributes=md5_of(checked.attributes),
        md5_of_message_system_attributes=md5_of(checked.system),
        sequence_number=sequence_number(first.sequence) if first else None,
    )


def _check(sending: _Sending, new: _NewMessage, *, in_batch: bool = False) -> _Checked:
    """Raises: InvalidParameter, MissingParameter, InvalidMessageContents, MessageTooLong."""
    queue = sending.queue
    body = new.message_body
    data = checked_body(body)
    size = len(data)
    delay_s = delay_of(queue, new.delay_seconds, sending.delay_s_max)
    group = new.message_group_id
    deduplication_id = None
    kept = sending.system
    if group is not None or queue.fifo or new.message_deduplication_id is not None:
        kept = dict(kept)
        if group is not None:
            check_group(group)
            kept["MessageGroupId"] = group
        deduplication_id = deduplication_id_of(queue, body, new.message_deduplication_id)
        if deduplication_id is not None:
            kept["MessageDeduplicationId"] = deduplication_id
    attributes = system = None
    if new.message_attributes:
        attributes = to_attributes(new.message_attributes)
        size += attributes_bytes(attributes)
    if new.message_system_attributes:
        system = to_attributes_of_system(new.message_system_attributes)
        kept = kept | {name: value.string_value or "" for name, value in system.items()}
    if size > queue.maximum_message_size:
        check_size(size, queue.maximum_message_size, in_batch=in_batch)
    md5 = md5_digest(data)
    record = NewMessage(
        sending.new_id(),
        encode(Message(body, md5, attributes, kept)),
        delay_s * 1000,
        group,
        deduplication_id,
        delay_s > DELAY_S_MAX,
    )
    return _Checked(record, md5.hex(), attributes, system, size)


def to_attributes_of_system(given: Mapping[str, MessageAttributeValue] | None) -> Attributes:
    """The attributes, checked; only AWSTraceHeader is known.

    Raises: InvalidParameter, InvalidMessageContents.
    """
    if not given:
        return {}
    for name, value in given.items():
        if name != AWS_TRACE_HEADER or value.data_type != "String":
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
    for entry in request.entries:
        check_group_given(queue, entry.message_group_id)
    sending = _Sending(call, queue)
    good: list[tuple[str, _Checked]] = []
    failed: list[BatchResultErrorEntry] = []
    total_bytes = 0
    for entry in request.entries:
        try:
            checked = _check(sending, entry, in_batch=True)
        except BrokerError as error:
            if isinstance(error, MessageTooLong):
                total_bytes += error.details["size_bytes"]
            failed.append(failed_entry(entry.id, error))
            continue
        total_bytes += checked.size_bytes
        good.append((entry.id, checked))
    if total_bytes > BATCH_BYTES_MAX:
        raise BatchTooLong(
            f"Batch requests cannot be longer than {BATCH_BYTES_MAX} bytes. "
            f"You have sent {total_bytes} bytes."
        )
    successful = []
    if good:
        sent = [checked.new for _, checked in good]
        accepted: Sequence[Accepted | None] | None
        accepted = await call.broker.queues.send_encoded(namespace, name, sent)
        if accepted is None:
            accepted = [None] * len(sent)
        successful = [
            SendMessageBatchResultEntry(
                id=entry_id,
                md5_of_message_body=checked.md5_of_body,
                message_id=uuid_text(one.message_id if one else checked.new.message_id),
                md5_of_message_attributes=md5_of(checked.attributes),
                md5_of_message_system_attributes=md5_of(checked.system),
                sequence_number=sequence_number(one.sequence) if one else None,
            )
            for (entry_id, checked), one in zip(good, accepted, strict=True)
        ]
    return SendMessageBatchResponse(successful=successful or None, failed=failed or None)
