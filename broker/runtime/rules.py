"""rules and their targets as the edge uses them"""

from collections.abc import Iterable, Mapping

import msgspec
import trio

from broker.core import pattern
from broker.core.errors import LimitExceeded, ResourceInUse, RuleDoesNotExist
from broker.core.limits import (
    DELIVERY_BACKLOG,
    RETENTION_S_MAX,
    TARGETS_PER_RULE_MAX,
)
from broker.core.names import Namespace, target_queue
from broker.core.registry import Resources
from broker.core.resources import Queue, Rule, Target
from broker.core.rule_lint import PAIRS_MAX, Finding, rule_findings, shadowed
from broker.core.rule_targets import RuleTarget
from broker.core.schedule import parse_rule_expression
from broker.core.targeting import check_target
from broker.runtime.event_buses import EventBuses
from broker.runtime.registrar import Change, Registrar
from broker.runtime.schedule_planner import SchedulePlanner

__all__ = ["Rules", "rule_key", "rule_name"]

LINT_SLICE = 50  # rules, or pairs of them, that are looked at without a pause


class Rules:
    """What programs do with rules. Raises EventBusDoesNotExist throughout."""

    def __init__(
        self,
        registrar: Registrar,
        buses: EventBuses,
        planner: SchedulePlanner,
        targets_max: int = TARGETS_PER_RULE_MAX,
    ) -> None:
        self._registrar = registrar
        self._buses = buses
        self._planner = planner
        self._targets_max = targets_max

    def get(self, namespace: Namespace, bus: str, name: str) -> Rule:
        """One rule of a bus. Raises: RuleDoesNotExist."""
        self._buses.get(namespace, bus)
        found = self._resources(namespace).rules.get(rule_key(bus, name))
        if found is None:
            raise RuleDoesNotExist(f"Rule {name} does not exist on EventBus {bus}.")
        return found

    def of_bus(self, namespace: Namespace, bus: str, prefix: str = "") -> list[Rule]:
        """A bus's rules, by name."""
        self._buses.get(namespace, bus)
        rules = self._resources(namespace).rules_by_bus.get(bus, {})
        start = rule_key(bus, prefix)
        return [rules[key] for key in sorted(rules) if key.startswith(start)]

    async def lint(self, namespace: Namespace, bus: str) -> tuple[int, list[Finding], bool]:
        """How many rules there are, what was found, and whether all were compared.

        Other work goes on meanwhile.
        """
        rules = self.of_bus(namespace, bus)
        findings: list[Finding] = []
        for number, rule in enumerate(rules):
            if rule.event_pattern:
                findings += rule_findings(rule)
            if number % LINT_SLICE == 0:
                await trio.lowlevel.checkpoint()
        pairs = 0
        for found in shadowed(rules):
            if found is not None:
                findings.append(found)
                continue
            pairs += 1
            if pairs % LINT_SLICE == 0:
                await trio.lowlevel.checkpoint()
        return len(rules), findings, pairs < PAIRS_MAX

    async def put(self, namespace: Namespace, rule: Rule) -> None:
        """Make a rule or change one, as it is known now.

        Raises: InvalidEventPattern, InvalidScheduleExpression, RecordChanged.
        """
        self._buses.get(namespace, rule.event_bus)
        before = self._resources(namespace).rules.get(rule.name)
        # One that is there already was taken once.
        if rule.event_pattern and (before is None or before.event_pattern != rule.event_pattern):
            pattern.parse_given(rule.event_pattern)
        if rule.schedule_expression:
            parse_rule_expression(rule.schedule_expression)
        await self._replace(namespace, rule)

    async def delete(self, namespace: Namespace, bus: str, name: str) -> None:
        """Delete a rule without targets; one that isn't there is as good.

        Raises: ResourceInUse, RecordChanged.
        """
        self._buses.get(namespace, bus)
        key = rule_key(bus, name)
        rule = self._resources(namespace).rules.get(key)
        if rule is not None and rule.targets:
            raise ResourceInUse("Rule can't be deleted since it has targets.")
        # Or targets that are being put would go with it.
        version = self._registrar.version(namespace, "rule", key)
        plans = [self._planner.deleted(rule)] if rule is not None else []
        changes: list[Change] = [("rule", key, None, version)]
        await self._registrar.change(namespace, changes, waiting=self._planner.waiting(plans))

    async def put_targets(
        self, namespace: Namespace, bus: str, name: str, targets: list[Target], now_ms: int
    ) -> None:
        """Add targets to a rule, or replace those with the same id.

        Raises: RuleDoesNotExist, LimitExceeded, InvalidParameter.
        """
        rule = self.get(namespace, bus, name)
        for target in targets:
            check_target(target, namespace)
        by_id = {target.id: target for target in (*rule.targets, *targets)}
        if len(by_id) > self._targets_max:
            raise LimitExceeded
        changed = tuple(by_id.values())
        await self._replace(
            namespace, msgspec.structs.replace(rule, targets=changed, modified_at_ms=now_ms)
        )

    async def remove_targets(
        self, namespace: Namespace, bus: str, name: str, ids: list[str], now_ms: int
    ) -> None:
        """Remove targets by id; ids that aren't there are as good.

        What waits to be sent to one of them goes with it. Raises: RuleDoesNotExist.
        """
        rule = self.get(namespace, bus, name)
        left = tuple(target for target in rule.targets if target.id not in ids)
        await self._replace(
            namespace, msgspec.structs.replace(rule, targets=left, modified_at_ms=now_ms)
        )

    async def tag(self, namespace: Namespace, bus: str, name: str, tags: Mapping[str, str]) -> None:
        """Replace a rule's tags. Raises: RuleDoesNotExist, RecordChanged."""
        rule = self.get(namespace, bus, name)
        await self._replace(namespace, msgspec.structs.replace(rule, tags=dict(tags)))

    def queue_changes(self, namespace: Namespace, rule: Rule) -> list[Change]:
        """What makes the queues that a rule needs beside those that are there, and ends others.

        The queue of a target that is there still stays, though it may need none any more: what
        waits in it is sent.
        """
        queues = self._resources(namespace).queues
        wanted = _sent_from(RuleTarget.of(namespace, rule, target) for target in rule.targets)
        before = self._resources(namespace).rules.get(rule.name)
        gone = {target.id for target in before.targets} if before is not None else set()
        gone -= {target.id for target in rule.targets}
        changes = self._buses.queue_changes(namespace, rule.event_bus)
        for name in sorted(wanted):
            if name not in queues:
                queue = Queue(name=name, retention_s=RETENTION_S_MAX, messages_max=DELIVERY_BACKLOG)
                changes.append(("queue", name, queue, None))
        for name in sorted(target_queue(rule.name, id_) for id_ in gone):
            if name in queues:
                changes.append(("queue", name, None, None))
        return changes

    async def _replace(self, namespace: Namespace, rule: Rule) -> None:
        # Or a change of its targets that is under way would be written over.
        version = self._registrar.version(namespace, "rule", rule.name)
        before = self._resources(namespace).rules.get(rule.name)
        rule, plan = self._planner.changed(before, rule)
        waiting = self._planner.waiting([plan])
        changes: list[Change] = [("rule", rule.name, rule, version)]
        changes += self.queue_changes(namespace, rule)
        changes += self._planner.queue_changes(namespace, waiting)
        await self._registrar.change(namespace, changes, waiting=waiting)

    def _resources(self, namespace: Namespace) -> Resources:
        return self._registrar.registry.resources(namespace)


def _sent_from(targets: Iterable[RuleTarget]) -> set[str]:
    """The queues from which something is sent elsewhere."""
    return {target.name for target in targets if target.kind == "elsewhere"}


def rule_key(bus: str, name: str) -> str:
    """A rule's name among all rules of its namespace."""
    return f"{bus}|{name}"


def rule_name(rule: Rule) -> str:
    """A rule's name on its bus."""
    return rule.name.rpartition("|")[2]
