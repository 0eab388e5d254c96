"""The conformance check: passed by the first-party invokers, failed by each way to be wrong."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from broker.plugin import (
    Host,
    Invocation,
    InvocationResult,
    InvokerThrottled,
    InvokerUnavailable,
    Settings,
    SettingsError,
)
from broker.testing import ConformanceError, check_invoker
from broker_http import HttpInvoker
from broker_lambda import LambdaInvoker
from broker_subprocess import SubprocessInvoker
from tests.plugins.conftest import HttpServer, Request, Response


async def wait_exists(path: Path) -> None:
    while not path.exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
        await trio.sleep(0.01)


async def test_the_subprocess_invoker_conforms(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    await check_invoker(
        SubprocessInvoker(),
        echo={"command": ["cat"]},
        failing={"command": [sys.executable, "-c", "raise ValueError"]},
        hanging={"command": ["sh", "-c", f"touch {begun}; sleep 1000"]},
        refused={"command": {}, "cwd": {"command": ["cat"], "cwd": "."}},
        wait_hanging=lambda: wait_exists(begun),
    )


async def answer(request: Request) -> Response:
    """An endpoint for both HTTP invokers: the last word of the path says what to do."""
    for function, response in {
        "echo": Response(body=request.body),
        "failing": Response(400, b'{"message": "no such order"}'),
        "throttled": Response(429, headers={"Retry-After": "1"}),
        "unavailable": Response(502),
    }.items():
        if function in request.target:
            return response
    await trio.sleep_forever()
    raise AssertionError


async def test_the_http_invoker_conforms(http_server: HttpServer) -> None:
    def to(path: str) -> Settings:
        return {"url": f"{http_server.url}/{path}", "allow_private": True}

    http_server.handler = answer
    await check_invoker(
        HttpInvoker(),
        echo=to("echo"),
        failing=to("failing"),
        hanging=to("hanging"),
        throttled=to("throttled"),
        unavailable=to("unavailable"),
        refused={"url": {"url": "here"}, "headers": {**to("echo"), "headers": {"Host": "a"}}},
        wait_stopped=http_server.wait_idle,
    )


async def test_the_lambda_invoker_conforms(http_server: HttpServer) -> None:
    keys = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "x"}

    def to(function_name: str) -> Settings:
        return {"endpoint_url": http_server.url, "function_name": function_name, **keys}

    http_server.handler = answer
    await check_invoker(
        LambdaInvoker(environment={}),
        echo=to("echo"),
        failing=to("failing"),
        hanging=to("hanging"),
        throttled=to("throttled"),
        unavailable=to("unavailable"),
        refused={"function_name": {"function_name": ""}},
        wait_stopped=http_server.wait_idle,
    )


class ToyInvoker:
    """A third party's invoker, as small as one can be."""

    def check_settings(self, settings: Settings, /) -> None:
        try:
            msgspec.convert(dict(settings), ToySettings)
        except msgspec.ValidationError as error:
            raise SettingsError(str(error)) from None

    @asynccontextmanager
    async def running(self, _: Host) -> AsyncIterator[None]:
        yield

    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        await trio.lowlevel.checkpoint()
        match invocation.settings["function"]:
            case "echo":
                return InvocationResult(payload=invocation.payload)
            case "failing":
                return InvocationResult(
                    payload=b'{"errorType": "Toy", "errorMessage": "broken"}',
                    function_error="Unhandled",
                )
            case "throttled":
                raise InvokerThrottled(retry_after_s=1.0)
            case "unavailable":
                raise InvokerUnavailable("gone")
        await trio.sleep_forever()
        raise AssertionError


class ToySettings(msgspec.Struct, forbid_unknown_fields=True):
    function: str


async def check(invoker: Any, **changes: Any) -> None:
    arguments = {
        name: {"function": name}
        for name in ("echo", "failing", "hanging", "throttled", "unavailable")
    }
    await check_invoker(
        invoker, **{**arguments, "refused": {"function": {}}, "patience_s": 2.0, **changes}
    )


async def test_a_third_party_invoker_conforms(autojump_clock: MockClock) -> None:
    await check(ToyInvoker())


class LacksRunning:
    def check_settings(self, settings: Settings, /) -> None: ...

    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        return InvocationResult()


class AcceptsAll(ToyInvoker):
    def check_settings(self, settings: Settings, /) -> None:
        return


class AcceptsUnknownKeys(ToyInvoker):
    def check_settings(self, settings: Settings, /) -> None:
        if "function" not in settings:
            raise SettingsError("`function` is missing")


class RefusesAll(ToyInvoker):
    def check_settings(self, settings: Settings, /) -> None:
        raise SettingsError("`function`, `no_such_setting`")


class RefusesByKeyError(ToyInvoker):
    def check_settings(self, settings: Settings, /) -> None:
        settings["function"]


