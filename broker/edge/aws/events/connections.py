"""EventBridge actions on connections: create, describe, list, update, deauthorize, delete

Secrets come in and never go out again.
"""

import re
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from broker.core.authorization import (
    ApiKey,
    Authorization,
    Basic,
    ClientCredentials,
    HttpParts,
    Method,
    Parameter,
)
from broker.core.errors import InvalidParameter, NotSupported
from broker.core.limits import CONNECTION_PARAMETERS_MAX, LIST_PAGE, RULE_NAME_CHARS_MAX
from broker.core.names import Namespace
from broker.core.resources import Connection
from broker.edge.aws.events.buses import checked_description, limited_page_of
from broker.edge.aws.events.service import events, naming
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.validation import Violations
from broker.runtime.secret_box import Unreadable

_HEADER = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-zA-Z]{1,512}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\t]{0,512}")
_TEXT = re.compile(r"[^\x00-\x1f\x7f]{1,512}")
_USERNAME = re.compile(r"[^\x00-\x1f:\x7f]{1,512}")
_TOKEN_METHODS = ("GET", "POST", "PUT")
# fmt: off
_STATES = (
    "CREATING", "UPDATING", "DELETING", "AUTHORIZED", "DEAUTHORIZED", "AUTHORIZING",
    "DEAUTHORIZING", "ACTIVE", "FAILED_CONNECTIVITY",
)
# fmt: on


class ParameterMember(Members, kw_only=True):
    key: str
    value: str | None = None
    is_value_secret: bool | None = None


class HttpPartsMember(Members, kw_only=True):
    header_parameters: list[ParameterMember] | None = None
    query_string_parameters: list[ParameterMember] | None = None
    body_parameters: list[ParameterMember] | None = None


class BasicMember(Members, kw_only=True):
    username: str | None = None
    password: str | None = None


class ApiKeyMember(Members, kw_only=True):
    api_key_name: str | None = None
    api_key_value: str | None = None


class ClientMember(Members, kw_only=True):
    client_id: str | None = msgspec.field(name="ClientID", default=None)
    client_secret: str | None = None


class OAuthMember(Members, kw_only=True):
    client_parameters: ClientMember | None = None
    authorization_endpoint: str | None = None
    http_method: str | None = None
    o_auth_http_parameters: HttpPartsMember | None = None


class AuthParameters(Members, kw_only=True):
    basic_auth_parameters: BasicMember | None = None
    api_key_auth_parameters: ApiKeyMember | None = None
    o_auth_parameters: OAuthMember | None = None
    invocation_http_parameters: HttpPartsMember | None = None
    connectivity_parameters: Any = None  # refused: see `_authorization`


class BasicShown(Members, kw_only=True):
    username: str


class ApiKeyShown(Members, kw_only=True):
    api_key_name: str


class ClientShown(Members, kw_only=True):
    client_id: str = msgspec.field(name="ClientID")


class OAuthShown(Members, kw_only=True):
    client_parameters: ClientShown
    authorization_endpoint: str
    http_method: str
    o_auth_http_parameters: HttpPartsMember | None = None


class AuthShown(Members, kw_only=True):
    """The same, without secrets."""

    basic_auth_parameters: BasicShown | None = None
    api_key_auth_parameters: ApiKeyShown | None = None
    o_auth_parameters: OAuthShown | None = None
    invocation_http_parameters: HttpPartsMember | None = None


class CreateConnectionRequest(Members, kw_only=True):
    name: str
    description: str = ""
    authorization_type: str
    auth_parameters: AuthParameters
    invocation_connectivity_parameters: Refused = None
    kms_key_identifier: Refused = None


class ConnectionState(Members, kw_only=True):
    connection_arn: str
    connection_state: str
    creation_time: float
    last_modified_time: float


