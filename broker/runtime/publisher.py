"""putting what was routed into the store, and counting what found no place"""

import logging
from collections.abc import Callable

from broker.core.commands import FanOut
from broker.core.names import Namespace
from broker.core.routing import Routed
from broker.runtime.metrics import UNDELIVERABLE
from broker.store.seam import Store, submit_one

log = logging.getLogger(__name__)


class Publisher:
    """The one way from a routed publish to the queues."""

    def __init__(self, store: Store, now_ms: Callable[[], int]) -> None:
        self._store = store
        self.now_ms = now_ms

    async def publish(self, namespace: Namespace, routed: Routed) -> None:
        """Commit all deliveries of one publish, or none.

        What can't be delivered is counted and logged, with its source and its target.
        Raises: StoreFull.
        """
        for source, target in routed.undeliverable:
            undeliverable(source, target)
        if not routed.entries:
            return
        command = FanOut(routed.bodies, routed.entries)
        homeless: list[int] = await submit_one(self._store, str(namespace), command)
        for index in homeless:
            undeliverable("a publish", routed.entries[index].queue)


def undeliverable(source: str, target: str) -> None:
    """Count and log a delivery that nothing is there to take."""
    UNDELIVERABLE.inc()
    log.warning("%s can't deliver to %s: no such resource", source, target)
