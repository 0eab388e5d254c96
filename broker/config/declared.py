"""declared resources: the file's tables as the resources they describe"""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

from broker.config.declared_functions import declared_function
from broker.config.declared_mappings import declared_mapping
from broker.config.declared_schedules import declared_schedule, rule_expression
from broker.config.declared_topics import (
    declared_subscription,
    declared_topic,
    endpoint_of,
)
from broker.config.errors import ConfigError, Refused, json_text, line_of, spelled
from broker.config.lines import Path as Place
from broker.config.tables import (
    Config,
    QueueTable,
    RuleTable,
    TargetTable,
)
from broker.core import pattern
from broker.core.dead_letters import check_redrive_policy
from broker.core.errors import InvalidParameter, InvalidRedrivePolicy
from broker.core.fifo import check_fifo_settings
from broker.core.limits import (
    EVENT_PATTERN_CHARS_MAX,
    INPUT_CHARS_MAX,
)
from broker.core.names import (
    EVENT_BUS_NAME,
    FUNCTION_NAME,
    QUEUE_NAME,
    RULE_NAME,
    SCHEDULE_NAME,
    TOPIC_NAME,
    Namespace,
    is_fifo,
)
from broker.core.pattern import InvalidEventPattern
from broker.core.resources import (
    AnyResource,
    EventBus,
    InputTransformer,
    Queue,
    RedrivePolicy,
    Rule,
    Target,
    Topic,
)
from broker.core.targeting import check_target


def declared_resources(
    config: Config, namespace: Namespace, path: Path | None
) -> list[AnyResource]:
    """All resources that the file declares. Raises: ConfigError."""
    try:
        return _all(config, namespace, path.parent.absolute() if path else Path.cwd())
    except Refused as refused:
        text = path.read_text() if path else ""
        line = line_of(text, refused.key)
        raise ConfigError(f"{path}:{line}: {spelled(refused.key)}: {refused}") from None


def _all(config: Config, namespace: Namespace, folder: Path) -> list[AnyResource]:
    found: list[AnyResource] = []
    queues: list[Queue] = []
    topics: dict[str, Topic] = {}
    for index, queue in enumerate(config.queue):
        _check_name(QUEUE_NAME, queue.name, ("queue", index, "name"))
        queues.append(_queue(queue, namespace, ("queue", index)))
    found.extend(queues)
    for index, topic in enumerate(config.topic):
        _check_name(TOPIC_NAME, topic.name, ("topic", index, "name"))
        topics[topic.name] = declared_topic(topic, ("topic", index))
    found.extend(topics.values())
    for index, bus in enumerate(config.event_bus):
        _check_name(EVENT_BUS_NAME, bus.name, ("event_bus", index, "name"))
        dead_letters = bus.dead_letter_queue
        found.append(
            EventBus(
                name=bus.name,
                description=bus.description,
                dead_letter_target_arn=dead_letters and namespace.arn("sqs", dead_letters),
                keeps_unmatched=bus.keep_unmatched,
                declared=True,
            )
        )
    for index, function in enumerate(config.function):
        _check_name(FUNCTION_NAME, function.name, ("function", index, "name"))
        found += declared_function(function, namespace, ("function", index), folder)
    for index, subscription in enumerate(config.subscription):
        place: Place = ("subscription", index)
        topic_there = topics.get(subscription.topic)
        if topic_there is None:
            raise Refused((*place, "topic"), f"{subscription.topic} is not declared in this file")
        found.append(declared_subscription(subscription, namespace, topic_there, place, folder))
    for index, rule in enumerate(config.rule):
        _check_name(RULE_NAME, rule.name, ("rule", index, "name"))
        found.append(_rule(rule, namespace, ("rule", index), config.rules.targets_max))
    for index, schedule in enumerate(config.schedule):
        _check_name(SCHEDULE_NAME, schedule.name, ("schedule", index, "name"))
        found.append(declared_schedule(schedule, namespace, ("schedule", index)))
    functions = {function.name: function for function in config.function}
    by_name = {queue.name: queue for queue in queues}
    for index, mapping in enumerate(config.event_source_mapping):
        place = ("event_source_mapping", index)
        found.append(declared_mapping(mapping, namespace, place, by_name, functions))
    _check_unique(config)
    _check_references(config)
    _check_dead_letter_queues(queues, namespace)
    return found


