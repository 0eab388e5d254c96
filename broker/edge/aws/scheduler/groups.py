"""EventBridge Scheduler actions on groups: create, get, delete, list"""

from broker.core.names import Namespace
from broker.core.resources import ScheduleGroup
from broker.edge.aws.paging import page_of
from broker.edge.aws.rest import decode
from broker.edge.aws.scheduler.members import check_client_token
from broker.edge.aws.scheduler.schedules import page_query
from broker.edge.aws.scheduler.service import scheduler
from broker.edge.aws.scheduler.tags import Tag, checked_tags
from broker.edge.aws.service import Call, Members
from broker.edge.aws.validation import Violations


class CreateScheduleGroupRequest(Members, kw_only=True):
    tags: list[Tag] | None = None
    client_token: str | None = None


class CreateScheduleGroupResponse(Members, kw_only=True):
    schedule_group_arn: str


@scheduler.route("POST", "/schedule-groups/{}")
async def create_schedule_group(call: Call, name: str) -> CreateScheduleGroupResponse:
    """Make a group."""
    request = decode(call, CreateScheduleGroupRequest)
    v = Violations()
    v.name("name", name)
    check_client_token(v, request.client_token)
    v.check()
    now_ms = call.broker.now_ms()
    group = ScheduleGroup(
        name=name,
        tags=checked_tags(request.tags),
        client_token=request.client_token or "",
        created_at_ms=now_ms,
        modified_at_ms=now_ms,
    )
    await call.broker.schedule_groups.create(call.namespace, group)
    return CreateScheduleGroupResponse(schedule_group_arn=group_arn(call.namespace, name))


class ScheduleGroupSummary(Members, kw_only=True):
    arn: str
    name: str
    state: str
    creation_date: float | None = None
    last_modification_date: float | None = None


@scheduler.route("GET", "/schedule-groups/{}")
async def get_schedule_group(call: Call, name: str) -> ScheduleGroupSummary:
    """One group."""
    _check_name(name)
    return _summary(call.namespace, call.broker.schedule_groups.get(call.namespace, name))


@scheduler.route("DELETE", "/schedule-groups/{}")
async def delete_schedule_group(call: Call, name: str) -> None:
    """Delete a group with all its schedules."""
    token = call.request.query.get("clientToken")
    v = Violations()
    v.name("name", name)
    check_client_token(v, token)
    v.check()
    await call.broker.schedule_groups.delete(call.namespace, name, token)


class ListScheduleGroupsResponse(Members, kw_only=True):
    schedule_groups: list[ScheduleGroupSummary]
    next_token: str | None = None


@scheduler.route("GET", "/schedule-groups")
async def list_schedule_groups(call: Call) -> ListScheduleGroupsResponse:
    """Groups by name."""
    prefix, token, limit = page_query(call)
    found = {each.name: each for each in call.broker.schedule_groups.all(call.namespace, prefix)}
    names, more = page_of(list(found), token, limit)
    summaries = [_summary(call.namespace, found[name]) for name in names]
    return ListScheduleGroupsResponse(schedule_groups=summaries, next_token=more)


def group_arn(namespace: Namespace, name: str) -> str:
    """`…:schedule-group/NAME`"""
    return namespace.arn("scheduler", f"schedule-group/{name}")


def _check_name(name: str) -> None:
    v = Violations()
    v.name("name", name)
    v.check()


def _summary(namespace: Namespace, group: ScheduleGroup) -> ScheduleGroupSummary:
    return ScheduleGroupSummary(
        arn=group_arn(namespace, group.name),
        name=group.name,
        state="DELETING" if group.deleting else "ACTIVE",
        creation_date=group.created_at_ms / 1000 or None,
        last_modification_date=group.modified_at_ms / 1000 or None,
    )
