"""/v1/topics: make, list, look at, configure, publish to and delete topics"""

from typing import Annotated, Any, Literal

import msgspec

from broker.core import errors
from broker.core.delivery_policy import parse_topic_policy
from broker.core.errors import (
    InvalidParameter,
    InvalidState,
    MessageTooLong,
    MissingParameter,
    RecordChanged,
    StoreFull,
    TopicDoesNotExist,
)
from broker.core.limits import (
    ARCHIVE_RETENTION_DAYS_MAX,
    DISPLAY_NAME_CHARS_MAX,
    MESSAGE_BYTES_MIN_SETTING,
    SUBJECT_CHARS_MAX,
    TOPIC_MESSAGE_BYTES_DEFAULT,
    TOPIC_MESSAGE_BYTES_MAX,
)
from broker.core.names import MESSAGE_GROUP_ID, TOPIC_NAME, is_fifo
from broker.core.publication import Publication, check_publication
from broker.core.replay_policy import archive_begins_ms
from broker.core.resources import Topic
from broker.edge.aws.message_attributes import attributes_bytes, check_characters
from broker.edge.native.message import Attribute, checked_attributes
from broker.edge.native.operation import Answer, Call, Result, Shape, operations
from broker.edge.native.page import Page, page_of

Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=SUBJECT_CHARS_MAX)]
Id = Annotated[str, msgspec.Meta(pattern=rf"^(?:{MESSAGE_GROUP_ID.pattern})\Z")]

_FIFO_ONLY = {
    "content_based_deduplication": False,
    "fifo_throughput_scope": "Topic",
    "archive_retention_days": None,
}


class TopicSettings(Shape, frozen=True, kw_only=True):
    """A topic's settings; those left out are the defaults."""

    display_name: Annotated[str, msgspec.Meta(max_length=DISPLAY_NAME_CHARS_MAX)] = ""
    maximum_message_size: Annotated[
        int, msgspec.Meta(ge=MESSAGE_BYTES_MIN_SETTING, le=TOPIC_MESSAGE_BYTES_MAX)
    ] = TOPIC_MESSAGE_BYTES_DEFAULT
    signature_version: Literal["1", "2"] | None = None
    delivery_policy: dict[str, Any] | None = None  # as SNS has it
    # Of FIFO topics, which are those whose names end in .fifo:
    content_based_deduplication: bool = False
    fifo_throughput_scope: Literal["Topic", "MessageGroup"] = "Topic"
    archive_retention_days: (
        Annotated[int, msgspec.Meta(ge=1, le=ARCHIVE_RETENTION_DAYS_MAX)] | None
    ) = None


class TopicDescription(Result, frozen=True, kw_only=True):
    """A topic and its settings."""

    name: str
    arn: str
    display_name: str = ""
    maximum_message_size: int
    signature_version: str | None = None
    delivery_policy: dict[str, Any] | None = None
    fifo: bool = False
    content_based_deduplication: bool = False
    fifo_throughput_scope: str = "Topic"
    archive_retention_days: int | None = None
    archive_begins_ms: int | None = None  # from when on messages are there
    subscriptions: int  # that are confirmed
    subscriptions_pending: int = 0
    declared: bool = False  # in the configuration file
    created_at_ms: int
    modified_at_ms: int


