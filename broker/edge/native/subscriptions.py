"""/v1/topics/{name}/subscriptions: subscribe, look at, configure, confirm and unsubscribe"""

import os
from typing import Annotated, Any, Literal

import msgspec

from broker.core.delivery_policy import parse_subscription_policy
from broker.core.errors import (
    InvalidParameter,
    NotSupported,
    RecordChanged,
    StoreFull,
    SubscriptionDoesNotExist,
    SubscriptionLimitExceeded,
    TopicDoesNotExist,
)
from broker.core.filter_policy import InvalidFilterPolicy, parse_filter_policy
from broker.core.replay_policy import parse_replay_policy
from broker.core.resources import Subscription, Topic
from broker.core.standard_webhooks import check_secret, new_secret
from broker.core.subscribers import dead_letter_queue_of, subscription_arn, subscription_id
from broker.core.subscribing import HTTP_PROTOCOLS, check_endpoint, check_redrive_policy
from broker.edge.native.operation import Call, Result, Shape, operations
from broker.edge.native.page import Page, page_of

_ENDPOINTS = ("queue", "function", "url", "topic", "event_bus")
WEBHOOK_SECRET_BYTES = 32
WEBHOOK_SECRETS_MAX = 2  # the one in use, and the one that it replaces


class SubscriptionSettings(Shape, frozen=True, kw_only=True):
    """How a subscription delivers; what is left out of a change stays as it is."""

    raw_message_delivery: bool | None = None
    filter_policy: Annotated[
        dict[str, Any] | None, msgspec.Meta(description="As SNS has it; {} for everything.")
    ] = None
    filter_policy_scope: Literal["MessageAttributes", "MessageBody"] | None = None
    dead_letter_queue: Annotated[
        str | None, msgspec.Meta(description='A queue of the same namespace; "" for none.')
    ] = None
    delivery_policy: Annotated[
        dict[str, Any] | None,
        msgspec.Meta(description="Of a URL, as SNS has it; {} for the topic's."),
    ] = None
    replay_from: Annotated[
        str | None,
        msgspec.Meta(description='Of a FIFO topic: a time to replay its archive from; "" to stop.'),
    ] = None
    replay_until: str | None = None


class NewSubscription(SubscriptionSettings, frozen=True, kw_only=True):
    """A subscription: exactly one endpoint, and how it is delivered to."""

    queue: str | None = None
    function: str | None = None
    url: str | None = None
    topic: Annotated[str | None, msgspec.Meta(description="Another topic.")] = None
    event_bus: str | None = None
    confirmed: Annotated[bool, msgspec.Meta(description="Don't ask the URL whether it agrees.")] = (
        False
    )
    webhook_secret: Annotated[
        str | None,
        msgspec.Meta(
            description='Of a URL: whsec_..., or "new" for one that is made; signs what is sent as '
            "Standard Webhooks does."
        ),
    ] = None


class SubscriptionDescription(Result, frozen=True, kw_only=True):
    """A subscription."""

    id: str
    arn: str
    topic: str
    protocol: str
    endpoint: str
    status: str  # confirmed, pending or deleted
    raw_message_delivery: bool = False
    filter_policy: dict[str, Any] | None = None
    filter_policy_scope: str | None = None
    dead_letter_queue: str | None = None
    delivery_policy: dict[str, Any] | None = None
    replay_status: str | None = None
    replayed: int | None = None  # messages
    paused: str | None = None  # why
    webhook_secrets: int = 0  # how many sign; they are shown only when they are made
    declared: bool = False  # in the configuration file
    created_at_ms: int
    modified_at_ms: int


class SubscriptionWithSecret(SubscriptionDescription, frozen=True, kw_only=True):
    """A subscription, and the secret that was made for it: shown once."""

    webhook_secret: str | None = None


