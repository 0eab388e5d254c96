"""events as the edge uses them: buses, rules, targets, and putting an event on a bus"""

from collections.abc import Iterator, Sequence

import msgspec

from broker.core import pattern
from broker.core.errors import (
    BrokerError,
    EventBusDoesNotExist,
    EventBusExists,
    InvalidParameter,
    LimitExceeded,
    RecordChanged,
    ResourceInUse,
    RuleDoesNotExist,
)
from broker.core.event import Event, envelope
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import INPUT_CHARS_MAX, TARGETS_PER_RULE_MAX
from broker.core.names import Arn, Namespace, is_fifo, is_internal, uuid_text
from broker.core.registry import DEFAULT_BUS
from broker.core.resources import EventBus, Rule, Target
from broker.core.routing import Routed, Router
from broker.runtime.ids import Ids
from broker.runtime.metrics import EVENTS, EVENTS_UNMATCHED
from broker.runtime.publisher import Publisher
from broker.runtime.registrar import Change, Registrar

TARGET_SERVICES = ("sqs", "sns", "lambda")


class Events:
    """What programs do with buses and rules. Raises EventBusDoesNotExist throughout."""

    def __init__(self, registrar: Registrar, publisher: Publisher, ids: Ids) -> None:
        self._registrar = registrar
        self._publisher = publisher
        self._ids = ids

    async def put(self, namespace: Namespace, event: Event, bus: str = DEFAULT_BUS) -> str:
        """Put an event on a bus; its id.

        Returns when every delivery that results is on disk, in one commit. An event on a bus that
        isn't there, or that no rule matches, goes nowhere, as on AWS; it is counted.
        Raises: StoreFull.
        """
        event_id, routed = self._route(namespace, event, bus)
        await self._publisher.publish(namespace, routed)
        return event_id

    async def put_each(
        self, namespace: Namespace, events: Sequence[Event], bus: str = DEFAULT_BUS
    ) -> list[str | BrokerError]:
        """Put many events on a bus, each for itself; the id of each, or why it was refused."""
        event_ids: list[str] = []

        def route_each() -> Iterator[Routed]:
            for event in events:
                event_id, routed = self._route(namespace, event, bus)
                event_ids.append(event_id)
                yield routed

        outcomes = await self._publisher.publish_each(namespace, route_each())
        return [
            outcome if isinstance(outcome, BrokerError) else event_id
            for event_id, outcome in zip(event_ids, outcomes, strict=True)
        ]

    def _route(self, namespace: Namespace, event: Event, bus: str) -> tuple[str, Routed]:
        """An event's id and its deliveries."""
        EVENTS.inc()
        now_ms = self._publisher.now_ms()
        event_id = event.id or uuid_text(self._ids.new())
        whole = envelope(event, event_id, namespace, now_ms)
        resources = self._registrar.registry.resources(namespace)
        router = Router(resources, namespace, self._ids.new, now_ms)
        router.event(bus, whole, msgspec.json.encode(whole).decode())
        if not router.routed.matched:
            EVENTS_UNMATCHED.inc()
        return event_id, router.routed

    # Buses

    def bus(self, namespace: Namespace, name: str) -> EventBus:
        """One bus."""
        found = self._registrar.registry.resources(namespace).event_buses.get(name)
        if found is None:
            raise EventBusDoesNotExist(f"Event bus {name} does not exist.")
        return found

    def buses(self, namespace: Namespace, prefix: str = "") -> list[EventBus]:
        """Every bus, by name; `default` is always there."""
        buses = self._registrar.registry.resources(namespace).event_buses
        return [buses[name] for name in sorted(buses) if name.startswith(prefix)]

    async def create_bus(self, namespace: Namespace, bus: EventBus) -> None:
        """Raises: EventBusExists."""
        exists = EventBusExists(f"Event bus {bus.name} already exists.")
        if bus.name in self._registrar.registry.resources(namespace).event_buses:
            raise exists
        try:
            await self._registrar.put(namespace, bus, expected_version=0)
        except RecordChanged:
            raise exists from None

    async def delete_bus(self, namespace: Namespace, name: str) -> None:
        """Delete a bus that has no rules; one that isn't there is as good.

        Raises: InvalidParameter for `default`, ResourceInUse.
        """
        if name == DEFAULT_BUS:
            raise InvalidParameter(f"Cannot delete event bus {DEFAULT_BUS}.")
        if list(self._registrar.registry.resources(namespace).rules_of(name)):
            raise ResourceInUse("Event bus can't be deleted since it has rules.")
        await self._registrar.delete(namespace, "event_bus", name)

    # Rules

    def rule(self, namespace: Namespace, bus: str, name: str) -> Rule:
        """One rule of a bus. Raises: RuleDoesNotExist."""
        self.bus(namespace, bus)
        found = self._registrar.registry.resources(namespace).rules.get(rule_key(bus, name))
        if found is None:
            raise RuleDoesNotExist(f"Rule {name} does not exist on EventBus {bus}.")
        return found

    def rules(self, namespace: Namespace, bus: str, prefix: str = "") -> list[Rule]:
        """A bus's rules, by name."""
        self.bus(namespace, bus)
        rules = self._registrar.registry.resources(namespace).rules_of(bus)
        return [rule for rule in rules if rule_name(rule).startswith(prefix)]

    async def put_rule(self, namespace: Namespace, rule: Rule) -> None:
        """Make a rule or change one, as it is known now.

        Raises: InvalidEventPattern, RecordChanged.
        """
        self.bus(namespace, rule.event_bus)
        pattern.parse(rule.event_pattern)
        # Or a change of its targets that is under way would be written over.
        version = self._registrar.version(namespace, "rule", rule.name)
        await self._registrar.put(namespace, rule, expected_version=version)

    async def delete_rule(self, namespace: Namespace, bus: str, name: str) -> None:
        """Delete a rule without targets; one that isn't there is as good.

        Raises: ResourceInUse, RecordChanged.
        """
        self.bus(namespace, bus)
        key = rule_key(bus, name)
        rule = self._registrar.registry.resources(namespace).rules.get(key)
        if rule is not None and rule.targets:
            raise ResourceInUse("Rule can't be deleted since it has targets.")
        # Or targets that are being put would go with it.
        version = self._registrar.version(namespace, "rule", key)
        await self._registrar.delete(namespace, "rule", key, expected_version=version)

    async def put_targets(
        self, namespace: Namespace, bus: str, name: str, targets: list[Target]
    ) -> None:
        """Add targets to a rule, or replace those with the same id.

        Raises: RuleDoesNotExist, LimitExceeded, InvalidParameter.
        """
        rule = self.rule(namespace, bus, name)
        for target in targets:
            check_target(namespace, target)
        by_id = {target.id: target for target in (*rule.targets, *targets)}
        if len(by_id) > TARGETS_PER_RULE_MAX:
            raise LimitExceeded
        await self._replace_targets(namespace, rule, tuple(by_id.values()))

    async def remove_targets(
        self, namespace: Namespace, bus: str, name: str, ids: list[str]
    ) -> None:
        """Remove targets by id; ids that aren't there are as good. Raises: RuleDoesNotExist."""
        rule = self.rule(namespace, bus, name)
        left = tuple(target for target in rule.targets if target.id not in ids)
        await self._replace_targets(namespace, rule, left)

    async def _replace_targets(
        self, namespace: Namespace, rule: Rule, targets: tuple[Target, ...]
    ) -> None:
        version = self._registrar.version(namespace, "rule", rule.name)
        changed = msgspec.structs.replace(
            rule, targets=targets, modified_at_ms=self._publisher.now_ms()
        )
        change: Change = ("rule", rule.name, changed, version)
        await self._registrar.change(namespace, [change])


