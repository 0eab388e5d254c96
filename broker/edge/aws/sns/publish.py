"""SNS actions that publish: one message, or up to ten"""

import re

import msgspec

from broker.core.errors import (
    BatchEntryIdsNotDistinct,
    BatchTooLong,
    BrokerError,
    EmptyBatch,
    InvalidBatchEntryId,
    InvalidParameter,
    MessageTooLong,
    TooManyEntriesInBatch,
    TopicDoesNotExist,
)
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import BATCH_ENTRIES_MAX, SUBJECT_CHARS_MAX
from broker.core.message import Attributes
from broker.core.names import Namespace
from broker.core.resources import Topic
from broker.edge.aws.message_attributes import attributes_bytes, check_characters
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.sns.message_attributes import PublishAttributeValue, published_attributes
from broker.edge.aws.sns.service import locate_topic, sns

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


class _NewMessage(Members, kw_only=True):
    """What a single publish and a batch entry have in common."""

    message: str
    subject: str | None = None
    message_structure: str | None = None
    message_attributes: dict[str, PublishAttributeValue] | None = None
    message_deduplication_id: Refused = None
    message_group_id: Refused = None


class PublishRequest(_NewMessage, kw_only=True):
    topic_arn: str | None = None
    target_arn: str | None = None
    phone_number: Refused = None


class PublishResponse(Members, kw_only=True):
    message_id: str


@sns.action("Publish", PublishRequest)
async def publish(call: Call, request: PublishRequest) -> PublishResponse:
    """Publish one message; answered when every subscribed queue has it on disk."""
    namespace, topic = _topic(call, request)
    return PublishResponse(message_id=await _publish(call, namespace, topic, request))


def _topic(call: Call, request: PublishRequest) -> tuple[Namespace, Topic]:
    """The topic that one of the two ARNs names."""
    topic_arn = request.topic_arn or request.target_arn
    if not topic_arn or (request.topic_arn and request.target_arn):
        reason = "only one may be given" if topic_arn else "no value for required parameter"
        raise InvalidParameter(f"Invalid parameter: TopicArn or TargetArn Reason: {reason}")
    namespace, name = locate_topic(call, topic_arn)
    try:
        return namespace, call.broker.topics.get(namespace, name)
    except TopicDoesNotExist:
        if request.topic_arn:
            raise
        raise InvalidParameter(
            "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified"
        ) from None


async def _publish(call: Call, namespace: Namespace, topic: Topic, new: _NewMessage) -> str:
    attributes, _ = _checked(topic, new)
    return await call.broker.topics.publish(
        namespace, topic.name, new.message, new.subject, attributes, _by_protocol(new)
    )


def _checked(topic: Topic, new: _NewMessage) -> tuple[Attributes, int]:
    """The message's attributes, and its size in bytes."""
    if not new.message:
        raise InvalidParameter("Invalid parameter: Empty message")
    check_characters(new.message)  # a raw delivery is an SQS message as it stands
    subject = new.subject
    if subject is not None and not (
        0 < len(subject) <= SUBJECT_CHARS_MAX and subject.isascii() and subject.isprintable()
    ):
        raise InvalidParameter("Invalid parameter: Subject")
    if new.message_structure not in (None, "json"):
        raise InvalidParameter("Invalid parameter: MessageStructure")
    attributes = published_attributes(new.message_attributes)
    size = len(new.message.encode()) + attributes_bytes(attributes)
    if size > topic.maximum_message_size:
        raise MessageTooLong("Invalid parameter: Message too long")
    return attributes, size


def _by_protocol(new: _NewMessage) -> dict[str, str] | None:
    if new.message_structure is None:
        return None
    where = "Invalid parameter: Message Structure - "
    try:
        document = parse_json(new.message)
    except InvalidJson:
        document = None
    if not isinstance(document, dict):
        raise InvalidParameter(where + "JSON message body failed to parse")
    texts = {key: value for key, value in document.items() if isinstance(value, str)}
    if "default" not in texts:
        raise InvalidParameter(where + "No default entry in JSON message body")
    return texts


class PublishBatchRequestEntry(_NewMessage, kw_only=True):
    id: str


class PublishBatchRequest(Members, kw_only=True):
    topic_arn: str
    publish_batch_request_entries: list[PublishBatchRequestEntry] = msgspec.field(
        default_factory=list
    )


class PublishBatchResultEntry(Members, kw_only=True):
    id: str
    message_id: str


class BatchResultErrorEntry(Members, kw_only=True):
    id: str
    code: str
    message: str
    sender_fault: bool


class PublishBatchResponse(Members, kw_only=True):
    successful: list[PublishBatchResultEntry]
    failed: list[BatchResultErrorEntry]


@sns.action("PublishBatch", PublishBatchRequest)
async def publish_batch(call: Call, request: PublishBatchRequest) -> PublishBatchResponse:
    """Publish up to ten messages; each is refused or delivered for itself."""
    namespace, name = locate_topic(call, request.topic_arn)
    topic = call.broker.topics.get(namespace, name)
    entries = request.publish_batch_request_entries
    _check_batch(topic, entries)
    successful: list[PublishBatchResultEntry] = []
    failed: list[BatchResultErrorEntry] = []
    for entry in entries:
        try:
            message_id = await _publish(call, namespace, topic, entry)
        except BrokerError as error:
            wire = sns.wire(error)
            failed.append(
                BatchResultErrorEntry(
                    id=entry.id,
                    code=wire.query_code,
                    message=error.message,
                    sender_fault=wire.status < 500,
                )
            )
        else:
            successful.append(PublishBatchResultEntry(id=entry.id, message_id=message_id))
    return PublishBatchResponse(successful=successful, failed=failed)


def _check_batch(topic: Topic, entries: list[PublishBatchRequestEntry]) -> None:
    if not entries:
        raise EmptyBatch("The batch request doesn't contain any entries.")
    if len(entries) > BATCH_ENTRIES_MAX:
        raise TooManyEntriesInBatch("The batch request contains more entries than permissible.")
    for entry in entries:
        if len(entry.id) > 80:
            raise InvalidBatchEntryId(
                f"The Id of a batch entry in the batch request is too long: {entry.id}"
            )
        if not _ENTRY_ID.fullmatch(entry.id):
            raise InvalidBatchEntryId(
                "The Id of a batch entry in the batch request contains an impermissible "
                f"character: {entry.id}"
            )
    if len({entry.id for entry in entries}) < len(entries):
        raise BatchEntryIdsNotDistinct("Two or more batch entries in the request have the same Id.")
    if sum(len(entry.message.encode()) for entry in entries) > topic.maximum_message_size:
        raise BatchTooLong("The length of all the messages put together is more than the limit.")
