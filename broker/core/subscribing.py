"""what may be subscribed to a topic, and how; the words of a refusal are SNS's where it has any"""

from urllib.parse import urlsplit

import msgspec

from broker.core.errors import (
    FilterPolicyLimitExceeded,
    InvalidParameter,
    NotSupported,
    SubscriptionLimitExceeded,
)
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import (
    FIFO_TOPIC_SUBSCRIPTIONS_MAX,
    FILTER_POLICIES_PER_TOPIC_MAX,
    TOPIC_MESSAGE_BYTES_DEFAULT,
    WIDE_MESSAGE_SUBSCRIPTIONS_MAX,
)
from broker.core.names import Arn, Namespace, event_bus_name, is_fifo, is_internal
from broker.core.resources import Subscription, Topic
from broker.core.subscribers import Subscribers

HTTP_PROTOCOLS = ("http", "https")
OWN_PROTOCOLS = ("sns", "events")  # another topic, an event bus: not SNS's, and only natively
NOT_SUPPORTED = ("email", "email-json", "sms", "application", "firehose")
WIDE_PROTOCOLS = ("sqs", "lambda")  # of a topic whose messages may be longer than the default


def check_endpoint(namespace: Namespace, topic: Topic, protocol: str, endpoint: str) -> None:
    """Raises: InvalidParameter, NotSupported, for what could never be delivered to."""
    if protocol in NOT_SUPPORTED:
        raise NotSupported(
            f"Invalid parameter: Protocol Reason: the protocol {protocol} is not supported by this "
            "broker; sqs, lambda, http and https are"
        )
    if protocol in HTTP_PROTOCOLS:
        _check_url(protocol, endpoint)
    elif protocol in ("sqs", "lambda", *OWN_PROTOCOLS):
        _check_arn(namespace, topic, protocol, endpoint)
    else:
        raise InvalidParameter(
            f"Invalid parameter: Amazon SNS does not support this protocol string: {protocol}"
        )
    if topic.fifo and protocol != "sqs":
        raise InvalidParameter(
            f"Invalid parameter: Invalid protocol type: {protocol}; FIFO topics deliver to queues"
        )
    wide = topic.maximum_message_size > TOPIC_MESSAGE_BYTES_DEFAULT
    if wide and protocol not in (*WIDE_PROTOCOLS, *OWN_PROTOCOLS):
        raise InvalidParameter(
            f"Invalid parameter: Protocol Reason: a topic with a MaximumMessageSize of more than "
            f"{TOPIC_MESSAGE_BYTES_DEFAULT} can't have subscriptions of the protocol {protocol}"
        )


def _check_url(protocol: str, endpoint: str) -> None:
    try:
        url = urlsplit(endpoint)
        port = url.port
    except ValueError:
        raise InvalidParameter("Invalid parameter: Endpoint") from None
    if url.scheme.lower() != protocol:
        raise InvalidParameter("Invalid parameter: Endpoint must match the specified protocol")
    if not url.hostname or port == 0 or not endpoint.isascii() or " " in endpoint:
        raise InvalidParameter("Invalid parameter: Endpoint")


def _check_arn(namespace: Namespace, topic: Topic, protocol: str, endpoint: str) -> None:
    arn = Arn.parse(endpoint)
    if arn is None or arn.service != protocol:
        raise InvalidParameter(f"Invalid parameter: {protocol.upper()} endpoint ARN")
    if protocol == "sqs" and is_internal(arn.resource):
        raise InvalidParameter("Invalid parameter: SQS endpoint ARN")
    if protocol == "sqs" and is_fifo(arn.resource) and not topic.fifo:
        raise InvalidParameter(
            "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be "
            "subscribed to standard SNS topics"
        )
    if protocol == "sns" and (is_fifo(arn.resource) or ":" in arn.resource):
        raise InvalidParameter("Invalid parameter: Endpoint Reason: it names no standard topic")
    if protocol == "events" and not event_bus_name(arn.resource):
        raise InvalidParameter("Invalid parameter: Endpoint Reason: it names no event bus")
    if arn.namespace != namespace:
        raise NotSupported(
            "Invalid parameter: Endpoint Reason: deliveries to another account or region are not "
            "supported by this broker"
        )


def check_redrive_policy(namespace: Namespace, topic: Topic, text: str) -> None:
    """Raises: InvalidParameter, whose text goes on behind `RedrivePolicy: `."""
    try:
        policy = parse_json(text)
    except InvalidJson:
        raise InvalidParameter("failed to parse JSON.") from None
    if not isinstance(policy, dict) or set(policy) != {"deadLetterTargetArn"}:
        raise InvalidParameter("it must have deadLetterTargetArn, and nothing else.")
    arn = Arn.parse(str(policy["deadLetterTargetArn"]))
    if arn is None or arn.service != "sqs" or is_internal(arn.resource):
        raise InvalidParameter("deadLetterTargetArn is an invalid arn")
    if arn.namespace != namespace:
        raise InvalidParameter("deadLetterTargetArn must be in the topic's account and region.")
    if topic.fifo and not is_fifo(arn.resource):
        raise InvalidParameter(
            "must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
        )
    if not topic.fifo and is_fifo(arn.resource):
        raise InvalidParameter("must use a standard queue as DLQ for a standard topic.")


def check_room(
    topic: Topic, subscribers: Subscribers, wanted: Subscription, *, new: bool = True
) -> None:
    """Whether the topic can have one more subscription, or one more filter policy.

    Raises: SubscriptionLimitExceeded, FilterPolicyLimitExceeded.
    """
    wide = topic.maximum_message_size > TOPIC_MESSAGE_BYTES_DEFAULT
    most = FIFO_TOPIC_SUBSCRIPTIONS_MAX if topic.fifo else WIDE_MESSAGE_SUBSCRIPTIONS_MAX
    if new and (topic.fifo or wide) and len(subscribers) >= most:
        raise SubscriptionLimitExceeded(f"Subscription limit exceeded: the topic can have {most}")
    if wanted.filter_policy is not None and subscribers.filtered >= FILTER_POLICIES_PER_TOPIC_MAX:
        raise FilterPolicyLimitExceeded(
            f"Filter policy limit exceeded: the topic can have {FILTER_POLICIES_PER_TOPIC_MAX}"
        )


def differs(existing: Subscription, given: dict[str, object]) -> bool:
    """Whether an existing subscription has other settings than those that were given."""
    wanted = msgspec.structs.replace(existing, **given)
    return bool(wanted != existing)