@events.action("CreateConnection", CreateConnectionRequest)
async def create_connection(call: Call, request: CreateConnectionRequest) -> ConnectionState:
    """Keep how requests to somewhere are let in."""
    naming("name", request.name, RULE_NAME_CHARS_MAX, request.description).check()
    authorization = _authorization(request.authorization_type, request.auth_parameters, None)
    now_ms = call.broker.now_ms()
    connection = Connection(
        name=request.name,
        id=str(uuid.UUID(bytes=call.broker.ids.new())),
        description=request.description,
        created_at_ms=now_ms,
        modified_at_ms=now_ms,
    )
    made = await call.broker.connections.create(call.namespace, connection, authorization)
    return _state(call.namespace, made)


class UpdateConnectionRequest(Members, kw_only=True):
    name: str
    description: str | None = None
    authorization_type: str | None = None
    auth_parameters: AuthParameters | None = None
    invocation_connectivity_parameters: Refused = None
    kms_key_identifier: Refused = None


@events.action("UpdateConnection", UpdateConnectionRequest)
async def update_connection(call: Call, request: UpdateConnectionRequest) -> ConnectionState:
    """Change a connection; what isn't given stays, secrets too."""
    connections = call.broker.connections
    connection = connections.get(call.namespace, request.name)
    try:
        current: Authorization | None = connections.authorization(connection)
    except Unreadable:
        current = None
    authorization = current
    if request.auth_parameters is not None or request.authorization_type is not None:
        kind = request.authorization_type or connection.authorization_type
        authorization = _authorization(kind, request.auth_parameters or AuthParameters(), current)
    if request.description is not None:
        connection = msgspec.structs.replace(
            connection, description=checked_description(request.description)
        )
    changed = await connections.configure(call.namespace, connection, authorization)
    return _state(call.namespace, changed)


class ConnectionRequest(Members, kw_only=True):
    name: str


class ConnectionMember(Members, kw_only=True):
    connection_arn: str
    name: str
    connection_state: str
    state_reason: str | None = None
    authorization_type: str
    creation_time: float
    last_modified_time: float


class ConnectionDescription(ConnectionMember, kw_only=True):
    description: str | None = None
    auth_parameters: AuthShown | None = None


@events.action("DescribeConnection", ConnectionRequest)
async def describe_connection(call: Call, request: ConnectionRequest) -> ConnectionDescription:
    """One connection, without its secrets."""
    connection = call.broker.connections.get(call.namespace, request.name)
    try:
        shown = _shown(call.broker.connections.authorization(connection))
    except Unreadable:
        shown = None
    return ConnectionDescription(
        description=connection.description or None,
        auth_parameters=shown,
        **_shared(call, connection),
    )


class ListConnectionsRequest(Members, kw_only=True):
    name_prefix: str = ""
    connection_state: str | None = None
    next_token: str | None = None
    limit: int = LIST_PAGE


class ListConnectionsResponse(Members, kw_only=True):
    connections: list[ConnectionMember]
    next_token: str | None = None


@events.action("ListConnections", ListConnectionsRequest)
async def list_connections(call: Call, request: ListConnectionsRequest) -> ListConnectionsResponse:
    """Connections by name: all, or those in a state."""
    v = Violations()
    v.choice("connectionState", request.connection_state, _STATES)
    v.check()
    shared = {
        connection.name: _shared(call, connection)
        for connection in call.broker.connections.all(call.namespace, request.name_prefix)
    }
    wanted = [
        name
        for name, members in shared.items()
        if request.connection_state in (None, members["connection_state"])
    ]
    names, token = limited_page_of(wanted, request.next_token, request.limit)
    return ListConnectionsResponse(
        connections=[ConnectionMember(**shared[name]) for name in names], next_token=token
    )


@events.action("DeauthorizeConnection", ConnectionRequest)
async def deauthorize_connection(call: Call, request: ConnectionRequest) -> ConnectionState:
    """Forget the secrets of a connection; what uses it waits until it is updated."""
    connection = call.broker.connections.get(call.namespace, request.name)
    changed = await call.broker.connections.configure(call.namespace, connection, None)
    return _state(call.namespace, changed)


