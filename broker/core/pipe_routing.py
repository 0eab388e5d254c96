"""where a pipe's events go within its namespace: to a queue, a function's queue, a topic, a bus"""

import hashlib
from datetime import UTC, datetime
from typing import Any

import msgspec

from broker.core.commands import NewEntry
from broker.core.event import Event, envelope
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import MESSAGE_BYTES_MAX
from broker.core.message import Message, Notification, Via, traced_message
from broker.core.names import (
    Arn,
    Namespace,
    event_bus_name,
    function_label,
    function_queue,
    uuid_text,
)
from broker.core.pipe_input import pipe_value
from broker.core.registry import Resources
from broker.core.resources import Pipe
from broker.core.routed import Routed
from broker.core.routing import NO_RESOURCE, NewId, Obstacle, Router

__all__ = ["PipeRouter"]

PROTOCOL = "pipes"  # of the entries that a pipe leads to


class PipeRouter:
    """Routes a batch of a pipe's events, to be committed together: `routed`."""

    def __init__(
        self,
        resources: Resources,
        namespace: Namespace,
        pipe: Pipe,
        new_id: NewId,
        now_ms: int,
    ) -> None:
        self.routed = Routed()
        self._resources = resources
        self._namespace = namespace
        self._pipe = pipe
        self._new_id = new_id
        self._now_ms = now_ms
        arn = Arn.parse(pipe.target.arn)
        assert arn is not None
        self._arn = arn
        self._via = Via(pipe.name, "raw", PROTOCOL)
        # Takes what the target's queue turns away at the last moment.
        self._dead_letters = _dead_letter_queue(resources, namespace, pipe)

    def deliver(
        self, event: Any, text: str, message_id: bytes, trace_header: str | None
    ) -> Obstacle | None:
        """Deliver one event, of which the target gets `text`; what is in the way.

        `message_id` is that of the message it comes of: the same when it is delivered again.
        """
        if self._arn.service == "sqs":
            return self._to_queue(event, text, message_id, trace_header)
        if self._arn.service == "lambda":
            return self._to_function(text, trace_header)
        router = Router(
            self._resources,
            self._namespace,
            self._new_id,
            self._now_ms,
            trace_header,
            self.routed,
        )
        if self._arn.service == "sns":
            return self._to_topic(router, text, trace_header)
        return self._to_bus(router, event, text)

    def _to_queue(
        self, event: Any, text: str, message_id: bytes, trace_header: str | None
    ) -> Obstacle | None:
        queue = self._resources.queues.get(self._arn.resource)
        if queue is None:
            return NO_RESOURCE
        if len(text.encode()) > queue.maximum_message_size:
            return _too_large(queue.maximum_message_size)
        target = self._pipe.target
        group = pipe_value(target.message_group_id or "", event) or None
        deduplication_id = pipe_value(target.message_deduplication_id or "", event) or None
        if queue.fifo and group is None:
            return Obstacle("INVALID_PARAMETER", "The event has nothing at MessageGroupId.")
        if queue.fifo and deduplication_id is None:
            content = queue.content_based_deduplication
            sha256 = hashlib.sha256(text.encode()).hexdigest()
            deduplication_id = sha256 if content else uuid_text(message_id)
        given = {"MessageGroupId": group, "MessageDeduplicationId": deduplication_id}
        kept = {name: value for name, value in given.items() if value is not None}
        body = traced_message(text, trace_header, None, kept)
        self._enter(queue.name, body, queue.delay_s * 1000, group, deduplication_id)
        return None

    def _to_function(self, text: str, trace_header: str | None) -> Obstacle | None:
        name = function_label(self._arn.resource)
        if not self._resources.can_invoke(name):
            return NO_RESOURCE
        if len(text.encode()) > MESSAGE_BYTES_MAX:
            return _too_large(MESSAGE_BYTES_MAX)
        self._enter(function_queue(name), traced_message(text, trace_header))
        return None

    def _to_topic(self, router: Router, text: str, trace_header: str | None) -> Obstacle | None:
        topic = self._resources.topics.get(self._arn.resource)
        if topic is None:
            return NO_RESOURCE
        if len(text.encode()) > topic.maximum_message_size:
            return _too_large(topic.maximum_message_size)
        message_id = uuid_text(self._new_id())
        notification = Notification(
            self._pipe.target.arn,
            message_id,
            self._now_ms,
            text,
            trace_header=trace_header,
        )
        router.notification(topic.name, notification)
        return None

    def _to_bus(self, router: Router, event: Any, text: str) -> Obstacle | None:
        bus = event_bus_name(self._arn.resource)
        if bus not in self._resources.event_buses:
            return NO_RESOURCE
        try:
            detail = parse_json(text)
        except InvalidJson as error:
            return Obstacle("INVALID_JSON", str(error))
        if not isinstance(detail, dict):
            return Obstacle("INVALID_JSON", "The detail of an event is a JSON object.")
        put = self._event(event, detail)
        if isinstance(put, Obstacle):
            return put
        whole = envelope(put, uuid_text(self._new_id()), self._namespace, self._now_ms)
        whole_text = msgspec.json.encode(whole).decode()
        router.event(bus, whole, whole_text)
        router.keep_trace(whole, whole_text)
        return None

    def _event(self, event: Any, detail: dict[str, Any]) -> Event | Obstacle:
        target = self._pipe.target
        time_ms = None
        if target.time is not None:
            time_ms = _time_ms(pipe_value(target.time, event))
            if time_ms is None:
                return Obstacle("INVALID_PARAMETER", "The event has no time at Time.")
        source = pipe_value(target.source or f"Pipe {self._pipe.name}", event)
        detail_type = pipe_value(target.detail_type or "Event from aws:sqs", event)
        if not source or not detail_type or source.startswith("aws."):
            return Obstacle("INVALID_PARAMETER", "The event has no valid Source or DetailType.")
        resources = [value for each in target.resources if (value := pipe_value(each, event))]
        return Event(
            source=source,
            detail_type=detail_type,
            detail=detail,
            resources=resources,
            time_ms=time_ms,
        )

    def _enter(
        self,
        queue: str,
        body: Message,
        delay_ms: int = 0,
        group: str | None = None,
        deduplication_id: str | None = None,
    ) -> None:
        self.routed.entries.append(
            NewEntry(
                queue,
                self._new_id(),
                self.routed.add_body(body),
                delay_ms,
                self._via,
                self._dead_letters,
                group,
                deduplication_id,
            )
        )


def _dead_letter_queue(resources: Resources, namespace: Namespace, pipe: Pipe) -> str | None:
    source = Arn.parse(pipe.source.arn)
    queue = resources.queues.get(source.resource) if source is not None else None
    policy = queue.redrive_policy if queue is not None else None
    arn = Arn.parse(policy.dead_letter_target_arn) if policy is not None else None
    return arn.resource if arn is not None and arn.namespace == namespace else None


def _time_ms(text: str) -> int | None:
    """Of seconds or milliseconds since the epoch, or of ISO 8601."""
    if text.isascii() and text.isdigit() and len(text) <= 13:
        return int(text) if len(text) > 10 else int(text) * 1000
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return int((at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _too_large(limit_bytes: int) -> Obstacle:
    return Obstacle("MESSAGE_TOO_LARGE", f"The message is longer than {limit_bytes} bytes.")
