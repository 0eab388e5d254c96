"""EventBridge actions on buses: create, update, describe, list, delete"""

from typing import Any

import msgspec

from broker.core.limits import DESCRIPTION_CHARS_MAX, EVENT_BUS_NAME_CHARS_MAX, LIST_PAGE
from broker.core.names import Namespace
from broker.core.resources import EventBus
from broker.core.targeting import check_dead_letter_arn
from broker.edge.aws.events.service import bus_arn, events, locate_bus, naming
from broker.edge.aws.events.tags import Tag, checked_tags
from broker.edge.aws.paging import page_of
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.validation import Violations

_NAME = r"[/\.\-_A-Za-z0-9]+"


class DeadLetterConfig(Members, kw_only=True):
    arn: str | None = None


class CreateEventBusRequest(Members, kw_only=True):
    name: str
    description: str = ""
    tags: list[Tag] | None = None
    dead_letter_config: DeadLetterConfig | None = None
    event_source_name: Refused = None
    kms_key_identifier: Refused = None
    log_config: Refused = None


class CreateEventBusResponse(Members, kw_only=True):
    event_bus_arn: str
    description: str | None = None
    dead_letter_config: DeadLetterConfig | None = None


@events.action("CreateEventBus", CreateEventBusRequest)
async def create_event_bus(call: Call, request: CreateEventBusRequest) -> CreateEventBusResponse:
    """Make a bus."""
    naming("name", request.name, EVENT_BUS_NAME_CHARS_MAX, request.description, _NAME).check()
    now_ms = call.broker.now_ms()
    bus = EventBus(
        name=request.name,
        description=request.description,
        dead_letter_target_arn=dead_letter_arn(request.dead_letter_config, call.namespace),
        tags=checked_tags(request.tags),
        created_at_ms=now_ms,
        modified_at_ms=now_ms,
    )
    await call.broker.event_buses.create(call.namespace, bus)
    return CreateEventBusResponse(
        event_bus_arn=bus_arn(call.namespace, request.name),
        description=request.description or None,
        dead_letter_config=request.dead_letter_config,
    )


class UpdateEventBusRequest(Members, kw_only=True):
    name: str | None = None
    description: str | None = None
    dead_letter_config: DeadLetterConfig | None = None
    kms_key_identifier: Refused = None
    log_config: Refused = None


class UpdateEventBusResponse(Members, kw_only=True):
    arn: str
    name: str
    description: str | None = None
    dead_letter_config: DeadLetterConfig | None = None


@events.action("UpdateEventBus", UpdateEventBusRequest)
async def update_event_bus(call: Call, request: UpdateEventBusRequest) -> UpdateEventBusResponse:
    """Change a bus's settings; what isn't given stays. An empty DeadLetterConfig removes it."""
    namespace, name = locate_bus(call, request.name)
    bus = call.broker.event_buses.get(namespace, name)
    description, dead_letter = bus.description, bus.dead_letter_target_arn
    if request.description is not None:
        description = checked_description(request.description)
    if request.dead_letter_config is not None:
        dead_letter = dead_letter_arn(request.dead_letter_config, namespace)
    changed = msgspec.structs.replace(
        bus,
        description=description,
        dead_letter_target_arn=dead_letter,
        modified_at_ms=call.broker.now_ms(),
    )
    await call.broker.event_buses.configure(namespace, changed)
    return UpdateEventBusResponse(
        arn=bus_arn(namespace, name),
        name=name,
        description=description or None,
        dead_letter_config=dead_letter_config(dead_letter),
    )


class DescribeEventBusRequest(Members, kw_only=True):
    name: str | None = None


class EventBusMember(Members, kw_only=True):
    name: str
    arn: str
    description: str | None = None
    policy: str | None = None
    creation_time: float | None = None
    last_modified_time: float | None = None


class EventBusDescription(EventBusMember, kw_only=True):
    dead_letter_config: DeadLetterConfig | None = None


@events.action("DescribeEventBus", DescribeEventBusRequest)
async def describe_event_bus(call: Call, request: DescribeEventBusRequest) -> EventBusDescription:
    """One bus; `default` if none is named."""
    namespace, name = locate_bus(call, request.name)
    bus = call.broker.event_buses.get(namespace, name)
    return EventBusDescription(
        dead_letter_config=dead_letter_config(bus.dead_letter_target_arn),
        **_shared(namespace, bus),
    )


class ListEventBusesRequest(Members, kw_only=True):
    name_prefix: str = ""
    next_token: str | None = None
    limit: int = LIST_PAGE


class ListEventBusesResponse(Members, kw_only=True):
    event_buses: list[EventBusMember]
    next_token: str | None = None


@events.action("ListEventBuses", ListEventBusesRequest)
async def list_event_buses(call: Call, request: ListEventBusesRequest) -> ListEventBusesResponse:
    """Buses by name."""
    found = {
        bus.name: bus for bus in call.broker.event_buses.all(call.namespace, request.name_prefix)
    }
    names, token = limited_page_of(list(found), request.next_token, request.limit)
    return ListEventBusesResponse(
        event_buses=[EventBusMember(**_shared(call.namespace, found[name])) for name in names],
        next_token=token,
    )


class DeleteEventBusRequest(Members, kw_only=True):
    name: str


@events.action("DeleteEventBus", DeleteEventBusRequest)
async def delete_event_bus(call: Call, request: DeleteEventBusRequest) -> None:
    """Delete a bus that has no rules."""
    await call.broker.event_buses.delete(*locate_bus(call, request.name))


def limited_page_of(
    names: list[str], next_token: str | None, limit: int
) -> tuple[list[str], str | None]:
    """The same as `page_of`, once the limit is checked. Raises: InvalidParameter."""
    v = Violations()
    v.range("limit", limit, 1, LIST_PAGE)
    v.check()
    return page_of(names, next_token, limit)


def dead_letter_arn(config: DeadLetterConfig | None, namespace: Namespace) -> str | None:
    """The queue's ARN, if one is named, for a bus in the namespace. Raises: InvalidParameter."""
    arn = (config.arn or None) if config is not None else None
    check_dead_letter_arn(arn, namespace)
    return arn


def dead_letter_config(arn: str | None) -> DeadLetterConfig | None:
    """The member that names the queue."""
    return DeadLetterConfig(arn=arn) if arn is not None else None


def checked_description(text: str) -> str:
    """The text, if it isn't too long. Raises: InvalidParameter."""
    v = Violations()
    v.length("description", text, 0, DESCRIPTION_CHARS_MAX)
    v.check()
    return text


def _shared(namespace: Namespace, bus: EventBus) -> dict[str, Any]:
    return {
        "name": bus.name,
        "arn": bus_arn(namespace, bus.name),
        "description": bus.description or None,
        "policy": bus.policy,
        "creation_time": bus.created_at_ms / 1000 or None,
        "last_modified_time": bus.modified_at_ms / 1000 or None,
    }
