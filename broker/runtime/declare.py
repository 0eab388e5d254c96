"""bringing declared resources into the store: one commit, and only what differs"""

import logging
import uuid
from collections.abc import Sequence

import msgspec

from broker.core.names import Namespace
from broker.core.resources import (
    KINDS,
    AnyResource,
    EventBus,
    Function,
    Queue,
    Rule,
    Schedule,
    Subscription,
    Topic,
)
from broker.runtime.broker import Broker
from broker.runtime.functions import changes_for
from broker.runtime.registrar import Change
from broker.runtime.schedule_planner import Plan
from broker.runtime.topics import queue_changes

log = logging.getLogger(__name__)


# What a file can't say, or what happens to a resource by itself.
_TOPIC_BY_API = (
    "policy",
    "data_protection_policy",
    "other_attributes",
    "archive_began_ms",
)
_BY_ITSELF = ("first_run_ms", "run_id")  # of rules and schedules
_FUNCTION_BY_API = (
    "revision_id",
    "role",
    "code_sha256",
    "code_size",
    "architectures",
    "ephemeral_storage_mb",
    "next_version",
    "recursive_loop",
)
_SUBSCRIPTION_BY_API = ("status", "status_until_ms", "token", "pause", "replay")


async def declare(broker: Broker, namespace: Namespace, resources: Sequence[AnyResource]) -> int:
    """Create and update declared resources; how many changed.

    Declared values win over changes by API. A resource that is declared no more is kept.
    Raises: InvalidParameter, for functions that their invoker refuses; nothing is changed then.
    """
    host = broker.functions.host
    host.check_upload_settings()
    for resource in resources:
        if isinstance(resource, Function):
            host.check(resource)
    changes: list[Change] = []
    plans: list[Plan] = []
    changed = 0
    for resource in resources:
        current = _current(broker, namespace, resource)
        wanted = _wanted(broker, resource, current)
        if wanted == current:
            continue
        changed += 1
        kind = KINDS[type(resource)]
        log.info("%s %s %s", "updated" if current else "created", kind, resource.name)
        if isinstance(wanted, Rule | Schedule):
            assert current is None or isinstance(current, Rule | Schedule)
            wanted, plan = broker.schedule_planner.changed(current, wanted)
            plans.append(plan)
        changes.extend(_changes(broker, namespace, wanted))
    if changes:
        waiting = broker.schedule_planner.waiting(plans)
        changes += broker.schedule_planner.queue_changes(namespace, waiting)
        await broker.registrar.change(namespace, changes, waiting=waiting)
    return changed


def _changes(broker: Broker, namespace: Namespace, wanted: AnyResource) -> list[Change]:
    """What makes a resource: its record, and the internal queue that some have."""
    if isinstance(wanted, Function):
        return changes_for(wanted)
    changes: list[Change] = [(KINDS[type(wanted)], wanted.name, wanted, None)]
    if isinstance(wanted, Topic):
        changes += queue_changes(wanted)
    if isinstance(wanted, Subscription):
        changes += broker.subscriptions.queue_changes(wanted)
    if isinstance(wanted, EventBus):
        changes += broker.event_buses.queue_changes(namespace, wanted.name)
    if isinstance(wanted, Rule):
        changes += broker.rules.queue_changes(namespace, wanted)
    return changes


def _current(broker: Broker, namespace: Namespace, resource: AnyResource) -> AnyResource | None:
    table = broker.registry.resources(namespace).of_kind(KINDS[type(resource)])
    return table.get(resource.name)


def _wanted(broker: Broker, resource: AnyResource, stored: AnyResource | None) -> AnyResource:
    """The declared resource as it is to be stored."""
    now_ms = broker.now_ms()
    if not isinstance(resource, Function):
        return _with_history(resource, stored, now_ms)
    # A secret that is sealed anew is another text: so it is compared as it was given.
    host = broker.functions.host
    current = host.unsealed(stored) if isinstance(stored, Function) else None
    wanted = _with_history(resource, current, now_ms)
    assert isinstance(wanted, Function)
    if isinstance(stored, Function) and wanted == current and host.sealed(stored) == stored:
        return stored
    return host.sealed(wanted)


def _with_history(resource: AnyResource, current: AnyResource | None, now_ms: int) -> AnyResource:
    """The declared resource, with what a file doesn't say taken from the one that is there."""
    if current is None:
        made = msgspec.structs.replace(resource, created_at_ms=now_ms, modified_at_ms=now_ms)
        return _revised(made)
    kept = {
        "created_at_ms": current.created_at_ms,
        "modified_at_ms": current.modified_at_ms,
        "tags": current.tags,
    }
    if isinstance(current, Queue):
        kept["policy"] = current.policy
        kept["redrive_allow_policy"] = current.redrive_allow_policy
        kept["other_attributes"] = current.other_attributes
    if isinstance(current, Topic):
        kept |= {name: getattr(current, name) for name in _TOPIC_BY_API}
    if isinstance(current, EventBus):
        kept["policy"] = current.policy
    if isinstance(current, Function):
        kept |= {name: getattr(current, name) for name in _FUNCTION_BY_API}
    if isinstance(current, Subscription):
        kept |= {name: getattr(current, name) for name in _SUBSCRIPTION_BY_API}
    if isinstance(current, Rule | Schedule):
        kept |= {name: getattr(current, name) for name in _BY_ITSELF}
    wanted = msgspec.structs.replace(resource, **kept)
    if wanted == current:
        return wanted
    return _revised(msgspec.structs.replace(wanted, modified_at_ms=now_ms))


def _revised(resource: AnyResource) -> AnyResource:
    """A function that is another now has another revision."""
    if isinstance(resource, Function):
        return msgspec.structs.replace(resource, revision_id=str(uuid.uuid4()))
    return resource
