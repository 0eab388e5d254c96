"""the invoker host: keeps plugins running, and runs one attempt under a timeout"""

import dataclasses
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import outcome
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
    InvokerUnavailable,
    Settings,
    SettingsError,
)
from broker.runtime.attempt import Attempt, Limit, Runnable, report_line, timed_out
from broker.runtime.code_store import CodeStore
from broker.runtime.function_logs import FunctionLogs
from broker.runtime.metering import Metering
from broker.runtime.metrics import DESERTED, INVOCATION_SECONDS, INVOCATIONS
from broker.runtime.plugin_life import PluginLife
from broker.runtime.plugins import capabilities_of
from broker.runtime.sealed_settings import sealed, unsealed
from broker.runtime.secret_box import SecretBox, Unreadable

log = logging.getLogger(__name__)

STATE_DIRECTORY = "invokers"  # in the data directory: one for each plugin
UPLOAD_INVOKER = "subprocess"  # of functions that are made of uploaded code
DESERT_S = 5.0  # for an attempt to end, after it was told to

FIRST_PARTY = ("broker_subprocess", "broker_http", "broker_lambda")
"""Their attempts run in their callers' own tasks: these are known to end when they are told to."""


class InvokerNotFound(InvalidParameter):
    """No plugin of that name is installed."""


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
        data_directory: Path | None = None,
        upload_settings: Mapping[str, Any] | None = None,  # of functions that are uploaded
        secrets: Callable[[], SecretBox] = SecretBox.in_memory,
        ca_file: str | None = None,
    ) -> None:
        self._invokers = dict(invokers)
        self._code = code
        self._logs = logs
        self._metering = metering
        self._state_directory = state_directory
        self._origin = origin
        self._data_directory = data_directory
        self._upload_settings = upload_settings or {}
        self._secrets = secrets
        self._ca_file = ca_file
        self.lives: dict[str, PluginLife] = {}
        self._nursery: trio.Nursery | None = None

    def check(self, function: Function) -> None:
        """Raises: InvalidParameter, for an unknown invoker or settings it can't use."""
        invoker = self._find(function)
        try:
            invoker.check_settings(self._settings(function))
        except SettingsError as error:
            raise InvalidParameter(f"function {function.name}: {error}") from None
        except Exception as bug:
            log.exception("the invoker %s failed to check its settings", function.invoker)
            text = f"function {function.name}: the invoker {function.invoker} failed: {bug!r}"
            raise InvalidParameter(text) from bug

    def check_upload_settings(self) -> None:
        """Raises: InvalidParameter, if no uploaded function could have these."""
        if self._upload_settings:
            example = Function(
                name="of uploaded code",
                invoker=UPLOAD_INVOKER,
                settings={"runtime": "provided"},
                code_sha256="any",
            )
            self.check(example)

    def check_code(self, function: Function) -> None:
        """Raises: InvalidParameter, if its invoker runs no code that is uploaded."""
        if "code" not in capabilities_of(self._find(function)):
            raise InvalidParameter(
                f"function {function.name}: the invoker {function.invoker} runs no uploaded code"
            )

    def sealed(self, function: Function) -> Function:
        """The function as it may be stored."""
        kind = getattr(self._find(function), "settings_type", None)
        settings = sealed(function.settings, kind, self._secrets)
        return msgspec.structs.replace(function, settings=settings)

    def unsealed(self, function: Function) -> Function:
        """The function as it was given; sealed still, if that was with another key."""
        try:
            return msgspec.structs.replace(function, settings=self._own_settings(function))
        except (Unreadable, InvokerNotFound):
            return function

    def _settings(self, function: Function) -> Settings:
        """All that hold for it. Raises: InvokerUnavailable."""
        try:
            own = self._own_settings(function)
        except Unreadable as error:
            text = f"a secret of function {function.name} can't be read: {error}"
            raise InvokerUnavailable(text) from None
        return {**self._upload_settings, **own} if function.code_sha256 else own

    def _own_settings(self, function: Function) -> Settings:
        kind = getattr(self._find(function), "settings_type", None)
        return unsealed(function.settings, kind, self._secrets)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold all invokers open until cancelled."""
        async with AsyncExitStack() as stack:
            directory = self._state_directory
            if directory is None:
                directory = Path(stack.enter_context(TemporaryDirectory(prefix="broker-")))
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                async with trio.open_nursery() as starting:
                    for name, invoker in self._invokers.items():
                        own = directory / name
                        own.mkdir(mode=0o700, parents=True, exist_ok=True)
                        host = Host(
                            state_directory=own,
                            origin=self._origin,
                            data_directory=self._data_directory,
                            ca_file=self._ca_file,
                        )
                        life = self.lives[name] = PluginLife(name, invoker, host)
                        starting.start_soon(nursery.start, life.run)
                task_status.started()

    def start_soon(self, run: Callable[[], Awaitable[None]]) -> None:
        """Run something that lasts as long as the invokers, at most."""
        assert self._nursery is not None
        self._nursery.start_soon(run)

    async def attempt(
        self,
        namespace: Namespace,
        runnable: Runnable,
        payload: bytes,
        request_id: str,
        now_ms: int,
        *,
        trace_header: str = "",
        number: int = 1,
        client_context: bytes | None = None,
        write_response: Callable[[bytes], Awaitable[None]] | None = None,
    ) -> Attempt:
        """Run the function once. A timeout is a result, as Lambda words it.

        Raises: InvokerThrottled, InvokerUnavailable.
        """
        function = runnable.function
        self._find(function)
        life = self.lives[function.invoker]
        life.check()
        settings = self._settings(function)
        streams = "response_stream" in capabilities_of(life.invoker)
        own_log = self._logs.begin(namespace, function.name, request_id, runnable.version)
        limit = Limit(function.timeout_s)
        invocation = Invocation(
            request_id=request_id,
            function_name=function.name,
            function_arn=runnable.arn(namespace),
            function_version=runnable.version,
            revision=runnable.revision,
            code_directory=self._code.directory(namespace, function),
            handler=function.handler,
            payload=payload,
            timeout_s=function.timeout_s,
            deadline_ms=now_ms + int(function.timeout_s * 1000),
            memory_mb=function.memory_mb,
            environment=function.environment,
            settings=settings,
            client_context=client_context,
            trace_header=trace_header,
            attempt=number,
            account=namespace.account,
            region=namespace.region,
            write_log=own_log.write,
            cold_start=limit.cold_start,
            write_response=write_response if streams else None,
        )
        started = trio.current_time()
        came_to = "unavailable"
        try:
            result = await self._run(life, invocation, limit)
            late = result is None
            attempt = Attempt(
                result or timed_out(invocation),
                (result.executed_version if result else None) or runnable.version,
                limit.used_s(),
                timed_out=late,
                init_s=limit.init_s,
            )
            came_to = attempt.outcome
        finally:
            INVOCATIONS.labels(function.name, came_to).inc()
            INVOCATION_SECONDS.labels(function.name).observe(trio.current_time() - started)
        own_log.end(report_line(request_id, function.memory_mb, attempt))
        if self._metering is not None:
            self._metering.add(namespace, runnable, attempt)
        return dataclasses.replace(attempt, log=bytes(own_log.tail))

    async def _run(
        self, life: PluginLife, invocation: Invocation, limit: Limit
    ) -> InvocationResult | None:
        """None if it took too long; of an invoker that goes on all the same nobody waits any more.

        Raises: InvokerError.
        """
        if type(life.invoker).__module__.startswith(FIRST_PARTY):
            return await _invoke(life.invoker, invocation, limit)
        assert self._nursery is not None
        done = trio.Event()
        ends: list[outcome.Outcome[InvocationResult | None]] = []

        async def run() -> None:
            ends.append(await outcome.acapture(_invoke, life.invoker, invocation, limit))
            done.set()

        self._nursery.start_soon(run)
        try:
            while not done.is_set():
                with trio.move_on_at(limit.scope.deadline + DESERT_S):
                    await done.wait()
                if trio.current_time() >= limit.scope.deadline + DESERT_S:
                    break
        except trio.Cancelled:
            limit.scope.cancel()
            with trio.move_on_after(DESERT_S, shield=True):
                await done.wait()
            raise
        if done.is_set():
            return ends[0].unwrap()
        DESERTED.labels(life.name).inc()
        log.error(
            "the invoker %s has not ended an attempt of %s that it was told to end",
            life.name,
            invocation.function_name,
        )
        return None

    def _find(self, function: Function) -> Invoker:
        invoker = self._invokers.get(function.invoker)
        if invoker is None:
            installed = ", ".join(sorted(self._invokers)) or "none"
            raise InvokerNotFound(
                f"function {function.name}: there is no invoker {function.invoker!r}; "
                f"installed: {installed}"
            )
        return invoker


async def _invoke(
    invoker: Invoker, invocation: Invocation, limit: Limit
) -> InvocationResult | None:
    """None if it took too long."""
    try:
        with limit.scope:
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
    return None


def log_tail(attempt: Attempt) -> bytes:
    """The end of what the function logged, as Lambda returns it."""
    return attempt.log[-LOG_TAIL_BYTES:]
