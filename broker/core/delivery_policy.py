"""SNS delivery policies: how often and after which waits an HTTP endpoint is tried again

A topic's policy sets defaults for its subscriptions, a subscription's policy overrides them, part
by part, unless the topic's forbids it. Refusals name the member as SNS does, by its path.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Any, NoReturn

from broker.core.errors import InvalidParameter
from broker.core.healthy_retry_policy import BACKOFF_FUNCTIONS, HealthyRetryPolicy
from broker.core.json_text import InvalidJson
from broker.core.limits import (
    DELIVERY_DELAY_TARGET_S_MAX,
    DELIVERY_DELAY_TARGET_S_MIN,
    DELIVERY_RETRIES_MAX,
    DELIVERY_RETRIES_TOTAL_S_MAX,
)
from broker.core.sns_json import Members, parse_sns_json

__all__ = [
    "DeliveryPolicy",
    "HealthyRetryPolicy",
    "InvalidDeliveryPolicy",
    "SubscriptionPolicy",
    "TopicPolicy",
    "effective",
    "effective_subscription_text",
    "effective_topic_text",
    "parse_subscription_policy",
    "parse_topic_policy",
]

_TOPIC_MEMBERS = frozenset(["http"])
_HTTP_MEMBERS = frozenset(
    """defaultHealthyRetryPolicy defaultSicklyRetryPolicy defaultThrottlePolicy
    defaultRequestPolicy disableSubscriptionOverrides""".split()
)
_SUBSCRIPTION_MEMBERS = frozenset(
    "healthyRetryPolicy sicklyRetryPolicy throttlePolicy requestPolicy guaranteed".split()
)
_RETRY_MEMBERS = frozenset(
    """minDelayTarget maxDelayTarget numRetries numMaxDelayRetries numNoDelayRetries
    numMinDelayRetries backoffFunction""".split()
)
_THROTTLE_MEMBERS = frozenset(["maxReceivesPerSecond"])
_REQUEST_MEMBERS = frozenset(["headerContentType"])
_CONTENT_TYPE = re.compile(r"([a-z]+/[a-z+-]+)(; ?charset=[a-z0-9_-]+)?", re.IGNORECASE)
_TYPES = frozenset(["application/json", "text/plain"])
_TYPES_OF_RAW_MESSAGES = _TYPES | frozenset(
    """application/atom+xml application/octet-stream application/soap+xml
    application/x-www-form-urlencoded application/xhtml+xml application/xml
    text/css text/csv text/html text/xml""".split()
)


class InvalidDeliveryPolicy(InvalidParameter):
    """The delivery policy is refused; `reason` is what stands behind `DeliveryPolicy: `."""

    def __init__(self, reason: str) -> None:
        # A policy may hold halves of characters, which no answer can.
        self.reason = reason.encode("utf-8", "replace").decode()
        super().__init__(f"Invalid parameter: DeliveryPolicy: {self.reason}")


@dataclass(frozen=True, slots=True)
class DeliveryPolicy:
    """The policy that a delivery follows; the defaults are SNS's."""

    healthy_retry_policy: HealthyRetryPolicy = field(default_factory=HealthyRetryPolicy)
    max_receives_per_second: int | None = None  # None: not throttled
    header_content_type: str = "text/plain; charset=UTF-8"


@dataclass(frozen=True, slots=True)
class SubscriptionPolicy:
    """What a policy sets of each part; None is not set."""

    healthy_retry_policy: HealthyRetryPolicy | None = None
    max_receives_per_second: int | None = None
    header_content_type: str | None = None

    def over(self, defaults: DeliveryPolicy) -> DeliveryPolicy:
        """The defaults, replaced by what is set."""
        return DeliveryPolicy(
            self.healthy_retry_policy or defaults.healthy_retry_policy,
            self.max_receives_per_second or defaults.max_receives_per_second,
            self.header_content_type or defaults.header_content_type,
        )


@dataclass(frozen=True, slots=True)
class TopicPolicy:
    """A topic's defaults, and whether they are final."""

    defaults: SubscriptionPolicy = SubscriptionPolicy()
    disable_subscription_overrides: bool = False


def parse_topic_policy(text: str) -> TopicPolicy:
    """The policy in a topic's DeliveryPolicy attribute. Raises: InvalidDeliveryPolicy."""
    try:
        return _topic_policy(parse_sns_json(text))
    except InvalidJson as error:
        raise InvalidDeliveryPolicy(str(error)) from None


def parse_subscription_policy(
    text: str, *, raw_message_delivery: bool = False
) -> SubscriptionPolicy:
    """The policy in a subscription's DeliveryPolicy attribute.

    SNS writes `sicklyRetryPolicy` and `guaranteed` itself, so they may come back as it wrote them;
    with any other value they would ask for what nobody does. Raises: InvalidDeliveryPolicy.
    """
    types = _TYPES_OF_RAW_MESSAGES if raw_message_delivery else _TYPES
    try:
        return _subscription_policy(parse_sns_json(text), types)
    except InvalidJson as error:
        raise InvalidDeliveryPolicy(str(error)) from None


def effective(topic: str | None, subscription: str | None) -> DeliveryPolicy:
    """The policy that a subscription's deliveries follow.

    Both texts are attributes that were parsed before they were stored; None or "" is not set.
    """
    from_topic = parse_topic_policy(topic) if topic else TopicPolicy()
    policy = from_topic.defaults.over(DeliveryPolicy())
    if not subscription or from_topic.disable_subscription_overrides:
        return policy
    # A content type that raw messages may have was checked when it was set.
    return parse_subscription_policy(subscription, raw_message_delivery=True).over(policy)


