"""/v1/functions/{name}/logs: what a function logs, from its end on or as it comes"""

from typing import Annotated

import msgspec

from broker.core.errors import FunctionDoesNotExist
from broker.core.limits import LOG_LINES_MAX, WAIT_TIME_S_MAX
from broker.edge.native.operation import Call, Result, Shape, operations


class LogQuery(Shape, frozen=True, kw_only=True):
    """Which lines."""

    lines: Annotated[
        int, msgspec.Meta(ge=0, le=LOG_LINES_MAX, description="Of the end, without `after`.")
    ] = 100
    after: Annotated[
        str,
        msgspec.Meta(description="The `next` of an earlier page.", pattern="^([0-9]+-[0-9]+)?$"),
    ] = ""
    wait_s: Annotated[
        float,
        msgspec.Meta(ge=0, le=WAIT_TIME_S_MAX, description="How long to wait for a line."),
    ] = 0.0


class LogLine(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A line."""

    time: str
    request: str  # the beginning of its id
    text: str


class LogLines(Result, frozen=True, kw_only=True, omit_defaults=False):
    """Lines in order; `next` is where those begin that come after them."""

    lines: list[LogLine]
    next: str


@operations.add(
    "GET",
    "/v1/functions/{name}/logs",
    query=LogQuery,
    answers={200: LogLines},
    raises=(FunctionDoesNotExist,),
)
async def read_function_log(call: Call, name: str, query: LogQuery) -> LogLines:
    """What a function has logged in all its versions, with START, END and REPORT lines.

    A file of bounded size is kept, and the full one before it.
    """
    call.broker.functions.get(call.namespace, name)
    page = await call.broker.function_logs.read(
        call.namespace, name, query.lines, query.after, query.wait_s
    )
    lines = [LogLine(time=e.time, request=e.request, text=e.text) for e in page.lines]
    return LogLines(lines=lines, next=page.cursor)
