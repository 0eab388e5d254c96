"""/v1/schedules: make, list, look at, pause, resume, run and delete schedules"""

from bisect import bisect_right
from typing import Annotated, Any

import msgspec

from broker.core.errors import (
    InvalidParameter,
    LimitExceeded,
    NotSupported,
    RecordChanged,
    ScheduleDoesNotExist,
    ScheduleGroupDoesNotExist,
    StoreFull,
)
from broker.core.limits import (
    EVENT_RETRY_AGE_S_MAX,
    EVENT_RETRY_AGE_S_MIN,
    EVENT_RETRY_ATTEMPTS_MAX,
    SCHEDULE_DESCRIPTION_CHARS_MAX,
    SCHEDULE_EXPRESSION_CHARS_MAX,
    SCHEDULE_WINDOW_MINUTES_MAX,
    TIME_ZONE_CHARS_MAX,
)
from broker.core.names import SCHEDULE_NAME
from broker.core.registry import DEFAULT_GROUP
from broker.core.resources import Schedule, ScheduleTarget
from broker.core.schedule.occasion import schedule_arn
from broker.core.schedule.target import role_of
from broker.edge.native.operation import Answer, Call, Result, Shape, operations
from broker.edge.native.page import Page
from broker.runtime.schedules import schedule_key

_GONE = (ScheduleDoesNotExist, ScheduleGroupDoesNotExist)
_TARGETS = {
    "queue": ("sqs", "{}"),
    "topic": ("sns", "{}"),
    "function": ("lambda", "function:{}"),
    "event_bus": ("events", "event-bus/{}"),
}

Instant = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]


class InGroup(Shape, frozen=True, kw_only=True):
    """Which group a schedule is in."""

    group: Annotated[str, msgspec.Meta(description="The schedule's group.")] = DEFAULT_GROUP


class SchedulePage(Page, frozen=True, kw_only=True):
    """Which schedules to list."""

    group: Annotated[str, msgspec.Meta(description="Of one group only.")] = ""


class ScheduleSettings(Shape, frozen=True, kw_only=True):
    """A schedule's settings, with one target; those left out are the defaults."""

    expression: Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=SCHEDULE_EXPRESSION_CHARS_MAX,
            description="at(...), rate(...) or cron(...), as EventBridge Scheduler has them.",
        ),
    ]
    time_zone: Annotated[
        str, msgspec.Meta(min_length=1, max_length=TIME_ZONE_CHARS_MAX, description="IANA name.")
    ] = "UTC"
    start_ms: Instant | None = None
    end_ms: Instant | None = None
    window_minutes: Annotated[int, msgspec.Meta(ge=1, le=SCHEDULE_WINDOW_MINUTES_MAX)] | None = None
    enabled: bool = True
    delete_after_completion: bool = False
    description: Annotated[str, msgspec.Meta(max_length=SCHEDULE_DESCRIPTION_CHARS_MAX)] = ""
    queue: str | None = None
    topic: str | None = None
    function: str | None = None
    event_bus: str | None = None
    target_arn: Annotated[
        str | None, msgspec.Meta(description="In place of these: an ARN, or a universal target's.")
    ] = None
    input: Annotated[
        str | None, msgspec.Meta(description="With placeholders; by default an event.")
    ] = None
    message_group_id: str | None = None  # in a FIFO queue
    source: str | None = None  # on an event bus
    detail_type: str | None = None  # likewise
    dead_letter_queue: str | None = None
    retry_attempts: Annotated[int, msgspec.Meta(ge=0, le=EVENT_RETRY_ATTEMPTS_MAX)] | None = None
    maximum_event_age_s: (
        Annotated[int, msgspec.Meta(ge=EVENT_RETRY_AGE_S_MIN, le=EVENT_RETRY_AGE_S_MAX)] | None
    ) = None


class ScheduleDescription(Result, frozen=True, kw_only=True):
    """A schedule, its settings, and when it runs next."""

    name: str
    group: str
    arn: str
    expression: str
    time_zone: str
    next_run_ms: int | None = None  # or a window for it begins; null: never again
    start_ms: int | None = None
    end_ms: int | None = None
    window_minutes: int | None = None
    enabled: bool = True
    delete_after_completion: bool = False
    description: str = ""
    target_arn: str
    input: str | None = None
    message_group_id: str | None = None
    source: str | None = None
    detail_type: str | None = None
    dead_letter_queue: str | None = None
    retry_attempts: int | None = None
    maximum_event_age_s: int | None = None
    declared: bool = False  # in the configuration file
    created_at_ms: int
    modified_at_ms: int


