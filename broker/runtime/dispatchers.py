"""what runs for resources: a drain for every function and endpoint, a poller for every pipe

Each is started when its resource is there, and ended when it is gone or isn't to run any more.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import trio

from broker.core.names import Namespace
from broker.runtime.drain import Drain, Worker
from broker.runtime.ledger import Ledger
from broker.runtime.queues import Queues
from broker.runtime.registrar import Registrar
from broker.store.seam import Store

Place = tuple[str, str, str]  # namespace, kind and name of a resource


class Runner(Protocol):
    """What runs for one resource."""

    async def run(self) -> None:
        """Until it is stopped and done, or has nothing to run for any more."""

    def stop(self) -> None:
        """Take up nothing more; what is under way goes on to its end."""

    def end(self) -> None:
        """Its resource is gone, or isn't to run: end in the way that fits."""


class Runners(Protocol):
    """One kind of resource that something runs for."""

    def names(self, namespace: str) -> Iterable[str]:
        """The resources of the namespace that something runs for."""

    def has(self, namespace: str, name: str) -> bool:
        """Whether this is one of them; called when it was changed or deleted."""

    def runner(self, namespace: Namespace, name: str) -> Runner:
        """What runs for it."""


class Workers(Protocol):
    """One kind of resource whose queues are drained."""

    def names(self, namespace: str) -> Iterable[str]:
        """The resources of the namespace that have a queue to be drained."""

    def has(self, namespace: str, name: str) -> bool:
        """Whether this is one of them; called when it was changed or deleted."""

    def queue(self, name: str) -> str:
        """The name of its queue."""

    def worker(self, drain: Drain, name: str) -> Worker:
        """What works at the queue's messages."""


class Drains:
    """Workers whose queues are drained, as runners."""

    def __init__(self, store: Store, queues: Queues, ledger: Ledger, workers: Workers) -> None:
        self._store = store
        self._queues = queues
        self._ledger = ledger
        self._workers = workers

    def names(self, namespace: str) -> Iterable[str]:
        """See `Runners`."""
        return self._workers.names(namespace)

    def has(self, namespace: str, name: str) -> bool:
        """See `Runners`."""
        return self._workers.has(namespace, name)

    def runner(self, namespace: Namespace, name: str) -> Runner:
        """See `Runners`."""
        queue = self._workers.queue(name)
        drain = Drain(self._store, self._queues, self._ledger, namespace, queue)
        return _Draining(drain, self._workers.worker(drain, name))


class _Draining:
    def __init__(self, drain: Drain, worker: Worker) -> None:
        self._drain = drain
        self._worker = worker
        self._scope = trio.CancelScope()

    async def run(self) -> None:
        with self._scope:
            await self._drain.run(self._worker)

    def stop(self) -> None:
        self._drain.stop()

    def end(self) -> None:
        self._scope.cancel()


class Dispatchers:
    """Owns the tasks that run for resources."""

    def __init__(self, registrar: Registrar, kinds: Mapping[str, Runners]) -> None:
        self._registrar = registrar
        self._kinds = kinds
        self._running: dict[Place, Runner] = {}
        self._ended = trio.lowlevel.ParkingLot()
        self._nursery: trio.Nursery | None = None
        self._stopping = False

    async def run(self) -> None:
        """Until cancelled; what is being worked at then is cancelled too."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for namespace in self._registrar.registry.namespaces:
                for kind, runners in self._kinds.items():
                    for name in runners.names(namespace):
                        self._start((namespace, kind, name))
            self._registrar.listeners.append(self._hear)
            try:
                await trio.sleep_forever()
            finally:
                self._registrar.listeners.remove(self._hear)

    def _hear(self, namespace: str, kind: str, name: str) -> None:
        runners = self._kinds.get(kind)
        if runners is None:
            return
        place = namespace, kind, name
        known = runners.has(namespace, name)
        if known and place not in self._running:
            self._start(place)
        elif not known and place in self._running:
            self._running[place].end()

    def _start(self, place: Place) -> None:
        assert self._nursery is not None
        namespace, kind, name = place
        runner = self._kinds[kind].runner(Namespace.parse(namespace), name)
        self._running[place] = runner
        self._nursery.start_soon(self._run_one, place, runner)

    async def _run_one(self, place: Place, runner: Runner) -> None:
        try:
            await runner.run()
        finally:
            del self._running[place]
            self._ended.unpark_all()
        namespace, kind, name = place
        if not self._stopping and self._kinds[kind].has(namespace, name):
            self._start(place)  # it was deleted and made again meanwhile

    def stop(self) -> None:
        """Take up nothing more."""
        self._stopping = True
        for runner in self._running.values():
            runner.stop()

    async def wait_done(self) -> None:
        """Until what was being worked at on `stop` has ended."""
        while self._running:
            await self._ended.park()
