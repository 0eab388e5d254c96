"""what a service is: actions with their members, and how its errors look on the wire"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from broker.core.errors import BrokerError
from broker.core.names import Namespace
from broker.edge.http.message import Request
from broker.runtime.broker import Broker


class Members(msgspec.Struct, rename="pascal", omit_defaults=True):
    """An action's request or response: snake_case here, the service's PascalCase on the wire."""


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


@dataclass(frozen=True, slots=True)
class Wire:
    """How an error looks: HTTP status, the name of its shape, and Query's code for it."""

    status: int
    shape: str
    code: str = ""  # the shape's name, if not another

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
    flattened: bool = False  # Query lists and maps without `.member.` and `.entry.`
    query_compatible: bool = False  # JSON errors tell Query's code in a header
    no_output_result: bool = False
    known_actions: frozenset[str] = frozenset()  # of the real service, supported or not
    actions: dict[str, Action] = field(default_factory=dict)

    def action(self, name: str, request: type[Members]) -> Callable[[Handler], Handler]:
        """Register a handler for an action."""

        def register(handler: Handler) -> Handler:
            decode = msgspec.json.Decoder(request).decode
            self.actions[name] = Action(name, request, handler, decode)
            return handler

        return register

    def wire(self, error: BrokerError) -> Wire:
        """How an error looks; the nearest ancestor in the table counts."""
        for kind in type(error).__mro__:
            if kind in self.errors:
                return self.errors[kind]
        return Wire(400, type(error).__name__)