class Subscriptions(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A page of subscriptions; `next` is null after the last one."""

    subscriptions: list[SubscriptionDescription]
    next: str | None = None


@operations.add("GET", "/v1/subscriptions", query=Page, answers={200: Subscriptions})
async def list_subscriptions(call: Call, query: Page) -> Subscriptions:
    """Subscriptions of all topics, by topic and id."""
    page, following = page_of(call.broker.subscriptions.all(call.namespace), query)
    return Subscriptions(
        subscriptions=[SubscriptionDescription(**_members(call, each)) for each in page],
        next=following,
    )


@operations.add(
    "GET",
    "/v1/topics/{name}/subscriptions",
    query=Page,
    answers={200: Subscriptions},
    raises=(TopicDoesNotExist,),
)
async def list_subscriptions_of_topic(call: Call, name: str, query: Page) -> Subscriptions:
    """A topic's subscriptions, by id."""
    page, following = page_of(call.broker.subscriptions.all(call.namespace, name), query)
    return Subscriptions(
        subscriptions=[SubscriptionDescription(**_members(call, each)) for each in page],
        next=following,
    )


@operations.add(
    "POST",
    "/v1/topics/{name}/subscriptions",
    body=NewSubscription,
    answers={201: SubscriptionWithSecret},
    raises=(
        TopicDoesNotExist,
        InvalidFilterPolicy,
        NotSupported,
        SubscriptionLimitExceeded,
        StoreFull,
    ),
)
async def subscribe(call: Call, name: str, new: NewSubscription) -> SubscriptionWithSecret:
    """Subscribe an endpoint; the same again is the subscription that is there.

    A URL is asked to confirm by SNS's handshake, unless `confirmed` says that it has agreed.
    """
    topic = call.broker.topics.get(call.namespace, name)
    protocol, endpoint = _endpoint(call, new)
    check_endpoint(call.namespace, topic, protocol, endpoint)
    given = _changes(call, topic, protocol, new, None)
    secret = _secret(protocol, new.webhook_secret)
    if secret is not None:
        given["webhook_secrets"] = (secret,)
    subscription = await call.broker.subscriptions.subscribe(
        call.namespace, name, protocol, endpoint, given, confirmed=new.confirmed
    )
    return SubscriptionWithSecret(
        **_members(call, subscription),
        webhook_secret=secret if new.webhook_secret == "new" else None,
    )


@operations.add(
    "GET",
    "/v1/topics/{name}/subscriptions/{id}",
    answers={200: SubscriptionDescription},
    raises=(SubscriptionDoesNotExist,),
)
async def get_subscription(call: Call, name: str, id: str) -> SubscriptionDescription:
    """One subscription."""
    return SubscriptionDescription(**_members(call, subscription_of(call, name, id)))


@operations.add(
    "PATCH",
    "/v1/topics/{name}/subscriptions/{id}",
    body=SubscriptionSettings,
    answers={200: SubscriptionDescription},
    raises=(SubscriptionDoesNotExist, InvalidFilterPolicy, RecordChanged, StoreFull),
)
async def configure_subscription(
    call: Call,
    name: str,
    id: str,
    settings: SubscriptionSettings,
) -> SubscriptionDescription:
    """Change how a subscription delivers; a publish sees all of the change or nothing."""
    current = subscription_of(call, name, id)
    topic = call.broker.topics.get(call.namespace, name)
    given = _changes(call, topic, current.protocol, settings, current)
    changed = await call.broker.subscriptions.configure(call.namespace, current.name, given)
    return SubscriptionDescription(**_members(call, changed))


@operations.add(
    "POST",
    "/v1/topics/{name}/subscriptions/{id}/confirm",
    answers={200: SubscriptionDescription},
    raises=(SubscriptionDoesNotExist, RecordChanged, StoreFull),
)
async def confirm_subscription(call: Call, name: str, id: str) -> SubscriptionDescription:
    """Confirm a subscription on behalf of its endpoint, which agrees by other ways."""
    pending = subscription_of(call, name, id)
    confirmed = (
        await call.broker.subscriptions.confirm(
            call.namespace, name, pending.token, authenticated=True
        )
        if pending.status == "pending"
        else pending
    )
    return SubscriptionDescription(**_members(call, confirmed))


@operations.add(
    "POST",
    "/v1/topics/{name}/subscriptions/{id}/webhook-secrets",
    answers={201: SubscriptionWithSecret},
    raises=(SubscriptionDoesNotExist, RecordChanged, StoreFull),
)
async def rotate_webhook_secret(call: Call, name: str, id: str) -> SubscriptionWithSecret:
    """Make a new secret, which is shown once. Until the next one, the old one signs as well."""
    current = subscription_of(call, name, id)
    secret = _secret(current.protocol, "new")
    assert secret is not None
    kept = (secret, *current.webhook_secrets)[:WEBHOOK_SECRETS_MAX]
    changed = await call.broker.subscriptions.configure(
        call.namespace, current.name, {"webhook_secrets": kept}
    )
    return SubscriptionWithSecret(**_members(call, changed), webhook_secret=secret)


@operations.add(
    "DELETE",
    "/v1/topics/{name}/subscriptions/{id}",
    answers={204: None},
    raises=(SubscriptionDoesNotExist, RecordChanged, StoreFull),
)
async def unsubscribe(call: Call, name: str, id: str) -> None:
    """Remove a subscription. A URL is told, and can restore it for three days."""
    subscription = subscription_of(call, name, id)
    await call.broker.subscriptions.unsubscribe(
        call.namespace, subscription.name, authenticated=True
    )


def subscription_of(call: Call, topic: str, subscription_id: str) -> Subscription:
    """The subscription that a path names. Raises: SubscriptionDoesNotExist."""
    return call.broker.subscriptions.get(call.namespace, f"{topic}:{subscription_id}")


def _endpoint(call: Call, new: NewSubscription) -> tuple[str, str]:
    named = [each for each in _ENDPOINTS if getattr(new, each) is not None]
    if len(named) != 1:
        raise InvalidParameter(f"A subscription has exactly one of {', '.join(_ENDPOINTS)}.")
    (way,) = named
    name = getattr(new, way)
    match way:
        case "queue":
            return "sqs", call.namespace.arn("sqs", name)
        case "function":
            return "lambda", call.namespace.arn("lambda", f"function:{name}")
        case "topic":
            return "sns", call.namespace.arn("sns", name)
        case "event_bus":
            return "events", call.namespace.arn("events", f"event-bus/{name}")
        case _:
            return name.partition(":")[0].lower(), name


def _changes(
    call: Call,
    topic: Topic,
    protocol: str,
    settings: SubscriptionSettings,
    current: Subscription | None,
) -> dict[str, Any]:
    """The members of the resource that the settings change. Raises: InvalidParameter."""
    changes: dict[str, Any] = {}
    if settings.raw_message_delivery is not None:
        if settings.raw_message_delivery and protocol not in ("sqs", *HTTP_PROTOCOLS):
            raise InvalidParameter("raw_message_delivery is for queues and URLs.")
        changes["raw_message_delivery"] = settings.raw_message_delivery
    if settings.filter_policy is not None or settings.filter_policy_scope is not None:
        changes |= _filter_policy(settings, current)
    if settings.dead_letter_queue is not None:
        changes["redrive_policy"] = _redrive_policy(call, topic, settings.dead_letter_queue)
    if settings.delivery_policy is not None:
        raw = settings.raw_message_delivery
        if raw is None:
            raw = current is not None and current.raw_message_delivery
        policy = settings.delivery_policy
        changes["delivery_policy"] = _delivery_policy(protocol, policy, raw=raw)
    if settings.replay_from is not None:
        changes["replay"] = _replay(call, topic, settings)
    elif settings.replay_until is not None:
        raise InvalidParameter("replay_until goes with replay_from, and there is none.")
    return changes


def _filter_policy(settings: SubscriptionSettings, current: Subscription | None) -> dict[str, Any]:
    scope = settings.filter_policy_scope or (
        current.filter_policy_scope if current else "MessageAttributes"
    )
    text = current.filter_policy if current else None
    if settings.filter_policy is not None:
        policy = settings.filter_policy
        text = msgspec.json.encode(policy).decode() if policy else None
    if text is not None:
        parse_filter_policy(text, scope)
    return {"filter_policy": text, "filter_policy_scope": scope}


def _redrive_policy(call: Call, topic: Topic, name: str) -> str | None:
    if not name:
        return None
    target = {"deadLetterTargetArn": call.namespace.arn("sqs", name)}
    text = msgspec.json.encode(target).decode()
    try:
        check_redrive_policy(call.namespace, topic, text)
    except InvalidParameter as error:
        raise InvalidParameter(f"dead_letter_queue: {error.message}") from None
    return text


def _delivery_policy(protocol: str, policy: dict[str, Any], *, raw: bool) -> str | None:
    if not policy:
        return None
    if protocol not in HTTP_PROTOCOLS:
        raise InvalidParameter("delivery_policy is for URLs.")
    text = msgspec.json.encode(policy).decode()
    parse_subscription_policy(text, raw_message_delivery=raw)
    return text


def _replay(call: Call, topic: Topic, settings: SubscriptionSettings) -> Any:
    if not settings.replay_from:
        return None
    policy = {"PointType": "Timestamp", "StartingPoint": settings.replay_from}
    if settings.replay_until is not None:
        policy["EndingPoint"] = settings.replay_until
    text = msgspec.json.encode(policy).decode()
    try:
        return parse_replay_policy(topic, text, call.broker.now_ms())
    except InvalidParameter as error:
        raise InvalidParameter(f"replay_from: {error.message}") from None


def _secret(protocol: str, given: str | None) -> str | None:
    if given is None:
        return None
    if protocol not in HTTP_PROTOCOLS:
        raise InvalidParameter("webhook_secret is for URLs.")
    if given == "new":
        return new_secret(os.urandom(WEBHOOK_SECRET_BYTES))
    check_secret(given)
    return given


def _members(call: Call, subscription: Subscription) -> dict[str, Any]:
    """The members of SubscriptionDescription."""
    topic_arn = call.namespace.arn("sns", subscription.topic)
    filtered = subscription.filter_policy
    policy = subscription.delivery_policy
    replay, pause = subscription.replay, subscription.pause
    return {
        "id": subscription_id(subscription),
        "arn": subscription_arn(topic_arn, subscription),
        "topic": subscription.topic,
        "protocol": subscription.protocol,
        "endpoint": shown_endpoint(subscription),
        "status": subscription.status,
        "raw_message_delivery": subscription.raw_message_delivery,
        "filter_policy": msgspec.json.decode(filtered) if filtered is not None else None,
        "filter_policy_scope": subscription.filter_policy_scope if filtered is not None else None,
        "dead_letter_queue": dead_letter_queue_of(subscription),
        "delivery_policy": msgspec.json.decode(policy) if policy is not None else None,
        "replay_status": replay.status if replay else None,
        "replayed": replay.delivered if replay else None,
        "paused": pause.reason if pause else None,
        "webhook_secrets": len(subscription.webhook_secrets),
        "declared": subscription.declared,
        "created_at_ms": subscription.created_at_ms,
        "modified_at_ms": subscription.modified_at_ms,
    }


def shown_endpoint(subscription: Subscription) -> str:
    """The endpoint without the password that a URL may have."""
    if subscription.protocol not in HTTP_PROTOCOLS:
        return subscription.endpoint
    scheme, _, rest = subscription.endpoint.partition("://")
    place, slash, path = rest.partition("/")
    credentials, at, host = place.rpartition("@")
    user = credentials.partition(":")[0]
    return f"{scheme}://{user + ':...@' if at else ''}{host}{slash}{path}"
