"""declared schedules: the file's tables as the schedules they describe, and rules' expressions"""

from broker.config.errors import Refused, json_text
from broker.config.lines import Path as Place
from broker.config.tables import RuleTable, ScheduleTable
from broker.core.errors import BrokerError, InvalidParameter
from broker.core.names import Namespace
from broker.core.registry import DEFAULT_BUS, DEFAULT_GROUP
from broker.core.resources import Schedule, ScheduleTarget
from broker.core.schedule import parse_rule_expression, parse_schedule_expression, time_zone
from broker.core.schedule.target import check_schedule_target, role_of

_TARGETS = ("queue", "topic", "function", "event_bus")


def rule_expression(table: RuleTable, key: Place) -> str:
    """A rule's schedule; "" if it has none. Raises: Refused."""
    if table.schedule is None:
        if table.pattern is None:
            raise Refused(key, "a rule has a pattern or a schedule")
        return ""
    if table.event_bus != DEFAULT_BUS:
        raise Refused((*key, "schedule"), "only rules of the default event bus have a schedule")
    try:
        parse_rule_expression(table.schedule)
    except InvalidParameter:
        reason = f"{table.schedule!r} is no rate(...) or cron(...) that a rule can have"
        raise Refused((*key, "schedule"), reason) from None
    return table.schedule


def target_of(table: ScheduleTable) -> tuple[str, str]:
    """Which of the ways to say it names the target, and how; "" if not exactly one does."""
    named = [(key, getattr(table, key)) for key in _TARGETS if getattr(table, key) is not None]
    return named[0] if len(named) == 1 else ("", "")


def declared_schedule(table: ScheduleTable, namespace: Namespace, key: Place) -> Schedule:
    """The schedule that a table describes, in the default group. Raises: Refused."""
    way, name = target_of(table)
    if not way:
        raise Refused(key, f"a schedule has exactly one of {', '.join(_TARGETS)}")
    for setting, parse in (("expression", parse_schedule_expression), ("time_zone", time_zone)):
        try:
            parse(getattr(table, setting))
        except InvalidParameter as error:
            raise Refused((*key, setting), error.message) from None
    dead_letters = table.dead_letter_queue
    schedule = Schedule(
        name=f"{DEFAULT_GROUP}/{table.name}",
        schedule_expression=table.expression,
        time_zone=table.time_zone,
        window_minutes=table.window_minutes,
        enabled=table.enabled,
        description=table.description,
        declared=True,
        target=ScheduleTarget(
            arn=_arn(namespace, way, name),
            role_arn=role_of(namespace),
            input=_input(table, key),
            message_group_id=table.message_group_id,
            source=table.source,
            detail_type=table.detail_type,
            dead_letter_target_arn=namespace.arn("sqs", dead_letters) if dead_letters else None,
        ),
    )
    try:
        check_schedule_target(schedule, namespace)
    except BrokerError as error:
        raise Refused((*key, way), error.message) from None
    return schedule


def _arn(namespace: Namespace, way: str, name: str) -> str:
    service, resource = {
        "queue": ("sqs", name),
        "topic": ("sns", name),
        "function": ("lambda", f"function:{name}"),
        "event_bus": ("events", f"event-bus/{name}"),
    }[way]
    return namespace.arn(service, resource)


def _input(table: ScheduleTable, key: Place) -> str | None:
    """Text is the input itself; anything else is it in JSON."""
    if table.input is None or isinstance(table.input, str):
        return table.input
    return json_text(table.input, (*key, "input"))
