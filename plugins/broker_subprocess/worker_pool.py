"""keeps workers warm: each event goes to an idle one of its function, or to a new one

Only so many start at a time, whatever comes: starting one takes much of a core, and an event that
waits to start one may get one that has become idle meanwhile. Which events come at all is up to
the concurrency limits of the host.
"""

import os
import shutil
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import trio

from broker.plugin import Host, Invocation, InvocationResult
from broker_subprocess import outcome
from broker_subprocess.cgroups import Cgroups
from broker_subprocess.environment import PATH
from broker_subprocess.guardian import Guardian
from broker_subprocess.isolation import find_bubblewrap
from broker_subprocess.memory import tree_usage
from broker_subprocess.runtimes import RuntimeMissing, command
from broker_subprocess.settings import SubprocessSettings
from broker_subprocess.worker import MIB, PROCESSES_MAX, Launch, Worker

__all__ = ["WorkerPool"]

Key = tuple[str, str, str, str]  # account, region, function, version

WATCH_S = 0.25


@dataclass(slots=True, eq=False)
class _Waiter:
    key: Key
    woken: trio.Event = field(default_factory=trio.Event)


class WorkerPool:
    """Owns the workers, which run in the nursery; without cgroups it holds them to their limits."""

    def __init__(
        self, guardian: Guardian, host: Host, nursery: trio.Nursery, cgroups: Cgroups | None
    ) -> None:
        self._guardian = guardian
        self._cgroups = cgroups
        self._host = host
        self._nursery = nursery
        self._workers: set[Worker] = set()
        self._idle: defaultdict[Key, deque[Worker]] = defaultdict(deque)  # the last used last
        self._starting = 0
        self._starts_max = max(2, os.cpu_count() or 1)
        # In turn by function: a backlog of one doesn't keep another's first event waiting.
        self._waiters: OrderedDict[Key, deque[_Waiter]] = OrderedDict()
        self._first = trio.Event()  # there are workers to be watched

    async def invoke(
        self, invocation: Invocation, settings: SubprocessSettings
    ) -> InvocationResult:
        """Run one event in a worker of its function's revision. See `Invoker.invoke`."""
        key = (
            invocation.account,
            invocation.region,
            invocation.function_name,
            invocation.function_version,
        )
        worker = self._take(key, invocation.revision)
        if worker is None:
            with invocation.cold_start():
                found = await self._new(key, invocation, settings)
            if isinstance(found, InvocationResult):
                return found
            worker = found
        return await worker.invoke(invocation)

    def _take(self, key: Key, revision: str) -> Worker | None:
        """An idle worker, the one used last; those of another revision go."""
        idle = self._idle.get(key)
        while idle:
            worker = idle.pop()
            if worker.state == "idle" and worker.revision == revision:
                return worker
            worker.kill()
        return None

    async def _new(
        self, key: Key, invocation: Invocation, settings: SubprocessSettings
    ) -> Worker | InvocationResult:
        """A worker that was started, or that became idle first; or why there can't be any."""
        while self._starting >= self._starts_max:
            await self._wait(key)
            worker = self._take(key, invocation.revision)
            if worker is not None:
                return worker
        self._starting += 1
        try:
            return await self._start(key, invocation, settings)
        finally:
            self._starting -= 1
            self._wake_next()

    async def _start(
        self, key: Key, invocation: Invocation, settings: SubprocessSettings
    ) -> Worker | InvocationResult:
        try:
            launch = await self._launch(invocation, settings)
        except RuntimeMissing as missing:
            return outcome.of_failed_start(invocation, missing)
        taken = True  # the first event is this one's

        def on_idle(worker: Worker) -> None:
            nonlocal taken
            if taken:
                taken = False
                return
            self._idle[key].append(worker)
            _wake(self._waiters.get(key))

        worker = Worker(invocation, launch, self._host, self._guardian, self._cgroups, on_idle)
        self._nursery.start_soon(self._run, key, worker)
        try:
            failure = await worker.wait_ready(invocation)
        except trio.Cancelled:
            worker.kill()
            with trio.CancelScope(shield=True):
                await worker.wait_gone()
            raise
        return failure or worker

    async def _launch(self, invocation: Invocation, settings: SubprocessSettings) -> Launch:
        code = invocation.code_directory or settings.code
        if code is None:
            raise RuntimeMissing("the function has no code")
        path = invocation.environment.get("PATH", os.environ.get("PATH", PATH))
        return await trio.to_thread.run_sync(_launch, settings, code, path)

    async def _run(self, key: Key, worker: Worker) -> None:
        self._workers.add(worker)
        self._first.set()
        try:
            await worker.run()
        finally:
            self._workers.discard(worker)
            idle = self._idle.get(key)
            if idle is not None:
                if worker in idle:
                    idle.remove(worker)
                if not idle:
                    del self._idle[key]

    # Waiting

    async def _wait(self, key: Key) -> None:
        waiter = _Waiter(key)
        self._waiters.setdefault(key, deque()).append(waiter)
        try:
            await waiter.woken.wait()
        except trio.Cancelled:
            if waiter.woken.is_set() and not _wake(self._waiters.get(key)):
                self._wake_next()  # it was for nothing: somebody else then
            raise
        finally:
            waiter.woken.set()

    def _wake_next(self) -> None:
        while self._waiters:
            key, waiting = next(iter(self._waiters.items()))
            if _wake(waiting):
                self._waiters.move_to_end(key)
                return
            del self._waiters[key]

    # What nobody asked for

    async def watch(self) -> None:
        """End workers that have been idle for too long or use too much, until cancelled."""
        shutil.rmtree(self._host.state_directory / "tmp", ignore_errors=True)
        while True:
            if not self._workers:
                self._first = trio.Event()
                await self._first.wait()
            await trio.sleep(WATCH_S)
            now = trio.current_time()
            for idle in list(self._idle.values()):
                while idle and now - idle[0].idle_since > idle[0].launch.idle_s:
                    idle.popleft().kill()
            for worker in self._workers:
                if now > worker.late_at:
                    worker.kill()
            if self._cgroups is None:
                await self._hold_to_limits()
            else:
                await trio.to_thread.run_sync(_look_at_cgroups, list(self._workers))

    async def _hold_to_limits(self) -> None:
        sessions = [worker.pid for worker in self._workers if worker.pid is not None]
        usage = await trio.to_thread.run_sync(tree_usage, sessions)
        for worker in self._workers:
            if worker.pid in usage:
                resident_bytes, processes = usage[worker.pid]
                worker.see_memory(resident_bytes)
                if resident_bytes > worker.memory_mb * MIB or processes > PROCESSES_MAX:
                    worker.kill()


def _look_at_cgroups(workers: Iterable[Worker]) -> None:
    for worker in workers:
        if worker.cgroup is not None:
            worker.see_memory(worker.cgroup.peak_bytes())


def _wake(waiting: deque[_Waiter] | None) -> bool:
    """Wake the first who waits still; whether there was one."""
    while waiting:
        waiter = waiting.popleft()
        if not waiter.woken.is_set():
            waiter.woken.set()
            return True
    return False


def _launch(settings: SubprocessSettings, code: str, path: str) -> Launch:
    """Blocks. Raises: RuntimeMissing."""
    cwd = settings.cwd or code
    if settings.isolation is None:
        return Launch(command(settings, code, path), cwd, code, settings.idle_s)
    bubblewrap = find_bubblewrap()
    if bubblewrap is None:
        raise RuntimeMissing("there is no bubblewrap (bwrap) on this host")
    code, cwd = os.path.realpath(code), os.path.realpath(cwd)  # symbolic links may be hidden
    return Launch(command(settings, code, path), cwd, code, settings.idle_s, bubblewrap)
