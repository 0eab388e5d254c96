"""SNS actions on subscriptions: subscribe, confirm, list, configure, unsubscribe"""

from broker.core.errors import InvalidParameter
from broker.core.names import Arn, Namespace
from broker.core.resources import Subscription
from broker.core.subscribers import subscription_arn
from broker.core.subscribing import OWN_PROTOCOLS, check_endpoint
from broker.edge.aws.paging import page_of
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sns.service import as_attribute, is_signed, locate_topic, sns
from broker.edge.aws.sns.subscription_attributes import attributes_of, changes

PENDING = "pending confirmation"


class SubscribeRequest(Members, kw_only=True):
    topic_arn: str
    protocol: str
    endpoint: str = ""
    attributes: dict[str, str] | None = None
    return_subscription_arn: bool = False


class SubscriptionArnResponse(Members, kw_only=True):
    subscription_arn: str


@sns.action("Subscribe", SubscribeRequest)
async def subscribe(call: Call, request: SubscribeRequest) -> SubscriptionArnResponse:
    """Subscribe a queue, a function or an HTTP endpoint; the same again is the one there is."""
    namespace, name = locate_topic(call, request.topic_arn)
    topic = call.broker.topics.get(namespace, name)
    protocol = request.protocol
    if protocol in OWN_PROTOCOLS:
        raise InvalidParameter(
            f"Invalid parameter: Amazon SNS does not support this protocol string: {protocol}"
        )
    check_endpoint(namespace, topic, protocol, request.endpoint)
    try:
        given = changes(namespace, topic, protocol, request.attributes or {}, call.broker.now_ms())
    except InvalidParameter as error:
        raise as_attribute(error) from None
    subscription = await call.broker.subscriptions.subscribe(
        namespace, name, protocol, request.endpoint, given
    )
    if subscription.status == "pending" and not request.return_subscription_arn:
        return SubscriptionArnResponse(subscription_arn=PENDING)
    return SubscriptionArnResponse(
        subscription_arn=subscription_arn(request.topic_arn, subscription)
    )


class ConfirmSubscriptionRequest(Members, kw_only=True):
    topic_arn: str
    token: str
    authenticate_on_unsubscribe: str = "false"


@sns.action("ConfirmSubscription", ConfirmSubscriptionRequest)
async def confirm_subscription(
    call: Call, request: ConfirmSubscriptionRequest
) -> SubscriptionArnResponse:
    """What an endpoint does with the token that it was sent."""
    namespace, topic = locate_topic(call, request.topic_arn)
    if request.authenticate_on_unsubscribe.lower() not in ("true", "false"):
        raise InvalidParameter("Invalid parameter: AuthenticateOnUnsubscribe")
    subscription = await call.broker.subscriptions.confirm(
        namespace,
        topic,
        request.token,
        authenticated=is_signed(call),
        authenticate_on_unsubscribe=request.authenticate_on_unsubscribe.lower() == "true",
    )
    return SubscriptionArnResponse(
        subscription_arn=subscription_arn(request.topic_arn, subscription)
    )


class SubscriptionArnRequest(Members, kw_only=True):
    subscription_arn: str


@sns.action("Unsubscribe", SubscriptionArnRequest)
async def unsubscribe(call: Call, request: SubscriptionArnRequest) -> None:
    """Remove a subscription; one that isn't there is as good."""
    namespace, name = _locate(request.subscription_arn)
    await call.broker.subscriptions.unsubscribe(namespace, name, authenticated=is_signed(call))


class AttributesResponse(Members, kw_only=True):
    attributes: dict[str, str]


@sns.action("GetSubscriptionAttributes", SubscriptionArnRequest)
async def get_subscription_attributes(
    call: Call, request: SubscriptionArnRequest
) -> AttributesResponse:
    """A subscription's attributes."""
    namespace, name = _locate(request.subscription_arn)
    subscription = call.broker.subscriptions.get(namespace, name)
    topic = call.broker.topics.get(namespace, subscription.topic)
    return AttributesResponse(attributes=attributes_of(namespace, topic, subscription))


class SetSubscriptionAttributesRequest(Members, kw_only=True):
    subscription_arn: str
    attribute_name: str
    attribute_value: str = ""


@sns.action("SetSubscriptionAttributes", SetSubscriptionAttributesRequest)
async def set_subscription_attributes(
    call: Call, request: SetSubscriptionAttributesRequest
) -> None:
    """Change one of a subscription's attributes."""
    namespace, name = _locate(request.subscription_arn)
    subscription = call.broker.subscriptions.get(namespace, name)
    topic = call.broker.topics.get(namespace, subscription.topic)
    attributes = {request.attribute_name: request.attribute_value}
    given = changes(
        namespace,
        topic,
        subscription.protocol,
        attributes,
        call.broker.now_ms(),
        subscription,
    )
    await call.broker.subscriptions.configure(namespace, name, given)


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
    found = call.broker.subscriptions.all(call.namespace)
    return _page(call.namespace, found, request.next_token)


@sns.action("ListSubscriptionsByTopic", ListSubscriptionsByTopicRequest)
async def list_subscriptions_by_topic(
    call: Call, request: ListSubscriptionsByTopicRequest
) -> ListSubscriptionsResponse:
    """A topic's subscriptions, a hundred a page."""
    namespace, topic = locate_topic(call, request.topic_arn)
    found = call.broker.subscriptions.all(namespace, topic)
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
    shown = {"pending": "PendingConfirmation", "deleted": "Deleted"}.get(subscription.status)
    return SubscriptionMember(
        subscription_arn=shown or subscription_arn(topic_arn, subscription),
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
