"""a rule's targets as routing needs them: what each is, and where its deliveries wait

A target in the rule's namespace gets its deliveries with the publish itself. What leaves the
namespace, or the broker, waits in an internal queue of the target, from which it is sent.
"""

from dataclasses import dataclass
from typing import Literal

from broker.core.message import Via
from broker.core.names import (
    Arn,
    Namespace,
    destination_name,
    event_bus_name,
    function_label,
    function_queue,
    log_group_name,
    target_queue,
)
from broker.core.resources import Rule, Target
from broker.core.target_input import TargetInput, target_input

__all__ = ["RuleTarget", "rule_arn"]

Kind = Literal["queue", "function", "topic", "event_bus", "elsewhere"]


@dataclass(frozen=True, slots=True)
class RuleTarget:
    """A target, taken apart once."""

    target: Target
    rule: str  # `<bus>|<rule>`; the ARN, of one of another namespace
    kind: Kind
    name: str  # the topic or bus; else the queue, which may be an internal one
    via: Via
    dead_letter_queue: str | None
    input: TargetInput | None  # what makes its text; None: it gets the event as it is

    @classmethod
    def of(cls, namespace: Namespace, rule: Rule, target: Target) -> "RuleTarget":
        """What follows from a target, which is checked to have an ARN of a kind that is known."""
        kind, name = _place(namespace, rule, target)
        via = Via(f"{rule.name}|{target.id}", "raw", "events")
        dead_letter = Arn.parse(target.dead_letter_target_arn or "")
        queue = dead_letter.resource if dead_letter else None
        return cls(target, rule.name, kind, name, via, queue, target_input(target))


def _place(namespace: Namespace, rule: Rule, target: Target) -> tuple[Kind, str]:
    arn = Arn.parse(target.arn)
    assert arn is not None
    waits = destination_name(arn) or log_group_name(arn) or target.events_per_second is not None
    if arn.namespace == namespace and not waits:
        if arn.service == "sqs":
            return "queue", arn.resource
        if arn.service == "sns":
            return "topic", arn.resource
        if arn.service == "lambda":
            return "function", function_queue(function_label(arn.resource))
        if bus := event_bus_name(arn.resource):
            return "event_bus", bus
    return "elsewhere", target_queue(rule.name, target.id)


def rule_arn(namespace: Namespace, rule: str) -> str:
    """`…:rule/NAME` on the default bus, `…:rule/BUS/NAME` on others; of `<bus>|<rule>`.

    Of another namespace's rule, which is named by its ARN, that.
    """
    if rule.startswith("arn:"):
        return rule
    bus, _, name = rule.rpartition("|")
    return namespace.arn("events", f"rule/{name}" if bus == "default" else f"rule/{bus}/{name}")
