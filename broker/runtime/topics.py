"""topics as the edge uses them: create, subscribe, publish with one fan-out"""

from collections.abc import Iterator, Sequence

import msgspec
import trio

from broker.core.errors import (
    BrokerError,
    InvalidParameter,
    SubscriptionDoesNotExist,
    TopicDoesNotExist,
)
from broker.core.message import Attributes, Notification
from broker.core.names import Arn, Namespace, is_fifo, is_internal, uuid_text
from broker.core.resources import Subscription, Topic
from broker.core.routing import Routed, route_notification
from broker.runtime.ids import Ids
from broker.runtime.publisher import Publisher
from broker.runtime.registrar import Change, Registrar

Draft = tuple[str, str | None, Attributes | None]  # message, subject, attributes


class Topics:
    """What programs do with topics. Raises TopicDoesNotExist throughout."""

    def __init__(self, registrar: Registrar, publisher: Publisher, ids: Ids) -> None:
        self._registrar = registrar
        self._publisher = publisher
        self._ids = ids
        self._subscribing = trio.Lock()

    def get(self, namespace: Namespace, name: str) -> Topic:
        """The topic's settings."""
        topic = self._registrar.registry.resources(namespace).topics.get(name)
        if topic is None:
            raise TopicDoesNotExist
        return topic

    def all(self, namespace: Namespace) -> list[Topic]:
        """Every topic, by name."""
        topics = self._registrar.registry.resources(namespace).topics
        return [topics[name] for name in sorted(topics)]

    async def create(self, namespace: Namespace, topic: Topic) -> None:
        """Raises: RecordChanged, if the name was taken in the meantime."""
        await self._registrar.put(namespace, topic, expected_version=0)

    async def delete(self, namespace: Namespace, name: str) -> None:
        """Delete a topic with its subscriptions; one that isn't there is as good."""
        resources = self._registrar.registry.resources(namespace)
        async with self._subscribing:  # or one that is being made would be left behind
            subscriptions = resources.subscribers.get(name, {})
            changes: list[Change] = [("subscription", each, None, None) for each in subscriptions]
            changes.append(("topic", name, None, None))
            await self._registrar.change(namespace, changes)

    def subscriptions(self, namespace: Namespace, topic: str | None = None) -> list[Subscription]:
        """A topic's subscriptions, or all, by name."""
        resources = self._registrar.registry.resources(namespace)
        if topic is None:
            found = resources.subscriptions
        else:
            self.get(namespace, topic)
            subscribers = resources.subscribers.get(topic, {})
            found = {name: each.subscription for name, each in subscribers.items()}
        return [found[name] for name in sorted(found)]

    async def subscribe(
        self,
        namespace: Namespace,
        topic: str,
        protocol: str,
        endpoint: str,
        *,
        raw: bool | None = None,
    ) -> Subscription:
        """A subscription; the same again is the one that is there.

        `protocol` is "sqs" or "lambda", `endpoint` an ARN in the topic's namespace. `raw` None is
        as the one that is there has it, and false for a new one.
        Raises: InvalidParameter.
        """
        self.get(namespace, topic)
        check_endpoint(namespace, protocol, endpoint)
        # One after another, or two for the same endpoint at once would both find none there.
        async with self._subscribing:
            return await self._subscribe(namespace, topic, protocol, endpoint, raw=raw)

    async def _subscribe(
        self, namespace: Namespace, topic: str, protocol: str, endpoint: str, *, raw: bool | None
    ) -> Subscription:
        for each in self.subscriptions(namespace, topic):
            if (each.protocol, each.endpoint) == (protocol, endpoint):
                if raw is not None and each.raw_message_delivery != raw:
                    raise InvalidParameter(
                        "Invalid parameter: Attributes Reason: Subscription already exists with "
                        "different attributes"
                    )
                return each
        now_ms = self._publisher.now_ms()
        subscription = Subscription(
            name=f"{topic}:{uuid_text(self._ids.new())}",
            topic=topic,
            protocol=protocol,
            endpoint=endpoint,
            raw_message_delivery=bool(raw),
            created_at_ms=now_ms,
            modified_at_ms=now_ms,
        )
        await self._registrar.put(namespace, subscription, expected_version=0)
        return subscription

    async def configure_subscription(self, namespace: Namespace, name: str, *, raw: bool) -> None:
        """Change how a subscription delivers. Raises: SubscriptionDoesNotExist."""
        subscription = self.subscription(namespace, name)
        changed = msgspec.structs.replace(subscription, raw_message_delivery=raw)
        version = self._registrar.version(namespace, "subscription", name)
        await self._registrar.put(namespace, changed, expected_version=version)

    def subscription(self, namespace: Namespace, name: str) -> Subscription:
        """One by its name, `<topic>:<uuid>`. Raises: SubscriptionDoesNotExist."""
        found = self._registrar.registry.resources(namespace).subscriptions.get(name)
        if found is None:
            raise SubscriptionDoesNotExist
        return found

    async def unsubscribe(self, namespace: Namespace, name: str) -> None:
        """Remove a subscription; one that isn't there is as good."""
        await self._registrar.delete(namespace, "subscription", name)

    async def publish(
        self,
        namespace: Namespace,
        name: str,
        message: str,
        subject: str | None = None,
        attributes: Attributes | None = None,
        by_protocol: dict[str, str] | None = None,
    ) -> str:
        """Put a message into every subscribed queue, all or none; its id.

        Returns when all of it is on disk. Raises: StoreFull.
        """
        self.get(namespace, name)
        message_id, routed = self._route(namespace, name, message, subject, attributes, by_protocol)
        await self._publisher.publish(namespace, routed)
        return message_id

    async def publish_each(
        self, namespace: Namespace, name: str, drafts: Sequence[Draft]
    ) -> list[str | BrokerError]:
        """Publish many messages, each all or none; the id of each, or why it was refused.

        Returns when those that were not refused are on disk.
        """
        self.get(namespace, name)
        message_ids: list[str] = []

        def route_each() -> Iterator[Routed]:
            for draft in drafts:
                message_id, routed = self._route(namespace, name, *draft)
                message_ids.append(message_id)
                yield routed

        refusals = await self._publisher.publish_each(namespace, route_each())
        return [
            refusal or message_id for message_id, refusal in zip(message_ids, refusals, strict=True)
        ]

    def _route(
        self,
        namespace: Namespace,
        name: str,
        message: str,
        subject: str | None,
        attributes: Attributes | None,
        by_protocol: dict[str, str] | None = None,
    ) -> tuple[str, Routed]:
        """A publish's id and its deliveries."""
        message_id = uuid_text(self._ids.new())
        notification = Notification(
            namespace.arn("sns", name),
            message_id,
            self._publisher.now_ms(),
            message,
            subject,
            attributes or None,
            by_protocol,
        )
        resources = self._registrar.registry.resources(namespace)
        return message_id, route_notification(resources, name, notification, self._ids.new)


def check_endpoint(namespace: Namespace, protocol: str, endpoint: str) -> None:
    """Raises: InvalidParameter, for an endpoint that could never be delivered to."""
    arn = Arn.parse(endpoint)
    if protocol not in ("sqs", "lambda"):
        raise InvalidParameter(
            f"Invalid parameter: Amazon SNS does not support this protocol string: {protocol}"
        )
    if arn is None or arn.service != protocol:
        raise InvalidParameter(f"Invalid parameter: {protocol.upper()} endpoint ARN")
    if protocol == "sqs" and is_internal(arn.resource):
        raise InvalidParameter("Invalid parameter: SQS endpoint ARN")
    if protocol == "sqs" and is_fifo(arn.resource):
        raise InvalidParameter(
            "Invalid parameter: Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be "
            "subscribed to standard SNS topics"
        )
    if arn.namespace != namespace:
        raise InvalidParameter(
            "Invalid parameter: Endpoint Reason: deliveries to another account or region are not "
            "supported by this broker"
        )
