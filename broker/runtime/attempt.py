"""one attempt to run a function: what is run, for how long it may, and what it came to"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trio

from broker.core.limits import RECURSIONS_MAX
from broker.core.names import Namespace
from broker.core.resources import Function
from broker.core.trace_header import invocations, passed_on
from broker.plugin import Invocation, InvocationResult

__all__ = ["Attempt", "Limit", "Runnable", "report_line", "timed_out"]

INIT_S = 10.0  # of a cold start, that don't count towards the timeout; Lambda's init phase


@dataclass(frozen=True, slots=True)
class Runnable:
    """A function in one of its versions, as it was asked for."""

    label: str
    version: str  # "$LATEST", or a number
    function: Function
    reserved_concurrency: int | None = None  # of all its versions together

    def arn(self, namespace: Namespace) -> str:
        """As it was asked for."""
        return namespace.arn("lambda", f"function:{self.label}")

    def is_recursion(
        self, namespace: Namespace, trace_header: str | None, *, stopped_before: bool = False
    ) -> bool:
        """Whether it has led to itself too often, on the way to what has this header.

        With `stopped_before`: and was stopped for it already.
        """
        limit = RECURSIONS_MAX + 1 if stopped_before else RECURSIONS_MAX
        allowed = trace_header is None or self.function.recursive_loop == "Allow"
        return not allowed and invocations(trace_header, self.arn(namespace)) >= limit

    def traced(
        self, namespace: Namespace, trace_header: str | None, request_id: str, at_ms: int
    ) -> str:
        """The trace header of an invocation, by the one that came with the event."""
        return passed_on(trace_header, self.arn(namespace), request_id, at_ms)

    @property
    def revision(self) -> str:
        """Another one whenever it is to be run otherwise than before."""
        return f"{self.function.revision_id}/{self.function.modified_at_ms}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What an attempt came to, and what it cost."""

    result: InvocationResult
    version: str  # that was executed
    duration_s: float  # without `init_s`
    log: bytes = b""  # its end
    timed_out: bool = False
    init_s: float | None = None  # of a cold start, if it was one

    @property
    def billed_ms(self) -> int:
        """Started milliseconds, those of a cold start included."""
        return -int(-(self.duration_s + (self.init_s or 0.0)) * 1000 // 1)

    @property
    def outcome(self) -> str:
        """In one word."""
        if self.timed_out:
            return "timeout"
        return "function_error" if self.result.function_error else "success"


class Limit:
    """The timeout of one attempt, which a cold start puts off."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._began = trio.current_time()
        self.init_s: float | None = None
        self.scope = trio.CancelScope(deadline=self._began + timeout_s)

    @contextmanager
    def cold_start(self) -> Iterator[None]:
        """See `Invocation.cold_start`."""
        began = trio.current_time()
        self.scope.deadline += INIT_S
        try:
            yield
        finally:
            self.init_s = trio.current_time() - began
            self.scope.deadline -= max(INIT_S - self.init_s, 0.0)

    def used_s(self) -> float:
        """How long the function itself has taken, and no longer than it may."""
        taken_s = trio.current_time() - self._began - min(self.init_s or 0.0, INIT_S)
        return min(max(taken_s, 0.0), self._timeout_s)


def timed_out(invocation: Invocation) -> InvocationResult:
    """What a function comes to that took too long."""
    return InvocationResult.failed(
        "Sandbox.Timedout",
        f"RequestId: {invocation.request_id} Error: "
        f"Task timed out after {invocation.timeout_s:.2f} seconds",
    )


def report_line(request_id: str, memory_mb: int, attempt: Attempt) -> str:
    """`REPORT RequestId: …`, tab-separated, durations in ms."""
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {attempt.duration_s * 1000:.2f} ms",
        f"Billed Duration: {attempt.billed_ms} ms",
        f"Memory Size: {memory_mb} MB",
    ]
    if attempt.result.memory_used_mb is not None:
        parts.append(f"Max Memory Used: {attempt.result.memory_used_mb} MB")
    if attempt.init_s is not None:
        parts.append(f"Init Duration: {attempt.init_s * 1000:.2f} ms")
    if attempt.timed_out:
        parts.append("Status: timeout")
    elif attempt.result.function_error:
        parts.append("Status: error")
    return "\t".join(parts)
