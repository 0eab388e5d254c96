"""the invoker host: finds plugins, keeps them running, and runs one attempt under a timeout"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from broker.core.errors import InvalidParameter
from broker.core.limits import LOG_KEPT_BYTES, LOG_TAIL_BYTES
from broker.core.names import Namespace
from broker.core.resources import Function
from broker.plugin import (
    Host,
    Invocation,
    InvocationResult,
    Invoker,
    InvokerError,
    SettingsError,
)
from broker.runtime.code_store import CodeStore
from broker.runtime.metrics import INVOCATION_SECONDS, INVOCATIONS

log = logging.getLogger(__name__)

GROUP = "broker.invokers"
STATE_DIRECTORY = "invokers"  # in the data directory: one for each plugin
INIT_S = 10.0  # of a cold start, that don't count towards the timeout; Lambda's init phase


class InvokerNotFound(InvalidParameter):
    """No plugin of that name is installed."""


def load_invokers() -> dict[str, Invoker]:
    """One instance of every installed plugin, by name. Raises: BrokenPlugin."""
    invokers: dict[str, Invoker] = {}
    for entry_point in entry_points(group=GROUP):
        try:
            invoker = entry_point.load()()
        except Exception as error:
            raise BrokenPlugin(
                f"the invoker {entry_point.name} ({entry_point.value}) can't be loaded: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(invoker, Invoker):
            raise BrokenPlugin(f"{entry_point.value} is no invoker: see broker.plugin.Invoker")
        invokers[entry_point.name] = invoker
    return invokers


class BrokenPlugin(Exception):
    """An installed plugin can't be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Runnable:
    """A function in one of its versions, as it was asked for."""

    label: str
    version: str  # "$LATEST", or a number
    function: Function
    reserved_concurrency: int | None = None  # of all its versions together

    @property
    def revision(self) -> str:
        """Another one whenever it is to be run otherwise than before."""
        return f"{self.function.revision_id}/{self.function.modified_at_ms}"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to run a function, and what it cost."""

    result: InvocationResult
    version: str  # that was executed
    duration_s: float  # without `init_s`
    log: bytes = b""  # its end
    timed_out: bool = False
    init_s: float | None = None  # of a cold start, if it was one


class InvokerHost:
    """Runs functions through their invokers."""

    def __init__(
        self,
        invokers: Mapping[str, Invoker],
        code: CodeStore,
        state_directory: Path | None = None,  # None: a temporary one
        origin: str = "",
    ) -> None:
        self._invokers = dict(invokers)
        self._code = code
        self._state_directory = state_directory
        self._origin = origin

    def check(self, function: Function) -> None:
        """Raises: InvalidParameter, for an unknown invoker or settings it can't use."""
        invoker = self._find(function)
        try:
            invoker.check_settings(function.settings)
        except SettingsError as error:
            raise InvalidParameter(f"function {function.name}: {error}") from None
        except Exception as bug:
            log.exception("the invoker %s failed to check its settings", function.invoker)
            text = f"function {function.name}: the invoker {function.invoker} failed: {bug!r}"
            raise InvalidParameter(text) from bug

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold all invokers open until cancelled."""
        async with AsyncExitStack() as stack:
            directory = self._state_directory
            if directory is None:
                directory = Path(stack.enter_context(TemporaryDirectory(prefix="broker-")))
            for name, invoker in self._invokers.items():
                own = directory / name
                own.mkdir(mode=0o700, parents=True, exist_ok=True)
                await stack.enter_async_context(
                    invoker.running(Host(state_directory=own, origin=self._origin))
                )
            task_status.started()
            await trio.sleep_forever()

    async def attempt(
        self,
        namespace: Namespace,
        runnable: Runnable,
        payload: bytes,
        request_id: str,
        now_ms: int,
        *,
        number: int = 1,
        client_context: bytes | None = None,
    ) -> Attempt:
        """Run the function once. A timeout is a result, as Lambda words it.

        Raises: InvokerThrottled, InvokerUnavailable.
        """
        function = runnable.function
        invoker = self._find(function)
        log_end = _LogEnd()
        limit = _Limit(function.timeout_s)
        invocation = Invocation(
            request_id=request_id,
            function_name=function.name,
            function_arn=namespace.arn("lambda", f"function:{runnable.label}"),
            function_version=runnable.version,
            revision=runnable.revision,
            code_directory=self._code.directory(namespace, function),
            handler=function.handler,
            payload=payload,
            timeout_s=function.timeout_s,
            deadline_ms=now_ms + int(function.timeout_s * 1000),
            memory_mb=function.memory_mb,
            environment=function.environment,
            settings=function.settings,
            client_context=client_context,
            attempt=number,
            account=namespace.account,
            region=namespace.region,
            write_log=log_end.write,
            cold_start=limit.cold_start,
        )
        started = trio.current_time()
        outcome = "unavailable"
        try:
            with limit.scope:
                result = await _invoke(invoker, invocation)
            if limit.scope.cancelled_caught:
                outcome = "timeout"
                result = _timed_out(invocation)
            else:
                outcome = "function_error" if result.function_error else "success"
            attempt = Attempt(
                result,
                result.executed_version or runnable.version,
                limit.used_s(),
                bytes(log_end.data),
                timed_out=limit.scope.cancelled_caught,
                init_s=limit.init_s,
            )
        finally:
            INVOCATIONS.labels(function.name, outcome).inc()
            INVOCATION_SECONDS.labels(function.name).observe(trio.current_time() - started)
        _report(invocation, attempt)
        return attempt

    def _find(self, function: Function) -> Invoker:
        invoker = self._invokers.get(function.invoker)
        if invoker is None:
            installed = ", ".join(sorted(self._invokers)) or "none"
            raise InvokerNotFound(
                f"function {function.name}: there is no invoker {function.invoker!r}; "
                f"installed: {installed}"
            )
        return invoker


async def _invoke(invoker: Invoker, invocation: Invocation) -> InvocationResult:
    try:
        result = await invoker.invoke(invocation)
        if not isinstance(result, InvocationResult) or not isinstance(result.payload, bytes):
            raise TypeError(f"no InvocationResult with bytes as its payload: {type(result)}")
        return result
    except InvokerError:
        raise
    except Exception as bug:
        # One bad plugin or setting is that function's failure and nobody else's.
        log.exception("the invoker of %s failed", invocation.function_name)
        return InvocationResult.failed("Invoker.Failed", f"{type(bug).__name__}: {bug}")


class _Limit:
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
        return min(taken_s, self._timeout_s)


class _LogEnd:
    """The end of what a function logs, however much that is."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, chunk: bytes) -> None:
        self.data += chunk
        del self.data[:-LOG_KEPT_BYTES]


