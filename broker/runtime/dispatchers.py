"""drains for every function and every HTTP endpoint: started and ended as these come and go"""

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


class Dispatchers:
    """Owns the tasks that drain internal queues."""

    def __init__(
        self,
        store: Store,
        registrar: Registrar,
        queues: Queues,
        ledger: Ledger,
        kinds: Mapping[str, Workers],
    ) -> None:
        self._store = store
        self._registrar = registrar
        self._queues = queues
        self._ledger = ledger
        self._kinds = kinds
        self._running: dict[Place, tuple[Drain, trio.CancelScope]] = {}
        self._ended = trio.lowlevel.ParkingLot()
        self._nursery: trio.Nursery | None = None
        self._stopping = False

    async def run(self) -> None:
        """Until cancelled; what is being worked at then is cancelled too."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for namespace in self._registrar.registry.namespaces:
                for kind, workers in self._kinds.items():
                    for name in workers.names(namespace):
                        self._start(workers, (namespace, kind, name))
            self._registrar.listeners.append(self._hear)
            try:
                await trio.sleep_forever()
            finally:
                self._registrar.listeners.remove(self._hear)

    def _hear(self, namespace: str, kind: str, name: str) -> None:
        workers = self._kinds.get(kind)
        if workers is None:
            return
        place = namespace, kind, name
        known = workers.has(namespace, name)
        if known and place not in self._running:
            self._start(workers, place)
        elif not known and place in self._running:
            self._running[place][1].cancel()

    def _start(self, workers: Workers, place: Place) -> None:
        assert self._nursery is not None
        namespace, _, name = place
        place_ = Namespace.parse(namespace)
        drain = Drain(self._store, self._queues, self._ledger, place_, workers.queue(name))
        scope = trio.CancelScope()
        self._running[place] = drain, scope
        self._nursery.start_soon(self._run_one, place, drain, workers.worker(drain, name), scope)

    async def _run_one(
        self, place: Place, drain: Drain, worker: Worker, scope: trio.CancelScope
    ) -> None:
        try:
            with scope:
                await drain.run(worker)
        finally:
            del self._running[place]
            self._ended.unpark_all()
        namespace, kind, name = place
        if not self._stopping and self._kinds[kind].has(namespace, name):
            self._start(self._kinds[kind], place)  # it was deleted and made again meanwhile

    def stop(self) -> None:
        """Take up nothing more."""
        self._stopping = True
        for drain, _ in self._running.values():
            drain.stop()

    async def wait_done(self) -> None:
        """Until what was being worked at on `stop` has ended."""
        while self._running:
            await self._ended.park()
