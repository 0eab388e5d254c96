"""/v1/deliveries: how deliveries to HTTP endpoints go, and what an operator can do about it"""

from typing import Annotated

import msgspec

from broker.core.errors import InvalidParameter, RecordChanged, StoreFull, SubscriptionDoesNotExist
from broker.core.subscribers import subscription_id
from broker.core.subscribing import HTTP_PROTOCOLS
from broker.edge.native.operation import Call, Result, Shape, operations
from broker.edge.native.page import Page, page_of
from broker.edge.native.subscriptions import shown_endpoint, subscription_of
from broker.runtime.endpoint import Attempt
from broker.runtime.endpoints import DeliveryStatus

REASON_CHARS_MAX = 200


class DeliveryAttempt(Result, frozen=True, kw_only=True):
    """An attempt that was made since the daemon started."""

    at_ms: int
    message_id: str
    outcome: str  # delivered, failed, parked (no attempt is spent) or refused
    answer: str  # the status, or what went wrong
    duration_ms: float


class EndpointDeliveries(Result, frozen=True, kw_only=True, omit_defaults=False):
    """How deliveries to one endpoint go."""

    topic: str
    subscription: str
    endpoint: str
    status: str  # of the subscription: confirmed, pending or deleted
    paused: str | None  # why
    paused_by: str | None  # operator, or failures: then it is probed
    waiting: int
    under_way: int
    delayed: int  # until their next attempt
    next_attempt_ms: int | None
    delivered: int  # since the daemon started
    failures_in_a_row: int
    failing_since_ms: int | None
    attempts: list[DeliveryAttempt]  # the last ones, newest first


class Deliveries(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A page of endpoints; `next` is null after the last one."""

    endpoints: list[EndpointDeliveries]
    next: str | None = None


class PauseRequest(Shape, frozen=True, kw_only=True):
    """Why an endpoint is paused, for others to read."""

    reason: Annotated[str, msgspec.Meta(max_length=REASON_CHARS_MAX)] = "paused by an operator"


class Retried(Result, frozen=True, kw_only=True):
    """How many messages are tried again now rather than later."""

    messages: int


_ENDPOINT_PATH = "/v1/topics/{name}/subscriptions/{id}/deliveries"


@operations.add("GET", "/v1/deliveries", query=Page, answers={200: Deliveries})
async def list_deliveries(call: Call, query: Page) -> Deliveries:
    """How deliveries to all HTTP endpoints go, by topic and subscription."""
    subscriptions = [
        each
        for each in call.broker.subscriptions.all(call.namespace)
        if each.protocol in HTTP_PROTOCOLS and each.status != "deleted"
    ]
    page, following = page_of(subscriptions, query)
    return Deliveries(
        endpoints=[
            _shown(await call.broker.endpoints.status(call.namespace, each.name)) for each in page
        ],
        next=following,
    )


@operations.add(
    "GET",
    _ENDPOINT_PATH,
    answers={200: EndpointDeliveries},
    raises=(SubscriptionDoesNotExist, InvalidParameter),
)
async def get_deliveries(call: Call, name: str, id: str) -> EndpointDeliveries:
    """How deliveries to one endpoint go: what waits, the last answers, the next attempt."""
    subscription = subscription_of(call, name, id)
    return _shown(await call.broker.endpoints.status(call.namespace, subscription.name))


@operations.add(
    "POST",
    _ENDPOINT_PATH + "/retry",
    answers={200: Retried},
    raises=(SubscriptionDoesNotExist, StoreFull),
)
async def retry_deliveries(call: Call, name: str, id: str) -> Retried:
    """Make the next attempts now instead of when they are due."""
    subscription = subscription_of(call, name, id)
    released = await call.broker.endpoints.retry_now(call.namespace, subscription.name)
    return Retried(messages=released)


@operations.add(
    "POST",
    _ENDPOINT_PATH + "/pause",
    body=PauseRequest,
    answers={200: EndpointDeliveries},
    raises=(SubscriptionDoesNotExist, RecordChanged, StoreFull),
)
async def pause_deliveries(
    call: Call,
    name: str,
    id: str,
    request: PauseRequest,
) -> EndpointDeliveries:
    """Send nothing to an endpoint until it is resumed; its messages wait."""
    subscription = subscription_of(call, name, id)
    await call.broker.endpoints.pause(call.namespace, subscription.name, request.reason)
    return _shown(await call.broker.endpoints.status(call.namespace, subscription.name))


@operations.add(
    "POST",
    _ENDPOINT_PATH + "/resume",
    answers={200: EndpointDeliveries},
    raises=(SubscriptionDoesNotExist, RecordChanged, StoreFull),
)
async def resume_deliveries(call: Call, name: str, id: str) -> EndpointDeliveries:
    """Send to an endpoint again, whether an operator or its failures have paused it."""
    subscription = subscription_of(call, name, id)
    await call.broker.endpoints.resume(call.namespace, subscription.name)
    return _shown(await call.broker.endpoints.status(call.namespace, subscription.name))


def _shown(found: DeliveryStatus) -> EndpointDeliveries:
    subscription, status = found.subscription, found.endpoint
    pause = subscription.pause
    return EndpointDeliveries(
        topic=subscription.topic,
        subscription=subscription_id(subscription),
        endpoint=shown_endpoint(subscription),
        status=subscription.status,
        paused=pause.reason if pause else None,
        paused_by=pause.by if pause else None,
        waiting=found.counts.visible,
        under_way=found.counts.in_flight,
        delayed=found.counts.delayed,
        next_attempt_ms=found.next_attempt_ms,
        delivered=status.delivered,
        failures_in_a_row=status.failures_in_a_row,
        failing_since_ms=status.failing_since_ms,
        attempts=[_attempt(each) for each in reversed(status.attempts)],
    )


def _attempt(attempt: Attempt) -> DeliveryAttempt:
    return DeliveryAttempt(
        at_ms=attempt.at_ms,
        message_id=attempt.message_id,
        outcome=attempt.answer.verdict,
        answer=attempt.answer.text,
        duration_ms=round(attempt.answer.duration_s * 1000, 3),
    )
