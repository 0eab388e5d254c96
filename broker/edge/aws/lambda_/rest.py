"""Lambda's REST protocol: paths to actions, and errors in its shape"""

import logging
import re
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

import msgspec

from broker.core import errors
from broker.core.errors import BrokerError
from broker.core.names import ACCOUNT, FUNCTION_NAME, PARTITION, Namespace
from broker.edge.aws.service import Call, Wire
from broker.edge.http.message import MalformedTarget, Response

log = logging.getLogger(__name__)

_encode = msgspec.json.encode

ROOT = re.compile(rb"/20[0-9]{2}-[0-9]{2}-[0-9]{2}/")

ERRORS: dict[type[BrokerError], Wire] = {
    errors.FunctionDoesNotExist: Wire(404, "ResourceNotFoundException"),
    errors.InvalidParameter: Wire(400, "InvalidParameterValueException"),
    errors.InvalidPayload: Wire(400, "InvalidRequestContentException"),
    errors.PayloadTooLarge: Wire(413, "RequestEntityTooLargeException"),
    errors.TooManyRequests: Wire(429, "TooManyRequestsException"),
    errors.InvokerFailed: Wire(502, "ServiceException"),
    errors.NotSupported: Wire(400, "InvalidParameterValueException"),
    errors.StoreFull: Wire(503, "ServiceException"),
    errors.StoreUnavailable: Wire(503, "ServiceException"),
    errors.StoreFailed: Wire(500, "ServiceException"),
}
_CAPITAL_MESSAGE = ("ResourceNotFoundException", "ServiceException")

Handler = Callable[[Call, str], Awaitable[Response]]  # with the path's label, decoded

_routes: list[tuple[str, re.Pattern[bytes], Handler]] = []


def route(method: str, template: str) -> Callable[[Handler], Handler]:
    """Register a handler; `{}` in the template is the one label."""
    pattern = re.escape(template.encode()).replace(rb"\{\}", rb"([^/]+)")

    def register(handler: Handler) -> Handler:
        _routes.append((method, re.compile(pattern + rb"/?"), handler))
        return handler

    return register


async def answer_rest(call: Call) -> Response:
    """Serve one request."""
    request = call.request
    for method, pattern, handler in _routes:
        match = pattern.fullmatch(request.raw_path)
        if match is None or method != request.method:
            continue
        label = unquote(match[1].decode("latin-1")) if match.lastindex else ""
        try:
            return await handler(call, label)
        except BrokerError as error:
            return _refusal(call, error)
        except MalformedTarget as malformed:
            return _refusal(call, errors.InvalidParameter(f"In the URL, {malformed}."))
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            return _error(call, Wire(500, "ServiceException"), "Internal error", {})
    text = f"The operation {request.method} {request.path} is not supported by this broker."
    return _error(call, Wire(404, "UnknownOperationException"), text, {})


def locate_function(call: Call, label: str) -> tuple[Namespace, str]:
    """The namespace and the function that a label and the request's qualifier name.

    A label is a name, `name:qualifier`, `account:function:name` or an ARN. Without account it is of
    the request's. Raises: InvalidParameter, FunctionDoesNotExist for an ARN of another region,
    NotSupported for any version but $LATEST.
    """
    namespace = call.namespace
    qualifier = call.request.query.get("Qualifier")
    parts = label.split(":")
    if len(parts) >= 7 and parts[:3] == ["arn", PARTITION, "lambda"]:
        region = parts[3]
        if region != namespace.region:
            raise errors.FunctionDoesNotExist(
                f"Functions from '{region}' are not reachable in this region ('{namespace.region}')"
            )
        parts = parts[4:]
    if len(parts) >= 3 and ACCOUNT.fullmatch(parts[0]) and parts[1] == "function":
        namespace = Namespace(parts[0], namespace.region)
        parts = parts[2:]
    if len(parts) > 2 or not FUNCTION_NAME.fullmatch(parts[0]):
        raise errors.InvalidParameter(
            f"1 validation error detected: Value '{label}' at 'functionName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern"
        )
    suffix = parts[1] if len(parts) == 2 else None
    if suffix is not None and qualifier is not None and suffix != qualifier:
        raise errors.InvalidParameter(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    chosen = suffix or qualifier
    if chosen not in (None, "$LATEST"):
        raise errors.NotSupported(f"Versions and aliases are not supported: {chosen}.")
    return namespace, parts[0]


def _refusal(call: Call, error: BrokerError) -> Response:
    wire = next((ERRORS[kind] for kind in type(error).__mro__ if kind in ERRORS), None)
    wire = wire or Wire(400, type(error).__name__)
    members = {}
    headers = []
    if isinstance(error, errors.TooManyRequests):
        members["Reason"] = error.details["reason"]
        headers.append(("Retry-After", str(max(1, round(error.details["retry_after_s"])))))
    return _error(call, wire, error.message, members, headers)


def _error(
    call: Call,
    wire: Wire,
    message: str,
    members: dict[str, str],
    headers: list[tuple[str, str]] | None = None,
) -> Response:
    key = "Message" if wire.shape in _CAPITAL_MESSAGE else "message"
    body = _encode({"Type": "User" if wire.status < 500 else "Service", **members, key: message})
    return Response(
        wire.status,
        body,
        "application/json",
        [("x-amzn-ErrorType", wire.shape), ("x-amzn-RequestId", call.request_id), *(headers or ())],
    )