@events.action("DeleteConnection", ConnectionRequest)
async def delete_connection(call: Call, request: ConnectionRequest) -> ConnectionState:
    """Delete a connection that no API destination uses."""
    gone = await call.broker.connections.delete(call.namespace, request.name)
    return _state(call.namespace, gone, "DELETING")


def connection_arn(namespace: Namespace, connection: Connection) -> str:
    """`…:connection/NAME/ID`"""
    return namespace.arn("events", f"connection/{connection.name}/{connection.id}")


def _authorization(
    kind: str, given: AuthParameters, current: Authorization | None
) -> Authorization:
    """What is given, and of the same kind what there is already. Raises: InvalidParameter."""
    if given.connectivity_parameters is not None:
        raise NotSupported("ConnectivityParameters is not supported by this broker.")
    method: Method
    if kind == "BASIC":
        known = current.method if current and isinstance(current.method, Basic) else None
        basic = given.basic_auth_parameters or BasicMember()
        method = Basic(
            username=_needed(basic.username, known, "username", "Username", _USERNAME),
            password=_needed(basic.password, known, "password", "Password", _TEXT),
        )
    elif kind == "API_KEY":
        key = current.method if current and isinstance(current.method, ApiKey) else None
        api_key = given.api_key_auth_parameters or ApiKeyMember()
        method = ApiKey(
            name=_needed(api_key.api_key_name, key, "name", "ApiKeyName", _HEADER),
            value=_needed(api_key.api_key_value, key, "value", "ApiKeyValue", _TEXT),
        )
    elif kind == "OAUTH_CLIENT_CREDENTIALS":
        known_method = current.method if current else None
        method = _client_credentials(
            given.o_auth_parameters or OAuthMember(),
            known_method if isinstance(known_method, ClientCredentials) else None,
        )
    else:
        raise InvalidParameter(
            f"1 validation error detected: Value '{kind}' at 'authorizationType' failed to satisfy "
            "constraint: Member must satisfy enum value set: "
            "[BASIC, OAUTH_CLIENT_CREDENTIALS, API_KEY]"
        )
    parts = current.parts if current is not None else HttpParts()
    if given.invocation_http_parameters is not None:
        parts = _parts(given.invocation_http_parameters)
    return Authorization(method=method, parts=parts)


def _client_credentials(given: OAuthMember, known: ClientCredentials | None) -> ClientCredentials:
    client = given.client_parameters or ClientMember()
    method = _needed(given.http_method, known, "method", "HttpMethod", _TEXT)
    if method not in _TOKEN_METHODS:
        raise InvalidParameter(f"HttpMethod must be one of {', '.join(_TOKEN_METHODS)}.")
    endpoint = _needed(
        given.authorization_endpoint, known, "endpoint", "AuthorizationEndpoint", None
    )
    check_endpoint(endpoint, "AuthorizationEndpoint")
    parts = known.parts if known is not None else HttpParts()
    if given.o_auth_http_parameters is not None:
        parts = _parts(given.o_auth_http_parameters)
    return ClientCredentials(
        client_id=_needed(client.client_id, known, "client_id", "ClientID", _USERNAME),
        client_secret=_needed(client.client_secret, known, "client_secret", "ClientSecret", _TEXT),
        endpoint=endpoint,
        method=method,
        parts=parts,
    )


_PUBLIC = re.compile(r"https://[^/\s]+(/\S*)?")
_LOCAL = re.compile(r"http://(localhost|127\.[0-9.]+|\[::1\])(:[0-9]+)?(/\S*)?")
_ENDPOINT_CHARS_MAX = 2_048