class RefusesWithoutReason(ToyInvoker):
    def check_settings(self, settings: Settings, /) -> None:
        if len(settings) != 1:
            raise SettingsError("no")


class ReadsADisk(ToyInvoker):
    def check_settings(self, settings: Settings, /) -> None:
        with open("/etc/hostname"):
            super().check_settings(settings)


class ChecksLater(ToyInvoker):
    async def check_settings(self, settings: Settings, /) -> None:  # type: ignore[override]
        super().check_settings(settings)


class Flies(ToyInvoker):
    capabilities = frozenset({"flying"})


class RunsOnce(ToyInvoker):
    ran = False

    @asynccontextmanager
    async def running(self, _: Host) -> AsyncIterator[None]:
        yield
        self.ran = True

    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        assert not self.ran
        return await super().invoke(invocation)


class RaisesFailure(ToyInvoker):
    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        if invocation.settings["function"] == "failing":
            raise ValueError("broken")
        return await super().invoke(invocation)


class Mutates(ToyInvoker):
    """Passes every result through `change`."""

    def change(self, result: InvocationResult) -> InvocationResult:
        return result

    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        return self.change(await super().invoke(invocation))


class AnswersText(Mutates):
    def change(self, result: InvocationResult) -> InvocationResult:
        return InvocationResult(payload=b"text")


class FailsWithoutBody(Mutates):
    def change(self, result: InvocationResult) -> InvocationResult:
        if result.function_error is None:
            return result
        return InvocationResult(payload=b"{}", function_error="Unhandled")


class InventsFunctionError(Mutates):
    def change(self, result: InvocationResult) -> InvocationResult:
        return InvocationResult(payload=result.payload, function_error="Oops")


class MixesPayloads(ToyInvoker):
    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        self.latest = invocation
        await trio.lowlevel.checkpoint()
        return await super().invoke(self.latest)


class SwallowsCancellation(ToyInvoker):
    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        result = InvocationResult()
        with trio.CancelScope() as scope, suppress(trio.Cancelled):
            result = await super().invoke(invocation)
        assert not scope.cancelled_caught
        return result


class ShieldsItself(ToyInvoker):
    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        try:
            return await super().invoke(invocation)
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await trio.sleep(2.5)
            raise


class LeavesAProcess(ToyInvoker):
    def __init__(self) -> None:
        self.left: list[subprocess.Popen[bytes]] = []

    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        if invocation.settings["function"] == "hanging":
            self.left.append(subprocess.Popen(["sleep", "1000"]))  # noqa: ASYNC220
        return await super().invoke(invocation)


@pytest.mark.parametrize(
    ("invoker", "complaint"),
    [
        (LacksRunning(), "lacks a method"),
        (AcceptsAll(), "accepts settings that are wrong in 'function'"),
        (AcceptsUnknownKeys(), "accepts settings that are wrong in 'no_such_setting'"),
        (RefusesAll(), "refuses what it must take"),
        (RefusesByKeyError(), "must raise SettingsError for 'function', not KeyError"),
        (RefusesWithoutReason(), "does not name it"),
        (ReadsADisk(), "must not do I/O"),
        (Flies(), "capabilities that nobody knows: \\['flying'\\]"),
        (RunsOnce(), "invoke\\(\\) raised AssertionError"),
        (RaisesFailure(), "invoke\\(\\) raised ValueError"),
        (AnswersText(), "not JSON"),
        (FailsWithoutBody(), "must have a string errorType"),
        (InventsFunctionError(), "function_error is 'Oops'"),
        (MixesPayloads(), "concurrent invocations"),
        (SwallowsCancellation(), "instead of hanging"),
        (ShieldsItself(), "did not leave invoke\\(\\) when cancelled"),
    ],
)
async def test_a_broken_contract_is_named(
    autojump_clock: MockClock, invoker: Any, complaint: str
) -> None:
    with pytest.raises(ConformanceError, match=complaint):
        await check(invoker)


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
async def test_an_asynchronous_check_of_settings_is_named(autojump_clock: MockClock) -> None:
    with pytest.raises(ConformanceError, match="nor may it be async"):
        await check(ChecksLater())


async def test_a_process_left_behind_is_named(autojump_clock: MockClock) -> None:
    invoker = LeavesAProcess()
    try:
        with pytest.raises(ConformanceError, match="leaves processes"):
            await check(invoker)
    finally:
        for process in invoker.left:
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    "changes",
    [{"throttled": {"function": "unavailable"}}, {"unavailable": {"function": "echo"}}],
)
async def test_the_wrong_kind_of_trouble_is_named(
    autojump_clock: MockClock, changes: dict[str, Any]
) -> None:
    with pytest.raises(ConformanceError, match="expected Invoker"):
        await check(ToyInvoker(), **changes)
