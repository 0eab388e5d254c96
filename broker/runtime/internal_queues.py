"""internal queues that are drained for themselves, each kind by its own worker"""

from collections.abc import Iterable

from broker.runtime.dispatchers import Workers
from broker.runtime.drain import Drain, Worker


class InternalQueues:
    """Several kinds of queues as one, for a dispatcher that knows them as queues only."""

    def __init__(self, *kinds: Workers) -> None:
        self._kinds = kinds

    def names(self, namespace: str) -> Iterable[str]:
        """See `broker.runtime.dispatchers.Workers`."""
        return [name for kind in self._kinds for name in kind.names(namespace)]

    def has(self, namespace: str, name: str) -> bool:
        """See `broker.runtime.dispatchers.Workers`."""
        return any(kind.has(namespace, name) for kind in self._kinds)

    def queue(self, name: str) -> str:
        """See `broker.runtime.dispatchers.Workers`."""
        return name

    def worker(self, drain: Drain, name: str) -> Worker:
        """See `broker.runtime.dispatchers.Workers`."""
        namespace = str(drain.namespace)
        kind = next(kind for kind in self._kinds if kind.has(namespace, name))
        return kind.worker(drain, name)
