"""the trace header, and in it the lineage: how often which functions have run on an event's way

    Root=1-67891233-abcdef012345678912345678;Sampled=0;Lineage=a87bd80c:3|68fd508a:1

A function's SDK sends the header of the invocation along with all that it sends, publishes, puts
and invokes, and a message keeps it. So a function that leads to itself is found out, whatever
queues, topics, rules and other functions lie between. Sources: X-Ray developer guide, tracing
header; Lambda developer guide, recursive loop detection.
"""

import hashlib
import re
from collections.abc import Iterable
from functools import lru_cache

from broker.core.limits import LINEAGE_FUNCTIONS_MAX, TRACE_HEADER_CHARS_MAX

__all__ = ["AWS_TRACE_HEADER", "accepted_header", "invocations", "leading", "passed_on"]

AWS_TRACE_HEADER = "AWSTraceHeader"
"""The system attribute in which a message keeps it."""

_LINEAGE = "Lineage"
_FORMS = {
    "Root": re.compile("1-[0-9a-f]{8}-[0-9a-f]{24}"),
    "Parent": re.compile("[0-9a-f]{16}"),
    "Sampled": re.compile("[01?]"),
}
_COUNTED = re.compile("(?P<key>[0-9a-f]{8}):(?P<count>[0-9]{1,3})")
_COUNT_MAX = 999


def accepted_header(header: str | None) -> str | None:
    """The header of a request or a message, if it is one: what is too long traces nothing."""
    return header if header and len(header) <= TRACE_HEADER_CHARS_MAX else None


def invocations(header: str | None, function_arn: str) -> int:
    """How often the function, in any version, has run on the way to what has this header."""
    if header is None:
        return 0
    return _lineage(header).get(_key(function_arn), 0)


def leading(headers: Iterable[str | None], function_arn: str | None = None) -> str | None:
    """Of many events that become one, the header of the most: of the function, or of any."""

    def count(header: str) -> int:
        if function_arn is not None:
            return invocations(header, function_arn)
        return max(_lineage(header).values(), default=0)

    return max((header for header in headers if header), key=count, default=None)


def passed_on(header: str | None, function_arn: str, request_id: str, at_ms: int) -> str:
    """The header of the function's invocation, by one that may have come with the event."""
    # The id of a trace that begins here: its second, and 24 more digits.
    root = f"1-{at_ms // 1000:08x}-{request_id.replace('-', '')[-24:]}"
    if header is None:  # nearly always
        return f"Root={root};Sampled=0;{_LINEAGE}={_key(function_arn)}:1"
    given = _members(header)
    counts = _lineage(header)
    own = {_key(function_arn): min(counts.pop(_key(function_arn), 0) + 1, _COUNT_MAX)}
    kept = list((own | counts).items())[:LINEAGE_FUNCTIONS_MAX]
    lineage = "|".join(f"{key}:{count}" for key, count in kept)
    members = {"Root": root, "Sampled": "0", **given, _LINEAGE: lineage}
    return ";".join(f"{name}={value}" for name, value in members.items())


def _members(header: str | None) -> dict[str, str]:
    """Of the trace, those that are well-formed."""
    pairs = [member.partition("=") for member in (header or "").split(";")]
    return {
        name: value for name, _, value in pairs if name in _FORMS and _FORMS[name].fullmatch(value)
    }


def _lineage(header: str | None) -> dict[str, int]:
    """By a function's key, how often it has run; the one that ran last comes first."""
    for member in (header or "").split(";"):
        name, _, text = member.partition("=")
        if name.strip() == _LINEAGE:
            found = map(_COUNTED.fullmatch, text.split("|"))
            return {each["key"]: int(each["count"]) for each in found if each}
    return {}


@lru_cache(maxsize=4_096)
def _key(function_arn: str) -> str:
    unqualified = ":".join(function_arn.split(":")[:7])
    return hashlib.sha256(unqualified.encode()).hexdigest()[:8]