def _queue(table: QueueTable, namespace: Namespace, key: Place) -> Queue:
    redrive_policy = None
    if table.dead_letter_queue is not None:
        if table.max_receive_count is None:
            raise Refused((*key, "dead_letter_queue"), "max_receive_count must be given with it")
        redrive_policy = RedrivePolicy(
            namespace.arn("sqs", table.dead_letter_queue), table.max_receive_count
        )
    elif table.max_receive_count is not None:
        raise Refused((*key, "max_receive_count"), "dead_letter_queue must be given with it")
    queue = Queue(
        name=table.name,
        delay_s=table.delay_s,
        maximum_message_size=table.maximum_message_size,
        retention_s=table.retention_s,
        receive_wait_time_s=table.receive_wait_time_s,
        visibility_timeout_s=table.visibility_timeout_s,
        redrive_policy=redrive_policy,
        fifo=is_fifo(table.name),
        content_based_deduplication=table.content_based_deduplication,
        deduplication_scope=table.deduplication_scope,
        fifo_throughput_limit=table.fifo_throughput_limit,
        declared=True,
    )
    try:
        check_fifo_settings(queue)
    except InvalidParameter as error:
        raise Refused((*key, error.details["setting"]), error.message) from None
    return queue


def _check_dead_letter_queues(queues: list[Queue], namespace: Namespace) -> None:
    """As they will be: the file wins over redrive allow policies, which only the APIs can set."""
    by_name = {queue.name: queue for queue in queues}
    for index, queue in enumerate(queues):
        try:
            check_redrive_policy(queue, namespace, by_name)
        except InvalidRedrivePolicy as error:
            raise Refused(("queue", index, "dead_letter_queue"), error.message) from None


def _rule(table: RuleTable, namespace: Namespace, key: Place, targets_max: int) -> Rule:
    expression = rule_expression(table, key)
    if table.pattern is None or isinstance(table.pattern, str):
        text = table.pattern or ""
    else:
        text = json_text(table.pattern, (*key, "pattern"))
    if len(text) > EVENT_PATTERN_CHARS_MAX:
        reason = f"a pattern may have at most {EVENT_PATTERN_CHARS_MAX} characters"
        raise Refused((*key, "pattern"), reason)
    if len(table.targets) > targets_max:
        reason = f"a rule may have at most {targets_max} targets"
        raise Refused((*key, "targets", targets_max), reason)
    try:
        if table.pattern is not None:
            pattern.parse_given(text)
    except InvalidEventPattern as error:
        raise Refused((*key, "pattern"), error.message) from None
    targets = [
        _target(target, namespace, (*key, "targets", index), index + 1)
        for index, target in enumerate(table.targets)
    ]
    return Rule(
        name=f"{table.event_bus}|{table.name}",
        event_bus=table.event_bus,
        event_pattern=text,
        schedule_expression=expression,
        enabled=table.enabled,
        description=table.description,
        targets=tuple(targets),
        declared=True,
    )


def _target(table: TargetTable, namespace: Namespace, key: Place, number: int) -> Target:
    arns = [namespace.arn(*place) for place in table.places()]
    if len(arns) != 1:
        raise Refused(
            key,
            "a target has exactly one of queue, topic, function, event_bus, api_destination and "
            "log_group",
        )
    if table.api_destination is None and table.log_group is None:
        for name in ("concurrency", "retry_attempts", "maximum_event_age_s"):
            if getattr(table, name) is not None:
                reason = "only an api_destination or a log_group has it: others get their events"
                raise Refused((*key, name), f"{reason} with the publish itself")
    constant = json_text(table.input, (*key, "input")) if table.input is not None else None
    if constant is not None and len(constant) > INPUT_CHARS_MAX:
        raise Refused((*key, "input"), f"it may have at most {INPUT_CHARS_MAX} characters")
    if table.input_paths and table.input_template is None:
        raise Refused((*key, "input_paths"), "they are of no use without input_template")
    transformer = None
    if table.input_template is not None:
        transformer = InputTransformer(table.input_template, table.input_paths)
    dead_letters = table.dead_letter_queue
    target = Target(
        id=str(number),
        arn=arns[0],
        input=constant,
        input_path=table.input_path,
        input_transformer=transformer,
        message_group_id=table.message_group_id,
        dead_letter_target_arn=namespace.arn("sqs", dead_letters) if dead_letters else None,
        events_per_second=table.events_per_second,
        concurrency=table.concurrency,
        retry_attempts=table.retry_attempts,
        maximum_event_age_s=table.maximum_event_age_s,
    )
    try:
        check_target(target, namespace)
    except InvalidParameter as error:
        raise Refused(key, error.message) from None
    return target


