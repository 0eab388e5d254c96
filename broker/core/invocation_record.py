"""what a destination is told of an asynchronous invocation's end, and where that goes

Source: Lambda developer guide, capturing records of asynchronous invocations.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from broker.core.commands import NewEntry
from broker.core.event import Event, envelope
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import MESSAGE_BYTES_MAX
from broker.core.message import Attributes, Via, iso_time, traced_message
from broker.core.names import (
    Arn,
    Namespace,
    event_bus_name,
    function_label,
    function_queue,
    is_fifo,
    uuid_text,
)
from broker.core.publication import Publication
from broker.core.registry import Resources
from broker.core.routing import NO_RESOURCE, Obstacle, Router

__all__ = ["InvocationRecord", "InvocationRouter", "is_destination"]

NewId = Callable[[], bytes]
PROTOCOL = "lambda"  # of the entries that an invocation leads to


@dataclass(frozen=True, slots=True, kw_only=True)
class InvocationRecord:
    """An invocation that has ended."""

    request_id: str
    function_arn: str  # qualified
    condition: str  # Success, RetriesExhausted, EventAgeExceeded, or what else kept it from running
    attempts: int
    payload: str  # JSON
    executed_version: str
    result: bytes | None  # JSON; None if it never ran
    function_error: str | None
    at_ms: int

    @property
    def succeeded(self) -> bool:
        """Whether the function did what it should."""
        return self.condition == "Success"

    def document(self) -> dict[str, Any]:
        """As Lambda writes it."""
        document: dict[str, Any] = {
            "version": "1.0",
            "timestamp": iso_time(self.at_ms),
            "requestContext": {
                "requestId": self.request_id,
                "functionArn": self.function_arn,
                "condition": self.condition,
                "approximateInvokeCount": self.attempts,
            },
            "requestPayload": _value(self.payload.encode()),
        }
        if self.result is not None:
            context: dict[str, Any] = {
                "statusCode": 200,
                "executedVersion": self.executed_version,
            }
            if self.function_error is not None:
                context["functionError"] = self.function_error
            document["responseContext"] = context
            document["responsePayload"] = _value(self.result)
        return document


def is_destination(arn: Arn) -> bool:
    """Whether records may be sent there: a standard queue or topic, a function, a bus."""
    if arn.service in ("sqs", "sns"):
        return not is_fifo(arn.resource) and "/" not in arn.resource
    if arn.service == "lambda":
        return arn.resource.startswith("function:")
    return arn.service == "events" and bool(event_bus_name(arn.resource))


class InvocationRouter:
    """Routes what an invocation's end leads to, to be committed together: `routed`.

    `trace_header` is the invocation's; `last_resort` takes what was put into a queue that is gone,
    or full, when it is committed.
    """

    def __init__(
        self,
        resources: Resources,
        namespace: Namespace,
        new_id: NewId,
        now_ms: int,
        trace_header: str,
        last_resort: str | None = None,
    ) -> None:
        self._router = Router(resources, namespace, new_id, now_ms, trace_header)
        self._trace_header = trace_header
        self._last_resort = last_resort
        self.routed = self._router.routed
        self._resources = resources
        self._namespace = namespace
        self._new_id = new_id
        self._now_ms = now_ms

    def tell(self, destination: str, record: InvocationRecord) -> bool:
        """Deliver a record, or note in `undeliverable` why it can't be; whether it could."""
        arn = Arn.parse(destination)
        assert arn is not None
        document = record.document()
        text = msgspec.json.encode(document).decode()
        obstacle: Obstacle | None
        if len(text.encode()) > MESSAGE_BYTES_MAX:
            obstacle = Obstacle("MESSAGE_TOO_LARGE", f"it has more than {MESSAGE_BYTES_MAX} bytes")
        elif arn.service == "sns":
            obstacle = self.publish(arn, text)
        elif arn.service == "events":
            obstacle = self._to_bus(arn, record, document)
        elif arn.service == "sqs":
            obstacle = self._to_queue(arn, record, text)
        else:
            obstacle = self._to_function(arn, record, text)
        if obstacle is not None:
            why = f"{obstacle.code} {obstacle.error}".rstrip()
            self.routed.undeliverable.append((record.function_arn, destination, why))
        return obstacle is None

    def publish(self, arn: Arn, text: str, attributes: Attributes | None = None) -> Obstacle | None:
        """Publish a text to a standard topic."""
        topic = self._resources.topics.get(arn.resource)
        if topic is None:
            return NO_RESOURCE
        publication = Publication(
            message=text, attributes=attributes, trace_header=self._trace_header
        )
        message_id = uuid_text(self._new_id())
        notification = publication.notification(self._namespace, topic, message_id, self._now_ms)
        self._router.notification(topic.name, notification)
        return None

    def enter(
        self,
        queue: str,
        text: str,
        attributes: Attributes | None = None,
        delay_ms: int = 0,
        via: Via | None = None,
    ) -> NewEntry:
        """Put a text into a queue."""
        body = self.routed.add_body(traced_message(text, self._trace_header, attributes))
        entry = NewEntry(queue, self._new_id(), body, delay_ms, via, self._last_resort)
        self.routed.entries.append(entry)
        return entry

    def _to_queue(self, arn: Arn, record: InvocationRecord, text: str) -> Obstacle | None:
        queue = self._resources.queues.get(arn.resource)
        if queue is None:
            return NO_RESOURCE
        if len(text.encode()) > queue.maximum_message_size:
            return Obstacle("MESSAGE_TOO_LARGE", "it is longer than the queue allows")
        self.enter(queue.name, text, None, queue.delay_s * 1000, _via(record))
        return None

    def _to_function(self, arn: Arn, record: InvocationRecord, text: str) -> Obstacle | None:
        label = function_label(arn.resource)
        if not self._resources.can_invoke(label):
            return NO_RESOURCE
        self.enter(function_queue(label), text, via=_via(record))
        return None

    def _to_bus(
        self, arn: Arn, record: InvocationRecord, document: dict[str, Any]
    ) -> Obstacle | None:
        bus = event_bus_name(arn.resource)
        if bus not in self._resources.event_buses:
            return NO_RESOURCE
        outcome = "Success" if record.succeeded else "Failure"
        event = Event(
            source="lambda",
            detail_type=f"Lambda Function Invocation Result - {outcome}",
            detail=document,
            resources=[str(arn), record.function_arn],
        )
        whole = envelope(event, uuid_text(self._new_id()), self._namespace, self._now_ms)
        text = msgspec.json.encode(whole).decode()
        self._router.event(bus, whole, text)
        self._router.keep_trace(whole, text)
        return None


def _via(record: InvocationRecord) -> Via:
    return Via(record.function_arn, "raw", PROTOCOL)


def _value(text: bytes) -> Any:
    try:
        return parse_json(text)
    except (InvalidJson, UnicodeDecodeError):
        return text.decode("utf-8", "replace")
