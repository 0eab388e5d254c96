"""rules of a bus that are valid and still wrong, and what a rule costs"""

from typing import Annotated

import msgspec

from broker.core import errors
from broker.core.rule_lint import rule_cost
from broker.edge.native.operation import Call, Result, operations


class LintFinding(Result, frozen=True, kw_only=True):
    """Something to look at in a rule."""

    rule: str
    kind: Annotated[str, msgspec.Meta(description="never, shadowed, broad or costly")]
    text: str


class RuleLint(Result, frozen=True, kw_only=True, omit_defaults=False):
    """What is to be said of a bus's rules."""

    rules: int
    findings: list[LintFinding]
    compared_all: Annotated[
        bool,
        msgspec.Meta(
            description="false: so many rules share a target that not all were compared with each "
            "other for being shadowed"
        ),
    ]


@operations.add(
    "GET",
    "/v1/event-buses/{bus}/lint",
    answers={200: RuleLint},
    raises=(errors.EventBusDoesNotExist,),
)
async def lint_rules(call: Call, bus: str) -> RuleLint:
    """Rules that never match, that another shadows, that match nearly everything, or that cost.

    It is seen in the rules alone. What is found is so; what isn't found may be there all the same.
    """
    rules, findings, compared_all = await call.broker.rules.lint(call.namespace, bus)
    shown = [
        LintFinding(rule=each.rule.partition("|")[2], kind=each.kind, text=each.text)
        for each in findings
    ]
    return RuleLint(rules=rules, findings=shown, compared_all=compared_all)


class Cost(Result, frozen=True, kw_only=True, omit_defaults=False):
    """What a rule asks of an event: an estimate of what it costs."""

    branches: Annotated[int, msgspec.Meta(description="ways to match; more than one with $or")]
    clauses: Annotated[int, msgspec.Meta(description="alternatives in all of them")]
    asked_for: Annotated[str, msgspec.Meta(description="which events it is tried on at all")]


@operations.add(
    "GET",
    "/v1/event-buses/{bus}/rules/{rule}/cost",
    answers={200: Cost},
    raises=(errors.EventBusDoesNotExist, errors.RuleDoesNotExist, errors.InvalidParameter),
)
async def cost_of_rule(call: Call, bus: str, rule: str) -> Cost:
    """What a rule with a pattern costs, as an estimate."""
    found = call.broker.rules.get(call.namespace, bus, rule)
    if not found.event_pattern:
        raise errors.InvalidParameter(f"Rule {rule} has no pattern, only a schedule.")
    cost = rule_cost(found)
    return Cost(branches=cost.branches, clauses=cost.clauses, asked_for=cost.asked_for)
