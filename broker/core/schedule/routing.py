"""where a run goes: its target's requests, or a rule's event, as deliveries

What is for the schedule's own namespace is delivered by the commit that takes up the run. The rest,
and what goes to a FIFO topic, which asks the topic's queue first, is sent afterwards.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace

import msgspec

from broker.core.commands import NewEntry
from broker.core.errors import InvalidParameter
from broker.core.event import Event, envelope
from broker.core.limits import MESSAGE_BYTES_MAX
from broker.core.message import MessageAttribute, Via, message
from broker.core.names import Namespace, event_bus_name, function_queue, is_fifo, uuid_text
from broker.core.publication import check_publication
from broker.core.registry import DEFAULT_BUS, Resources
from broker.core.resources import Rule
from broker.core.routed import Routed
from broker.core.routing import NO_RESOURCE, Obstacle, Router
from broker.core.rule_targets import rule_arn
from broker.core.schedule.occasion import Occasion
from broker.core.schedule.target import dead_letter_queue_of
from broker.core.schedule.target_request import (
    Invocation,
    Publish,
    PutEvent,
    SendMessage,
    TargetRequest,
)

__all__ = ["dead_letter", "is_sent_later", "merged", "route_request", "route_rule"]

NewId = Callable[[], bytes]
ERROR_CHARS_MAX = 1_024
PROTOCOL = "scheduler"  # of the entries that a schedule leads to


def route_rule(
    resources: Resources, namespace: Namespace, rule: Rule, at_ms: int, new_id: NewId, now_ms: int
) -> Routed:
    """The event of a rule's run, to all its targets. It comes to no other rule, as on AWS."""
    event = Event(
        source="aws.events",
        detail_type="Scheduled Event",
        detail={},
        resources=[rule_arn(namespace, rule.name)],
        time_ms=at_ms,
    )
    whole = envelope(event, uuid_text(new_id()), namespace, now_ms)
    text = msgspec.json.encode(whole).decode()
    router = Router(resources, namespace, new_id, now_ms)
    router.event_to_rules(DEFAULT_BUS, [rule.name], whole, text)
    router.keep_trace(whole, text, DEFAULT_BUS)
    return router.routed


def is_sent_later(request: TargetRequest, namespace: Namespace) -> bool:
    """Whether it isn't part of the run's own commit."""
    if request.arn.namespace != namespace:
        return True
    return isinstance(request, Publish) and is_fifo(request.arn.resource)


def route_request(
    resources: Resources,
    occasion: Occasion,
    request: TargetRequest,
    new_id: NewId,
    now_ms: int,
) -> Routed | Obstacle:
    """The deliveries of one request; `resources` are those of the namespace that it is for."""
    router = Router(resources, request.arn.namespace, new_id, now_ms)
    if isinstance(request, SendMessage):
        obstacle = _send(router.routed, resources, occasion, request, new_id)
    elif isinstance(request, Invocation):
        obstacle = _invoke(router.routed, resources, occasion, request, new_id)
    elif isinstance(request, Publish):
        obstacle = _publish(router, resources, occasion, request, new_id, now_ms)
    else:
        obstacle = _put(router, resources, request, new_id, now_ms)
    return obstacle if obstacle is not None else router.routed


def _send(
    routed: Routed, resources: Resources, occasion: Occasion, request: SendMessage, new_id: NewId
) -> Obstacle | None:
    queue = resources.queues.get(request.arn.resource)
    if queue is None:
        return NO_RESOURCE
    if len(request.body.encode()) > queue.maximum_message_size:
        return _too_large(queue.maximum_message_size)
    deduplication_id = request.deduplication_id
    if queue.fifo and deduplication_id is None:
        content = queue.content_based_deduplication
        sha256 = hashlib.sha256(request.body.encode()).hexdigest()
        deduplication_id = sha256 if content else uuid_text(occasion.execution_id)
    given = {"MessageGroupId": request.group, "MessageDeduplicationId": deduplication_id}
    kept = {name: value for name, value in given.items() if value is not None}
    body = routed.add_body(message(request.body, request.attributes, kept))
    routed.entries.append(
        NewEntry(
            queue.name,
            new_id(),
            body,
            request.delay_s * 1000 or queue.delay_s * 1000,
            _via(occasion),
            _dead_letter_queue(occasion, request),
            request.group,
            deduplication_id,
        )
    )
    return None


