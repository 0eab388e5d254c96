"""EventBridge Scheduler's REST protocol: paths to actions, members, and errors in its shape"""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar
from urllib.parse import parse_qs, unquote

import msgspec

from broker.core import errors
from broker.core.errors import BrokerError, InvalidParameter
from broker.edge.aws.scheduler.validation import Violations
from broker.edge.aws.service import Call, Members, Wire, check_supported
from broker.edge.http.message import MalformedTarget, Response

__all__ = ["ROOT", "ROUTES", "answer_rest", "decode", "query_parameters", "route"]

log = logging.getLogger(__name__)

ROOT = re.compile(rb"/schedules(/.*)?|/schedule-groups(/.*)?")

_VALIDATION = Wire(400, "ValidationException")
_CONFLICT = Wire(409, "ConflictException")
_NOT_FOUND = Wire(404, "ResourceNotFoundException")
ERRORS: dict[type[BrokerError], Wire] = {
    errors.InvalidParameter: _VALIDATION,
    errors.NotSupported: _VALIDATION,
    errors.ScheduleDoesNotExist: _NOT_FOUND,
    errors.ScheduleGroupDoesNotExist: _NOT_FOUND,
    errors.ScheduleExists: _CONFLICT,
    errors.ScheduleGroupExists: _CONFLICT,
    errors.RecordChanged: _CONFLICT,
    errors.LimitExceeded: Wire(402, "ServiceQuotaExceededException"),
    errors.StoreFull: Wire(429, "ThrottlingException"),
    errors.StoreUnavailable: Wire(503, "InternalServerException"),
    errors.StoreFailed: Wire(500, "InternalServerException"),
}

Handler = Callable[[Call, str], Awaitable[Members | None]]  # with the path's label, decoded
M = TypeVar("M", bound=Members)

ROUTES: list[tuple[str, re.Pattern[bytes], Handler]] = []
_encode = msgspec.json.encode
_MISSING = re.compile(r"missing required field `(\w+)`(?: - at `\$([^`]*)`)?")


def route(method: str, template: str) -> Callable[[Handler], Handler]:
    """Register a handler; `{}` in the template is the one label."""
    # An ARN's slash may come as it is.
    pattern = re.escape(template.encode()).replace(rb"\{\}", rb"(.+)")

    def register(handler: Handler) -> Handler:
        ROUTES.append((method, re.compile(pattern + rb"/?"), handler))
        return handler

    return register


async def answer_rest(call: Call) -> Response:
    """Serve one request."""
    request = call.request
    for method, pattern, handler in ROUTES:
        match = pattern.fullmatch(request.raw_path)
        if match is None or method != request.method:
            continue
        try:
            label = unquote(match[1].decode("latin-1"), errors="strict") if match.lastindex else ""
            answer = await handler(call, label)
        except BrokerError as error:
            return _refusal(call, error)
        except (MalformedTarget, UnicodeDecodeError) as malformed:
            return _refusal(call, InvalidParameter(f"In the URL, {malformed}."))
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return _error(call, Wire(500, "InternalServerException"), "Internal error")
        body = _encode(answer) if answer is not None else b"{}"
        return Response(200, body, "application/json", (("x-amzn-RequestId", call.request_id),))
    text = f"The operation {request.method} {request.path} is not supported by this broker."
    return _error(call, Wire(404, "UnknownOperationException"), text)


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


def _shape_error(text: str) -> InvalidParameter:
    missing = _MISSING.search(text)
    if missing:
        violations = Violations()
        violations.missing(_path([*(missing[2] or "").split("."), missing[1]]))
        return violations.error()
    return InvalidParameter(f"The request is not valid: {text}")


def _path(names: list[str]) -> str:
    return ".".join(name[:1].lower() + name[1:] for name in names if name)


def _refusal(call: Call, error: BrokerError) -> Response:
    wire = next((ERRORS[kind] for kind in type(error).__mro__ if kind in ERRORS), None)
    return _error(call, wire or Wire(400, type(error).__name__), error.message)


def _error(call: Call, wire: Wire, message: str) -> Response:
    headers = [("x-amzn-ErrorType", wire.shape), ("x-amzn-RequestId", call.request_id)]
    return Response(wire.status, _encode({"Message": message}), "application/json", headers)
