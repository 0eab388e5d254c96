"""SNS actions on subscriptions: subscribe, list, configure, unsubscribe"""

from broker.core.errors import InvalidParameter, NotSupported
from broker.core.names import Arn, Namespace
from broker.core.registry import subscription_arn
from broker.core.resources import Subscription
from broker.edge.aws.paging import page_of
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sns.service import locate_topic, sns

NOT_HERE = ("http", "https", "email", "email-json", "sms", "application", "firehose")
SETTABLE_LATER = (
    "DeliveryPolicy",
    "FilterPolicy",
    "FilterPolicyScope",
    "RedrivePolicy",
    "ReplayPolicy",
)


class SubscribeRequest(Members, kw_only=True):
    topic_arn: str
    protocol: str
    endpoint: str = ""
    attributes: dict[str, str] | None = None
    return_subscription_arn: bool = False  # it is always returned: nothing waits for confirmation


class SubscribeResponse(Members, kw_only=True):
    subscription_arn: str


@sns.action("Subscribe", SubscribeRequest)
async def subscribe(call: Call, request: SubscribeRequest) -> SubscribeResponse:
    """Subscribe a queue or a function; the same again is the one that is there."""
    namespace, topic = locate_topic(call, request.topic_arn)
    call.broker.topics.get(namespace, topic)
    if request.protocol in NOT_HERE:
        raise NotSupported(
            f"Invalid parameter: Protocol Reason: the protocol {request.protocol} is not "
            "supported by this broker; sqs and lambda are"
        )
    raw = None
    for name, value in (request.attributes or {}).items():
        raw = _raw_message_delivery(name, value, "Attributes Reason: ")
    subscription = await call.broker.topics.subscribe(
        namespace, topic, request.protocol, request.endpoint, raw=raw
    )
    return SubscribeResponse(subscription_arn=subscription_arn(request.topic_arn, subscription))


def _raw_message_delivery(name: str, value: str, context: str = "") -> bool:
    if name in SETTABLE_LATER:
        raise NotSupported(f"Invalid parameter: {context}{name}: is not supported by this broker")
    if name != "RawMessageDelivery":
        raise InvalidParameter("Invalid parameter: AttributeName")
    if value.lower() not in ("true", "false"):
        raise InvalidParameter(
            f"Invalid parameter: {context}RawMessageDelivery: Invalid value [{value}]. "
            "Must be true or false."
        )
    return value.lower() == "true"


class SubscriptionArnRequest(Members, kw_only=True):
    subscription_arn: str


@sns.action("Unsubscribe", SubscriptionArnRequest)
async def unsubscribe(call: Call, request: SubscriptionArnRequest) -> None:
    """Remove a subscription; one that isn't there is as good."""
    await call.broker.topics.unsubscribe(*_locate(request.subscription_arn))


class AttributesResponse(Members, kw_only=True):
    attributes: dict[str, str]


@sns.action("GetSubscriptionAttributes", SubscriptionArnRequest)
async def get_subscription_attributes(
    call: Call, request: SubscriptionArnRequest
) -> AttributesResponse:
    """A subscription's attributes."""
    namespace, name = _locate(request.subscription_arn)
    subscription = call.broker.topics.subscription(namespace, name)
    return AttributesResponse(
        attributes={
            "SubscriptionArn": request.subscription_arn,
            "TopicArn": namespace.arn("sns", subscription.topic),
            "Owner": namespace.account,
            "Protocol": subscription.protocol,
            "Endpoint": subscription.endpoint,
            "PendingConfirmation": "false",
            "ConfirmationWasAuthenticated": "true",
            "SubscriptionPrincipal": f"arn:aws:iam::{namespace.account}:root",
            "RawMessageDelivery": "true" if subscription.raw_message_delivery else "false",
        }
    )


class SetSubscriptionAttributesRequest(Members, kw_only=True):
    subscription_arn: str
    attribute_name: str
    attribute_value: str = ""


@sns.action("SetSubscriptionAttributes", SetSubscriptionAttributesRequest)
async def set_subscription_attributes(
    call: Call, request: SetSubscriptionAttributesRequest
) -> None:
    """Change how a subscription delivers."""
    namespace, name = _locate(request.subscription_arn)
    call.broker.topics.subscription(namespace, name)
    raw = _raw_message_delivery(request.attribute_name, request.attribute_value)
    await call.broker.topics.configure_subscription(namespace, name, raw=raw)


class SubscriptionMember(Members, kw_only=True):
    subscription_arn: str
    owner: str
    protocol: str
    endpoint: str
    topic_arn: str


class ListSubscriptionsRequest(Members, kw_only=True):
    next_token: str | None = None


class ListSubscriptionsByTopicRequest(Members, kw_only=True):
    topic_arn: str
    next_token: str | None = None


class ListSubscriptionsResponse(Members, kw_only=True):
    subscriptions: list[SubscriptionMember]
    next_token: str | None = None


@sns.action("ListSubscriptions", ListSubscriptionsRequest)
async def list_subscriptions(
    call: Call, request: ListSubscriptionsRequest
) -> ListSubscriptionsResponse:
    """All subscriptions, a hundred a page."""
    found = call.broker.topics.subscriptions(call.namespace)
    return _page(call.namespace, found, request.next_token)


@sns.action("ListSubscriptionsByTopic", ListSubscriptionsByTopicRequest)
async def list_subscriptions_by_topic(
    call: Call, request: ListSubscriptionsByTopicRequest
) -> ListSubscriptionsResponse:
    """A topic's subscriptions, a hundred a page."""
    namespace, topic = locate_topic(call, request.topic_arn)
    found = call.broker.topics.subscriptions(namespace, topic)
    return _page(namespace, found, request.next_token)


def _page(
    namespace: Namespace, found: list[Subscription], next_token: str | None
) -> ListSubscriptionsResponse:
    by_name = {each.name: each for each in found}
    names, token = page_of(list(by_name), next_token)
    return ListSubscriptionsResponse(
        subscriptions=[_member(namespace, by_name[name]) for name in names], next_token=token
    )


def _member(namespace: Namespace, subscription: Subscription) -> SubscriptionMember:
    topic_arn = namespace.arn("sns", subscription.topic)
    return SubscriptionMember(
        subscription_arn=subscription_arn(topic_arn, subscription),
        owner=namespace.account,
        protocol=subscription.protocol,
        endpoint=subscription.endpoint,
        topic_arn=topic_arn,
    )


def _locate(arn_text: str) -> tuple[Namespace, str]:
    arn = Arn.parse(arn_text)
    if arn is None or arn.service != "sns" or ":" not in arn.resource:
        raise InvalidParameter("Invalid parameter: SubscriptionId")
    return arn.namespace, arn.resource
