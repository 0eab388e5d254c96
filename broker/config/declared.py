"""declared resources: the file's tables as the resources they describe"""

import json
from pathlib import Path
from typing import Any

from broker.config.errors import ConfigError, line_of
from broker.config.tables import (
    Config,
    FunctionTable,
    QueueTable,
    RuleTable,
    SubscriptionTable,
    TargetTable,
)
from broker.core import pattern
from broker.core.names import (
    EVENT_BUS_NAME,
    FUNCTION_NAME,
    QUEUE_NAME,
    RULE_NAME,
    TOPIC_NAME,
    Namespace,
)
from broker.core.pattern import InvalidEventPattern
from broker.core.resources import (
    KINDS,
    AnyResource,
    EventBus,
    Function,
    Queue,
    RedrivePolicy,
    Rule,
    Subscription,
    Target,
    Topic,
)


class _Refused(Exception):
    """A table's value can't be used; `key` is where it stands."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(reason)
        self.key = key


def declared_resources(
    config: Config, namespace: Namespace, path: Path | None
) -> list[AnyResource]:
    """All resources that the file declares. Raises: ConfigError."""
    try:
        return _all(config, namespace, path.parent.absolute() if path else Path.cwd())
    except _Refused as refused:
        text = path.read_text() if path else ""
        line = line_of(text, refused.key)
        raise ConfigError(f"{path}:{line}: {refused.key}: {refused}") from None


def _all(config: Config, namespace: Namespace, folder: Path) -> list[AnyResource]:
    found: list[AnyResource] = []
    for index, queue in enumerate(config.queue):
        _check_name(QUEUE_NAME, queue.name, f"queue[{index}].name")
        found.append(_queue(queue, namespace, f"queue[{index}]"))
    for index, topic in enumerate(config.topic):
        _check_name(TOPIC_NAME, topic.name, f"topic[{index}].name")
        found.append(Topic(name=topic.name, declared=True))
    for index, bus in enumerate(config.event_bus):
        _check_name(EVENT_BUS_NAME, bus.name, f"event_bus[{index}].name")
        found.append(EventBus(name=bus.name, description=bus.description, declared=True))
    for index, function in enumerate(config.function):
        _check_name(FUNCTION_NAME, function.name, f"function[{index}].name")
        found.append(_function(function, namespace, folder))
    for index, subscription in enumerate(config.subscription):
        found.append(_subscription(subscription, namespace, f"subscription[{index}]"))
    for index, rule in enumerate(config.rule):
        _check_name(RULE_NAME, rule.name, f"rule[{index}].name")
        found.append(_rule(rule, namespace, f"rule[{index}]"))
    _check_unique(found)
    _check_references(config, found)
    return found


def _queue(table: QueueTable, namespace: Namespace, key: str) -> Queue:
    redrive_policy = None
    if table.dead_letter_queue is not None:
        if table.max_receive_count is None:
            raise _Refused(f"{key}.dead_letter_queue", "max_receive_count must be given with it")
        redrive_policy = RedrivePolicy(
            namespace.arn("sqs", table.dead_letter_queue), table.max_receive_count
        )
    elif table.max_receive_count is not None:
        raise _Refused(f"{key}.max_receive_count", "dead_letter_queue must be given with it")
    return Queue(
        name=table.name,
        delay_s=table.delay_s,
        maximum_message_size=table.maximum_message_size,
        retention_s=table.retention_s,
        receive_wait_time_s=table.receive_wait_time_s,
        visibility_timeout_s=table.visibility_timeout_s,
        redrive_policy=redrive_policy,
        declared=True,
    )


def _function(table: FunctionTable, namespace: Namespace, folder: Path) -> Function:
    settings = dict(table.settings)
    if isinstance(settings.get("cwd"), str):
        settings["cwd"] = str((folder / Path(settings["cwd"]).expanduser()).absolute())
    dead_letter = table.dead_letter_queue
    return Function(
        name=table.name,
        invoker=table.invoker,
        settings=settings,
        handler=table.handler,
        timeout_s=table.timeout_s,
        memory_mb=table.memory_mb,
        environment=table.environment,
        description=table.description,
        reserved_concurrency=table.reserved_concurrency,
        retry_attempts=table.retry_attempts,
        retry_delays_s=table.retry_delays_s,
        maximum_event_age_s=table.maximum_event_age_s,
        dead_letter_target_arn=namespace.arn("sqs", dead_letter) if dead_letter else None,
        declared=True,
    )


def _subscription(table: SubscriptionTable, namespace: Namespace, key: str) -> Subscription:
    if (table.queue is None) == (table.function is None):
        raise _Refused(key, "a subscription has either a queue or a function")
    if table.queue is not None:
        protocol, endpoint = "sqs", namespace.arn("sqs", table.queue)
        suffix = f"queue-{table.queue}"
    else:
        protocol, endpoint = "lambda", namespace.arn("lambda", f"function:{table.function}")
        suffix = f"function-{table.function}"
    return Subscription(
        # Not a random id: the same declaration is the same subscription at the next start.
        name=f"{table.topic}:declared-{suffix}",
        topic=table.topic,
        protocol=protocol,
        endpoint=endpoint,
        raw_message_delivery=table.raw_message_delivery,
        declared=True,
    )


def _rule(table: RuleTable, namespace: Namespace, key: str) -> Rule:
    text = table.pattern if isinstance(table.pattern, str) else json.dumps(table.pattern)
    try:
        pattern.parse(text)
    except InvalidEventPattern as error:
        raise _Refused(f"{key}.pattern", error.message) from None
    targets = [
        _target(target, namespace, f"{key}.targets", number)
        for number, target in enumerate(table.targets, start=1)
    ]
    return Rule(
        name=f"{table.event_bus}|{table.name}",
        event_bus=table.event_bus,
        event_pattern=text,
        enabled=table.enabled,
        description=table.description,
        targets=tuple(targets),
        declared=True,
    )


def _target(table: TargetTable, namespace: Namespace, key: str, number: int) -> Target:
    arns = [
        namespace.arn(service, resource)
        for service, resource in (
            ("sqs", table.queue),
            ("sns", table.topic),
            ("lambda", table.function and f"function:{table.function}"),
        )
        if resource is not None
    ]
    if len(arns) != 1:
        raise _Refused(key, f"target {number} has exactly one of queue, topic and function")
    constant = json.dumps(table.input) if table.input is not None else None
    return Target(id=str(number), arn=arns[0], input=constant)


def _check_name(allowed: Any, name: str, key: str) -> None:
    if not allowed.fullmatch(name):
        raise _Refused(key, f"{name!r} doesn't match {allowed.pattern}")


def _check_unique(resources: list[AnyResource]) -> None:
    seen: set[tuple[str, str]] = set()
    for resource in resources:
        place = KINDS[type(resource)], resource.name
        if place in seen:
            raise _Refused(place[0], f"{resource.name} is declared twice")
        seen.add(place)


def _check_references(config: Config, resources: list[AnyResource]) -> None:
    """What a table names must be declared too, so that a typo is found before it loses events."""
    topics = {topic.name for topic in config.topic}
    queues = {queue.name for queue in config.queue}
    functions = {function.name for function in config.function}
    buses = {bus.name for bus in config.event_bus} | {"default"}

    def check(key: str, name: str | None, known: set[str]) -> None:
        if name is not None and name not in known:
            raise _Refused(key, f"{name} is not declared in this file")

    for index, queue in enumerate(config.queue):
        check(f"queue[{index}].dead_letter_queue", queue.dead_letter_queue, queues)
    for index, function in enumerate(config.function):
        check(f"function[{index}].dead_letter_queue", function.dead_letter_queue, queues)
    for index, subscription in enumerate(config.subscription):
        check(f"subscription[{index}].topic", subscription.topic, topics)
        check(f"subscription[{index}].queue", subscription.queue, queues)
        check(f"subscription[{index}].function", subscription.function, functions)
    for index, rule in enumerate(config.rule):
        check(f"rule[{index}].event_bus", rule.event_bus, buses)
        for target in rule.targets:
            check(f"rule[{index}].targets", target.queue, queues)
            check(f"rule[{index}].targets", target.topic, topics)
            check(f"rule[{index}].targets", target.function, functions)