def _invoke(
    routed: Routed, resources: Resources, occasion: Occasion, request: Invocation, new_id: NewId
) -> Obstacle | None:
    if not resources.can_invoke(request.function):
        return NO_RESOURCE
    if len(request.payload.encode()) > MESSAGE_BYTES_MAX:
        return _too_large(MESSAGE_BYTES_MAX)
    body = routed.add_body(message(request.payload))
    queue, dead_letters = function_queue(request.function), _dead_letter_queue(occasion, request)
    routed.entries.append(NewEntry(queue, new_id(), body, 0, _via(occasion), dead_letters))
    return None


def _publish(
    router: Router,
    resources: Resources,
    occasion: Occasion,
    request: Publish,
    new_id: NewId,
    now_ms: int,
) -> Obstacle | None:
    topic = resources.topics.get(request.arn.resource)
    if topic is None:
        return NO_RESOURCE
    publication = request.publication
    if topic.fifo and not topic.content_based_deduplication and not publication.deduplication_id:
        execution = uuid_text(occasion.execution_id)
        publication = replace(publication, deduplication_id=execution)
    if len(publication.message.encode()) > topic.maximum_message_size:
        return _too_large(topic.maximum_message_size)
    try:
        check_publication(topic, publication)
    except InvalidParameter as error:
        return Obstacle("INVALID_PARAMETER", error.message)
    notification = publication.notification(
        request.arn.namespace, topic, uuid_text(new_id()), now_ms
    )
    router.notification(topic.name, notification)
    return None


def _put(
    router: Router, resources: Resources, request: PutEvent, new_id: NewId, now_ms: int
) -> Obstacle | None:
    bus = event_bus_name(request.arn.resource)
    if bus not in resources.event_buses:
        return NO_RESOURCE
    whole = envelope(request.event, uuid_text(new_id()), request.arn.namespace, now_ms)
    text = msgspec.json.encode(whole).decode()
    router.event(bus, whole, text)
    router.keep_trace(whole, text)
    return None


def dead_letter(
    resources: Resources,
    occasion: Occasion,
    request_text: str,
    obstacle: Obstacle,
    new_id: NewId,
    condition: str | None = None,
) -> Routed:
    """What becomes of a run that can't be delivered; its body is what the target was to get.

    Source: EventBridge Scheduler user guide, configuring a dead-letter queue.
    """
    routed = Routed()
    target = occasion.schedule.target
    queue = dead_letter_queue_of(target)
    if queue is None or queue not in resources.queues:
        routed.undeliverable.append(
            (f"schedule {occasion.schedule.name}", target.arn, obstacle.code)
        )
        return routed
    attributes = {
        "SCHEDULE_ARN": occasion.schedule_arn,
        "TARGET_ARN": target.arn,
        "SCHEDULED_TIME": occasion.scheduled_time,
        "EXECUTION_ID": uuid_text(occasion.execution_id),
        "ERROR_CODE": obstacle.code,
        "ERROR_MESSAGE": obstacle.error[:ERROR_CHARS_MAX] or obstacle.code,
        "RETRY_ATTEMPTS": str(occasion.attempt - 1),
        "IS_PAYLOAD_TRUNCATED": "false",
    }
    if condition is not None:
        attributes["EXHAUSTED_RETRY_CONDITION"] = condition
    limit = resources.queues[queue].maximum_message_size
    if len(request_text.encode()) > limit:
        request_text = request_text.encode()[:limit].decode(errors="ignore")
        attributes["IS_PAYLOAD_TRUNCATED"] = "true"
    texts = {name: MessageAttribute("String", text) for name, text in attributes.items()}
    routed.entries.append(NewEntry(queue, new_id(), routed.add_body(message(request_text, texts))))
    return routed


def merged(parts: Iterable[Routed]) -> Routed:
    """The deliveries of several, as one. None of them goes to a FIFO topic."""
    whole = Routed()
    for part in parts:
        assert part.once is None
        first = len(whole.bodies)
        whole.bodies += part.bodies
        whole.entries += [
            msgspec.structs.replace(entry, body=first + entry.body) for entry in part.entries
        ]
        whole.matched += part.matched
        whole.undeliverable += part.undeliverable
        whole.notifications += part.notifications
        whole.events += part.events
    return whole


def _via(occasion: Occasion) -> Via:
    return Via(occasion.schedule.name, "raw", PROTOCOL)


def _dead_letter_queue(occasion: Occasion, request: TargetRequest) -> str | None:
    """Takes what its queue turns away at the last moment; in the same namespace only."""
    if request.arn.namespace != occasion.namespace:
        return None
    return dead_letter_queue_of(occasion.schedule.target)


def _too_large(limit_bytes: int) -> Obstacle:
    return Obstacle("MESSAGE_TOO_LARGE", f"The message is longer than {limit_bytes} bytes.")
