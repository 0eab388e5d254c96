"""what a program publishes to a topic, and what FIFO topics ask of it"""

import hashlib
from dataclasses import dataclass

from broker.core.errors import InvalidParameter
from broker.core.message import Attributes, Notification
from broker.core.names import Namespace
from broker.core.resources import Topic

__all__ = ["Publication", "check_publication"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A message for all subscriptions of a topic; its parts are checked one by one already."""

    message: str
    subject: str | None = None
    attributes: Attributes | None = None
    by_protocol: dict[str, str] | None = None  # MessageStructure=json, `default` included
    group: str | None = None
    deduplication_id: str | None = None
    trace_header: str | None = None

    def notification(
        self, namespace: Namespace, topic: Topic, message_id: str, now_ms: int
    ) -> Notification:
        """The publish as it is stored."""
        return Notification(
            namespace.arn("sns", topic.name),
            message_id,
            now_ms,
            self.message,
            self.subject,
            self.attributes or None,
            self.by_protocol,
            self.group,
            self._deduplication_id(topic),
            self.trace_header,
        )

    def _deduplication_id(self, topic: Topic) -> str | None:
        if topic.fifo and self.deduplication_id is None:
            return hashlib.sha256(self.message.encode()).hexdigest()
        return self.deduplication_id


def check_publication(topic: Topic, publication: Publication) -> None:
    """Whether the topic's kind has what the publication names, and the other way round.

    Raises: InvalidParameter, in SNS's words. Source: SNS API, Publish.
    """
    if not topic.fifo:
        if publication.deduplication_id is not None:
            raise InvalidParameter(
                "Invalid parameter: MessageDeduplicationId Reason: The request includes "
                "MessageDeduplicationId parameter that is not valid for this topic type"
            )
        return
    if publication.group is None:
        raise InvalidParameter(
            "Invalid parameter: The MessageGroupId parameter is required for FIFO topics"
        )
    if publication.deduplication_id is None and not topic.content_based_deduplication:
        raise InvalidParameter(
            "Invalid parameter: The topic should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )
