"""a dispatcher for every function: started and ended as functions come and go"""

from collections.abc import Callable

import trio

from broker.core.names import Namespace
from broker.runtime.dispatcher import Dispatcher
from broker.runtime.functions import Functions
from broker.runtime.ids import Ids
from broker.runtime.queues import Queues
from broker.runtime.registrar import Registrar
from broker.store.seam import Store


class Dispatchers:
    """Owns the tasks that drain functions' queues."""

    def __init__(
        self,
        store: Store,
        registrar: Registrar,
        functions: Functions,
        queues: Queues,
        ids: Ids,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._registrar = registrar
        self._functions = functions
        self._queues = queues
        self._ids = ids
        self._now_ms = now_ms
        self._running: dict[tuple[str, str], tuple[Dispatcher, trio.CancelScope]] = {}
        self._ended = trio.lowlevel.ParkingLot()
        self._nursery: trio.Nursery | None = None

    async def run(self) -> None:
        """Until cancelled; what is being invoked then is cancelled too."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for namespace, resources in self._registrar.registry.namespaces.items():
                for name in resources.functions:
                    self._start(namespace, name)
            self._registrar.listeners.append(self._hear)
            try:
                await trio.sleep_forever()
            finally:
                self._registrar.listeners.remove(self._hear)

    def _hear(self, namespace: str, kind: str, name: str) -> None:
        if kind != "function":
            return
        self._functions.changed(namespace, name)
        place = namespace, name
        known = name in self._registrar.registry.resources(namespace).functions
        if known and place not in self._running:
            self._start(namespace, name)
        elif not known and place in self._running:
            self._running[place][1].cancel()

    def _start(self, namespace: str, name: str) -> None:
        assert self._nursery is not None
        dispatcher = Dispatcher(
            self._store,
            self._functions,
            self._queues,
            self._ids,
            Namespace.parse(namespace),
            name,
            self._now_ms,
        )
        scope = trio.CancelScope()
        self._running[namespace, name] = dispatcher, scope
        self._nursery.start_soon(self._run_one, (namespace, name), dispatcher, scope)

    async def _run_one(
        self, place: tuple[str, str], dispatcher: Dispatcher, scope: trio.CancelScope
    ) -> None:
        try:
            with scope:
                await dispatcher.run()
        finally:
            del self._running[place]
            self._ended.unpark_all()

    def stop(self) -> None:
        """Start no more invocations."""
        for dispatcher, _ in self._running.values():
            dispatcher.stop()

    async def wait_done(self) -> None:
        """Until what was being invoked at `stop` has ended."""
        while self._running:
            await self._ended.park()
