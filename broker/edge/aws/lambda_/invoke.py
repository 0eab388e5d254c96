"""Lambda's Invoke: RequestResponse, Event and DryRun"""

import base64
import binascii

from broker.core.errors import (
    FunctionDoesNotExist,
    InvalidParameter,
    InvalidPayload,
    NotSupported,
)
from broker.core.json_text import InvalidJson, parse_json
from broker.core.names import LATEST
from broker.edge.aws.lambda_.location import locate_label
from broker.edge.aws.lambda_.service import lambda_
from broker.edge.aws.service import Call
from broker.edge.http.message import Response
from broker.runtime.functions import Invoked
from broker.runtime.invokers import log_tail

CLIENT_CONTEXT_BYTES_MAX = 3_583
_REFUSED = {"x-amz-tenant-id": "TenantId", "x-amz-durable-execution-name": "DurableExecutionName"}


@lambda_.route("POST", "/2015-03-31/functions/{}/invocations")
async def invoke(call: Call, label: str) -> Response:
    """Run a function and wait, or put the event into its queue, or only look."""
    headers = call.request.headers
    for header, member in _REFUSED.items():
        if header in headers:
            raise NotSupported(f"{member} is not supported by this broker.")
    namespace, name = locate_label(call, label)
    functions = call.broker.functions
    try:
        functions.find(namespace, name)
    except FunctionDoesNotExist as missing:
        suffix = "" if ":" in name else f":{LATEST}"
        raise FunctionDoesNotExist(f"{missing.message}{suffix}") from None
    kind = headers.get("x-amz-invocation-type", "RequestResponse")
    log_type = headers.get("x-amz-log-type", "None")
    if log_type not in ("None", "Tail"):
        raise not_one_of("logType", log_type, "Tail, None")
    if kind == "DryRun":
        return Response(204, headers=(("x-amzn-RequestId", call.request_id),))
    if kind == "Event":
        request_id = await functions.invoke_async(
            namespace, name, call.request.body, call.request.trace_header
        )
        return Response(202, headers=(("x-amzn-RequestId", request_id),))
    if kind != "RequestResponse":
        raise not_one_of("invocationType", kind, "Event, RequestResponse, DryRun")
    client_context = client_context_of(headers.get("x-amz-client-context"))
    invoked = await functions.invoke(
        namespace,
        name,
        call.request.body,
        client_context=client_context,
        trace_header=call.request.trace_header,
    )
    return _answer(invoked, with_log=log_type == "Tail")


def _answer(invoked: Invoked, *, with_log: bool) -> Response:
    result = invoked.attempt.result
    headers = [
        ("x-amzn-RequestId", invoked.request_id),
        ("X-Amz-Executed-Version", invoked.attempt.version),
    ]
    if result.function_error is not None:
        headers.append(("X-Amz-Function-Error", result.function_error))
    if with_log:
        log = base64.b64encode(log_tail(invoked.attempt)).decode()
        headers.append(("X-Amz-Log-Result", log))
    return Response(200, result.payload, "application/json", headers)


def client_context_of(header: str | None) -> bytes | None:
    """The JSON that a header has in base64. Raises: InvalidPayload."""
    if header is None:
        return None
    try:
        context = base64.b64decode(header, validate=True)
        parse_json(context)
    except (binascii.Error, InvalidJson):
        raise InvalidPayload("The client context must be base64-encoded JSON.") from None
    if len(context) > CLIENT_CONTEXT_BYTES_MAX:
        raise InvalidPayload(
            f"The client context may have at most {CLIENT_CONTEXT_BYTES_MAX} bytes."
        )
    return context


def not_one_of(member: str, value: str, allowed: str) -> InvalidParameter:
    """The refusal of a value that isn't one of several."""
    return InvalidParameter(
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy "
        f"constraint: Member must satisfy enum value set: [{allowed}]"
    )


@lambda_.route("POST", "/2014-11-13/functions/{}/invoke-async")
async def invoke_async(call: Call, label: str) -> Response:
    """Put the event into the function's queue: the older form of an invocation as Event."""
    namespace, name = locate_label(call, label)
    request_id = await call.broker.functions.invoke_async(
        namespace, name, call.request.body, call.request.trace_header
    )
    return Response(202, b"{}", "application/json", (("x-amzn-RequestId", request_id),))
