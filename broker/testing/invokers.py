"""what any invoker must do, as one check that plugin authors call from a test

    async def test_it_is_an_invoker():
        await check_invoker(
            MyInvoker(),
            echo={"url": ...},
            failing={"url": ...},
            hanging={"url": ...},
            refused={"url": {"url": "not a URL"}},
        )

The three functions are the author's to provide: one that answers with its event, one that fails,
one that never ends. The check runs in real time, in a trio test.
"""

import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import msgspec
import trio

from broker.plugin import (
    CAPABILITIES,
    Host,
    Invocation,
    InvocationResult,
    Invoker,
    InvokerThrottled,
    InvokerUnavailable,
    Settings,
    SettingsError,
)
from broker.runtime.plugins import capabilities_of
from broker.testing.side_effects import child_processes, recorded_side_effects

__all__ = ["ConformanceError", "check_invoker", "check_outside"]

UNKNOWN_KEY = "no_such_setting"
CONCURRENT_INVOCATIONS = 10
MOMENT_S = 0.5
EVENTS: tuple[Any, ...] = (
    None,
    {"id": 7, "nested": [True, -1.5, {"ü": "\u2028\U0001f600"}], "": ""},
    "x" * 200_000,  # more than a pipe holds
)


class ConformanceError(AssertionError):
    """The invoker breaks its contract; the message says how."""


async def check_invoker(
    invoker: Invoker,
    *,
    echo: Settings,
    failing: Settings,
    hanging: Settings,
    refused: Mapping[str, Settings],
    throttled: Settings | None = None,
    unavailable: Settings | None = None,
    wait_hanging: Callable[[], Awaitable[object]] | None = None,
    wait_stopped: Callable[[], Awaitable[object]] | None = None,
    patience_s: float = 10.0,
) -> None:
    """Return if `invoker` does what the plugin API asks of it.

    `refused` maps a key to settings that are wrong because of that key. `throttled` and
    `unavailable` are settings of targets that ask for less and that are broken, if the invoker
    knows such. `wait_hanging` returns when a hanging function has begun, by default after a moment;
    `wait_stopped` returns when none runs any more. No wait may take longer than `patience_s`.
    Raises: ConformanceError.
    """
    _check_kind(invoker)
    accepted = [echo, failing, hanging, throttled, unavailable]
    _check_settings(invoker, [each for each in accepted if each is not None], refused)
    with TemporaryDirectory(prefix="broker-") as directory:
        await _check_running(
            _Check(invoker, echo, patience_s, Path(directory)),
            failing,
            hanging,
            throttled,
            unavailable,
            wait_hanging,
            wait_stopped,
        )


async def check_outside(invoker: Invoker, patience_s: float = 10.0) -> None:
    """Return if what can be seen without a function is as it should be.

    Raises: ConformanceError.
    """
    _check_kind(invoker)
    with recorded_side_effects() as effects:
        _check_refusal(invoker, UNKNOWN_KEY, {UNKNOWN_KEY: 1})
    _require(not effects, f"check_settings must not do I/O, but did {effects}")
    children = child_processes()
    with TemporaryDirectory(prefix="broker-") as directory:
        with trio.move_on_after(patience_s) as patience:
            async with invoker.running(Host(state_directory=Path(directory))):
                pass
        _require(not patience.cancelled_caught, f"running() takes more than {patience_s:g} s")
    left = child_processes() - children
    _require(not left, f"after running() there are still processes: {sorted(left)}")


def _check_kind(invoker: Invoker) -> None:
    _require(isinstance(invoker, Invoker), "it lacks a method of broker.plugin.Invoker")
    unknown = capabilities_of(invoker) - CAPABILITIES.keys()
    _require(not unknown, f"it has capabilities that nobody knows: {sorted(unknown)}")


async def _check_running(
    check: "_Check",
    failing: Settings,
    hanging: Settings,
    throttled: Settings | None,
    unavailable: Settings | None,
    wait_hanging: Callable[[], Awaitable[object]] | None,
    wait_stopped: Callable[[], Awaitable[object]] | None,
) -> None:
    children = child_processes()
    for _ in range(2):
        async with check.running():
            await check.echoes()
    async with check.running():
        await check.keeps_invocations_apart()
        await check.reports_failure(failing)
        if throttled is not None:
            await check.raises(throttled, InvokerThrottled)
        if unavailable is not None:
            await check.raises(unavailable, InvokerUnavailable)
        await check.stops_when_cancelled(hanging, wait_hanging, wait_stopped)
        await check.echoes()
    left = child_processes() - children
    _require(not left, f"after running() there are still processes: {sorted(left)}")


def _check_settings(
    invoker: Invoker, accepted: list[Settings], refused: Mapping[str, Settings]
) -> None:
    _require(bool(refused), "the check needs at least one key in `refused`")
    for settings in accepted:
        with recorded_side_effects() as effects:
            try:
                answer: object = invoker.check_settings(settings)  # type: ignore[func-returns-value]
            except SettingsError as error:
                raise ConformanceError(
                    f"check_settings refuses what it must take: {error}"
                ) from error
        _require(answer is None, "check_settings must not return anything; nor may it be async")
        _require(not effects, f"check_settings must not do I/O, but did {effects}")
    for key, settings in {**refused, UNKNOWN_KEY: {**accepted[0], UNKNOWN_KEY: 1}}.items():
        with recorded_side_effects() as effects:
            _check_refusal(invoker, key, settings)
        _require(not effects, f"check_settings must not do I/O, but did {effects}")


