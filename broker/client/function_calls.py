"""requests about functions, described without I/O as in `calls`"""

from dataclasses import replace
from typing import Any

from broker.client.asking import Ask, Query, get, invocation, json_reader, label, member, page
from broker.client.results import FunctionInfo, FunctionLog, Invocation, Page, PluginInfo, Usage


def functions(*, prefix: str = "", after: str = "", limit: int = 1_000) -> Ask[Page[FunctionInfo]]:
    """Functions by name."""
    query: Query = {"prefix": prefix, "after": after, "limit": limit}
    return get("/v1/functions", page("functions", FunctionInfo), query)


def invoke(function: str, payload: Any = None) -> Ask[Invocation]:
    """Run a function and wait for its end. A function that failed is a result, not an exception."""
    return invocation(function, payload, "sync", wait_s=900)


def invoke_async(function: str, payload: Any = None) -> Ask[Invocation]:
    """Put an invocation into the function's queue; returns when it is on disk."""
    return invocation(function, payload, "async", wait_s=0)


def function_log(
    function: str, *, lines: int = 100, after: str = "", wait_s: float = 0.0
) -> Ask[FunctionLog]:
    """The end of a function's log; or what came behind `after`, waited for if need be."""
    query: Query = {"lines": lines, "after": after, "wait_s": str(wait_s)}
    path = f"/v1/functions/{label(function)}/logs"
    return replace(get(path, json_reader(FunctionLog), query), wait_s=wait_s)


def usage(*, since: str = "", until: str = "") -> Ask[Usage]:
    """What functions used by day, and what that would have cost on Lambda; days as YYYY-MM-DD."""
    return get("/v1/usage", json_reader(Usage), {"since": since, "until": until})


def plugins() -> Ask[list[PluginInfo]]:
    """The invokers that the daemon has, and how they are."""
    return get("/v1/plugins", member("plugins", list[PluginInfo]))
