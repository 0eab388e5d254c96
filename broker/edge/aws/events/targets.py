"""EventBridge actions on a rule's targets: put, list, remove, find rules by target"""

from broker.core.errors import InvalidParameter
from broker.core.limits import LIST_PAGE, RULE_NAME_CHARS_MAX, TARGET_ENTRIES_MAX
from broker.core.names import Namespace
from broker.core.resources import InputTransformer, Target
from broker.edge.aws.events.buses import (
    DeadLetterConfig,
    dead_letter_arn,
    dead_letter_config,
    limited_page_of,
)
from broker.edge.aws.events.service import NAME, events, locate_bus
from broker.edge.aws.http_parameters import (
    HttpParametersMember,
    http_parameters,
    http_parameters_member,
)
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.validation import Violations
from broker.runtime.rules import rule_name


class InputTransformerMember(Members, kw_only=True):
    input_paths_map: dict[str, str] | None = None
    input_template: str


class SqsParameters(Members, kw_only=True):
    message_group_id: str | None = None


class RetryPolicy(Members, kw_only=True):
    maximum_retry_attempts: int | None = None
    maximum_event_age_in_seconds: int | None = None


class TargetMember(Members, kw_only=True):
    id: str
    arn: str
    role_arn: str | None = None
    input: str | None = None
    input_path: str | None = None
    input_transformer: InputTransformerMember | None = None
    sqs_parameters: SqsParameters | None = None
    http_parameters: HttpParametersMember | None = None
    dead_letter_config: DeadLetterConfig | None = None
    retry_policy: RetryPolicy | None = None
    kinesis_parameters: Refused = None
    run_command_parameters: Refused = None
    ecs_parameters: Refused = None
    batch_parameters: Refused = None
    redshift_data_parameters: Refused = None
    sage_maker_pipeline_parameters: Refused = None
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
    v = Violations()
    for number, target in enumerate(request.targets, start=1):
        path = f"targets.{number}.member.id"
        v.length(path, target.id, 1, RULE_NAME_CHARS_MAX)
        v.pattern(path, target.id, NAME)
    v.check()
    targets = [_target(each, namespace) for each in request.targets]
    now_ms = call.broker.now_ms()
    await call.broker.rules.put_targets(namespace, bus, request.rule, targets, now_ms)
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
    now_ms = call.broker.now_ms()
    await call.broker.rules.remove_targets(namespace, bus, request.rule, request.ids, now_ms)
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
    rule = call.broker.rules.get(namespace, bus, request.rule)
    found = {target.id: target for target in rule.targets}
    ids, token = limited_page_of(sorted(found), request.next_token, request.limit)
    return ListTargetsByRuleResponse(targets=[_member(found[id_]) for id_ in ids], next_token=token)


def _target(member: TargetMember, namespace: Namespace) -> Target:
    transformer = None
    if (given := member.input_transformer) is not None:
        transformer = InputTransformer(given.input_template, given.input_paths_map or {})
    retries = member.retry_policy or RetryPolicy()
    sqs = member.sqs_parameters or SqsParameters()
    return Target(
        id=member.id,
        arn=member.arn,
        role_arn=member.role_arn,
        input=member.input,
        input_path=member.input_path,
        input_transformer=transformer,
        message_group_id=sqs.message_group_id,
        http_parameters=http_parameters(member.http_parameters),
        dead_letter_target_arn=dead_letter_arn(member.dead_letter_config, namespace),
        retry_attempts=retries.maximum_retry_attempts,
        maximum_event_age_s=retries.maximum_event_age_in_seconds,
    )


def _member(target: Target) -> TargetMember:
    transformer = retries = None
    if (given := target.input_transformer) is not None:
        transformer = InputTransformerMember(
            input_paths_map=given.paths or None, input_template=given.template
        )
    if target.retry_attempts is not None or target.maximum_event_age_s is not None:
        retries = RetryPolicy(
            maximum_retry_attempts=target.retry_attempts,
            maximum_event_age_in_seconds=target.maximum_event_age_s,
        )
    group = target.message_group_id
    return TargetMember(
        id=target.id,
        arn=target.arn,
        role_arn=target.role_arn,
        input=target.input,
        input_path=target.input_path,
        input_transformer=transformer,
        sqs_parameters=SqsParameters(message_group_id=group) if group is not None else None,
        http_parameters=http_parameters_member(target.http_parameters),
        dead_letter_config=dead_letter_config(target.dead_letter_target_arn),
        retry_policy=retries,
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
        for rule in call.broker.rules.of_bus(namespace, bus)
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
