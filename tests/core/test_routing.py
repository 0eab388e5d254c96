import hashlib
from itertools import count

import pytest

from broker.core.limits import HOPS_MAX
from broker.core.message import Message, Notification, Via, decode
from broker.core.names import Arn, Namespace, function_label
from broker.core.registry import Registry
from broker.core.resources import (
    KINDS,
    AnyResource,
    EventBus,
    Function,
    Queue,
    Rule,
    Subscription,
    Target,
    Topic,
)
from broker.core.routed import Routed
from broker.core.routing import Router
from broker.core.rule_targets import rule_arn

NS = Namespace()
EVENT = {"id": "e-1", "source": "shop", "detail-type": "order", "detail": {"total": 12}}
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


def route(found: Registry, event: dict[str, object] = EVENT, bus: str = "default") -> Routed:
    numbers = count(1)
    ids = lambda: next(numbers).to_bytes(16, "big")  # noqa: E731
    router = Router(found.resources(NS), NS, ids, 0)
    router.event(bus, event, TEXT)
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
            Queue(name="function/reserve"),
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
    assert routed.undeliverable == [("rule default|r", gone, "NO_RESOURCE")]


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
    assert rule_arn(NS, f"{bus}|r") == NS.arn("events", expected)


@pytest.mark.parametrize(
    ("resource", "expected"),
    [("function:f", "f"), ("function:f:1", "f:1"), ("function:f:$LATEST", "f"), ("f", "f")],
)
def test_function_labels_in_arns(resource: str, expected: str) -> None:
    assert function_label(resource) == expected


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


# What targets ask for


def with_target(target: Target, bus: str = "default") -> Rule:
    pattern = '{"source":["shop"]}'
    return Rule(name=f"{bus}|r", event_bus=bus, event_pattern=pattern, targets=(target,))


FIFO = NS.arn("sqs", "orders.fifo")


def test_a_fifo_queue_gets_the_group_of_the_target_and_the_event_s_id_once() -> None:
    target = Target(id="1", arn=FIFO, message_group_id="walk")
    (entry,) = route(registry(Queue(name="orders.fifo", fifo=True), with_target(target))).entries
    assert (entry.group, entry.deduplication_id) == ("walk", "e-1")


def test_a_fifo_queue_that_deduplicates_by_content_knows_the_text_again() -> None:
    queue = Queue(name="orders.fifo", fifo=True, content_based_deduplication=True)
    target = Target(id="1", arn=FIFO, message_group_id="walk")
    (entry,) = route(registry(queue, with_target(target))).entries
    assert entry.deduplication_id == hashlib.sha256(TEXT.encode()).hexdigest()


def test_another_bus_gets_the_same_event_and_its_rules_decide() -> None:
    bus = NS.arn("events", "event-bus/shop")
    routed = route(
        registry(
            Queue(name="orders"),
            EventBus(name="shop"),
            rule("r", bus),
            with_target(Target(id="1", arn=QUEUE), "shop"),
        )
    )
    assert routed.matched == ["default|r", "shop|r"]
    assert [entry.queue for entry in routed.entries] == ["orders"]
    assert decode(routed.bodies[0]).body == TEXT  # type: ignore[union-attr]


def test_buses_that_follow_each_other_in_a_circle_end_in_a_dead_letter() -> None:
    target = Target(id="1", arn=NS.arn("events", "event-bus/default"))
    dead = Queue(name="dead-letters/default")
    routed = route(registry(dead, with_target(target)))
    assert len(routed.matched) == HOPS_MAX + 1
    assert causes(routed) == [("dead-letters/default", "TOO_MANY_HOPS")]


def causes(routed: Routed) -> list[tuple[str, str]]:
    """The queue and the error code of each dead letter."""
    found = []
    for entry in routed.entries:
        body = decode(routed.bodies[entry.body])
        assert isinstance(body, Message)
        assert body.attributes is not None
        found.append((entry.queue, body.attributes["ERROR_CODE"].string_value or ""))
    return found


def test_what_a_target_can_not_take_is_a_dead_letter_with_the_event_and_the_cause() -> None:
    gone = NS.arn("sqs", "gone")
    target = Target(id="1", arn=gone, dead_letter_target_arn=NS.arn("sqs", "dead"))
    routed = route(registry(Queue(name="dead"), with_target(target)))
    (entry,) = routed.entries
    assert entry.queue == "dead"
    body = decode(routed.bodies[entry.body])
    assert isinstance(body, Message)
    assert body.body == TEXT
    assert {name: each.string_value for name, each in (body.attributes or {}).items()} == {
        "RULE_ARN": NS.arn("events", "rule/r"),
        "TARGET_ARN": gone,
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": "The target does not exist.",
        "RETRY_ATTEMPTS": "0",
    }


@pytest.mark.parametrize("queue", [Queue(name="orders", maximum_message_size=10)])
def test_a_message_that_is_too_long_for_its_queue_is_a_dead_letter(queue: Queue) -> None:
    dead = Queue(name="dead-letters/default")
    routed = route(registry(queue, dead, with_target(Target(id="1", arn=QUEUE))))
    assert causes(routed) == [("dead-letters/default", "MESSAGE_TOO_LARGE")]


def test_a_dead_letter_goes_to_the_target_s_queue_else_to_the_bus_s_else_to_the_bus_s_own() -> None:
    target = Target(
        id="1", arn=NS.arn("sqs", "gone"), dead_letter_target_arn=NS.arn("sqs", "of-target")
    )
    bus = EventBus(name="shop", dead_letter_target_arn=NS.arn("sqs", "of-bus"))
    queues = [Queue(name=name) for name in ("of-target", "of-bus", "dead-letters/shop")]
    found = registry(bus, *queues, with_target(target, "shop"))
    for expected in ("of-target", "of-bus", "dead-letters/shop"):
        assert causes(route(found, bus="shop")) == [(expected, "NO_RESOURCE")]
        found.change(str(NS), "queue", expected, None, 0)
    assert route(found, bus="shop").undeliverable == [
        ("rule shop|r", NS.arn("sqs", "gone"), "NO_RESOURCE")
    ]


def test_a_bus_keeps_what_no_rule_matched_if_it_is_asked_to() -> None:
    dead = Queue(name="dead-letters/shop")
    assert route(registry(EventBus(name="shop"), dead), bus="shop").entries == []
    keeps = EventBus(name="shop", keeps_unmatched=True)
    assert causes(route(registry(keeps, dead), bus="shop")) == [
        ("dead-letters/shop", "NO_RULE_MATCHED")
    ]


def test_what_leaves_the_namespace_waits_as_the_whole_event() -> None:
    elsewhere = Namespace("999999999999")
    target = Target(id="1", arn=elsewhere.arn("sqs", "orders"), input='{"fixed":1}')
    waiting = Queue(name="target/default|r|1")
    routed = route(registry(waiting, with_target(target)))
    (entry,) = routed.entries
    assert entry.queue == "target/default|r|1"
    assert decode(routed.bodies[0]).body == TEXT  # type: ignore[union-attr]
