"""tags of topics: their rules, and the SNS actions on them"""

from collections.abc import Sequence

import msgspec

from broker.core.errors import InvalidParameter, ResourceNotFound, TopicDoesNotExist
from broker.core.limits import TAG_KEY_CHARS_MAX, TAG_VALUE_CHARS_MAX, TAGS_MAX
from broker.core.names import Namespace
from broker.core.resources import Topic
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sns.service import TagLimitExceeded, locate_topic, sns

_RESERVED = "aws:"


class Tag(Members, kw_only=True):
    key: str
    value: str


def checked_tags(tags: Sequence[Tag]) -> dict[str, str]:
    """The tags by key. Raises: InvalidParameter, TagLimitExceeded.

    Source: SNS API, TagResource; the texts on lengths and the prefix are our own.
    """
    by_key = {tag.key: tag.value for tag in tags}
    if len(by_key) < len(tags):
        raise InvalidParameter("Invalid parameter: Duplicated keys are not allowed.")
    for key, value in by_key.items():
        if not 1 <= len(key) <= TAG_KEY_CHARS_MAX or len(value) > TAG_VALUE_CHARS_MAX:
            raise InvalidParameter(
                f"Invalid parameter: Tags Reason: a key has 1 to {TAG_KEY_CHARS_MAX} characters, "
                f"a value up to {TAG_VALUE_CHARS_MAX}"
            )
        if key.lower().startswith(_RESERVED):
            raise InvalidParameter(f"Invalid parameter: Tags Reason: {_RESERVED} is reserved")
    check_count(by_key)
    return by_key


def check_count(tags: dict[str, str]) -> None:
    """Raises: TagLimitExceeded."""
    if len(tags) > TAGS_MAX:
        raise TagLimitExceeded("Could not complete request: tag quota of per resource exceeded")


class TagResourceRequest(Members, kw_only=True):
    resource_arn: str
    tags: list[Tag] = msgspec.field(default_factory=list)


class NoMembers(Members, kw_only=True):
    """A result that is there, and empty."""


@sns.action("TagResource", TagResourceRequest)
async def tag_resource(call: Call, request: TagResourceRequest) -> NoMembers:
    """Add tags; one that has its key already gets the new value."""
    namespace, topic = topic_of(call, request.resource_arn)
    tags = {**topic.tags, **checked_tags(request.tags)}
    check_count(tags)
    await call.broker.topics.configure(namespace, msgspec.structs.replace(topic, tags=tags))
    return NoMembers()


class UntagResourceRequest(Members, kw_only=True):
    resource_arn: str
    tag_keys: list[str] = msgspec.field(default_factory=list)


@sns.action("UntagResource", UntagResourceRequest)
async def untag_resource(call: Call, request: UntagResourceRequest) -> NoMembers:
    """Remove tags; keys that no tag has are no error."""
    namespace, topic = topic_of(call, request.resource_arn)
    tags = {key: value for key, value in topic.tags.items() if key not in request.tag_keys}
    await call.broker.topics.configure(namespace, msgspec.structs.replace(topic, tags=tags))
    return NoMembers()


class ResourceArnRequest(Members, kw_only=True):
    resource_arn: str


class ListTagsForResourceResponse(Members, kw_only=True):
    tags: list[Tag]


@sns.action("ListTagsForResource", ResourceArnRequest)
async def list_tags_for_resource(
    call: Call, request: ResourceArnRequest
) -> ListTagsForResourceResponse:
    """A topic's tags."""
    _, topic = topic_of(call, request.resource_arn)
    return ListTagsForResourceResponse(
        tags=[Tag(key=key, value=value) for key, value in topic.tags.items()]
    )


def topic_of(call: Call, resource_arn: str) -> tuple[Namespace, Topic]:
    """The topic with this ARN. Raises: InvalidParameter, ResourceNotFound."""
    namespace, name = locate_topic(call, resource_arn)
    try:
        return namespace, call.broker.topics.get(namespace, name)
    except TopicDoesNotExist:
        raise ResourceNotFound("Resource does not exist") from None
