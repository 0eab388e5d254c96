"""where a publish to a topic goes: its subscribers, other topics, buses, and the last resorts"""

import json
from itertools import count
from typing import Any

import msgspec

from broker.core.commands import FanOut, FanOutOnce
from broker.core.limits import HOPS_MAX
from broker.core.message import Message, MessageAttribute, Notification, Via, decode
from broker.core.names import Namespace, topic_queue
from broker.core.registry import Registry
from broker.core.resources import (
    KINDS,
    AnyResource,
    EventBus,
    Queue,
    Rule,
    Subscription,
    Target,
    Topic,
)
from broker.core.routed import Routed
from broker.core.routing import Router

NS = Namespace()
DEAD = json.dumps({"deadLetterTargetArn": NS.arn("sqs", "dead")})


def registry(*resources: AnyResource) -> Registry:
    found = Registry()
    for resource in resources:
        change(found, resource)
    return found


def change(found: Registry, resource: AnyResource) -> None:
    found.change(str(NS), KINDS[type(resource)], resource.name, resource, 1)


def to_queue(name: str, topic: str = "news", **options: Any) -> Subscription:
    arn = NS.arn("sqs", name)
    return Subscription(
        name=f"{topic}:{name}", topic=topic, protocol="sqs", endpoint=arn, **options
    )


def to_topic(name: str, topic: str = "news", **options: Any) -> Subscription:
    arn = NS.arn("sns", name)
    return Subscription(
        name=f"{topic}:{name}", topic=topic, protocol="sns", endpoint=arn, **options
    )


def publish(found: Registry, text: str = "hello", topic: str = "news", **more: Any) -> Routed:
    numbers = count(1)
    router = Router(found.resources(NS), NS, lambda: next(numbers).to_bytes(16), 0)
    message_id = "00000000-0000-0000-0000-0000000000ff"
    router.notification(topic, Notification(NS.arn("sns", topic), message_id, 0, text, **more))
    return router.routed


def queues(routed: Routed) -> list[str]:
    return [entry.queue for entry in routed.entries]


def kind(value: str) -> dict[str, MessageAttribute]:
    return {"kind": MessageAttribute("String", value)}


def test_a_publish_reaches_all_subscribers_with_its_body_stored_once() -> None:
    found = registry(
        Topic(name="news"),
        *(Queue(name=name) for name in "ab"),
        *(to_queue(name) for name in "ab"),
    )
    routed = publish(found)
    assert queues(routed) == ["a", "b"]
    assert len(routed.bodies) == 1
    assert [entry.via for entry in routed.entries] == [Via("a", "envelope"), Via("b", "envelope")]


def test_nothing_is_written_when_nobody_is_subscribed() -> None:
    assert publish(registry(Topic(name="news"))).command() is None


def test_a_subscription_that_is_not_confirmed_gets_nothing() -> None:
    found = registry(
        Topic(name="news"),
        Queue(name="a"),
        to_queue("a", status="pending"),
        to_queue("a2", status="deleted"),
    )
    assert publish(found).entries == []


def test_filter_policies_choose_by_attributes_and_by_body() -> None:
    found = registry(
        Topic(name="news"),
        *(Queue(name=name) for name in ("all", "orders", "large")),
        to_queue("all"),
        to_queue("orders", filter_policy='{"kind":["order"]}'),
        to_queue(
            "large",
            filter_policy='{"total":[{"numeric":[">",100]}]}',
            filter_policy_scope="MessageBody",
        ),
    )
    assert queues(publish(found)) == ["all"]
    assert queues(publish(found, attributes=kind("order"))) == ["all", "orders"]
    assert queues(publish(found, '{"total":101}')) == ["all", "large"]


def test_a_filter_on_the_body_sees_the_message_for_its_protocol() -> None:
    found = registry(
        Topic(name="news"),
        Queue(name="a"),
        to_queue("a", filter_policy='{"for":["sqs"]}', filter_policy_scope="MessageBody"),
    )
    by_protocol = {"default": '{"for":"all"}', "sqs": '{"for":"sqs"}'}
    assert queues(publish(found, "{}", by_protocol=by_protocol)) == ["a"]
    assert queues(publish(found, "{}", by_protocol={"default": '{"for":"all"}'})) == []


def test_a_change_of_a_filter_policy_holds_at_once_and_whole() -> None:
    found = registry(
        Topic(name="news"), Queue(name="a"), to_queue("a", filter_policy='{"kind":["order"]}')
    )
    changed = to_queue("a", filter_policy='{"n":[1]}', filter_policy_scope="MessageBody")
    change(found, changed)
    assert publish(found, attributes=kind("order")).entries == []
    assert queues(publish(found, '{"n":1}')) == ["a"]
    change(found, to_queue("a"))
    assert queues(publish(found)) == ["a"]
    found.change(str(NS), "subscription", changed.name, None, 0)
    assert publish(found).entries == []
    assert found.resources(NS).subscribers == {}


