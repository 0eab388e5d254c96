"""the invoker host: finds plugins, keeps them running, and runs one attempt under a timeout"""

import dataclasses
import logging
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib.metadata import entry_points
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from broker.core.errors import InvalidParameter
from broker.core.limits import LOG_TAIL_BYTES
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
from broker.runtime.attempt import Attempt, Limit, Runnable, report_line, timed_out
from broker.runtime.code_store import CodeStore
from broker.runtime.function_logs import FunctionLogs
from broker.runtime.metering import Metering
from broker.runtime.metrics import INVOCATION_SECONDS, INVOCATIONS

log = logging.getLogger(__name__)

GROUP = "broker.invokers"
STATE_DIRECTORY = "invokers"  # in the data directory: one for each plugin


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


class InvokerHost:
    """Runs functions through their invokers."""

    def __init__(
        self,
        invokers: Mapping[str, Invoker],
        code: CodeStore,
        logs: FunctionLogs,
        metering: Metering | None = None,
        state_directory: Path | None = None,  # None: a temporary one
        origin: str = "",
    ) -> None:
        self._invokers = dict(invokers)
        self._code = code
        self._logs = logs
        self._metering = metering
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
        own_log = self._logs.begin(namespace, function.name, request_id, runnable.version)
        limit = Limit(function.timeout_s)
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
            write_log=own_log.write,
            cold_start=limit.cold_start,
        )
        started = trio.current_time()
        outcome = "unavailable"
        try:
            with limit.scope:
                result = await _invoke(invoker, invocation)
            late = limit.scope.cancelled_caught
            attempt = Attempt(
                timed_out(invocation) if late else result,
                runnable.version if late else result.executed_version or runnable.version,
                limit.used_s(),
                timed_out=late,
                init_s=limit.init_s,
            )
            outcome = attempt.outcome
        finally:
            INVOCATIONS.labels(function.name, outcome).inc()
            INVOCATION_SECONDS.labels(function.name).observe(trio.current_time() - started)
        own_log.end(report_line(request_id, function.memory_mb, attempt))
        if self._metering is not None:
            self._metering.add(namespace, runnable, attempt)
        return dataclasses.replace(attempt, log=bytes(own_log.tail))

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


def log_tail(attempt: Attempt) -> bytes:
    """The end of what the function logged, as Lambda returns it."""
    return attempt.log[-LOG_TAIL_BYTES:]
