"""/v1/functions: list them, invoke one"""

from typing import Annotated, Any, Literal

import msgspec

from broker.core import errors
from broker.core.errors import FunctionDoesNotExist, ResourceNotFound, StoreFull
from broker.core.names import label_of
from broker.core.resources import Function
from broker.edge.http.message import Response
from broker.edge.native.bodies import unsupported
from broker.edge.native.operation import JSON, Answer, Call, Result, Shape, operations
from broker.edge.native.page import Page, page_of
from broker.runtime.functions import Invoked
from broker.runtime.invokers import InvokerNotFound, log_tail


class FunctionDescription(Result, frozen=True, kw_only=True):
    """A function."""

    name: str
    arn: str
    invoker: str
    handler: str = ""
    description: str = ""
    timeout_s: float
    memory_mb: int
    reserved_concurrency: int | None = None
    declared: bool = False  # in the configuration file


class Functions(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A page of functions; `next` is null after the last one."""

    functions: list[FunctionDescription]
    next: str | None = None


@operations.add("GET", "/v1/functions", query=Page, answers={200: Functions})
async def list_functions(call: Call, query: Page) -> Functions:
    """Functions by name."""
    page, following = page_of(call.broker.functions.all(call.namespace), query)
    return Functions(functions=[_describe(call, each) for each in page], next=following)


def _describe(call: Call, function: Function) -> FunctionDescription:
    return FunctionDescription(
        name=function.name,
        arn=call.namespace.arn("lambda", f"function:{function.name}"),
        invoker=function.invoker,
        handler=function.handler,
        description=function.description,
        timeout_s=function.timeout_s,
        memory_mb=function.memory_mb,
        reserved_concurrency=function.reserved_concurrency,
        declared=function.declared,
    )


class Version(Shape, frozen=True, kw_only=True):
    """Which of a function's versions."""

    version: str = "$LATEST"


@operations.add(
    "GET",
    "/v1/functions/{name}/code",
    query=Version,
    answers={200: bytes},
    answer_media="application/zip",
    raises=(FunctionDoesNotExist, ResourceNotFound),
)
async def get_code(call: Call, name: str, query: Version) -> Response:
    """The zip file that a function was uploaded as."""
    label = label_of(name, query.version)
    function = call.broker.functions.find(call.namespace, label).function
    if not function.code_sha256:
        raise ResourceNotFound(f"No code was uploaded for the function {label}.")
    archive = await call.broker.code.read(call.namespace, function)
    return Response(200, archive, "application/zip")


class Mode(Shape, frozen=True, kw_only=True):
    """How to invoke."""

    mode: Annotated[
        Literal["sync", "async"],
        msgspec.Meta(description="Wait for the end, or put it into the function's queue."),
    ] = "sync"


class Invocation(Result, frozen=True, kw_only=True):
    """How an invocation ended. A function that failed is a result too."""

    request_id: str
    payload: Any = None  # JSON; with `function_error`, errorType and errorMessage
    function_error: str | None = None
    log_tail: str = ""  # the end of what the function logged, at most 4 KiB
    duration_ms: float


class Accepted(Result, frozen=True, kw_only=True):
    """An asynchronous invocation that is on disk."""

    request_id: str


@operations.add(
    "POST",
    "/v1/functions/{name}/invoke",
    query=Mode,
    media={JSON: Any},
    answers={200: Invocation, 202: Accepted},
    raises=(
        FunctionDoesNotExist,
        InvokerNotFound,
        errors.TooManyRequests,
        errors.RecursiveInvocation,
        errors.PayloadTooLarge,
        errors.InvokerFailed,
        StoreFull,
    ),
)
async def invoke_function(call: Call, name: str, query: Mode) -> Answer:
    """Run a function with the body as its payload, and wait for it (sync, 200) or not (async, 202).

    A function that failed answers 200 with `function_error`. A full concurrency limit answers 429
    in sync mode; in async mode the invocation waits in its queue.
    """
    request = call.request
    if request.body and request.content_type != JSON:
        raise unsupported(request, (JSON,))
    functions = call.broker.functions
    if query.mode == "async":
        request_id = await functions.invoke_async(
            call.namespace, name, request.body, request.trace_header
        )
        return Answer(202, Accepted(request_id=request_id))
    invoked = await functions.invoke(
        call.namespace, name, request.body, trace_header=request.trace_header
    )
    return Answer(200, _to_invocation(invoked))


def _to_invocation(invoked: Invoked) -> Invocation:
    result = invoked.attempt.result
    return Invocation(
        request_id=invoked.request_id,
        payload=_document(result.payload),
        function_error=result.function_error,
        log_tail=log_tail(invoked.attempt).decode("utf-8", "replace"),
        duration_ms=round(invoked.attempt.duration_s * 1000, 3),
    )


def _document(payload: bytes) -> Any:
    """The payload as it stands; as text if an invoker has broken its promise of JSON."""
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload.decode("utf-8", "replace")
    return msgspec.Raw(payload)