class Topics(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A page of topics; `next` is null after the last one."""

    topics: list[TopicDescription]
    next: str | None = None


@operations.add("GET", "/v1/topics", query=Page, answers={200: Topics})
async def list_topics(call: Call, query: Page) -> Topics:
    """Topics by name."""
    page, following = page_of(call.broker.topics.all(call.namespace), query)
    return Topics(topics=[_describe(call, topic) for topic in page], next=following)


@operations.add(
    "GET", "/v1/topics/{name}", answers={200: TopicDescription}, raises=(TopicDoesNotExist,)
)
async def get_topic(call: Call, name: str) -> TopicDescription:
    """One topic."""
    return _describe(call, call.broker.topics.get(call.namespace, name))


@operations.add(
    "PUT",
    "/v1/topics/{name}",
    body=TopicSettings,
    answers={200: TopicDescription, 201: TopicDescription},
    raises=(RecordChanged, StoreFull),
)
async def put_topic(call: Call, name: str, settings: TopicSettings) -> Answer:
    """Make a topic, or replace the settings of one that is there; its subscriptions stay.

    An archive that is given up loses its messages. Settings of a topic that the configuration file
    declares hold until the file is read again.
    """
    if not TOPIC_NAME.fullmatch(name):
        raise InvalidParameter(f"The name {name!r} doesn't match {TOPIC_NAME.pattern}.")
    changes = _changes(name, settings)
    topics, now_ms = call.broker.topics, call.broker.now_ms()
    try:
        current = topics.get(call.namespace, name)
    except TopicDoesNotExist:
        topic = Topic(
            name=name, fifo=is_fifo(name), created_at_ms=now_ms, modified_at_ms=now_ms, **changes
        )
        if topic.archive_retention_days is not None:
            topic = msgspec.structs.replace(topic, archive_began_ms=now_ms)
        await topics.create(call.namespace, topic)
        return Answer(201, _describe(call, topic))
    topic = msgspec.structs.replace(current, **changes)
    if (topic.archive_retention_days is None) != (current.archive_retention_days is None):
        began_ms = 0 if topic.archive_retention_days is None else now_ms
        topic = msgspec.structs.replace(topic, archive_began_ms=began_ms)
    await topics.configure(call.namespace, topic)
    return Answer(200, _describe(call, topics.get(call.namespace, name)))


@operations.add(
    "DELETE",
    "/v1/topics/{name}",
    answers={204: None},
    raises=(TopicDoesNotExist, InvalidState, StoreFull),
)
async def delete_topic(call: Call, name: str) -> None:
    """Delete the topic with its subscriptions; not while it has an archive."""
    call.broker.topics.get(call.namespace, name)
    await call.broker.topics.delete(call.namespace, name)


def _changes(name: str, settings: TopicSettings) -> dict[str, Any]:
    """What the settings say, as members of the resource. Raises: InvalidParameter."""
    changes = msgspec.structs.asdict(settings)
    if not is_fifo(name):
        for setting, default in _FIFO_ONLY.items():
            if changes[setting] != default:
                raise InvalidParameter(f"{setting} is for FIFO topics, whose names end in .fifo.")
    if settings.delivery_policy is not None:
        text = msgspec.json.encode(settings.delivery_policy).decode()
        parse_topic_policy(text)
        changes["delivery_policy"] = text
    return changes


def _describe(call: Call, topic: Topic) -> TopicDescription:
    counts = call.broker.subscriptions.counts(call.namespace, topic.name)
    policy = topic.delivery_policy
    return TopicDescription(
        name=topic.name,
        arn=call.namespace.arn("sns", topic.name),
        display_name=topic.display_name,
        maximum_message_size=topic.maximum_message_size,
        signature_version=topic.signature_version,
        delivery_policy=msgspec.json.decode(policy) if policy is not None else None,
        fifo=topic.fifo,
        content_based_deduplication=topic.content_based_deduplication,
        fifo_throughput_scope=topic.fifo_throughput_scope,
        archive_retention_days=topic.archive_retention_days,
        archive_begins_ms=archive_begins_ms(topic, call.broker.now_ms()),
        subscriptions=counts["confirmed"],
        subscriptions_pending=counts["pending"],
        declared=topic.declared,
        created_at_ms=topic.created_at_ms,
        modified_at_ms=topic.modified_at_ms,
    )


class NewPublication(Shape, frozen=True, kw_only=True):
    """A message for all subscriptions of a topic."""

    message: Annotated[str, msgspec.Meta(description="Text; not empty.")]
    subject: Subject | None = None
    attributes: dict[str, Attribute] | None = None
    message_group_id: Annotated[
        Id | None,
        msgspec.Meta(description="Required on FIFO topics. On others, the tenant in fair queues."),
    ] = None
    message_deduplication_id: Annotated[
        Id | None, msgspec.Meta(description="On FIFO topics; by default from the message.")
    ] = None


class Published(Result, frozen=True, kw_only=True):
    """A publish whose deliveries are all on disk."""

    message_id: str
    sequence_number: int | None = None  # of a FIFO topic


@operations.add(
    "POST",
    "/v1/topics/{name}/publish",
    body=NewPublication,
    answers={200: Published},
    raises=(TopicDoesNotExist, MessageTooLong, errors.LimitExceeded, StoreFull),
)
async def publish_message(call: Call, name: str, new: NewPublication) -> Published:
    """Publish to every subscription, all or none; answered when all of it is on disk."""
    topic = call.broker.topics.get(call.namespace, name)
    publication = to_publication(topic, new, call.request.trace_header)
    published = await call.broker.topics.publish(call.namespace, name, publication)
    return Published(message_id=published.message_id, sequence_number=published.sequence)


def to_publication(topic: Topic, new: NewPublication, trace_header: str | None) -> Publication:
    """The publication, checked.

    Raises: MissingParameter, InvalidMessageContents, InvalidParameter, MessageTooLong.
    """
    if not new.message:
        raise MissingParameter("The message must not be empty.")
    check_characters(new.message)
    if new.subject is not None:
        check_characters(new.subject)
    attributes = checked_attributes(new.attributes)
    size = len(new.message.encode()) + attributes_bytes(attributes)
    if size > topic.maximum_message_size:
        raise MessageTooLong(
            f"The message has {size} bytes with its attributes, "
            f"more than the {topic.maximum_message_size} that the topic allows."
        )
    publication = Publication(
        message=new.message,
        subject=new.subject,
        attributes=attributes,
        group=new.message_group_id,
        deduplication_id=new.message_deduplication_id,
        trace_header=trace_header,
    )
    check_publication(topic, publication)
    return publication
