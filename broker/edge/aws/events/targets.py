"""EventBridge actions on a rule's targets: put, list, remove, find rules by target"""

import re

from broker.core.errors import InvalidParameter
from broker.core.limits import LIST_PAGE, TARGET_ENTRIES_MAX
from broker.core.resources import Target
from broker.edge.aws.events.buses import limited_page_of
from broker.edge.aws.events.service import events, locate_bus
from broker.edge.aws.service import Call, Members, Refused
from broker.runtime.events import rule_name

TARGET_ID = re.compile(r"[.\-_A-Za-z0-9]{1,64}")


class TargetMember(Members, kw_only=True):
    id: str
    arn: str
    role_arn: str | None = None
    input: str | None = None
    input_path: Refused = None
    input_transformer: Refused = None
    kinesis_parameters: Refused = None
    run_command_parameters: Refused = None
    ecs_parameters: Refused = None
    batch_parameters: Refused = None
    sqs_parameters: Refused = None
    http_parameters: Refused = None
    redshift_data_parameters: Refused = None
    sage_maker_pipeline_parameters: Refused = None
    dead_letter_config: Refused = None
    retry_policy: Refused = None
    app_sync_parameters: Refused = None


class PutTargetsRequest(Members, kw_only=True):
    rule: str
    event_bus_name: str | None = None
    targets: list[TargetMember]


class FailedEntriesResponse(Members, kw_only=True):
    failed_entry_count: int
    failed_entries: list[str]  # a request is taken whole or refused whole: always empty


@events.action("PutTargets", PutTargetsRequest)
async def put_targets(call: Call, request: PutTargetsRequest) -> FailedEntriesResponse:
    """Add targets to a rule, or replace those with the same id."""
    namespace, bus = locate_bus(call, request.event_bus_name)
    _check_count("targets", len(request.targets))
    for number, target in enumerate(request.targets, start=1):
        if not TARGET_ID.fullmatch(target.id):
            raise InvalidParameter(
                f"1 validation error detected: Value '{target.id}' at 'targets.{number}.member.id' "
                "failed to satisfy constraint: Member must satisfy regular expression pattern: "
                "[\\.\\-_A-Za-z0-9]+ and have length between 1 and 64"
            )
    targets = [
        Target(id=t.id, arn=t.arn, role_arn=t.role_arn, input=t.input) for t in request.targets
    ]
    await call.broker.events.put_targets(namespace, bus, request.rule, targets)
    return FailedEntriesResponse(failed_entry_count=0, failed_entries=[])


class RemoveTargetsRequest(Members, kw_only=True):
    rule: str
    event_bus_name: str | None = None
    ids: list[str]
    force: bool = False  # for rules that AWS itself manages, of which there are none here


@events.action("RemoveTargets", RemoveTargetsRequest)
async def remove_targets(call: Call, request: RemoveTargetsRequest) -> FailedEntriesResponse:
    """Remove targets by id."""
    namespace, bus = locate_bus(call, request.event_bus_name)
    _check_count("ids", len(request.ids))
    await call.broker.events.remove_targets(namespace, bus, request.rule, request.ids)
    return FailedEntriesResponse(failed_entry_count=0, failed_entries=[])


class ListTargetsByRuleRequest(Members, kw_only=True):
    rule: str
    event_bus_name: str | None = None
    next_token: str | None = None
    limit: int = LIST_PAGE


class ListTargetsByRuleResponse(Members, kw_only=True):
    targets: list[TargetMember]
    next_token: str | None = None


@events.action("ListTargetsByRule", ListTargetsByRuleRequest)
async def list_targets_by_rule(
    call: Call, request: ListTargetsByRuleRequest
) -> ListTargetsByRuleResponse:
    """A rule's targets."""
    namespace, bus = locate_bus(call, request.event_bus_name)
    rule = call.broker.events.rule(namespace, bus, request.rule)
    found = {target.id: target for target in rule.targets}
    ids, token = limited_page_of(sorted(found), request.next_token, request.limit)
    return ListTargetsByRuleResponse(
        targets=[
            TargetMember(
                id=id_, arn=found[id_].arn, role_arn=found[id_].role_arn, input=found[id_].input
            )
            for id_ in ids
        ],
        next_token=token,
    )


class ListRuleNamesByTargetRequest(Members, kw_only=True):
    target_arn: str
    event_bus_name: str | None = None
    next_token: str | None = None
    limit: int = LIST_PAGE


class ListRuleNamesByTargetResponse(Members, kw_only=True):
    rule_names: list[str]
    next_token: str | None = None


@events.action("ListRuleNamesByTarget", ListRuleNamesByTargetRequest)
async def list_rule_names_by_target(
    call: Call, request: ListRuleNamesByTargetRequest
) -> ListRuleNamesByTargetResponse:
    """The rules of a bus that have a target."""
    namespace, bus = locate_bus(call, request.event_bus_name)
    names = [
        rule_name(rule)
        for rule in call.broker.events.rules(namespace, bus)
        if any(target.arn == request.target_arn for target in rule.targets)
    ]
    page, token = limited_page_of(names, request.next_token, request.limit)
    return ListRuleNamesByTargetResponse(rule_names=page, next_token=token)


def _check_count(member: str, count: int) -> None:
    """Raises: InvalidParameter, unless a call names 1 to 100 targets."""
    if 1 <= count <= TARGET_ENTRIES_MAX:
        return
    value, bound = (
        ("[]", "greater than or equal to 1")
        if count == 0
        else (f"[{count} entries]", f"less than or equal to {TARGET_ENTRIES_MAX}")
    )
    raise InvalidParameter(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: Member must have length {bound}"
    )
