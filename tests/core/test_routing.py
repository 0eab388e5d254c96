from itertools import count

import pytest

from broker.core.message import Notification, Via, decode
from broker.core.names import Arn, Namespace, function_name
from broker.core.registry import Registry
from broker.core.resources import (
    KINDS,
    AnyResource,
    Function,
    Queue,
    Rule,
    Subscription,
    Target,
    Topic,
)
from broker.core.routing import Routed, Router, rule_arn

NS = Namespace()
EVENT = {"source": "shop", "detail-type": "order", "detail": {"total": 12}}
TEXT = '{"source":"shop"}'


def registry(*resources: AnyResource) -> Registry:
    found = Registry()
    for resource in resources:
        found.change(str(NS), KINDS[type(resource)], resource.name, resource, 1)
    return found


def rule(name: str, *targets: str, pattern: str = '{"source":["shop"]}', **options: object) -> Rule:
    return Rule(
        name=f"default|{name}",
        event_bus="default",
        event_pattern=pattern,
        targets=tuple(Target(id=str(n), arn=arn) for n, arn in enumerate(targets)),
        **options,  # type: ignore[arg-type]
    )


def subscription(topic: str, protocol: str, endpoint: str, *, raw: bool = False) -> Subscription:
    return Subscription(
        name=f"{topic}:{protocol}",
        topic=topic,
        protocol=protocol,
        endpoint=endpoint,
        raw_message_delivery=raw,
    )


def route(found: Registry, event: dict[str, object] = EVENT) -> Routed:
    numbers = count(1)
    ids = lambda: next(numbers).to_bytes(16, "big")  # noqa: E731
    router = Router(found.resources(NS), NS, ids, 0)
    router.event("default", event, TEXT)
    return router.routed


QUEUE = NS.arn("sqs", "orders")
TOPIC = NS.arn("sns", "order-events")
FUNCTION = NS.arn("lambda", "function:reserve")


def test_an_event_reaches_queue_topic_and_function_with_its_body_stored_once() -> None:
    routed = route(
        registry(
            Queue(name="orders"),
            Queue(name="shipping"),
            Topic(name="order-events"),
            subscription("order-events", "sqs", NS.arn("sqs", "shipping")),
            Function(name="reserve", invoker="x"),
            rule("r", QUEUE, TOPIC, FUNCTION),
        )
    )
    assert [entry.queue for entry in routed.entries] == ["orders", "shipping", "function/reserve"]
    event, notification = map(decode, routed.bodies)
    assert [entry.body for entry in routed.entries] == [0, 1, 0]
    assert event.body == TEXT  # type: ignore[union-attr]
    assert isinstance(notification, Notification)
    assert notification.message == TEXT
    assert routed.entries[1].via == Via("sqs", "envelope")
    assert routed.undeliverable == []


def test_only_matching_and_enabled_rules_count() -> None:
    routed = route(
        registry(
            Queue(name="orders"),
            rule("yes", QUEUE, pattern='{"detail":{"total":[{"numeric":[">",10]}]}}'),
            rule("no", QUEUE, pattern='{"detail":{"total":[{"numeric":["<",10]}]}}'),
            rule("off", QUEUE, enabled=False),
        )
    )
    assert routed.matched == ["default|yes"]
    assert len(routed.entries) == 1


def test_what_is_not_there_is_named_and_does_not_stop_the_rest() -> None:
    gone = NS.arn("sqs", "gone")
    routed = route(registry(Queue(name="orders"), rule("r", gone, QUEUE)))
    assert [entry.queue for entry in routed.entries] == ["orders"]
    assert routed.undeliverable == [("rule default|r", gone, "no such resource")]


def test_a_constant_input_takes_the_event_s_place() -> None:
    constant = Rule(
        name="default|r",
        event_bus="default",
        event_pattern='{"source":["shop"]}',
        targets=(Target(id="1", arn=QUEUE, input='{"fixed":1}'), Target(id="2", arn=QUEUE)),
    )
    routed = route(registry(Queue(name="orders"), constant))
    bodies = [decode(routed.bodies[entry.body]).body for entry in routed.entries]  # type: ignore[union-attr]
    assert bodies == ['{"fixed":1}', TEXT]


def test_a_changed_rule_matches_as_it_is_now() -> None:
    found = registry(Queue(name="orders"), rule("r", QUEUE))
    assert route(found).matched == ["default|r"]
    changed = rule("r", QUEUE, pattern='{"source":["other"]}')
    found.change(str(NS), "rule", changed.name, changed, 2)
    assert route(found).matched == []
    found.change(str(NS), "rule", changed.name, None, 0)
    assert route(found, {"source": "other"}).matched == []


@pytest.mark.parametrize(("bus", "expected"), [("default", "rule/r"), ("shop", "rule/shop/r")])
def test_rule_arns_name_the_bus_unless_it_is_the_default(bus: str, expected: str) -> None:
    named = Rule(name=f"{bus}|r", event_bus=bus, event_pattern="{}")
    assert rule_arn(NS, named) == NS.arn("events", expected)


@pytest.mark.parametrize(
    ("resource", "expected"), [("function:f", "f"), ("function:f:1", "f"), ("f", "f")]
)
def test_function_names_in_arns(resource: str, expected: str) -> None:
    assert function_name(resource) == expected


@pytest.mark.parametrize(
    "text",
    ["", "orders", "arn:aws:sqs:us-east-1:000000000000:", "arn:aws:sqs:us east:0:q", "a:b:c:d:e:f"],
)
def test_what_is_no_arn(text: str) -> None:
    assert Arn.parse(text) is None


def test_an_arn_comes_back_as_it_was() -> None:
    text = "arn:aws:lambda:eu-central-1:123456789012:function:f:1"
    arn = Arn.parse(text)
    assert arn is not None
    assert (str(arn), arn.namespace) == (text, Namespace("123456789012", "eu-central-1"))
