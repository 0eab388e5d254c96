"""EventBridge actions on API destinations: create, describe, list, update, delete"""

import uuid
from typing import Any

import msgspec

from broker.core.errors import ConnectionDoesNotExist, InvalidParameter
from broker.core.limits import (
    API_DESTINATION_RATE,
    API_DESTINATION_RATE_MAX,
    LIST_PAGE,
    RULE_NAME_CHARS_MAX,
)
from broker.core.names import Arn, Namespace
from broker.core.resources import ApiDestination
from broker.edge.aws.events.buses import checked_description, limited_page_of
from broker.edge.aws.events.connections import check_endpoint, connection_arn
from broker.edge.aws.events.service import events, naming
from broker.edge.aws.service import Call, Members

METHODS = ("POST", "GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE")
_ACTIVE = "ACTIVE"


class CreateApiDestinationRequest(Members, kw_only=True):
    name: str
    description: str = ""
    connection_arn: str
    invocation_endpoint: str
    http_method: str
    invocation_rate_limit_per_second: int = API_DESTINATION_RATE


class ApiDestinationState(Members, kw_only=True):
    api_destination_arn: str
    api_destination_state: str
    creation_time: float
    last_modified_time: float


@events.action("CreateApiDestination", CreateApiDestinationRequest)
async def create_api_destination(
    call: Call, request: CreateApiDestinationRequest
) -> ApiDestinationState:
    """Make an HTTP endpoint a target that rules can send events to."""
    naming("name", request.name, RULE_NAME_CHARS_MAX, request.description).check()
    now_ms = call.broker.now_ms()
    destination = _checked(
        ApiDestination(
            name=request.name,
            id=str(uuid.UUID(bytes=call.broker.ids.new())),
            connection=_connection(call, request.connection_arn),
            endpoint=request.invocation_endpoint,
            http_method=request.http_method,
            rate=request.invocation_rate_limit_per_second,
            description=request.description,
            created_at_ms=now_ms,
            modified_at_ms=now_ms,
        )
    )
    await call.broker.connections.create_destination(call.namespace, destination)
    return _state(call.namespace, destination)


class UpdateApiDestinationRequest(Members, kw_only=True):
    name: str
    description: str | None = None
    connection_arn: str | None = None
    invocation_endpoint: str | None = None
    http_method: str | None = None
    invocation_rate_limit_per_second: int | None = None


@events.action("UpdateApiDestination", UpdateApiDestinationRequest)
async def update_api_destination(
    call: Call, request: UpdateApiDestinationRequest
) -> ApiDestinationState:
    """Change a destination; what isn't given stays."""
    destination = call.broker.connections.destination(call.namespace, request.name)
    given: dict[str, Any] = {
        "endpoint": request.invocation_endpoint,
        "http_method": request.http_method,
        "rate": request.invocation_rate_limit_per_second,
    }
    if request.description is not None:
        given["description"] = checked_description(request.description)
    if request.connection_arn is not None:
        given["connection"] = _connection(call, request.connection_arn)
    changes = {name: value for name, value in given.items() if value is not None}
    changed = _checked(msgspec.structs.replace(destination, **changes))
    await call.broker.connections.configure_destination(call.namespace, changed)
    return _state(call.namespace, call.broker.connections.destination(call.namespace, request.name))


class ApiDestinationRequest(Members, kw_only=True):
    name: str


class ApiDestinationMember(Members, kw_only=True):
    api_destination_arn: str
    name: str
    api_destination_state: str
    connection_arn: str
    invocation_endpoint: str
    http_method: str
    invocation_rate_limit_per_second: int
    creation_time: float
    last_modified_time: float


class ApiDestinationDescription(ApiDestinationMember, kw_only=True):
    description: str | None = None


@events.action("DescribeApiDestination", ApiDestinationRequest)
async def describe_api_destination(
    call: Call, request: ApiDestinationRequest
) -> ApiDestinationDescription:
    """One destination."""
    destination = call.broker.connections.destination(call.namespace, request.name)
    return ApiDestinationDescription(
        description=destination.description or None, **_shared(call, destination)
    )


class ListApiDestinationsRequest(Members, kw_only=True):
    name_prefix: str = ""
    connection_arn: str | None = None
    next_token: str | None = None
    limit: int = LIST_PAGE


class ListApiDestinationsResponse(Members, kw_only=True):
    api_destinations: list[ApiDestinationMember]
    next_token: str | None = None


@events.action("ListApiDestinations", ListApiDestinationsRequest)
async def list_api_destinations(
    call: Call, request: ListApiDestinationsRequest
) -> ListApiDestinationsResponse:
    """Destinations by name: all, or those of a connection."""
    shared = {
        destination.name: _shared(call, destination)
        for destination in call.broker.connections.destinations(call.namespace, request.name_prefix)
    }
    wanted = [
        name
        for name, members in shared.items()
        if request.connection_arn in (None, members["connection_arn"])
    ]
    names, token = limited_page_of(wanted, request.next_token, request.limit)
    return ListApiDestinationsResponse(
        api_destinations=[ApiDestinationMember(**shared[name]) for name in names],
        next_token=token,
    )


@events.action("DeleteApiDestination", ApiDestinationRequest)
async def delete_api_destination(call: Call, request: ApiDestinationRequest) -> None:
    """Delete a destination; events that are for it become dead letters."""
    await call.broker.connections.delete_destination(call.namespace, request.name)


def _checked(destination: ApiDestination) -> ApiDestination:
    check_endpoint(destination.endpoint, "InvocationEndpoint")
    if destination.http_method not in METHODS:
        raise InvalidParameter(f"HttpMethod must be one of {', '.join(METHODS)}.")
    if not 1 <= destination.rate <= API_DESTINATION_RATE_MAX:
        raise InvalidParameter(
            f"InvocationRateLimitPerSecond must be between 1 and {API_DESTINATION_RATE_MAX}."
        )
    return destination


def _connection(call: Call, text: str) -> str:
    """The name in a connection's ARN. Raises: InvalidParameter, ConnectionDoesNotExist."""
    arn = Arn.parse(text)
    kind, _, rest = arn.resource.partition("/") if arn is not None else ("", "", "")
    name, _, id_ = rest.partition("/")
    if arn is None or kind != "connection" or arn.namespace != call.namespace:
        raise InvalidParameter(
            f"Parameter {text} is not valid. Reason: Provided Arn is not in correct format."
        )
    if call.broker.connections.get(call.namespace, name).id != id_:
        raise ConnectionDoesNotExist(f"Connection '{name}' does not exist.")
    return name


def _shared(call: Call, destination: ApiDestination) -> dict[str, Any]:
    connection = call.broker.connections.get(call.namespace, destination.connection)
    return {
        "api_destination_arn": _arn(call.namespace, destination),
        "name": destination.name,
        "api_destination_state": _ACTIVE,
        "connection_arn": connection_arn(call.namespace, connection),
        "invocation_endpoint": destination.endpoint,
        "http_method": destination.http_method,
        "invocation_rate_limit_per_second": destination.rate,
        "creation_time": destination.created_at_ms / 1000,
        "last_modified_time": destination.modified_at_ms / 1000,
    }


def _state(namespace: Namespace, destination: ApiDestination) -> ApiDestinationState:
    return ApiDestinationState(
        api_destination_arn=_arn(namespace, destination),
        api_destination_state=_ACTIVE,
        creation_time=destination.created_at_ms / 1000,
        last_modified_time=destination.modified_at_ms / 1000,
    )


def _arn(namespace: Namespace, destination: ApiDestination) -> str:
    return namespace.arn("events", f"api-destination/{destination.name}/{destination.id}")
