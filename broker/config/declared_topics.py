"""declared topics and subscriptions: the file's tables as the resources they describe"""

from hashlib import blake2b
from pathlib import Path

from broker.config.errors import Refused, json_text
from broker.config.lines import Path as Place
from broker.config.tables import SubscriptionTable, TopicTable
from broker.core.delivery_policy import parse_subscription_policy, parse_topic_policy
from broker.core.errors import BrokerError, InvalidParameter
from broker.core.filter_policy import InvalidFilterPolicy, parse_filter_policy
from broker.core.names import Namespace, is_fifo
from broker.core.resources import Subscription, Topic
from broker.core.standard_webhooks import check_secret
from broker.core.subscribing import HTTP_PROTOCOLS, check_endpoint, check_redrive_policy

_ENDPOINTS = ("queue", "function", "url", "to_topic", "to_event_bus")


def declared_topic(table: TopicTable, key: Place) -> Topic:
    """The topic that a table describes. Raises: Refused."""
    fifo = is_fifo(table.name)
    if not fifo:
        for setting, default in (
            ("content_based_deduplication", False),
            ("fifo_throughput_scope", "Topic"),
            ("archive_retention_days", None),
        ):
            if getattr(table, setting) != default:
                raise Refused((*key, setting), "it is for FIFO topics, whose names end in .fifo")
    policy = None
    if table.delivery_policy is not None:
        policy = json_text(table.delivery_policy, (*key, "delivery_policy"))
        try:
            parse_topic_policy(policy)
        except InvalidParameter as error:
            raise Refused((*key, "delivery_policy"), error.message) from None
    return Topic(
        name=table.name,
        display_name=table.display_name,
        maximum_message_size=table.maximum_message_size,
        signature_version=table.signature_version,
        delivery_policy=policy,
        fifo=fifo,
        content_based_deduplication=table.content_based_deduplication,
        fifo_throughput_scope=table.fifo_throughput_scope,
        archive_retention_days=table.archive_retention_days,
        declared=True,
    )


def endpoint_of(table: SubscriptionTable) -> tuple[str, str]:
    """Which of the ways to say it names the endpoint, and how; "" if not exactly one does."""
    named = [(key, getattr(table, key)) for key in _ENDPOINTS if getattr(table, key) is not None]
    return named[0] if len(named) == 1 else ("", "")


def declared_subscription(
    table: SubscriptionTable, namespace: Namespace, topic: Topic, key: Place, folder: Path
) -> Subscription:
    """The subscription that a table describes; it needs no confirmation. Raises: Refused."""
    way, name = endpoint_of(table)
    if not way:
        raise Refused(key, f"a subscription has exactly one of {', '.join(_ENDPOINTS)}")
    if way == "queue" and is_fifo(name) and not topic.fifo:
        raise Refused((*key, way), f"{name} is a FIFO queue, and the topic isn't")
    protocol, endpoint = _protocol(namespace, way, name)
    try:
        check_endpoint(namespace, topic, protocol, endpoint)
    except BrokerError as error:
        raise Refused((*key, way), error.message) from None
    redrive_policy = None
    if table.dead_letter_queue is not None:
        target = {"deadLetterTargetArn": namespace.arn("sqs", table.dead_letter_queue)}
        redrive_policy = json_text(target, key)
        try:
            check_redrive_policy(namespace, topic, redrive_policy)
        except InvalidParameter as error:
            raise Refused((*key, "dead_letter_queue"), error.message) from None
    if table.raw_message_delivery and protocol not in ("sqs", *HTTP_PROTOCOLS):
        raise Refused((*key, "raw_message_delivery"), "it is for queues and URLs")
    suffix = name if way != "url" else _url_suffix(name)
    return Subscription(
        # Not a random id: the same declaration is the same subscription at the next start.
        name=f"{table.topic}:declared-{way.removeprefix('to_').replace('_', '-')}-{suffix}",
        topic=table.topic,
        protocol=protocol,
        endpoint=endpoint,
        raw_message_delivery=table.raw_message_delivery,
        filter_policy=_filter_policy(table, key),
        filter_policy_scope=table.filter_policy_scope,
        redrive_policy=redrive_policy,
        delivery_policy=_delivery_policy(table, protocol, key),
        webhook_secrets=_webhook_secrets(table, protocol, key, folder),
        declared=True,
    )


def _protocol(namespace: Namespace, way: str, name: str) -> tuple[str, str]:
    match way:
        case "queue":
            return "sqs", namespace.arn("sqs", name)
        case "function":
            return "lambda", namespace.arn("lambda", f"function:{name}")
        case "to_topic":
            return "sns", namespace.arn("sns", name)
        case "to_event_bus":
            return "events", namespace.arn("events", f"event-bus/{name}")
        case _:
            return name.partition(":")[0].lower(), name


def _url_suffix(url: str) -> str:
    """A name for the URL in an ARN, without what may be secret in it."""
    return blake2b(url.encode(), digest_size=8).hexdigest()


def _filter_policy(table: SubscriptionTable, key: Place) -> str | None:
    given = table.filter_policy
    if given is None:
        return None
    text = given if isinstance(given, str) else json_text(given, (*key, "filter_policy"))
    try:
        parse_filter_policy(text, table.filter_policy_scope)
    except InvalidFilterPolicy as error:
        raise Refused((*key, "filter_policy"), error.reason) from None
    return text


def _delivery_policy(table: SubscriptionTable, protocol: str, key: Place) -> str | None:
    if table.delivery_policy is None:
        return None
    if protocol not in HTTP_PROTOCOLS:
        raise Refused((*key, "delivery_policy"), "it is for URLs")
    text = json_text(table.delivery_policy, (*key, "delivery_policy"))
    try:
        parse_subscription_policy(text, raw_message_delivery=table.raw_message_delivery)
    except InvalidParameter as error:
        raise Refused((*key, "delivery_policy"), error.message) from None
    return text


def _webhook_secrets(
    table: SubscriptionTable, protocol: str, key: Place, folder: Path
) -> tuple[str, ...]:
    if table.webhook_secret_file is None:
        return ()
    key = (*key, "webhook_secret_file")
    if protocol not in HTTP_PROTOCOLS:
        raise Refused(key, "it is for URLs")
    path = folder / Path(table.webhook_secret_file).expanduser()
    try:
        secrets = tuple(path.read_text().split())
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(key, f"{path} can't be read: {error}") from None
    for secret in secrets:
        try:
            check_secret(secret)
        except (ValueError, BrokerError):
            raise Refused(key, f"{path} has no secret of the form whsec_<base64>") from None
    if not secrets:
        raise Refused(key, f"{path} is empty")
    return secrets
