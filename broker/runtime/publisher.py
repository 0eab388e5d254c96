"""putting what was routed into the store, and counting what found no place"""

import logging
from collections.abc import Callable

from broker.core.commands import FanOut
from broker.core.errors import LimitExceeded
from broker.core.limits import FAN_OUT_TARGETS_MAX
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
        Raises: StoreFull, LimitExceeded.
        """
        for source, target in routed.undeliverable:
            self._undeliverable(source, target)
        if not routed.entries:
            return
        if len(routed.entries) > FAN_OUT_TARGETS_MAX:
            raise LimitExceeded(
                f"A publish may reach at most {FAN_OUT_TARGETS_MAX} targets; "
                f"this one would reach {len(routed.entries)}."
            )
        command = FanOut(routed.bodies, routed.entries)
        homeless: list[int] = await submit_one(self._store, str(namespace), command)
        for index in homeless:
            self._undeliverable("a publish", routed.entries[index].queue)

    def _undeliverable(self, source: str, target: str) -> None:
        UNDELIVERABLE.inc()
        log.warning("%s can't deliver to %s: no such resource", source, target)
