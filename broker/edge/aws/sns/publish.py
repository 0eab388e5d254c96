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
from broker.core.limits import BATCH_ENTRIES_MAX, MESSAGE_GROUP_ID_CHARS_MAX, SUBJECT_CHARS_MAX
from broker.core.names import MESSAGE_GROUP_ID, Namespace
from broker.core.publication import Publication, check_publication
from broker.core.resources import Topic
from broker.core.system_attributes import sequence_number
from broker.edge.aws.message_attributes import attributes_bytes, check_characters
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.sns.message_attributes import PublishAttributeValue, published_attributes
from broker.edge.aws.sns.service import locate_topic, sns
from broker.runtime.topics import PublishedMessage

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


class _NewMessage(Members, kw_only=True):
    """What a single publish and a batch entry have in common."""

    message: str
    subject: str | None = None
    message_structure: str | None = None
    message_attributes: dict[str, PublishAttributeValue] | None = None
    message_deduplication_id: str | None = None
    message_group_id: str | None = None


class PublishRequest(_NewMessage, kw_only=True):
    topic_arn: str | None = None
    target_arn: str | None = None
    phone_number: Refused = None


class PublishResponse(Members, kw_only=True):
    message_id: str
    sequence_number: str | None = None


@sns.action("Publish", PublishRequest)
async def publish(call: Call, request: PublishRequest) -> PublishResponse:
    """Publish one message; answered when every subscribed queue has it on disk."""
    namespace, topic = _topic(call, request)
    publication, _ = _checked(call, topic, request)
    published = await call.broker.topics.publish(namespace, topic.name, publication)
    return PublishResponse(
        message_id=published.message_id, sequence_number=_sequence_number(published)
    )


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


def _sequence_number(published: PublishedMessage) -> str | None:
    return None if published.sequence is None else sequence_number(published.sequence)


def _checked(call: Call, topic: Topic, new: _NewMessage) -> tuple[Publication, int]:
    """The message, checked, and its size in bytes."""
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
    publication = Publication(
        message=new.message,
        subject=subject,
        attributes=attributes,
        by_protocol=_by_protocol(new),
        group=_id("MessageGroupId", new.message_group_id),
        deduplication_id=_id("MessageDeduplicationId", new.message_deduplication_id),
        trace_header=call.request.trace_header,
    )
    check_publication(topic, publication)
    return publication, size


def _id(name: str, given: str | None) -> str | None:
    if given is not None and not MESSAGE_GROUP_ID.fullmatch(given):
        raise InvalidParameter(
            f"Invalid parameter: {name} Reason: it can have 1 to {MESSAGE_GROUP_ID_CHARS_MAX} "
            "letters, digits and punctuation characters of ASCII"
        )
    return given


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
    sequence_number: str | None = None


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
    outcomes: dict[str, PublishedMessage | BrokerError] = {}
    publications: dict[str, Publication] = {}
    for entry in entries:
        try:
            publications[entry.id], _ = _checked(call, topic, entry)
        except BrokerError as error:
            outcomes[entry.id] = error
    published = await call.broker.topics.publish_each(namespace, name, list(publications.values()))
    outcomes |= zip(publications, published, strict=True)
    return PublishBatchResponse(
        successful=[
            PublishBatchResultEntry(
                id=entry_id,
                message_id=outcome.message_id,
                sequence_number=_sequence_number(outcome),
            )
            for entry_id, outcome in outcomes.items()
            if isinstance(outcome, PublishedMessage)
        ],
        failed=[
            _failed(entry_id, outcome)
            for entry_id, outcome in outcomes.items()
            if isinstance(outcome, BrokerError)
        ],
    )


def _failed(entry_id: str, error: BrokerError) -> BatchResultErrorEntry:
    wire = sns.wire(error)
    return BatchResultErrorEntry(
        id=entry_id,
        code=wire.query_code,
        message=error.message,
        sender_fault=wire.status < 500,
    )


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
    if topic.fifo and any(entry.message_group_id is None for entry in entries):
        raise InvalidParameter(
            "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
        )
    if sum(len(entry.message.encode()) for entry in entries) > topic.maximum_message_size:
        raise BatchTooLong("The length of all the messages put together is more than the limit.")
