"""the life of one plugin: started, watched, started again after it has failed

Each runs in a task of its own. One that doesn't start in time, or whose own tasks fail later, takes
nobody along: functions that need it wait, and it is started again.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from broker.plugin import Host, Invoker, InvokerUnavailable

__all__ = ["PluginLife", "PluginState"]

log = logging.getLogger(__name__)

START_S = 10.0
RESTART_S = (1.0, 60.0)  # the first pause before it is started again, and the longest
HEALTH_S = 30.0  # between two looks
HEALTH_PATIENCE_S = 5.0

STARTING, RUNNING, FAILED, UNHEALTHY = "starting", "running", "failed", "unhealthy"


@dataclass(frozen=True, slots=True)
class PluginState:
    """How a plugin is."""

    state: str  # starting, running, failed or unhealthy
    problem: str = ""


class PluginLife:
    """Keeps one invoker running."""

    def __init__(self, name: str, invoker: Invoker, host: Host) -> None:
        self.name = name
        self.invoker = invoker
        self.state = PluginState(STARTING)
        self._host = host

    def check(self) -> None:
        """Raises: InvokerUnavailable, unless it runs."""
        if self.state.state in (STARTING, FAILED):
            raise InvokerUnavailable(
                f"the invoker {self.name} is not running: {self.state.problem or 'it is starting'}"
            )

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled. It counts as started when it runs, or has failed for the first time."""
        told = False

        def tell() -> None:
            nonlocal told
            if not told:
                told = True
                task_status.started()

        pause_s = RESTART_S[0]
        while True:
            began = trio.current_time()
            try:
                await self._run(tell)
            except Exception as error:
                problem = f"{type(error).__name__}: {error}"
                log.exception("the invoker %s failed", self.name)
            else:
                problem = f"it didn't start within {START_S:.0f} s"
                log.error("the invoker %s: %s", self.name, problem)
            self.state = PluginState(FAILED, problem)
            tell()
            if trio.current_time() - began > RESTART_S[1]:
                pause_s = RESTART_S[0]
            await trio.sleep(pause_s)
            pause_s = min(pause_s * 2, RESTART_S[1])

    async def _run(self, tell: Callable[[], None]) -> None:
        """Returns if it doesn't start in time."""
        with trio.move_on_after(START_S) as patience:
            async with self.invoker.running(self._host):
                patience.deadline = float("inf")
                self.state = PluginState(RUNNING)
                tell()
                health: Callable[[], Awaitable[None]] | None
                health = getattr(self.invoker, "health", None)
                if health is None:
                    await trio.sleep_forever()
                else:
                    await self._watch(health)

    async def _watch(self, health: Callable[[], Awaitable[None]]) -> None:
        while True:
            state = PluginState(RUNNING)
            with trio.move_on_after(HEALTH_PATIENCE_S) as patience:
                try:
                    await health()
                except Exception as error:
                    state = PluginState(UNHEALTHY, f"{type(error).__name__}: {error}")
            if patience.cancelled_caught:
                state = PluginState(UNHEALTHY, "it doesn't answer how it is")
            if state != self.state:
                log.log(
                    logging.INFO if state.state == RUNNING else logging.WARNING,
                    "the invoker %s is %s %s",
                    self.name,
                    state.state,
                    state.problem,
                )
            self.state = state
            await trio.sleep(HEALTH_S)
