"""subscription attributes: SNS's strings to and from a subscription's settings"""

from collections.abc import Mapping
from typing import Any

from broker.core.delivery_policy import effective_subscription_text, parse_subscription_policy
from broker.core.errors import InvalidParameter
from broker.core.filter_policy import InvalidFilterPolicy, parse_filter_policy
from broker.core.names import Namespace
from broker.core.replay_policy import parse_replay_policy
from broker.core.resources import Subscription, Topic
from broker.core.subscribers import subscription_arn
from broker.core.subscribing import HTTP_PROTOCOLS, check_redrive_policy

SCOPES = ("MessageAttributes", "MessageBody")


def changes(
    namespace: Namespace,
    topic: Topic,
    protocol: str,
    attributes: Mapping[str, str],
    now_ms: int,
    current: Subscription | None = None,
) -> dict[str, Any]:
    """The members of a subscription that these attributes set. Raises: InvalidParameter."""
    changed: dict[str, Any] = {}
    for name, value in attributes.items():
        match name:
            case "RawMessageDelivery":
                changed["raw_message_delivery"] = raw = _raw(protocol, value)
                if current is not None and current.delivery_policy is not None:
                    # Its content type may be one for raw deliveries only.
                    parse_subscription_policy(current.delivery_policy, raw_message_delivery=raw)
            case "RedrivePolicy":
                changed["redrive_policy"] = _redrive_policy(namespace, topic, value)
            case "DeliveryPolicy":
                changed["delivery_policy"] = _delivery_policy(protocol, value, attributes, current)
            case "ReplayPolicy":
                changed["replay"] = _prefixed(
                    "ReplayPolicy: ", parse_replay_policy, topic, value, now_ms
                )
            case "FilterPolicy" | "FilterPolicyScope":
                changed |= _filter_policy(attributes, current)
            case _:
                raise InvalidParameter("Invalid parameter: AttributeName")
    return changed


def _filter_policy(attributes: Mapping[str, str], current: Subscription | None) -> dict[str, Any]:
    """The two go together: a policy is good, or not, in its scope."""
    scope = attributes.get("FilterPolicyScope")
    if scope is not None and scope not in SCOPES:
        raise InvalidParameter(
            f"Invalid parameter: FilterPolicyScope: Invalid value [{scope}]. "
            "Please use either MessageBody or MessageAttributes"
        )
    scope = scope or (current.filter_policy_scope if current else SCOPES[0])
    text = attributes.get("FilterPolicy")
    if text is None and current is not None:
        text = current.filter_policy
    if text is None or text.strip() in ("", "{}"):
        return {"filter_policy": None, "filter_policy_scope": scope}
    try:
        parse_filter_policy(text, scope)
    except InvalidFilterPolicy as error:
        raise InvalidParameter(error.message) from None
    return {"filter_policy": text, "filter_policy_scope": scope}


def _raw(protocol: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise InvalidParameter(
            f"Invalid parameter: RawMessageDelivery: Invalid value [{value}]. "
            "Must be true or false."
        )
    raw = value.lower() == "true"
    if raw and protocol not in ("sqs", *HTTP_PROTOCOLS):
        raise InvalidParameter(
            f"Invalid parameter: Delivery protocol [{protocol}] does not support raw message "
            "delivery."
        )
    return raw


def _redrive_policy(namespace: Namespace, topic: Topic, value: str) -> str | None:
    if value.strip() in ("", "{}"):
        return None
    _prefixed("RedrivePolicy: ", check_redrive_policy, namespace, topic, value)
    return value


def _delivery_policy(
    protocol: str,
    value: str,
    attributes: Mapping[str, str],
    current: Subscription | None,
) -> str | None:
    if not value:
        return None
    if protocol not in HTTP_PROTOCOLS:
        raise InvalidParameter(
            f"Invalid parameter: DeliveryPolicy: it is for HTTP endpoints, and not for {protocol}"
        )
    raw = current.raw_message_delivery if current is not None else False
    if "RawMessageDelivery" in attributes:
        raw = _raw(protocol, attributes["RawMessageDelivery"])
    parse_subscription_policy(value, raw_message_delivery=raw)
    return value


def _prefixed(prefix: str, check: Any, *args: Any) -> Any:
    try:
        return check(*args)
    except InvalidParameter as error:
        raise InvalidParameter(f"Invalid parameter: {prefix}{error.message}") from None


def attributes_of(namespace: Namespace, topic: Topic, subscription: Subscription) -> dict[str, str]:
    """All attributes as SNS shows them."""
    topic_arn = namespace.arn("sns", subscription.topic)
    authenticated = subscription.confirmation_was_authenticated
    shown = {
        "SubscriptionArn": subscription_arn(topic_arn, subscription),
        "TopicArn": topic_arn,
        "Owner": namespace.account,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "PendingConfirmation": "true" if subscription.status == "pending" else "false",
        "ConfirmationWasAuthenticated": "true" if authenticated else "false",
        "SubscriptionPrincipal": f"arn:aws:iam::{namespace.account}:root",
        "RawMessageDelivery": "true" if subscription.raw_message_delivery else "false",
    }
    if subscription.filter_policy is not None:
        shown["FilterPolicy"] = subscription.filter_policy
        shown["FilterPolicyScope"] = subscription.filter_policy_scope
    if subscription.redrive_policy is not None:
        shown["RedrivePolicy"] = subscription.redrive_policy
    if subscription.delivery_policy is not None:
        shown["DeliveryPolicy"] = subscription.delivery_policy
    if subscription.protocol in HTTP_PROTOCOLS:
        shown["EffectiveDeliveryPolicy"] = effective_subscription_text(
            topic.delivery_policy, subscription.delivery_policy
        )
    if subscription.replay is not None:
        shown["ReplayPolicy"] = subscription.replay.policy
        shown["ReplayStatus"] = subscription.replay.status
    return shown
