"""topics as the edge uses them: make, configure, delete, publish with one fan-out"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from broker.core.errors import BrokerError, InvalidState, QueueDoesNotExist, TopicDoesNotExist
from broker.core.message import Notification
from broker.core.names import Namespace, delivery_queue, topic_queue, uuid_text
from broker.core.publication import Publication, check_publication
from broker.core.resources import Queue, Topic
from broker.core.routed import Routed
from broker.core.routing import Router
from broker.core.subscribing import HTTP_PROTOCOLS
from broker.runtime.document_signer import DocumentSigner
from broker.runtime.ids import Ids
from broker.runtime.publisher import Outcome, Publisher
from broker.runtime.queues import Queues
from broker.runtime.registrar import Change, Registrar
from broker.runtime.subscriptions import count_lost, waiting_deliveries

DAY_S = 86_400
NO_ARCHIVE_RETENTION_S = 60  # of what is left in an archive that was given up


@dataclass(frozen=True, slots=True)
class PublishedMessage:
    """A publish that is on disk with all its deliveries."""

    message_id: str
    sequence: int | None = None  # of a FIFO topic


class Topics:
    """What programs do with topics. Raises TopicDoesNotExist throughout."""

    def __init__(
        self,
        registrar: Registrar,
        queues: Queues,
        publisher: Publisher,
        ids: Ids,
        signer: DocumentSigner,
    ) -> None:
        self._registrar = registrar
        self._queues = queues
        self._publisher = publisher
        self._ids = ids
        self._signer = signer

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
        changes: list[Change] = [("topic", topic.name, topic, 0), *queue_changes(topic)]
        await self._registrar.change(namespace, changes)

    async def configure(self, namespace: Namespace, topic: Topic) -> None:
        """Replace the settings of a topic that is there.

        An archive that is given up is emptied. Raises: RecordChanged, StoreFull.
        """
        self.get(namespace, topic.name)
        changed = msgspec.structs.replace(topic, modified_at_ms=self._publisher.now_ms())
        version = self._registrar.version(namespace, "topic", topic.name)
        changes: list[Change] = [("topic", topic.name, changed, version), *queue_changes(topic)]
        await self._registrar.change(namespace, changes)

    async def delete(self, namespace: Namespace, name: str) -> None:
        """Delete a topic with its subscriptions; one that isn't there is as good.

        Raises: InvalidState, while it has an archive.
        """
        resources = self._registrar.registry.resources(namespace)
        topic = resources.topics.get(name)
        if topic is not None and topic.archive_retention_days is not None:
            raise InvalidState("Cannot delete a topic with an ArchivePolicy")
        changes: list[Change] = []
        subscriptions = list(resources.subscribers.get(name, ()))
        waiting = await waiting_deliveries(self._queues, namespace, subscriptions)
        # Filled when no other change is under way: a subscription that is being made is seen, too.
        await self._registrar.change(
            namespace, changes, lambda: changes.extend(self._deletion(namespace, name))
        )
        count_lost(waiting)

    def _deletion(self, namespace: Namespace, name: str) -> Iterator[Change]:
        resources = self._registrar.registry.resources(namespace)
        topic = resources.topics.get(name)
        for subscription in resources.subscribers.get(name, ()):
            yield "subscription", subscription.name, None, None
            if subscription.protocol in HTTP_PROTOCOLS:
                yield "queue", delivery_queue(subscription.name), None, None
        if topic is not None:
            yield "topic", name, None, None
            if topic.fifo:
                yield "queue", topic_queue(name), None, None

    async def publish(
        self, namespace: Namespace, name: str, publication: Publication
    ) -> PublishedMessage:
        """Put a message into every subscribed queue, all or none.

        Returns when all of it is on disk. Raises: InvalidParameter, StoreFull.
        """
        check_publication(self.get(namespace, name), publication)
        (outcome,) = await self.publish_each(namespace, name, [publication])
        if isinstance(outcome, BrokerError):
            raise outcome
        return outcome

    async def publish_each(
        self, namespace: Namespace, name: str, publications: Sequence[Publication]
    ) -> list[PublishedMessage | BrokerError]:
        """Publish many messages in their order, each all or none; or why it was refused.

        They are checked by `check_publication`. Returns when those that were not refused are on
        disk.
        """
        topic = self.get(namespace, name)
        now_ms = self._publisher.now_ms()
        notifications = [
            each.notification(namespace, topic, uuid_text(self._ids.new()), now_ms)
            for each in publications
        ]
        if topic.signature_version is not None:
            notifications = [
                await self._signer.signed(each, topic.signature_version) for each in notifications
            ]

        def route_each() -> Iterator[Routed]:
            for notification in notifications:
                resources = self._registrar.registry.resources(namespace)
                router = Router(
                    resources, namespace, self._ids.new, now_ms, notification.trace_header
                )
                router.notification(name, notification)
                yield router.routed

        outcomes = await self._publisher.publish_each(namespace, route_each())
        return [
            _published(notification, outcome)
            for notification, outcome in zip(notifications, outcomes, strict=True)
        ]


def _published(notification: Notification, outcome: Outcome) -> PublishedMessage | BrokerError:
    if outcome is None:
        return PublishedMessage(notification.message_id)
    if isinstance(outcome, QueueDoesNotExist):
        return TopicDoesNotExist()  # it was deleted meanwhile
    if isinstance(outcome, BrokerError):
        return outcome
    return PublishedMessage(uuid_text(outcome.message_id), outcome.sequence)


def queue_changes(topic: Topic) -> list[Change]:
    """What makes, or configures, the queue behind a FIFO topic."""
    if not topic.fifo:
        return []
    days = topic.archive_retention_days
    per_group = topic.fifo_throughput_scope == "MessageGroup"
    queue = Queue(
        name=topic_queue(topic.name),
        retention_s=days * DAY_S if days is not None else NO_ARCHIVE_RETENTION_S,
        deduplication_scope="messageGroup" if per_group else "queue",
        created_at_ms=topic.created_at_ms,
        declared=topic.declared,
    )
    return [("queue", queue.name, queue, None)]