def effective_topic_text(topic: str | None) -> str:
    """A topic's EffectiveDeliveryPolicy attribute, members in SNS's order."""
    policy = effective(topic, None)
    final = bool(topic) and parse_topic_policy(topic or "").disable_subscription_overrides
    http: dict[str, Any] = {
        "defaultHealthyRetryPolicy": _retry_members(policy.healthy_retry_policy),
        "disableSubscriptionOverrides": final,
    }
    if policy.max_receives_per_second is not None:
        http["defaultThrottlePolicy"] = {"maxReceivesPerSecond": policy.max_receives_per_second}
    http["defaultRequestPolicy"] = {"headerContentType": policy.header_content_type}
    return _written({"http": http})


def effective_subscription_text(topic: str | None, subscription: str | None) -> str:
    """A subscription's EffectiveDeliveryPolicy attribute, members in SNS's order."""
    policy = effective(topic, subscription)
    limit = policy.max_receives_per_second
    return _written(
        {
            "healthyRetryPolicy": _retry_members(policy.healthy_retry_policy),
            "sicklyRetryPolicy": None,
            "throttlePolicy": None if limit is None else {"maxReceivesPerSecond": limit},
            "requestPolicy": {"headerContentType": policy.header_content_type},
            "guaranteed": False,
        }
    )


def _topic_policy(value: Any) -> TopicPolicy:
    document = Members.of(value, "", _TOPIC_MEMBERS)
    http = document.members("http", _HTTP_MEMBERS)
    if http is None:
        return TopicPolicy()
    http.only("defaultSicklyRetryPolicy", None)
    policy = SubscriptionPolicy(
        _retry(http.members("defaultHealthyRetryPolicy", _RETRY_MEMBERS)),
        _throttle(http.members("defaultThrottlePolicy", _THROTTLE_MEMBERS)),
        _content_type(http.members("defaultRequestPolicy", _REQUEST_MEMBERS), _TYPES),
    )
    return TopicPolicy(policy, http.boolean("disableSubscriptionOverrides"))


def _subscription_policy(value: Any, types: frozenset[str]) -> SubscriptionPolicy:
    document = Members.of(value, "", _SUBSCRIPTION_MEMBERS)
    document.only("sicklyRetryPolicy", None)
    document.only("guaranteed", False)
    return SubscriptionPolicy(
        _retry(document.members("healthyRetryPolicy", _RETRY_MEMBERS)),
        _throttle(document.members("throttlePolicy", _THROTTLE_MEMBERS)),
        _content_type(document.members("requestPolicy", _REQUEST_MEMBERS), types),
    )


def _retry(members: Members | None) -> HealthyRetryPolicy | None:
    if members is None:
        return None
    function = members.string("backoffFunction")
    least, most = DELIVERY_DELAY_TARGET_S_MIN, DELIVERY_DELAY_TARGET_S_MAX
    policy = HealthyRetryPolicy(
        members.needed("minDelayTarget", least, most),
        members.needed("maxDelayTarget", least, most),
        members.needed("numRetries", 0, DELIVERY_RETRIES_MAX),
        members.integer("numNoDelayRetries", 0) or 0,
        members.integer("numMinDelayRetries", 0) or 0,
        members.integer("numMaxDelayRetries", 0) or 0,
        "linear" if function is None else function,
    )
    if policy.max_delay_target_s < policy.min_delay_target_s:
        _refuse(f"{members.path}maxDelayTarget must be greater than or equal to minDelayTarget")
    phases = policy.num_no_delay_retries, policy.num_min_delay_retries, policy.num_max_delay_retries
    if policy.num_retries < sum(phases):
        _refuse(
            f"{members.path}numRetries must be greater than or equal to total of "
            "numMinDelayRetries, numNoDelayRetries and numMaxDelayRetries"
        )
    if policy.backoff_function not in BACKOFF_FUNCTIONS:
        _refuse(
            f"{members.path}backoffFunction: "
            f"the value [{policy.backoff_function}] is not a valid backoff function"
        )
    if policy.total_s() > DELIVERY_RETRIES_TOTAL_S_MAX:
        _refuse(
            f"{members.path.removesuffix('.')}: total retry time must be less than or equal to "
            f"{DELIVERY_RETRIES_TOTAL_S_MAX} seconds"
        )
    return policy


def _throttle(members: Members | None) -> int | None:
    return None if members is None else members.integer("maxReceivesPerSecond", 1)


def _content_type(members: Members | None, types: frozenset[str]) -> str | None:
    value = None if members is None else members.string("headerContentType")
    if value is None or members is None:
        return None
    match = _CONTENT_TYPE.fullmatch(value)
    if match is None or match[1].lower() not in types:
        _refuse(f"{members.path}headerContentType: the value [{value}] is not supported")
    return value


def _retry_members(policy: HealthyRetryPolicy) -> dict[str, Any]:
    return {
        "minDelayTarget": policy.min_delay_target_s,
        "maxDelayTarget": policy.max_delay_target_s,
        "numRetries": policy.num_retries,
        "numMaxDelayRetries": policy.num_max_delay_retries,
        "numNoDelayRetries": policy.num_no_delay_retries,
        "numMinDelayRetries": policy.num_min_delay_retries,
        "backoffFunction": policy.backoff_function,
    }


def _written(document: dict[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


def _refuse(reason: str) -> NoReturn:
    raise InvalidJson(reason)
