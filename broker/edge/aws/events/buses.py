"""EventBridge actions on buses: create, describe, list, delete"""

from broker.core.errors import InvalidParameter
from broker.core.limits import LIST_PAGE
from broker.core.names import EVENT_BUS_NAME, Namespace
from broker.core.resources import EventBus
from broker.edge.aws.events.service import events, locate_bus
from broker.edge.aws.paging import page_of
from broker.edge.aws.service import Call, Members, Refused


class Tag(Members, kw_only=True):
    key: str
    value: str


class CreateEventBusRequest(Members, kw_only=True):
    name: str
    description: str = ""
    tags: list[Tag] | None = None
    event_source_name: Refused = None
    kms_key_identifier: Refused = None
    dead_letter_config: Refused = None
    log_config: Refused = None


class CreateEventBusResponse(Members, kw_only=True):
    event_bus_arn: str
    description: str | None = None


@events.action("CreateEventBus", CreateEventBusRequest)
async def create_event_bus(call: Call, request: CreateEventBusRequest) -> CreateEventBusResponse:
    """Make a bus."""
    if not EVENT_BUS_NAME.fullmatch(request.name):
        raise InvalidParameter(
            f"1 validation error detected: Value '{request.name}' at 'name' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [/\\.\\-_A-Za-z0-9]+"
        )
    now_ms = call.broker.now_ms()
    bus = EventBus(
        name=request.name,
        description=request.description,
        tags={tag.key: tag.value for tag in request.tags or ()},
        created_at_ms=now_ms,
        modified_at_ms=now_ms,
    )
    await call.broker.events.create_bus(call.namespace, bus)
    return CreateEventBusResponse(
        event_bus_arn=_arn(call.namespace, request.name), description=request.description or None
    )


class DescribeEventBusRequest(Members, kw_only=True):
    name: str | None = None


class EventBusMember(Members, kw_only=True):
    name: str
    arn: str
    description: str | None = None
    creation_time: float | None = None
    last_modified_time: float | None = None


@events.action("DescribeEventBus", DescribeEventBusRequest)
async def describe_event_bus(call: Call, request: DescribeEventBusRequest) -> EventBusMember:
    """One bus; `default` if none is named."""
    namespace, name = locate_bus(call, request.name)
    return _member(namespace, call.broker.events.bus(namespace, name))


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
    found = {bus.name: bus for bus in call.broker.events.buses(call.namespace, request.name_prefix)}
    names, token = limited_page_of(list(found), request.next_token, request.limit)
    return ListEventBusesResponse(
        event_buses=[_member(call.namespace, found[name]) for name in names], next_token=token
    )


class DeleteEventBusRequest(Members, kw_only=True):
    name: str


@events.action("DeleteEventBus", DeleteEventBusRequest)
async def delete_event_bus(call: Call, request: DeleteEventBusRequest) -> None:
    """Delete a bus that has no rules."""
    await call.broker.events.delete_bus(*locate_bus(call, request.name))


def limited_page_of(
    names: list[str], next_token: str | None, limit: int
) -> tuple[list[str], str | None]:
    """The same as `page_of`, once the limit is checked. Raises: InvalidParameter."""
    if not 1 <= limit <= LIST_PAGE:
        bound = "greater than or equal to 1" if limit < 1 else f"less than or equal to {LIST_PAGE}"
        raise InvalidParameter(
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy "
            f"constraint: Member must have value {bound}"
        )
    return page_of(names, next_token, limit)


def _member(namespace: Namespace, bus: EventBus) -> EventBusMember:
    return EventBusMember(
        name=bus.name,
        arn=_arn(namespace, bus.name),
        description=bus.description or None,
        creation_time=bus.created_at_ms / 1000 or None,
        last_modified_time=bus.modified_at_ms / 1000 or None,
    )


def _arn(namespace: Namespace, name: str) -> str:
    return namespace.arn("events", f"event-bus/{name}")