def _timed_out(invocation: Invocation) -> InvocationResult:
    return InvocationResult.failed(
        "Sandbox.Timedout",
        f"RequestId: {invocation.request_id} Error: "
        f"Task timed out after {invocation.timeout_s:.2f} seconds",
    )


def _report(invocation: Invocation, attempt: Attempt) -> None:
    """Lambda's REPORT line, after what the function itself logged."""
    for line in attempt.log.decode("utf-8", "replace").splitlines():
        log.info("[%s] %s", invocation.function_name, line)
    log.info(
        "[%s] %s",
        invocation.function_name,
        report_line(invocation.request_id, invocation.memory_mb, attempt),
    )


def report_line(request_id: str, memory_mb: int, attempt: Attempt) -> str:
    """`REPORT RequestId: …`, tab-separated, durations in ms."""
    duration_ms = attempt.duration_s * 1000
    billed_ms = int(-(-duration_ms // 1))
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {billed_ms} ms",
        f"Memory Size: {memory_mb} MB",
    ]
    if attempt.result.memory_used_mb is not None:
        parts.append(f"Max Memory Used: {attempt.result.memory_used_mb} MB")
    if attempt.timed_out:
        parts.append("Status: timeout")
    elif attempt.result.function_error:
        parts.append("Status: error")
    return "\t".join(parts)


def log_tail(attempt: Attempt) -> bytes:
    """The end of what the function logged, as Lambda returns it."""
    return attempt.log[-LOG_TAIL_BYTES:]
