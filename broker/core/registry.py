"""all resources of all namespaces, as routing and the edge look them up

Kept on the event loop and changed in one step between two checkpoints, after the change was
committed and before its caller is answered: a publish sees all of a change or nothing of it.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import TypeVar

from broker.core.archiver import Archiver
from broker.core.names import Namespace
from broker.core.resources import (
    KINDS,
    Alias,
    AnyResource,
    ApiDestination,
    Archive,
    Connection,
    DeletedQueue,
    EventBus,
    EventInvokeConfig,
    EventReplay,
    EventSourceMapping,
    Function,
    FunctionPolicy,
    FunctionUrl,
    FunctionVersion,
    MessageMoveTask,
    Pipe,
    Queue,
    Resource,
    Rule,
    Schedule,
    ScheduleGroup,
    Subscription,
    Topic,
    Usage,
)
from broker.core.rule_net import RuleNet
from broker.core.rule_targets import RuleTarget
from broker.core.subscribers import Subscriber, Subscribers

R = TypeVar("R", bound=Resource)

DEFAULT_BUS = "default"
DEFAULT_GROUP = "default"  # of schedules


@dataclass(slots=True)
class Resources:
    """The resources of one namespace, by name."""

    queues: dict[str, Queue] = field(default_factory=dict)
    deleted_queues: dict[str, DeletedQueue] = field(default_factory=dict)
    message_move_tasks: dict[str, MessageMoveTask] = field(default_factory=dict)
    topics: dict[str, Topic] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    event_buses: dict[str, EventBus] = field(
        default_factory=lambda: {DEFAULT_BUS: EventBus(name=DEFAULT_BUS)}
    )
    rules: dict[str, Rule] = field(default_factory=dict)
    rules_by_bus: dict[str, dict[str, Rule]] = field(default_factory=dict)
    archives: dict[str, Archive] = field(default_factory=dict)
    event_replays: dict[str, EventReplay] = field(default_factory=dict)
    connections: dict[str, Connection] = field(default_factory=dict)
    api_destinations: dict[str, ApiDestination] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    schedule_groups: dict[str, ScheduleGroup] = field(
        default_factory=lambda: {DEFAULT_GROUP: ScheduleGroup(name=DEFAULT_GROUP)}
    )
    schedule_names: list[str] = field(default_factory=list)  # in order; so a group's stand together
    pipes: dict[str, Pipe] = field(default_factory=dict)
    event_source_mappings: dict[str, EventSourceMapping] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    function_versions: dict[str, FunctionVersion] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    event_invoke_configs: dict[str, EventInvokeConfig] = field(default_factory=dict)
    function_policies: dict[str, FunctionPolicy] = field(default_factory=dict)
    function_urls: dict[str, FunctionUrl] = field(default_factory=dict)
    url_labels: dict[str, str] = field(default_factory=dict)  # of functions, by their URLs' ids
    usages: dict[str, Usage] = field(default_factory=dict)
    versions: dict[tuple[str, str], int] = field(default_factory=dict)  # by kind and name
    # What routing asks for:
    subscribers: dict[str, Subscribers] = field(default_factory=dict)  # by topic
    rule_nets: dict[str, RuleNet] = field(default_factory=dict)  # by event bus
    archivers: dict[str, Archiver] = field(default_factory=dict)  # by event bus
    rule_targets: dict[str, tuple[RuleTarget, ...]] = field(default_factory=dict)  # by rule

    def of_kind(self, kind: str) -> dict[str, AnyResource]:
        """All resources of a kind, by name."""
        table: dict[str, AnyResource] = {
            "queue": self.queues,
            "deleted_queue": self.deleted_queues,
            "message_move_task": self.message_move_tasks,
            "topic": self.topics,
            "subscription": self.subscriptions,
            "event_bus": self.event_buses,
            "rule": self.rules,
            "archive": self.archives,
            "event_replay": self.event_replays,
            "connection": self.connections,
            "api_destination": self.api_destinations,
            "schedule": self.schedules,
            "schedule_group": self.schedule_groups,
            "pipe": self.pipes,
            "event_source_mapping": self.event_source_mappings,
            "function": self.functions,
            "function_version": self.function_versions,
            "alias": self.aliases,
            "event_invoke_config": self.event_invoke_configs,
            "function_policy": self.function_policies,
            "function_url": self.function_urls,
            "usage": self.usages,
        }[kind]  # type: ignore[assignment]
        return table

    def can_invoke(self, label: str) -> bool:
        """Whether there is the function, or the version or alias of it, that a label names."""
        return label in self.functions or label in self.function_versions or label in self.aliases


class Registry:
    """The resources of every namespace that has any."""

    def __init__(self) -> None:
        self.namespaces: dict[str, Resources] = {}

    def resources(self, namespace: Namespace | str) -> Resources:
        """A namespace's resources; empty ones for a namespace that was never used."""
        return self.namespaces.get(str(namespace)) or Resources()

    def change(
        self,
        namespace: str,
        kind: str,
        name: str,
        resource: AnyResource | None,
        version: int,
        *,
        starting: bool = False,
    ) -> None:
        """Take in one committed change; None is a deletion.

        While the broker is starting, rules only wait to be taken into their bus's net.
        """
        resources = self.namespaces.setdefault(namespace, Resources())
        table = resources.of_kind(kind)
        before = table.get(name)
        if before is not None:
            _unlink(resources, before)
        if resource is None:
            table.pop(name, None)
            resources.versions.pop((kind, name), None)
            return
        assert KINDS[type(resource)] == kind
        table[name] = resource
        resources.versions[kind, name] = version
        _link(namespace, resources, resource, starting=starting)


def _link(namespace: str, resources: Resources, resource: Resource, *, starting: bool) -> None:
    if isinstance(resource, Subscription):
        subscribers = resources.subscribers.setdefault(resource.topic, Subscribers())
        subscribers.put(Subscriber.of(Namespace.parse(namespace), resource))
    elif isinstance(resource, Rule):
        resources.rules_by_bus.setdefault(resource.event_bus, {})[resource.name] = resource
        place = Namespace.parse(namespace)
        resources.rule_targets[resource.name] = tuple(
            RuleTarget.of(place, resource, target) for target in resource.targets
        )
        if resource.enabled and resource.event_pattern:
            net = resources.rule_nets.get(resource.event_bus)
            if net is None:
                net = resources.rule_nets[resource.event_bus] = RuleNet()
            net.put(resource.name, resource.event_pattern, later=starting)
    elif isinstance(resource, Archive):
        resources.archivers.setdefault(resource.event_bus, Archiver()).put(resource)
    elif isinstance(resource, FunctionUrl):
        resources.url_labels[resource.id] = resource.name
    elif isinstance(resource, Schedule):
        insort(resources.schedule_names, resource.name)


def _unlink(resources: Resources, resource: Resource) -> None:
    if isinstance(resource, Subscription):
        resources.subscribers[resource.topic].remove(resource.name)
        if not len(resources.subscribers[resource.topic]):
            del resources.subscribers[resource.topic]
    elif isinstance(resource, Rule):
        del resources.rule_targets[resource.name]
        del resources.rules_by_bus[resource.event_bus][resource.name]
        if resource.enabled and resource.event_pattern:
            resources.rule_nets[resource.event_bus].remove(resource.name)
    elif isinstance(resource, Archive):
        resources.archivers[resource.event_bus].remove(resource.name)
    elif isinstance(resource, FunctionUrl):
        del resources.url_labels[resource.id]
    elif isinstance(resource, Schedule):
        del resources.schedule_names[bisect_left(resources.schedule_names, resource.name)]
