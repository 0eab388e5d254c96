"""/v1/topics: list them, publish to one"""

from typing import Annotated

import msgspec

from broker.core import errors
from broker.core.errors import MessageTooLong, MissingParameter, StoreFull, TopicDoesNotExist
from broker.core.limits import SUBJECT_CHARS_MAX
from broker.core.message import Attributes
from broker.core.resources import Topic
from broker.edge.aws.message_attributes import attributes_bytes, check_characters
from broker.edge.native.message import Attribute, checked_attributes
from broker.edge.native.operation import Call, Result, Shape, operations
from broker.edge.native.page import Page, page_of

Subject = Annotated[str, msgspec.Meta(min_length=1, max_length=SUBJECT_CHARS_MAX)]


class TopicDescription(Result, frozen=True, kw_only=True):
    """A topic."""

    name: str
    arn: str
    display_name: str = ""
    subscriptions: int
    declared: bool = False  # in the configuration file


class Topics(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A page of topics; `next` is null after the last one."""

    topics: list[TopicDescription]
    next: str | None = None


@operations.add("GET", "/v1/topics", query=Page, answers={200: Topics})
async def list_topics(call: Call, query: Page) -> Topics:
    """Topics by name."""
    page, following = page_of(call.broker.topics.all(call.namespace), query)
    return Topics(topics=[_describe(call, topic) for topic in page], next=following)


def _describe(call: Call, topic: Topic) -> TopicDescription:
    return TopicDescription(
        name=topic.name,
        arn=call.namespace.arn("sns", topic.name),
        display_name=topic.display_name,
        subscriptions=len(call.broker.topics.subscriptions(call.namespace, topic.name)),
        declared=topic.declared,
    )


class Publication(Shape, frozen=True, kw_only=True):
    """A message for all subscriptions of a topic."""

    message: Annotated[str, msgspec.Meta(description="Text; not empty.")]
    subject: Subject | None = None
    attributes: dict[str, Attribute] | None = None


class Published(Result, frozen=True, kw_only=True):
    """A publish whose deliveries are all on disk."""

    message_id: str


@operations.add(
    "POST",
    "/v1/topics/{name}/publish",
    body=Publication,
    answers={200: Published},
    raises=(TopicDoesNotExist, MessageTooLong, errors.LimitExceeded, StoreFull),
)
async def publish_message(call: Call, name: str, new: Publication) -> Published:
    """Publish to every subscription, all or none; answered when all of it is on disk."""
    topic = call.broker.topics.get(call.namespace, name)
    attributes = check_publication(topic, new)
    message_id = await call.broker.topics.publish(
        call.namespace, name, new.message, new.subject, attributes
    )
    return Published(message_id=message_id)


def check_publication(topic: Topic, new: Publication) -> Attributes:
    """The attributes, checked with the rest.

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
    return attributes
