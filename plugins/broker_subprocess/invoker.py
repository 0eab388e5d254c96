"""functions as programs of this host: one process per event, or workers that stay warm"""

import logging
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import trio

from broker.plugin import Host, Invocation, InvocationResult, Settings
from broker_subprocess.cgroups import Cgroups, delegated_cgroup
from broker_subprocess.guardian import Guardian
from broker_subprocess.leftovers import end_leftovers
from broker_subprocess.settings import SubprocessSettings, parse_settings
from broker_subprocess.stdio import Stdio
from broker_subprocess.worker_pool import WorkerPool

__all__ = ["SubprocessInvoker"]

log = logging.getLogger(__name__)


class SubprocessInvoker:
    """Functions as programs of this host, without containers.

    They run as the daemon's user: a limit of memory and time, not a sandbox.
    """

    settings_type = SubprocessSettings
    capabilities = frozenset({"code", "response_stream"})

    def __init__(self) -> None:
        self._stdio: Stdio | None = None
        self._workers: WorkerPool | None = None

    def check_settings(self, settings: Settings, /) -> None:
        """Refuse what names neither a program nor a runtime. Raises: SettingsError."""
        parse_settings(settings)

    def running(self, host: Host, /) -> AbstractAsyncContextManager[None]:
        """End what a killed daemon has left behind, then keep workers warm."""
        return self._running(host)

    async def invoke(self, invocation: Invocation, /) -> InvocationResult:
        """Give the event to a process of its own, or to a worker, and wait for the result.

        Cancelled: the process or the worker is killed and reaped, with its descendants.
        Raises: InvokerUnavailable if this host is out of processes, memory or files; SettingsError.
        """
        assert self._stdio is not None, "invoke() belongs inside running()"
        assert self._workers is not None
        settings = parse_settings(invocation.settings)
        if settings.runtime is None:
            return await self._stdio.invoke(invocation, settings)
        return await self._workers.invoke(invocation, settings)

    @asynccontextmanager
    async def _running(self, host: Host) -> AsyncIterator[None]:
        # Before the first event: whatever runs still would be one more than the limits allow.
        await end_leftovers(host.state_directory)
        cgroups = await trio.to_thread.run_sync(_prepared_cgroups)
        guardian = Guardian()
        try:
            async with guardian.running(), trio.open_nursery() as workers:
                self._stdio = Stdio(guardian, host)
                self._workers = WorkerPool(guardian, host, workers, cgroups)
                workers.start_soon(self._workers.watch)
                yield
                workers.cancel_scope.cancel()
        finally:
            self._stdio = self._workers = None


def _prepared_cgroups() -> Cgroups | None:
    """None if there are none: workers are then looked at, and ended if they use too much."""
    path = delegated_cgroup()
    if path is None:
        return None
    cgroups = Cgroups(path)
    try:
        cgroups.prepare()
    except OSError as error:
        log.warning("the cgroup %s can't be divided among functions: %s", path, error)
        return None
    log.info("the kernel holds functions to their memory, in %s", path)
    return cgroups
