"""SNS actions on topics: create, find, list, delete"""

from typing import ClassVar

from broker.core.errors import InvalidParameter, NotSupported, RecordChanged, TopicDoesNotExist
from broker.core.names import TOPIC_NAME, Namespace
from broker.core.resources import Topic
from broker.edge.aws.paging import page_of
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.sns.service import locate_topic, sns


class Tag(Members, kw_only=True):
    key: str
    value: str


class CreateTopicRequest(Members, kw_only=True):
    name: str
    attributes: dict[str, str] | None = None
    tags: list[Tag] | None = None
    data_protection_policy: Refused = None


class TopicArnResponse(Members, kw_only=True):
    topic_arn: str


@sns.action("CreateTopic", CreateTopicRequest)
async def create_topic(call: Call, request: CreateTopicRequest) -> TopicArnResponse:
    """Make a topic; one that is there with the same attributes is as good."""
    attributes = dict(request.attributes or {})
    if request.name.endswith(".fifo") or attributes.get("FifoTopic") == "true":
        raise NotSupported("FIFO topics are not supported by this broker.")
    if not TOPIC_NAME.fullmatch(request.name):
        raise InvalidParameter("Invalid parameter: Topic Name")
    if attributes.get("FifoTopic") == "false":
        del attributes["FifoTopic"]
    display_name = attributes.pop("DisplayName", "")
    for name in attributes:
        raise NotSupported(f"Invalid parameter: Attributes Reason: {name} is not supported")
    topics = call.broker.topics
    now_ms = call.broker.now_ms()
    wanted = Topic(
        name=request.name,
        display_name=display_name,
        tags={tag.key: tag.value for tag in request.tags or ()},
        created_at_ms=now_ms,
        modified_at_ms=now_ms,
    )
    try:
        existing = topics.get(call.namespace, request.name)
    except TopicDoesNotExist:
        try:
            await topics.create(call.namespace, wanted)
            existing = wanted
        except RecordChanged:
            existing = topics.get(call.namespace, request.name)
    if "DisplayName" in (request.attributes or {}) and existing.display_name != display_name:
        raise InvalidParameter(
            "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
        )
    if request.tags and existing.tags != wanted.tags:
        raise InvalidParameter(
            "Invalid parameter: Tags Reason: Topic already exists with different tags"
        )
    return TopicArnResponse(topic_arn=call.namespace.arn("sns", request.name))


class TopicArnRequest(Members, kw_only=True):
    topic_arn: str


@sns.action("DeleteTopic", TopicArnRequest)
async def delete_topic(call: Call, request: TopicArnRequest) -> None:
    """Delete a topic with its subscriptions; one that isn't there is as good."""
    await call.broker.topics.delete(*locate_topic(call, request.topic_arn))


class TopicAttributesResponse(Members, kw_only=True):
    attributes: dict[str, str]


@sns.action("GetTopicAttributes", TopicArnRequest)
async def get_topic_attributes(call: Call, request: TopicArnRequest) -> TopicAttributesResponse:
    """A topic's attributes."""
    namespace, name = locate_topic(call, request.topic_arn)
    topic = call.broker.topics.get(namespace, name)
    count = len(call.broker.topics.subscriptions(namespace, name))
    return TopicAttributesResponse(
        attributes={
            "TopicArn": request.topic_arn,
            "Owner": namespace.account,
            "DisplayName": topic.display_name,
            "SubscriptionsConfirmed": str(count),
            "SubscriptionsPending": "0",
            "SubscriptionsDeleted": "0",
        }
    )


class ListTopicsRequest(Members, kw_only=True):
    next_token: str | None = None


class ListTopicsResponse(Members, kw_only=True):
    query_names: ClassVar[dict[str, str]] = {}
    topics: list[TopicArnResponse]
    next_token: str | None = None


@sns.action("ListTopics", ListTopicsRequest)
async def list_topics(call: Call, request: ListTopicsRequest) -> ListTopicsResponse:
    """ARNs of topics, a hundred a page."""
    names = [topic.name for topic in call.broker.topics.all(call.namespace)]
    page, token = page_of(names, request.next_token)
    return ListTopicsResponse(
        topics=[TopicArnResponse(topic_arn=_arn(call.namespace, name)) for name in page],
        next_token=token,
    )


def _arn(namespace: Namespace, name: str) -> str:
    return namespace.arn("sns", name)