def test_a_queue_that_is_gone_leaves_its_message_in_the_dead_letter_queue_with_the_cause() -> None:
    found = registry(Topic(name="news"), Queue(name="dead"), to_queue("gone", redrive_policy=DEAD))
    (entry,) = publish(found).entries
    assert (entry.queue, entry.via) == ("dead", Via("gone", "envelope", cause="QueueDoesNotExist"))


def test_a_queue_that_is_gone_without_a_dead_letter_queue_is_named() -> None:
    routed = publish(registry(Topic(name="news"), to_queue("gone")))
    assert routed.undeliverable == [("topic news", NS.arn("sqs", "gone"), "QueueDoesNotExist")]


def test_more_attributes_than_a_queue_s_message_can_have_are_no_raw_delivery() -> None:
    found = registry(
        Topic(name="news"),
        Queue(name="dead"),
        Queue(name="a"),
        Queue(name="b"),
        to_queue("a", raw_message_delivery=True, redrive_policy=DEAD),
        to_queue("b"),
    )
    attributes = {f"a{n}": MessageAttribute("String", "x") for n in range(11)}
    routed = publish(found, attributes=attributes)
    assert sorted(queues(routed)) == ["b", "dead"]
    (cause,) = [entry.via.cause for entry in routed.entries if entry.queue == "dead" and entry.via]
    assert cause == "TooManyMessageAttributes"


def test_a_topic_that_follows_another_gets_what_is_published_there() -> None:
    found = registry(
        Topic(name="news"),
        Topic(name="all"),
        Queue(name="a"),
        to_topic("all", filter_policy='{"kind":["order"]}'),
        to_queue("a", topic="all"),
    )
    assert publish(found).entries == []
    routed = publish(found, subject="s", attributes=kind("order"))
    assert queues(routed) == ["a"]
    notification = decode(routed.bodies[0])
    assert isinstance(notification, Notification)
    assert notification.topic_arn == NS.arn("sns", "all")
    assert (notification.message, notification.subject) == ("hello", "s")


def test_topics_that_follow_each_other_in_a_circle_end_after_a_few_hops() -> None:
    found = registry(
        Topic(name="news"), Queue(name="a"), to_queue("a"), to_topic("news"), to_topic("gone")
    )
    routed = publish(found)
    assert queues(routed) == ["a"] * (HOPS_MAX + 1)
    assert (
        "topic news",
        NS.arn("sns", "news"),
        f"TOO_MANY_HOPS: It was passed on more than {HOPS_MAX} times.",
    ) in (routed.undeliverable)
    assert (
        "topic news",
        NS.arn("sns", "gone"),
        "NO_RESOURCE: The target does not exist.",
    ) in routed.undeliverable


def test_a_bus_gets_a_publish_as_an_event() -> None:
    arn = NS.arn("events", "event-bus/shop")
    found = registry(
        Topic(name="news"),
        EventBus(name="shop"),
        Queue(name="a"),
        Rule(
            name="shop|r",
            event_bus="shop",
            event_pattern='{"source":["broker.sns"],"detail":{"message":{"total":[12]}}}',
            targets=(Target(id="1", arn=NS.arn("sqs", "a")),),
        ),
        Subscription(name="news:bus", topic="news", protocol="events", endpoint=arn),
    )
    routed = publish(found, '{"total":12}', attributes=kind("order"))
    assert queues(routed) == ["a"]
    body = decode(routed.bodies[0])
    assert isinstance(body, Message)
    event = msgspec.json.decode(body.body)
    assert event["resources"] == [NS.arn("sns", "news")]
    assert event["detail-type"] == "Notification"
    assert event["detail"] == {
        "message_id": "00000000-0000-0000-0000-0000000000ff",
        "topic_arn": NS.arn("sns", "news"),
        "message": {"total": 12},
        "attributes": {"kind": "order"},
    }


def test_a_fifo_topic_s_publish_is_made_once_with_group_and_id_for_every_queue() -> None:
    found = registry(
        Topic(name="steps.fifo", fifo=True, archive_retention_days=3),
        Queue(name=topic_queue("steps.fifo")),
        Queue(name="a.fifo", fifo=True),
        to_queue("a.fifo", topic="steps.fifo"),
    )
    routed = publish(found, topic="steps.fifo", group="g", deduplication_id="d")
    command = routed.command()
    assert isinstance(command, FanOutOnce)
    assert (command.queue, command.group, command.deduplication_id) == ("topic/steps", "g", "d")
    assert command.message_id == bytes(15) + b"\xff"
    assert command.archive
    (entry,) = command.entries
    assert (entry.group, entry.deduplication_id) == ("g", "d")


def test_a_publish_to_a_thousand_queues_is_one_command() -> None:
    names = [f"q{n}" for n in range(1_000)]
    found = registry(
        Topic(name="news"),
        *(Queue(name=name) for name in names),
        *(to_queue(name) for name in names),
    )
    command = publish(found).command()
    assert isinstance(command, FanOut)
    assert (len(command.bodies), len(command.entries), command.weight) == (1, 1_000, 1_000)