def _check_refusal(invoker: Invoker, key: str, settings: Settings) -> None:
    try:
        invoker.check_settings(settings)
    except SettingsError as error:
        _require(key in str(error), f"the refusal of {key!r} does not name it: {error}")
    except Exception as error:
        raise ConformanceError(
            f"check_settings must raise SettingsError for {key!r}, not {error!r}"
        ) from error
    else:
        raise ConformanceError(f"check_settings accepts settings that are wrong in {key!r}")


class _Check:
    def __init__(
        self, invoker: Invoker, echo: Settings, patience_s: float, directory: Path
    ) -> None:
        self._directory = directory
        self._invoker = invoker
        self._echo = echo
        self._patience_s = patience_s

    def running(self) -> AbstractAsyncContextManager[None]:
        return self._invoker.running(Host(state_directory=self._directory))

    async def echoes(self) -> None:
        for event in EVENTS:
            result = await self._result(self._invocation(self._echo, event))
            _require(result.function_error is None, f"the echo function failed: {result.payload!r}")
            _require(
                msgspec.json.decode(result.payload) == event,
                "the echo function's result is not its event",
            )

    async def keeps_invocations_apart(self) -> None:
        answers: dict[int, InvocationResult | ConformanceError] = {}

        async def echo(number: int) -> None:
            try:
                answers[number] = await self._result(self._invocation(self._echo, number))
            except ConformanceError as error:
                answers[number] = error

        async with trio.open_nursery() as nursery:
            for number in range(CONCURRENT_INVOCATIONS):
                nursery.start_soon(echo, number)
        for number, answer in answers.items():
            if isinstance(answer, ConformanceError):
                raise answer
            found = msgspec.json.decode(answer.payload)
            _require(
                answer.function_error is None and found == number,
                f"of concurrent invocations, number {number} was answered {found!r}",
            )

    async def reports_failure(self, failing: Settings) -> None:
        result = await self._result(self._invocation(failing, {}))
        _require(result.function_error is not None, "the failing function did not fail")
        body = msgspec.json.decode(result.payload)
        for member in ("errorType", "errorMessage"):
            _require(
                isinstance(body, dict) and isinstance(body.get(member), str),
                f"the result of a failure must have a string {member}: {result.payload!r}",
            )

    async def raises(self, settings: Settings, expected: type[Exception]) -> None:
        try:
            with self._patience("answer"):
                result = await self._invoker.invoke(self._invocation(settings, {}))
        except (InvokerThrottled, InvokerUnavailable) as error:
            _require(isinstance(error, expected), f"expected {expected.__name__}, not {error!r}")
            retry_after_s = getattr(error, "retry_after_s", None)
            _require(
                retry_after_s is None or 0 <= retry_after_s < math.inf,
                f"retry_after_s is {retry_after_s}",
            )
        else:
            raise ConformanceError(f"expected {expected.__name__}, not {result!r}")

    async def stops_when_cancelled(
        self,
        hanging: Settings,
        wait_hanging: Callable[[], Awaitable[object]] | None,
        wait_stopped: Callable[[], Awaitable[object]] | None,
    ) -> None:
        children = child_processes()
        invocation = replace(self._invocation(hanging, {}), timeout_s=self._patience_s)
        ends: list[str] = []

        async def hang() -> None:
            try:
                ends.append(f"returned {await self._invoker.invoke(invocation)!r}")
            except Exception as error:
                ends.append(f"raised {error!r}")

        with self._patience("leave invoke() when cancelled"):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(hang)
                if wait_hanging is None:
                    await trio.sleep(MOMENT_S)
                else:
                    await wait_hanging()
                nursery.cancel_scope.cancel()
            await trio.lowlevel.checkpoint()  # shielded or not, it has taken its time
            with trio.CancelScope() as scope:  # and once more, cancelled before it begins
                scope.cancel()
                await hang()
        _require(not ends, f"instead of hanging until it was cancelled, invoke() {ends}")
        left = child_processes() - children
        _require(not left, f"a cancelled invocation leaves processes: {sorted(left)}")
        if wait_stopped is not None:
            with self._patience("stop what a cancelled invocation had started"):
                await wait_stopped()

    async def _result(self, invocation: Invocation) -> InvocationResult:
        try:
            with self._patience("answer"):
                result = await self._invoker.invoke(invocation)
        except ConformanceError:
            raise
        except Exception as error:
            raise ConformanceError(f"invoke() raised {error!r}") from error
        _require(isinstance(result, InvocationResult), f"invoke() returned {result!r}")
        _require(isinstance(result.payload, bytes), "the payload must be bytes")
        _require(
            result.function_error in (None, "Handled", "Unhandled"),
            f"function_error is {result.function_error!r}",
        )
        try:
            msgspec.json.decode(result.payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ConformanceError(f"the payload is not JSON: {error}") from error
        return result

    def _invocation(self, settings: Settings, event: Any) -> Invocation:
        return Invocation(
            request_id=str(uuid4()),
            function_name="checked",
            function_arn="arn:aws:lambda:us-east-1:000000000000:function:checked",
            payload=msgspec.json.encode(event),
            timeout_s=self._patience_s,
            deadline_ms=int((time.time() + self._patience_s) * 1000),
            settings=settings,
        )

    @contextmanager
    def _patience(self, what: str) -> Iterator[None]:
        try:
            with trio.fail_after(self._patience_s):
                yield
        except trio.TooSlowError:
            raise ConformanceError(f"it did not {what} within {self._patience_s} s") from None


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConformanceError(message)
