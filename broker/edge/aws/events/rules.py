"""EventBridge actions on rules: put, describe, list, enable, disable, delete"""

import msgspec

from broker.core.errors import InvalidParameter, RuleDoesNotExist
from broker.core.limits import LIST_PAGE, ROLE_ARN_CHARS_MAX, RULE_NAME_CHARS_MAX
from broker.core.names import Namespace
from broker.core.registry import DEFAULT_BUS
from broker.core.resources import Rule
from broker.core.rule_targets import rule_arn
from broker.core.schedule import parse_rule_expression
from broker.edge.aws.events.buses import limited_page_of
from broker.edge.aws.events.service import check_pattern_length, events, locate_bus, naming
from broker.edge.aws.events.tags import Tag, checked_tags
from broker.edge.aws.service import Call, Members
from broker.runtime.rules import rule_key, rule_name

_WITH_CLOUDTRAIL = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
_STATES = ("ENABLED", "DISABLED", _WITH_CLOUDTRAIL)


class PutRuleRequest(Members, kw_only=True):
    name: str
    event_pattern: str | None = None
    event_bus_name: str | None = None
    state: str = "ENABLED"
    description: str = ""
    role_arn: str | None = None
    tags: list[Tag] | None = None
    schedule_expression: str | None = None


class PutRuleResponse(Members, kw_only=True):
    rule_arn: str


@events.action("PutRule", PutRuleRequest)
async def put_rule(call: Call, request: PutRuleRequest) -> PutRuleResponse:
    """Make a rule or change one; its targets stay."""
    namespace, bus = locate_bus(call, request.event_bus_name)
    v = naming("name", request.name, RULE_NAME_CHARS_MAX, request.description)
    v.length("roleArn", request.role_arn, 1, ROLE_ARN_CHARS_MAX)
    v.choice("state", request.state, _STATES)
    v.check()
    if request.state == _WITH_CLOUDTRAIL:
        raise InvalidParameter(f"The state {request.state} is not supported by this broker.")
    if not request.event_pattern and not request.schedule_expression:
        raise InvalidParameter("Parameter(s) EventPattern or ScheduleExpression must be specified.")
    if request.schedule_expression:
        if bus != DEFAULT_BUS:
            raise InvalidParameter("ScheduleExpression is supported only on the default event bus.")
        parse_rule_expression(request.schedule_expression)
    check_pattern_length(request.event_pattern)
    try:
        existing: Rule | None = call.broker.rules.get(namespace, bus, request.name)
    except RuleDoesNotExist:
        existing = None
    now_ms = call.broker.now_ms()
    rule = Rule(
        name=rule_key(bus, request.name),
        event_bus=bus,
        event_pattern=request.event_pattern or "",
        schedule_expression=request.schedule_expression or "",
        enabled=request.state == "ENABLED",
        description=request.description,
        role_arn=request.role_arn,
        targets=existing.targets if existing else (),
        # As on AWS, the tags of a rule that is there stay as they are.
        tags=existing.tags if existing else checked_tags(request.tags),
        created_at_ms=existing.created_at_ms if existing else now_ms,
        modified_at_ms=now_ms,
        declared=existing.declared if existing else False,
    )
    await call.broker.rules.put(namespace, rule)
    return PutRuleResponse(rule_arn=rule_arn(namespace, rule.name))


class RuleRequest(Members, kw_only=True):
    name: str
    event_bus_name: str | None = None


class RuleMember(Members, kw_only=True):
    name: str
    arn: str
    state: str
    event_bus_name: str
    event_pattern: str | None = None
    schedule_expression: str | None = None
    description: str | None = None
    role_arn: str | None = None


@events.action("DescribeRule", RuleRequest)
async def describe_rule(call: Call, request: RuleRequest) -> RuleMember:
    """One rule."""
    namespace, bus = locate_bus(call, request.event_bus_name)
    return _member(namespace, call.broker.rules.get(namespace, bus, request.name))


class ListRulesRequest(Members, kw_only=True):
    name_prefix: str = ""
    event_bus_name: str | None = None
    next_token: str | None = None
    limit: int = LIST_PAGE


class ListRulesResponse(Members, kw_only=True):
    rules: list[RuleMember]
    next_token: str | None = None


@events.action("ListRules", ListRulesRequest)
async def list_rules(call: Call, request: ListRulesRequest) -> ListRulesResponse:
    """A bus's rules by name."""
    namespace, bus = locate_bus(call, request.event_bus_name)
    rules = call.broker.rules.of_bus(namespace, bus, request.name_prefix)
    found = {rule_name(rule): rule for rule in rules}
    names, token = limited_page_of(list(found), request.next_token, request.limit)
    return ListRulesResponse(
        rules=[_member(namespace, found[name]) for name in names], next_token=token
    )


@events.action("EnableRule", RuleRequest)
async def enable_rule(call: Call, request: RuleRequest) -> None:
    """Let a rule match again."""
    await _set_enabled(call, request, enabled=True)


@events.action("DisableRule", RuleRequest)
async def disable_rule(call: Call, request: RuleRequest) -> None:
    """Keep a rule and let it match nothing."""
    await _set_enabled(call, request, enabled=False)


async def _set_enabled(call: Call, request: RuleRequest, *, enabled: bool) -> None:
    namespace, bus = locate_bus(call, request.event_bus_name)
    rule = call.broker.rules.get(namespace, bus, request.name)
    changed = msgspec.structs.replace(rule, enabled=enabled, modified_at_ms=call.broker.now_ms())
    await call.broker.rules.put(namespace, changed)


class DeleteRuleRequest(Members, kw_only=True):
    name: str
    event_bus_name: str | None = None
    force: bool = False  # for rules that AWS itself manages, of which there are none here


@events.action("DeleteRule", DeleteRuleRequest)
async def delete_rule(call: Call, request: DeleteRuleRequest) -> None:
    """Delete a rule without targets."""
    namespace, bus = locate_bus(call, request.event_bus_name)
    await call.broker.rules.delete(namespace, bus, request.name)


def _member(namespace: Namespace, rule: Rule) -> RuleMember:
    return RuleMember(
        name=rule_name(rule),
        arn=rule_arn(namespace, rule.name),
        event_pattern=rule.event_pattern or None,
        schedule_expression=rule.schedule_expression or None,
        state="ENABLED" if rule.enabled else "DISABLED",
        event_bus_name=rule.event_bus,
        description=rule.description or None,
        role_arn=rule.role_arn,
    )
