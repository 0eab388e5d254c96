"""EventBridge Scheduler actions on schedules: create, get, update, delete, list"""

from bisect import bisect_right

from broker.core.errors import InvalidParameter
from broker.core.limits import LIST_SCHEDULES_MAX
from broker.core.registry import DEFAULT_GROUP
from broker.core.resources import Schedule
from broker.core.schedule.occasion import schedule_arn
from broker.edge.aws.rest import decode, query_parameters
from broker.edge.aws.scheduler.members import (
    GetScheduleResponse,
    ScheduleMembers,
    check_client_token,
    schedule_members,
)
from broker.edge.aws.scheduler.service import scheduler
from broker.edge.aws.service import Call, Members
from broker.edge.aws.validation import Violations

__all__ = ["page_query"]


class ScheduleArnResponse(Members, kw_only=True):
    schedule_arn: str


@scheduler.route("POST", "/schedules/{}")
async def create_schedule(call: Call, name: str) -> ScheduleArnResponse:
    """Make a schedule; its first run waits in the same commit."""
    schedule = decode(call, ScheduleMembers).schedule(name)
    await call.broker.schedules.create(call.namespace, schedule)
    return ScheduleArnResponse(schedule_arn=schedule_arn(call.namespace, schedule.name))


@scheduler.route("PUT", "/schedules/{}")
async def update_schedule(call: Call, name: str) -> ScheduleArnResponse:
    """Replace all of a schedule's settings; what isn't given takes its default."""
    schedule = decode(call, ScheduleMembers).schedule(name)
    await call.broker.schedules.update(call.namespace, schedule)
    return ScheduleArnResponse(schedule_arn=schedule_arn(call.namespace, schedule.name))


@scheduler.route("GET", "/schedules/{}")
async def get_schedule(call: Call, name: str) -> GetScheduleResponse:
    """One schedule."""
    group = _checked_group(call, name)
    schedule = call.broker.schedules.get(call.namespace, group, name)
    return schedule_members(call.namespace, schedule)


@scheduler.route("DELETE", "/schedules/{}")
async def delete_schedule(call: Call, name: str) -> None:
    """Delete a schedule with its next run."""
    group = _checked_group(call, name)
    token = call.request.query.get("clientToken")
    await call.broker.schedules.delete(call.namespace, group, name, token)


class TargetSummary(Members, kw_only=True):
    arn: str


class ScheduleSummary(Members, kw_only=True):
    arn: str
    name: str
    group_name: str
    state: str
    creation_date: float
    last_modification_date: float
    target: TargetSummary


class ListSchedulesResponse(Members, kw_only=True):
    schedules: list[ScheduleSummary]
    next_token: str | None = None


@scheduler.route("GET", "/schedules")
async def list_schedules(call: Call) -> ListSchedulesResponse:
    """Schedules by group and name."""
    query = call.request.query
    prefix, token, limit = page_query(call)
    group, state = query.get("ScheduleGroup"), query.get("State")
    v = Violations()
    v.name("groupName", group)
    v.choice("state", state, ["ENABLED", "DISABLED"])
    v.check()
    names = call.broker.schedules.names(call.namespace, group)
    found: list[ScheduleSummary] = []
    more: str | None = None
    for key in names[bisect_right(names, token) if token is not None else 0 :]:
        schedule = call.broker.schedules.by_key(call.namespace, key)
        if not key.partition("/")[2].startswith(prefix):
            continue
        if state is not None and (state == "ENABLED") != schedule.enabled:
            continue
        if len(found) == limit:
            more = f"{found[-1].group_name}/{found[-1].name}"
            break
        found.append(_summary(call, schedule))
    return ListSchedulesResponse(schedules=found, next_token=more)


def page_query(call: Call) -> tuple[str, str | None, int]:
    """The prefix, the token and the limit that a request for a list has.

    Raises: InvalidParameter.
    """
    parameters = query_parameters(call)
    prefix = parameters.get("NamePrefix", [None])[-1]
    token = parameters.get("NextToken", [None])[-1]
    text = parameters.get("MaxResults", [str(LIST_SCHEDULES_MAX)])[-1]
    if not text.isascii() or not text.lstrip("-").isdigit() or len(text) > 9:
        raise InvalidParameter(f"MaxResults is not a number: {text}")
    v = Violations()
    v.name("namePrefix", prefix)
    v.length("nextToken", token, 1, 2_048)
    v.range("maxResults", int(text), 1, LIST_SCHEDULES_MAX)
    v.check()
    return prefix or "", token, int(text)


def _checked_group(call: Call, name: str) -> str:
    group = call.request.query.get("groupName", DEFAULT_GROUP)
    v = Violations()
    v.name("name", name)
    v.name("groupName", group)
    check_client_token(v, call.request.query.get("clientToken"))
    v.check()
    return group


def _summary(call: Call, schedule: Schedule) -> ScheduleSummary:
    group, _, name = schedule.name.partition("/")
    return ScheduleSummary(
        arn=schedule_arn(call.namespace, schedule.name),
        name=name,
        group_name=group,
        state="ENABLED" if schedule.enabled else "DISABLED",
        creation_date=schedule.created_at_ms / 1000,
        last_modification_date=schedule.modified_at_ms / 1000,
        target=TargetSummary(arn=schedule.target.arn),
    )
