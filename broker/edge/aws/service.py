"""what a service is: actions with their members, and how its errors look on the wire"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import fields

from broker.core.errors import BrokerError, NotSupported
from broker.core.names import Namespace
from broker.edge.http.message import Request
from broker.runtime.broker import Broker


class Members(msgspec.Struct, rename="pascal", omit_defaults=True):
    """An action's request or response: snake_case here, the service's PascalCase on the wire."""


_REFUSED = "refused"
Refused = Annotated[Any, msgspec.Meta(extra={_REFUSED: True})]
"""A member that the service has and this broker doesn't: given, it is refused by name."""


def check_supported(members: msgspec.Struct) -> None:
    """Raises: NotSupported, if a refused member was given."""
    if _values_to_check(type(members))(members):
        _find_refused(members)


@cache
def _values_to_check(kind: type[msgspec.Struct]) -> Callable[[Any], Any]:
    """Whether any of the members to be looked at is there, in one call: mostly none is."""
    names = [name for name, _, _ in _to_check(kind)]
    if len(names) < 2:
        return attrgetter(*names) if names else bool
    values, nothing = attrgetter(*names), (None,) * len(names)
    return lambda members: values(members) != nothing


def _find_refused(members: msgspec.Struct) -> None:
    for name, wire_name, refused in _to_check(type(members)):
        value = getattr(members, name)
        if value is None:
            continue
        if refused:
            raise NotSupported(f"{wire_name} is not supported by this broker.")
        if isinstance(value, msgspec.Struct):
            check_supported(value)
            continue
        for item in value.values() if isinstance(value, dict) else value:
            check_supported(item)


@cache
def _to_check(kind: type[msgspec.Struct]) -> tuple[tuple[str, str, bool], ...]:
    """Members that are refused, and structs, lists and maps of them in which there are such."""
    hints = get_type_hints(kind, include_extras=True)
    found = []
    for f in fields(kind):
        hint = hints[f.name]
        if get_origin(hint) is Annotated:
            if any(_REFUSED in (getattr(m, "extra", None) or {}) for m in hint.__metadata__):
                found.append((f.name, f.encode_name, True))
            continue
        item = _item(hint)
        if isinstance(item, type) and issubclass(item, msgspec.Struct) and _to_check(item):
            found.append((f.name, f.encode_name, False))
    return tuple(found)


def _item(hint: Any) -> Any:
    """What a list holds, or a map as values; a struct itself; None for anything else."""
    for option in get_args(hint) if get_origin(hint) is UnionType else (hint,):
        if get_origin(option) in (list, dict):
            return get_args(option)[-1]
        if isinstance(option, type) and issubclass(option, msgspec.Struct):
            return option
    return None


class Call(msgspec.Struct, frozen=True):
    """One request for an action, with what handlers need beside its members."""

    broker: Broker
    namespace: Namespace
    request: Request
    request_id: str

    @property
    def origin(self) -> str:
        """`http://<host the client used>`, for the URLs of resources."""
        return f"http://{self.request.headers.get('host', 'localhost')}"


Handler = Callable[[Call, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Action:
    """An action: what it takes and what it does. A handler returns Members, or None for nothing."""

    name: str
    request: type[Members]
    handler: Handler
    decode_json: Callable[[bytes], Members]
    has_refused: bool  # members that must be looked at before the handler is called


@dataclass(frozen=True, slots=True)
class Wire:
    """How an error looks: HTTP status, the name of its shape, and Query's code for it."""

    status: int
    shape: str
    code: str = ""  # the shape's name, if not another
    query_message: str = ""  # the error's own, if not another

    @property
    def query_code(self) -> str:
        """The code as Query names it."""
        return self.code or self.shape


@dataclass(slots=True)
class Service:
    """A service's actions by name, filled by its modules with `@service.action(...)`."""

    name: str  # as it signs: sqs, sns, events, sts
    xmlns: str
    version: str  # of the API
    errors: dict[type[BrokerError], Wire]
    target_prefix: str = ""  # of X-Amz-Target; "" if it has no JSON protocol
    error_namespace: str = ""  # before the shape's name in __type
    invalid_action: str = "The action {} is not valid for this web service."  # by Query
    error_detail: bool = False  # an empty Detail in every Query error
    flattened: bool = False  # Query lists and maps without `.member.` and `.entry.`
    query_compatible: bool = False  # JSON errors tell Query's code in a header
    known_actions: frozenset[str] = frozenset()  # of the real service, and not supported
    why_not: str = ""  # they aren't
    actions: dict[str, Action] = field(default_factory=dict)

    def action(self, name: str, request: type[Members]) -> Callable[[Handler], Handler]:
        """Register a handler for an action."""

        def register(handler: Handler) -> Handler:
            decode = msgspec.json.Decoder(request).decode
            has_refused = bool(_to_check(request))
            self.actions[name] = Action(name, request, handler, decode, has_refused)
            return handler

        return register

    def wire(self, error: BrokerError) -> Wire:
        """How an error looks; the nearest ancestor in the table counts."""
        for kind in type(error).__mro__:
            if kind in self.errors:
                return self.errors[kind]
        return Wire(400, type(error).__name__)
