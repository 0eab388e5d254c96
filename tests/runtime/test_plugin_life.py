"""Plugins that misbehave: named, reported, and in nobody's way."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from broker.core.errors import InvokerFailed
from broker.core.names import Namespace
from broker.core.resources import Function
from broker.plugin import Host, Invocation, InvocationResult, Invoker, Settings
from broker.runtime import plugins as plugins_module
from broker.runtime.loop_watch import LoopWatch
from broker.runtime.plugins import BrokenInvoker, find_plugins
from broker.testing.broker import open_broker
from tests.runtime.conftest import FakeInvoker

NS = Namespace()


async def answer(invocation: Invocation) -> InvocationResult:
    return InvocationResult(payload=invocation.payload)


class Lively(FakeInvoker):
    """With a life of its own: `live` is what `running()` does."""

    def __init__(self, live: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        super().__init__(answer)
        self.live = live

    def running(self, _: Host) -> AbstractAsyncContextManager[None]:
        return self.live()


def function(name: str, invoker: str, **more: Any) -> Function:
    return Function(name=name, invoker=invoker, timeout_s=3, **more)


async def test_one_that_can_not_start_leaves_others_alone(
    tmp_path: Path, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = 0

    @asynccontextmanager
    async def fails() -> AsyncIterator[None]:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise OSError("no such device")
        yield

    invokers: dict[str, Invoker] = {"bad": Lively(fails), "good": FakeInvoker(answer)}
    functions = [function("a", "bad"), function("b", "good")]
    async with open_broker(tmp_path, functions, invokers) as broker:
        assert (await broker.functions.invoke(NS, "b", b"1")).attempt.result.payload == b"1"
        with pytest.raises(InvokerFailed, match="the invoker bad is not running: OSError: no such"):
            await broker.functions.invoke(NS, "a", b"1")
        assert broker.functions.host.lives["bad"].state.state == "failed"
        await trio.sleep(10)  # it is started again, and again
        assert (await broker.functions.invoke(NS, "a", b"1")).attempt.result.payload == b"1"
    assert "the invoker bad failed" in caplog.text


async def test_one_that_hangs_at_its_start_does_not_hold_up_the_broker(
    tmp_path: Path, autojump_clock: object
) -> None:
    @asynccontextmanager
    async def hangs() -> AsyncIterator[None]:
        await trio.sleep_forever()
        yield

    invokers: dict[str, Invoker] = {"bad": Lively(hangs), "good": FakeInvoker(answer)}
    async with open_broker(tmp_path, [function("b", "good")], invokers) as broker:
        assert (await broker.functions.invoke(NS, "b", b"1")).attempt.result.payload == b"1"
        assert broker.functions.host.lives["bad"].state.problem == "it didn't start within 10 s"


async def test_one_whose_own_task_fails_is_started_again(
    tmp_path: Path, autojump_clock: object
) -> None:
    lives = 0

    @asynccontextmanager
    async def lives_for_a_while() -> AsyncIterator[None]:
        nonlocal lives
        lives += 1
        async with trio.open_nursery() as nursery:

            async def work() -> None:
                await trio.sleep(5)
                raise RuntimeError("lost the connection")

            nursery.start_soon(work)
            yield
            nursery.cancel_scope.cancel()

    invokers: dict[str, Invoker] = {"frail": Lively(lives_for_a_while)}
    async with open_broker(tmp_path, [function("a", "frail")], invokers) as broker:
        await trio.sleep(5.5)
        assert broker.functions.host.lives["frail"].state.state == "failed"
        await trio.sleep(2)
        assert lives == 2
        assert (await broker.functions.invoke(NS, "a", b"1")).attempt.result.payload == b"1"


async def test_one_that_is_not_well_says_so(tmp_path: Path, autojump_clock: object) -> None:
    class Ill(FakeInvoker):
        healthy = False

        async def health(self) -> None:
            if not self.healthy:
                raise ConnectionError("no answer from the pool")

    ill = Ill(answer)
    async with open_broker(tmp_path, [function("a", "ill")], {"ill": ill}) as broker:
        await trio.sleep(1)
        state = broker.functions.host.lives["ill"].state
        assert (state.state, state.problem) == (
            "unhealthy",
            "ConnectionError: no answer from the pool",
        )
        assert (await broker.functions.invoke(NS, "a", b"1")).attempt.result.payload == b"1"
        ill.healthy = True
        await trio.sleep(31)
        assert broker.functions.host.lives["ill"].state.state == "running"


async def test_an_attempt_that_does_not_end_is_deserted(
    tmp_path: Path, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    async def stubborn(_: Invocation) -> InvocationResult:
        with trio.CancelScope(shield=True):
            await trio.sleep(60)
        return InvocationResult()

    invokers = {"stubborn": FakeInvoker(stubborn)}
    async with open_broker(tmp_path, [function("a", "stubborn")], invokers) as broker:
        began = trio.current_time()
        attempt = (await broker.functions.invoke(NS, "a", b"1")).attempt
        assert attempt.timed_out
        assert trio.current_time() - began == pytest.approx(8)  # its timeout, and five seconds
        assert "the invoker stubborn has not ended an attempt of a" in caplog.text


async def test_what_can_not_be_loaded_is_named(
    tmp_path: Path, autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    class EntryPoint:
        name, value, dist = "broken", "no_such_module:Invoker", None

        def load(self) -> object:
            raise ImportError("no module named no_such_module")

    class NoInvoker(EntryPoint):
        name, value = "dict", "builtins:dict"

        def load(self) -> object:
            return dict

    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [EntryPoint(), NoInvoker()])
    broken, no_invoker = find_plugins()
    assert broken.problem == (
        "the invoker broken (no_such_module:Invoker) can't be loaded: "
        "ImportError: no module named no_such_module"
    )
    assert "dict (builtins:dict) is no invoker" in no_invoker.problem
    stand_in = broken.invoker
    assert isinstance(stand_in, BrokenInvoker)
    async with open_broker(tmp_path, [], {"broken": stand_in}) as broker:
        with pytest.raises(Exception, match="can't be loaded"):
            broker.functions.host.check(function("a", "broken"))


def test_capabilities_that_nobody_knows_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    class Flies(FakeInvoker):
        capabilities = frozenset({"code", "flying"})

    class EntryPoint:
        name, value, dist = "flies", "some:Flies", None

        def load(self) -> object:
            return lambda: Flies(answer)

    monkeypatch.setattr(plugins_module, "entry_points", lambda group: [EntryPoint()])
    (plugin,) = find_plugins()
    assert plugin.problem == (
        "the invoker flies (some:Flies) has capabilities that nobody knows: flying"
    )


async def test_a_response_is_passed_on_piece_by_piece_only_by_who_can(
    tmp_path: Path, autojump_clock: object
) -> None:
    class Streams(FakeInvoker):
        capabilities = frozenset({"response_stream"})

    async def pieces(invocation: Invocation) -> InvocationResult:
        if invocation.write_response is None:
            return InvocationResult(payload=b'"whole"')
        await invocation.write_response(b"piece")
        return InvocationResult(streamed=True)

    invokers = {"plain": FakeInvoker(pieces), "streams": Streams(pieces)}
    functions = [function("a", "plain"), function("b", "streams")]
    async with open_broker(tmp_path, functions, invokers) as broker:
        for name, expected in (("a", []), ("b", [b"piece"])):
            streamed = broker.functions.stream(NS, name, b"1", None)
            assert [piece async for piece in streamed.pieces] == expected
            assert streamed.invoked is not None
            assert streamed.invoked.attempt.result.streamed == bool(expected)


class Blocker:
    def check_settings(self, settings: Settings, /) -> None: ...

    def block(self) -> None:
        time.sleep(1.6)


async def test_one_that_blocks_the_loop_is_named_with_its_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(LoopWatch({"blocker": Blocker()}).run)  # type: ignore[dict-item]
        await trio.sleep(0.1)
        Blocker().block()
        await trio.sleep(0.1)
        nursery.cancel_scope.cancel()
    assert "the invoker blocker blocks the event loop" in caplog.text
    assert "test_plugin_life.py" in caplog.text
    assert "in block" in caplog.text
