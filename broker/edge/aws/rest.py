"""the REST protocol: methods on paths to actions, members in JSON, errors in the service's shape"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import parse_qs, unquote

import msgspec

from broker.core.errors import BrokerError, InvalidParameter
from broker.edge.aws.service import Call, Members, Wire, check_supported
from broker.edge.aws.validation import Violations
from broker.edge.http.message import MalformedTarget, Response

__all__ = ["RestService", "decode", "query_parameters", "rest_response"]

log = logging.getLogger(__name__)

Handler = Callable[..., Awaitable[Members | Response | None]]  # of a Call and the path's labels
M = TypeVar("M", bound=Members)

_encode = msgspec.json.encode
_MISSING = re.compile(r"missing required field `(\w+)`(?: - at `\$([^`]*)`)?")
_LABEL = re.compile(r"\\\{(\\\+)?\\\}")


def _plain_document(_: Wire, message: str, members: Mapping[str, Any]) -> dict[str, Any]:
    return {**members, "Message": message}


@dataclass(slots=True)
class RestService:
    """A service's actions by method and path, filled by its modules with `@service.route(...)`."""

    name: str  # as it signs: lambda, scheduler
    root: re.Pattern[bytes]  # what its paths begin with, for requests that aren't signed
    errors: dict[type[BrokerError], Wire]
    internal_error: str  # the shape's name
    document: Callable[[Wire, str, Mapping[str, Any]], dict[str, Any]] = _plain_document
    details: Callable[[BrokerError], tuple[dict[str, Any], list[tuple[str, str]]]] = lambda _: (
        {},
        [],
    )  # members and headers that an error has beside its message
    routes: list[tuple[str, re.Pattern[bytes], Handler]] = field(default_factory=list)

    def route(self, method: str, template: str) -> Callable[[Handler], Handler]:
        """Register a handler. In the template `{}` is a label, and `{+}` one that may hold `/`.

        The handler is called with the labels, decoded. It answers with Members, with None for `{}`,
        or with a response of its own.
        """
        pattern = _LABEL.sub(lambda m: "(.+)" if m[1] else "([^/]+)", re.escape(template))

        def register(handler: Handler) -> Handler:
            self.routes.append((method, re.compile(pattern.encode() + rb"/?"), handler))
            return handler

        return register

    async def answer(self, call: Call) -> Response:
        """Serve one request."""
        request = call.request
        for method, pattern, handler in self.routes:
            if method != request.method:
                continue
            match = pattern.fullmatch(request.raw_path)
            if match is None:
                continue
            try:
                labels = [_decoded(raw) for raw in match.groups()]
                answer = await handler(call, *labels)
            except BrokerError as error:
                return self._refusal(call, error)
            except (MalformedTarget, UnicodeDecodeError) as malformed:
                return self._refusal(call, InvalidParameter(f"In the URL, {malformed}."))
            except Exception:
                log.exception("%s %s failed", request.method, request.path)
                return self._error(call, Wire(500, self.internal_error), "Internal error")
            return answer if isinstance(answer, Response) else rest_response(call, answer)
        text = f"The operation {request.method} {request.path} is not supported by this broker."
        return self._error(call, Wire(404, "UnknownOperationException"), text)

    def _refusal(self, call: Call, error: BrokerError) -> Response:
        kinds = type(error).__mro__
        wire = next((self.errors[kind] for kind in kinds if kind in self.errors), None)
        wire = wire or Wire(400, type(error).__name__)
        return self._error(call, wire, error.message, *self.details(error))

    def _error(
        self,
        call: Call,
        wire: Wire,
        message: str,
        members: Mapping[str, Any] | None = None,
        headers: list[tuple[str, str]] | None = None,
    ) -> Response:
        body = _encode(self.document(wire, message, members or {}))
        own = [("x-amzn-ErrorType", wire.shape), ("x-amzn-RequestId", call.request_id)]
        return Response(wire.status, body, "application/json", [*own, *(headers or ())])


def rest_response(call: Call, members: Members | None, status: int = 200) -> Response:
    """What an action answers; None is an empty document."""
    body = _encode(members) if members is not None else b"{}"
    return Response(status, body, "application/json", (("x-amzn-RequestId", call.request_id),))


def decode(call: Call, kind: type[M]) -> M:
    """The members of the body. Raises: InvalidParameter, NotSupported."""
    try:
        members = msgspec.json.decode(call.request.body or b"{}", type=kind)
    except msgspec.ValidationError as error:
        raise _shape_error(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidParameter(f"The body is not valid JSON: {error}") from None
    check_supported(members)
    return members


def query_parameters(call: Call) -> dict[str, list[str]]:
    """All values of each. Raises: MalformedTarget."""
    _ = call.request.query  # which says what is wrong with it
    return parse_qs(call.request.raw_query.decode(), keep_blank_values=True)


def _decoded(raw: bytes) -> str:
    return unquote(raw.decode("latin-1"), errors="strict")


def _shape_error(text: str) -> InvalidParameter:
    missing = _MISSING.search(text)
    if missing:
        violations = Violations()
        violations.missing(_path([*(missing[2] or "").split("."), missing[1]]))
        return violations.error()
    return InvalidParameter(f"The request is not valid: {text}")


def _path(names: list[str]) -> str:
    return ".".join(name[:1].lower() + name[1:] for name in names if name)