def check_endpoint(url: str, member: str) -> None:
    """Raises: InvalidParameter, unless it is an HTTPS URL, or one of this machine."""
    known = _PUBLIC.fullmatch(url) or _LOCAL.fullmatch(url)
    if known and len(url) <= _ENDPOINT_CHARS_MAX:
        return
    raise InvalidParameter(
        f"Parameter {member} is not valid. Reason: it must be an HTTPS URL, or an HTTP URL of this "
        "machine."
    )


def _needed(
    given: str | None,
    known: Method | None,
    attribute: str,
    member: str,
    allowed: re.Pattern[str] | None,
) -> str:
    """What is given, or else what is known already. Raises: InvalidParameter."""
    value: str | None = given if given is not None else getattr(known, attribute, None)
    if value is None:
        raise InvalidParameter(f"Parameter {member} must be specified.")
    if allowed is not None and not allowed.fullmatch(value):
        raise InvalidParameter(f"Parameter {member} is not valid.")
    return value


def _parts(given: HttpPartsMember) -> HttpParts:
    lists = given.header_parameters, given.query_string_parameters, given.body_parameters
    if sum(len(each or ()) for each in lists) > CONNECTION_PARAMETERS_MAX:
        raise InvalidParameter(f"There may be at most {CONNECTION_PARAMETERS_MAX} parameters.")
    for each in given.header_parameters or ():
        if not _HEADER.fullmatch(each.key) or not _HEADER_VALUE.fullmatch(each.value or ""):
            raise InvalidParameter(f"The header parameter {each.key} is not valid.")
    headers, query, body = (_parameters(each or ()) for each in lists)
    return HttpParts(headers=headers, query=query, body=body)


def _parameters(given: Sequence[ParameterMember]) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(key=each.key, value=each.value or "", secret=bool(each.is_value_secret))
        for each in given
    )


def _shown(authorization: Authorization) -> AuthShown:
    """All that is no secret."""
    shown = AuthShown(invocation_http_parameters=_shown_parts(authorization.parts))
    match authorization.method:
        case Basic(username=username):
            shown.basic_auth_parameters = BasicShown(username=username)
        case ApiKey(name=name):
            shown.api_key_auth_parameters = ApiKeyShown(api_key_name=name)
        case ClientCredentials() as credentials:
            shown.o_auth_parameters = OAuthShown(
                client_parameters=ClientShown(client_id=credentials.client_id),
                authorization_endpoint=credentials.endpoint,
                http_method=credentials.method,
                o_auth_http_parameters=_shown_parts(credentials.parts),
            )
    return shown


def _shown_parts(parts: HttpParts) -> HttpPartsMember | None:
    if not (parts.headers or parts.query or parts.body):
        return None
    return HttpPartsMember(
        header_parameters=_shown_parameters(parts.headers),
        query_string_parameters=_shown_parameters(parts.query),
        body_parameters=_shown_parameters(parts.body),
    )


def _shown_parameters(parameters: tuple[Parameter, ...]) -> list[ParameterMember] | None:
    return [
        ParameterMember(key=each.key, value=each.shown, is_value_secret=each.secret)
        for each in parameters
    ] or None


def _shared(call: Call, connection: Connection) -> dict[str, Any]:
    try:
        call.broker.connections.authorization(connection)
        state, reason = "AUTHORIZED", None
    except Unreadable as error:
        state, reason = "DEAUTHORIZED", str(error)
    return {
        "connection_arn": connection_arn(call.namespace, connection),
        "name": connection.name,
        "connection_state": state,
        "state_reason": reason,
        "authorization_type": connection.authorization_type,
        "creation_time": connection.created_at_ms / 1000,
        "last_modified_time": connection.modified_at_ms / 1000,
    }


def _state(
    namespace: Namespace, connection: Connection, state: str | None = None
) -> ConnectionState:
    return ConnectionState(
        connection_arn=connection_arn(namespace, connection),
        connection_state=state or ("AUTHORIZED" if connection.sealed else "DEAUTHORIZED"),
        creation_time=connection.created_at_ms / 1000,
        last_modified_time=connection.modified_at_ms / 1000,
    )
