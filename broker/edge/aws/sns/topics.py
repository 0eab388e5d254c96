"""SNS actions on topics: create, find, list, configure, delete"""

from broker.core.errors import InvalidParameter, RecordChanged, TopicDoesNotExist
from broker.core.names import TOPIC_NAME, is_fifo
from broker.core.resources import Topic
from broker.edge.aws.paging import page_of
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sns.data_protection import checked_data_protection_policy
from broker.edge.aws.sns.service import as_attribute, locate_topic, sns
from broker.edge.aws.sns.tags import Tag, checked_tags
from broker.edge.aws.sns.topic_attributes import attributes_of, with_attributes


class CreateTopicRequest(Members, kw_only=True):
    name: str
    attributes: dict[str, str] | None = None
    tags: list[Tag] | None = None
    data_protection_policy: str = ""


class TopicArnResponse(Members, kw_only=True):
    topic_arn: str


@sns.action("CreateTopic", CreateTopicRequest)
async def create_topic(call: Call, request: CreateTopicRequest) -> TopicArnResponse:
    """Make a topic; one that is there with the same attributes is as good."""
    topics, namespace = call.broker.topics, call.namespace
    response = TopicArnResponse(topic_arn=namespace.arn("sns", request.name))
    try:
        existing = topics.get(namespace, request.name)
    except TopicDoesNotExist:
        wanted = _wanted(call, request)
        try:
            await topics.create(namespace, wanted)
        except RecordChanged:
            existing = topics.get(namespace, request.name)
        else:
            return response
    _check_same(call, request, existing)
    return response


def _wanted(call: Call, request: CreateTopicRequest) -> Topic:
    attributes = dict(request.attributes or {})
    fifo = attributes.pop("FifoTopic", "false").lower()
    if (
        not TOPIC_NAME.fullmatch(request.name)
        or fifo not in ("true", "false")
        or is_fifo(request.name) != (fifo == "true")
    ):
        raise InvalidParameter("Invalid parameter: Topic Name")
    now_ms = call.broker.now_ms()
    topic = Topic(
        name=request.name,
        fifo=fifo == "true",
        tags=checked_tags(request.tags or ()),
        data_protection_policy=checked_data_protection_policy(request.data_protection_policy),
        created_at_ms=now_ms,
        modified_at_ms=now_ms,
    )
    try:
        return with_attributes(topic, attributes, now_ms)
    except InvalidParameter as error:
        raise as_attribute(error) from None


def _check_same(call: Call, request: CreateTopicRequest, existing: Topic) -> None:
    """Whether a topic that is there has what was asked for; what wasn't named may be as it is."""
    attributes = dict(request.attributes or {})
    fifo = attributes.pop("FifoTopic", None)
    try:
        same = with_attributes(existing, attributes, call.broker.now_ms()) == existing
    except InvalidParameter as error:
        raise as_attribute(error) from None
    if not same or (fifo is not None and (fifo.lower() == "true") != existing.fifo):
        raise InvalidParameter(
            "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
        )
    if request.tags and existing.tags != checked_tags(request.tags):
        raise InvalidParameter(
            "Invalid parameter: Tags Reason: Topic already exists with different tags"
        )


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
    counts = call.broker.subscriptions.counts(namespace, name)
    attributes = attributes_of(namespace, topic, counts, call.broker.now_ms())
    return TopicAttributesResponse(attributes=attributes)


class SetTopicAttributesRequest(Members, kw_only=True):
    topic_arn: str
    attribute_name: str
    attribute_value: str = ""


@sns.action("SetTopicAttributes", SetTopicAttributesRequest)
async def set_topic_attributes(call: Call, request: SetTopicAttributesRequest) -> None:
    """Change one of a topic's attributes."""
    namespace, name = locate_topic(call, request.topic_arn)
    topic = call.broker.topics.get(namespace, name)
    given = {request.attribute_name: request.attribute_value}
    changed = with_attributes(topic, given, call.broker.now_ms())
    await call.broker.topics.configure(namespace, changed)


class ListTopicsRequest(Members, kw_only=True):
    next_token: str | None = None


class ListTopicsResponse(Members, kw_only=True):
    topics: list[TopicArnResponse]
    next_token: str | None = None


@sns.action("ListTopics", ListTopicsRequest)
async def list_topics(call: Call, request: ListTopicsRequest) -> ListTopicsResponse:
    """ARNs of topics, a hundred a page."""
    names = [topic.name for topic in call.broker.topics.all(call.namespace)]
    page, token = page_of(names, request.next_token)
    return ListTopicsResponse(
        topics=[TopicArnResponse(topic_arn=call.namespace.arn("sns", name)) for name in page],
        next_token=token,
    )