def rule_key(bus: str, name: str) -> str:
    """A rule's name among all rules of its namespace."""
    return f"{bus}|{name}"


def rule_name(rule: Rule) -> str:
    """A rule's name on its bus."""
    return rule.name.partition("|")[2]


def check_target(namespace: Namespace, target: Target) -> None:
    """Raises: InvalidParameter, for a target that could never be delivered to."""
    arn = Arn.parse(target.arn)
    if arn is None:
        raise InvalidParameter(
            f"Parameter {target.arn} is not valid. Reason: Provided Arn is not in correct format."
        )
    if arn.service not in TARGET_SERVICES:
        raise InvalidParameter(
            f"Parameter {target.arn} is not valid. Reason: targets of the service {arn.service!r} "
            "are not supported by this broker."
        )
    if arn.service == "sqs" and is_internal(arn.resource):
        raise InvalidParameter(f"Parameter {target.arn} is not valid. Reason: it names no queue.")
    if arn.service in ("sqs", "sns") and is_fifo(arn.resource):
        raise InvalidParameter(
            f"Parameter {target.arn} is not valid. Reason: it takes a message group, and FIFO "
            "queues and topics as targets are not supported by this broker."
        )
    if arn.namespace != namespace:
        raise InvalidParameter(
            f"Parameter {target.arn} is not valid. Reason: targets in another account or region "
            "are not supported by this broker."
        )
    if target.input is not None:
        if len(target.input) > INPUT_CHARS_MAX:
            raise InvalidParameter(
                f"Input for target {target.id} is longer than {INPUT_CHARS_MAX}."
            )
        try:
            parse_json(target.input)
        except InvalidJson:
            raise InvalidParameter(f"Input for target {target.id} is not valid JSON.") from None
