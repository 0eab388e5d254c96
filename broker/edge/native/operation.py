"""what an operation of the native API is: one description for routing, parsing and OpenAPI"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from broker.core.errors import BrokerError
from broker.core.names import Namespace
from broker.edge.http.message import Request
from broker.runtime.broker import Broker

JSON = "application/json"
MSGPACK = "application/msgpack"


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request's body or query. A member that isn't known is refused, not ignored."""


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A response's body."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, with what handlers need beside its labels, query and body."""

    broker: Broker
    namespace: Namespace
    request: Request

    @property
    def origin(self) -> str:
        """`http://<host the client used>`, for links in what is rendered."""
        return f"http://{self.request.headers.get('host', 'localhost')}"


@dataclass(frozen=True, slots=True)
class Answer:
    """A result with another status than the operation's first."""

    status: int
    result: Any = None


Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Operation:
    """A method on a path.

    The handler is called with the call, the path's labels, then the query and the body where the
    operation has them; it returns a Result, None, an Answer, or a whole Response.
    """

    method: str
    path: str  # a template: `/v1/queues/{name}`
    handler: Handler
    answers: dict[int, Any]  # result type by status; None: no body. The first is the usual one
    query: type[Shape] | None = None
    body: Any = None  # the type of a body in JSON, or in msgpack if `binary`
    binary: bool = False  # bodies and results may be msgpack
    media: dict[str, Any] = field(default_factory=dict)  # other bodies, which the handler parses
    answer_media: str = JSON  # of the results; if another, the handler returns a Response
    raises: tuple[type[BrokerError], ...] = ()

    @property
    def status(self) -> int:
        """The status of a result that comes without one."""
        status: int = next(iter(self.answers))
        return status

    @property
    def takes_body(self) -> bool:
        """Whether a request may have a body."""
        return self.body is not None or bool(self.media)


class Operations:
    """The operations of the API, filled by its modules with `@operations.add(...)`."""

    def __init__(self) -> None:
        self.all: list[Operation] = []

    def add(
        self,
        method: str,
        path: str,
        *,
        answers: dict[int, Any],
        query: type[Shape] | None = None,
        body: Any = None,
        binary: bool = False,
        media: dict[str, Any] | None = None,
        answer_media: str = JSON,
        raises: Iterable[type[BrokerError]] = (),
    ) -> Callable[[Handler], Handler]:
        """Register a handler; its name is the operation's id, its docstring the description."""

        def register(handler: Handler) -> Handler:
            self.all.append(
                Operation(
                    method,
                    path,
                    handler,
                    answers,
                    query,
                    body,
                    binary,
                    media or {},
                    answer_media,
                    tuple(raises),
                )
            )
            return handler

        return register


operations = Operations()
