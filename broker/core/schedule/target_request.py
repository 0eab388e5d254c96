"""what a schedule's target is asked to do, whichever way it was written down"""

from dataclasses import dataclass

import msgspec

from broker.core.event import Event
from broker.core.message import Attributes
from broker.core.names import Arn, function_label
from broker.core.publication import Publication

__all__ = ["Invocation", "Publish", "PutEvent", "SendMessage", "TargetRequest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendMessage:
    """Into a queue."""

    arn: Arn
    body: str
    group: str | None = None
    deduplication_id: str | None = None
    delay_s: int = 0
    attributes: Attributes | None = None

    @property
    def text(self) -> str:
        """What the target is to get, for a dead letter; of the others likewise."""
        return self.body


@dataclass(frozen=True, slots=True, kw_only=True)
class Publish:
    """To a topic."""

    arn: Arn
    publication: Publication

    @property
    def text(self) -> str:
        """The message."""
        return self.publication.message


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """Of a function, asynchronously."""

    arn: Arn
    payload: str

    @property
    def function(self) -> str:
        """Its name."""
        return function_label(self.arn.resource)

    @property
    def text(self) -> str:
        """The payload."""
        return self.payload


@dataclass(frozen=True, slots=True, kw_only=True)
class PutEvent:
    """On an event bus."""

    arn: Arn
    event: Event

    @property
    def text(self) -> str:
        """The event's detail."""
        return msgspec.json.encode(self.event.detail).decode()


TargetRequest = SendMessage | Publish | Invocation | PutEvent