class Schedules(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A page of schedules; `next` is null after the last one."""

    schedules: list[ScheduleDescription]
    next: str | None = None


@operations.add(
    "GET",
    "/v1/schedules",
    query=SchedulePage,
    answers={200: Schedules},
    raises=(ScheduleGroupDoesNotExist,),
)
async def list_schedules(call: Call, query: SchedulePage) -> Schedules:
    """Schedules by group and name."""
    schedules = call.broker.schedules
    names = schedules.names(call.namespace, query.group or None)
    found: list[ScheduleDescription] = []
    following = None
    for key in names[bisect_right(names, query.after) :]:
        if not key.partition("/")[2].startswith(query.prefix):
            continue
        if len(found) == query.limit:
            following = schedule_key(found[-1].group, found[-1].name)
            break
        found.append(_describe(call, schedules.by_key(call.namespace, key)))
    return Schedules(schedules=found, next=following)


@operations.add(
    "GET",
    "/v1/schedules/{name}",
    query=InGroup,
    answers={200: ScheduleDescription},
    raises=_GONE,
)
async def get_schedule(call: Call, name: str, query: InGroup) -> ScheduleDescription:
    """One schedule."""
    return _describe(call, call.broker.schedules.get(call.namespace, query.group, name))


@operations.add(
    "PUT",
    "/v1/schedules/{name}",
    query=InGroup,
    body=ScheduleSettings,
    answers={200: ScheduleDescription, 201: ScheduleDescription},
    raises=(ScheduleGroupDoesNotExist, NotSupported, LimitExceeded, RecordChanged, StoreFull),
)
async def put_schedule(call: Call, name: str, query: InGroup, settings: ScheduleSettings) -> Answer:
    """Make a schedule, or replace the settings of one that is there.

    What doesn't concern the times leaves the next run as it is. Settings of a schedule that the
    configuration file declares hold until the file is read again.
    """
    if not SCHEDULE_NAME.fullmatch(name):
        raise InvalidParameter(f"The name {name!r} doesn't match {SCHEDULE_NAME.pattern}.")
    schedules = call.broker.schedules
    wanted = _schedule(call, schedule_key(query.group, name), settings)
    try:
        schedules.get(call.namespace, query.group, name)
    except ScheduleDoesNotExist:
        await schedules.create(call.namespace, wanted)
        status = 201
    else:
        await schedules.update(call.namespace, wanted)
        status = 200
    return Answer(status, _describe(call, schedules.get(call.namespace, query.group, name)))


@operations.add(
    "DELETE",
    "/v1/schedules/{name}",
    query=InGroup,
    answers={204: None},
    raises=(*_GONE, RecordChanged, StoreFull),
)
async def delete_schedule(call: Call, name: str, query: InGroup) -> None:
    """Delete a schedule with its next run."""
    await call.broker.schedules.delete(call.namespace, query.group, name)


@operations.add(
    "POST",
    "/v1/schedules/{name}/run",
    query=InGroup,
    answers={204: None},
    raises=(*_GONE, StoreFull),
)
async def run_schedule(call: Call, name: str, query: InGroup) -> None:
    """Have a schedule run once more, now, even if it is paused; answered when that is on disk."""
    await call.broker.schedules.run_now(call.namespace, query.group, name)


@operations.add(
    "POST",
    "/v1/schedules/{name}/pause",
    query=InGroup,
    answers={200: ScheduleDescription},
    raises=(*_GONE, RecordChanged, StoreFull),
)
async def pause_schedule(call: Call, name: str, query: InGroup) -> ScheduleDescription:
    """Have a schedule run no more until it is resumed."""
    return await _set_enabled(call, name, query, enabled=False)


@operations.add(
    "POST",
    "/v1/schedules/{name}/resume",
    query=InGroup,
    answers={200: ScheduleDescription},
    raises=(*_GONE, RecordChanged, StoreFull),
)
async def resume_schedule(call: Call, name: str, query: InGroup) -> ScheduleDescription:
    """Have a schedule run again; what it has missed stays missed."""
    return await _set_enabled(call, name, query, enabled=True)


async def _set_enabled(
    call: Call, name: str, query: InGroup, *, enabled: bool
) -> ScheduleDescription:
    schedule = await call.broker.schedules.set_enabled(
        call.namespace, query.group, name, enabled=enabled
    )
    return _describe(call, schedule)


def _schedule(call: Call, key: str, settings: ScheduleSettings) -> Schedule:
    """Raises: InvalidParameter."""
    arns = [
        call.namespace.arn(service, resource.format(name))
        for way, (service, resource) in _TARGETS.items()
        if (name := getattr(settings, way)) is not None
    ]
    if settings.target_arn is not None:
        arns.append(settings.target_arn)
    if len(arns) != 1:
        ways = ", ".join((*_TARGETS, "target_arn"))
        raise InvalidParameter(f"A schedule has exactly one of {ways}.")
    letters = settings.dead_letter_queue
    return Schedule(
        name=key,
        schedule_expression=settings.expression,
        time_zone=settings.time_zone,
        start_ms=settings.start_ms,
        end_ms=settings.end_ms,
        window_minutes=settings.window_minutes,
        enabled=settings.enabled,
        delete_after_completion=settings.delete_after_completion,
        description=settings.description,
        target=ScheduleTarget(
            arn=arns[0],
            role_arn=role_of(call.namespace),
            input=settings.input,
            message_group_id=settings.message_group_id,
            source=settings.source,
            detail_type=settings.detail_type,
            dead_letter_target_arn=call.namespace.arn("sqs", letters) if letters else None,
            retry_attempts=settings.retry_attempts,
            maximum_event_age_s=settings.maximum_event_age_s,
        ),
    )


def _describe(call: Call, schedule: Schedule) -> ScheduleDescription:
    group, _, name = schedule.name.partition("/")
    target = schedule.target
    letters = target.dead_letter_target_arn
    same: dict[str, Any] = {
        member: getattr(schedule, member)
        for member in (
            "time_zone",
            "start_ms",
            "end_ms",
            "window_minutes",
            "enabled",
            "delete_after_completion",
            "description",
            "declared",
            "created_at_ms",
            "modified_at_ms",
        )
    }
    return ScheduleDescription(
        name=name,
        group=group,
        arn=schedule_arn(call.namespace, schedule.name),
        expression=schedule.schedule_expression,
        next_run_ms=call.broker.schedules.next_run_ms(schedule),
        target_arn=target.arn,
        input=target.input,
        message_group_id=target.message_group_id,
        source=target.source,
        detail_type=target.detail_type,
        dead_letter_queue=letters.rpartition(":")[2] if letters is not None else None,
        retry_attempts=target.retry_attempts,
        maximum_event_age_s=target.maximum_event_age_s,
        **same,
    )