def _check_name(allowed: Any, name: str, key: Place) -> None:
    if not allowed.fullmatch(name):
        raise Refused(key, f"{name!r} doesn't match {allowed.pattern}")


def _check_unique(config: Config) -> None:
    tables: dict[str, list[Hashable]] = {
        "queue": [table.name for table in config.queue],
        "topic": [table.name for table in config.topic],
        "event_bus": [table.name for table in config.event_bus],
        "function": [table.name for table in config.function],
        "subscription": [(table.topic, *endpoint_of(table)) for table in config.subscription],
        "schedule": [table.name for table in config.schedule],
        "event_source_mapping": [(m.queue, m.function) for m in config.event_source_mapping],
        "rule": [(table.event_bus, table.name) for table in config.rule],
    }
    for kind, names in tables.items():
        first: dict[Hashable, int] = {}
        for index, name in enumerate(names):
            if name in first:
                nameless = kind in ("subscription", "event_source_mapping")
                key = (kind, index) if nameless else (kind, index, "name")
                raise Refused(key, f"the same is declared in {kind}[{first[name]}]")
            first[name] = index


def _check_references(config: Config) -> None:
    """What a table names must be declared too, so that a typo is found before it loses events."""
    topics = {topic.name for topic in config.topic}
    queues = {queue.name for queue in config.queue}
    functions = {function.name for function in config.function}
    buses = {bus.name for bus in config.event_bus} | {"default"}

    def check(key: Place, name: str | None, known: set[str]) -> None:
        if name is not None and name not in known:
            raise Refused(key, f"{name} is not declared in this file")

    def check_dead_letters(key: Place, name: str | None) -> None:
        check(key, name, queues)
        if name is not None and is_fifo(name):
            raise Refused(key, f"{name} is a FIFO queue, and only senders know message groups")

    for index, queue in enumerate(config.queue):
        check(("queue", index, "dead_letter_queue"), queue.dead_letter_queue, queues)
    for index, bus in enumerate(config.event_bus):
        check_dead_letters(("event_bus", index, "dead_letter_queue"), bus.dead_letter_queue)
    for index, function in enumerate(config.function):
        check_dead_letters(("function", index, "dead_letter_queue"), function.dead_letter_queue)
        for member in ("on_success", "on_failure"):
            destination = getattr(function, member)
            if destination is not None:
                place: Place = ("function", index, member)
                check((*place, "queue"), destination.queue, queues)
                check((*place, "topic"), destination.topic, topics)
                check((*place, "function"), destination.function, functions)
                check((*place, "event_bus"), destination.event_bus, buses)
    for index, subscription in enumerate(config.subscription):
        place = ("subscription", index)
        check((*place, "queue"), subscription.queue, queues)
        check((*place, "function"), subscription.function, functions)
        check((*place, "to_topic"), subscription.to_topic, topics)
        check((*place, "to_event_bus"), subscription.to_event_bus, buses)
        check((*place, "dead_letter_queue"), subscription.dead_letter_queue, queues)
    for index, schedule in enumerate(config.schedule):
        place = ("schedule", index)
        check((*place, "queue"), schedule.queue, queues)
        check((*place, "topic"), schedule.topic, topics)
        check((*place, "function"), schedule.function, functions)
        check((*place, "event_bus"), schedule.event_bus, buses)
        check_dead_letters((*place, "dead_letter_queue"), schedule.dead_letter_queue)
    for index, mapping in enumerate(config.event_source_mapping):
        check(("event_source_mapping", index, "queue"), mapping.queue, queues)
        check(("event_source_mapping", index, "function"), mapping.function, functions)
    for index, rule in enumerate(config.rule):
        check(("rule", index, "event_bus"), rule.event_bus, buses)
        for number, target in enumerate(rule.targets):
            place = ("rule", index, "targets", number)
            if target.topic is not None and is_fifo(target.topic):
                reason = f"{target.topic} is a FIFO topic, and only publishers know message groups"
                raise Refused((*place, "topic"), reason)
            check((*place, "queue"), target.queue, queues)
            check((*place, "topic"), target.topic, topics)
            check((*place, "function"), target.function, functions)
            check((*place, "event_bus"), target.event_bus, buses)
            check_dead_letters((*place, "dead_letter_queue"), target.dead_letter_queue)
