"""the running broker: what the edge and the command line can ask of it"""

import time
from collections.abc import Callable

from broker.core.commands import StoreStatus, Wakeup
from broker.core.registry import Registry
from broker.runtime.ids import Ids
from broker.runtime.queues import Queues
from broker.runtime.registrar import Registrar
from broker.runtime.timekeeper import Timekeeper
from broker.runtime.waiters import Waiters
from broker.store.seam import Store


def wall_ms() -> int:
    """Milliseconds since the epoch, by the wall clock."""
    return time.time_ns() // 1_000_000


class Broker:
    """Wires the parts of the runtime together over one store."""

    def __init__(self, store: Store, now_ms: Callable[[], int] = wall_ms) -> None:
        self.store = store
        self.now_ms = now_ms
        self.ids = Ids()
        self.registry = Registry()
        self.registrar = Registrar(store, self.registry)
        self.waiters = Waiters()
        self.timekeeper = Timekeeper(store)
        self.queues = Queues(store, self.registrar, self.waiters, self.ids)
        store.listener = self._hear

    def _hear(self, status: StoreStatus, wakeups: list[Wakeup]) -> None:
        self.timekeeper.hear(status)
        for wakeup in wakeups:
            self.waiters.wake(wakeup)
