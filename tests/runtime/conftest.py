from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from broker.core.names import Namespace
from broker.plugin import Host, Invocation, InvocationResult, Settings

NAMESPACE = Namespace()


@dataclass
class FakeInvoker:
    """Runs a plain async function; remembers what it was asked to run, and when."""

    behaviour: Callable[[Invocation], object]
    seen: list[Invocation] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    running_now: int = 0
    running_most: int = 0

    def check_settings(self, settings: Settings, /) -> None:
        pass

    def running(self, _: Host) -> AbstractAsyncContextManager[None]:
        @asynccontextmanager
        async def nothing() -> AsyncIterator[None]:
            yield

        return nothing()

    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        self.seen.append(invocation)
        self.times.append(trio.current_time())
        self.running_now += 1
        self.running_most = max(self.running_most, self.running_now)
        try:
            result = await self.behaviour(invocation)  # type: ignore[misc]
        finally:
            self.running_now -= 1
        return result


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data"
