"""/healthz, /readyz and /metrics: whether the daemon lives, serves, and what it has done"""

from collections.abc import Iterable

import trio
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from broker.core.commands import CountMessages, QueueCounts
from broker.core.errors import (
    BrokerError,
    QueueDoesNotExist,
    StoreFailed,
    StoreUnavailable,
)
from broker.core.names import Namespace
from broker.edge.http.message import Request, Response
from broker.runtime.broker import Broker
from broker.runtime.metrics import REGISTRY
from broker.store.seam import submit_one

STORE_PATIENCE_S = 5.0


class Health:
    """Answers for the daemon as a whole. Needs no credentials and changes nothing."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.ready = False

    async def handle(self, request: Request) -> Response | None:
        """None if the path isn't one of these."""
        if request.method not in ("GET", "HEAD"):
            return None
        match request.raw_path:
            case b"/healthz":
                return _answer(await self.store_answers(), "ok", "the store does not answer")
            case b"/readyz":
                return _answer(self.ready, "ready", "not ready")
            case b"/metrics":
                try:
                    return Response(200, await self._metrics(), CONTENT_TYPE_LATEST)
                except (StoreFailed, StoreUnavailable) as error:
                    return _answer(False, "", error.message)
        return None

    async def store_answers(self) -> bool:
        """Whether the store process answers in good time."""
        with trio.move_on_after(STORE_PATIENCE_S):
            try:
                await submit_one(self._broker.store, "", CountMessages([]))
            except BrokerError:
                return False
            return True
        return False

    async def _metrics(self) -> bytes:
        rows: list[tuple[str, str, QueueCounts]] = []
        for namespace, resources in list(self._broker.registry.namespaces.items()):
            names = list(resources.queues)
            for name, counts in zip(names, await self._counts(namespace, names), strict=True):
                rows.append((namespace, name, counts))
        now = CollectorRegistry(auto_describe=False)
        now.register(_Gauges(self._broker, rows))
        return generate_latest(now) + generate_latest(REGISTRY)

    async def _counts(self, namespace: str, names: list[str]) -> list[QueueCounts]:
        """The counts of each queue; of one that has just been deleted, nothing."""
        place = Namespace.parse(namespace)
        try:
            return await self._broker.queues.counts(place, *names)
        except QueueDoesNotExist:
            pass
        counts = []
        for name in names:
            try:
                counts += await self._broker.queues.counts(place, name)
            except QueueDoesNotExist:
                counts.append(QueueCounts())
        return counts


class _Gauges(Collector):
    """What is so now, beside the counters of what has been."""

    def __init__(self, broker: Broker, rows: list[tuple[str, str, QueueCounts]]) -> None:
        self._broker = broker
        self._rows = rows

    def collect(self) -> Iterable[Metric]:
        """Queues by state, ages, the ledger, the store."""
        labels = ["namespace", "queue"]
        messages = GaugeMetricFamily(
            "broker_queue_messages", "Messages in a queue, by state.", labels=[*labels, "state"]
        )
        age = GaugeMetricFamily(
            "broker_queue_oldest_message_age_seconds",
            "Since the message was sent that is next to be received.",
            labels=labels,
        )
        now_ms = self._broker.now_ms()
        for namespace, queue, counts in self._rows:
            for state in ("visible", "in_flight", "delayed"):
                messages.add_metric([namespace, queue, state], getattr(counts, state))
            if counts.oldest_sent_at_ms is not None:
                age.add_metric([namespace, queue], (now_ms - counts.oldest_sent_at_ms) / 1000)
        yield messages
        yield age
        yield from self._traffic()
        running = GaugeMetricFamily(
            "broker_function_running", "Executions under way.", labels=["namespace", "function"]
        )
        for namespace in self._broker.registry.namespaces:
            for function, count in self._broker.functions.ledger(namespace).running.items():
                running.add_metric([namespace, function], count)
        yield running
        waiting = GaugeMetricFamily(
            "broker_waiting_receivers", "Receivers that wait for a message.", labels=["namespace"]
        )
        for namespace, count in self._broker.waiters.counts().items():
            waiting.add_metric([namespace], count)
        yield waiting
        status = self._broker.store.status
        for name, text, value in (
            ("broker_streams", "Open streams.", len(self._broker.streams)),
            ("broker_store_used_bytes", "Bytes in live pages.", status.used_bytes),
            ("broker_store_quota_bytes", "Bytes the store may use.", status.quota_bytes),
            ("broker_store_full", "1 while publishes are refused.", int(status.full)),
        ):
            yield GaugeMetricFamily(name, text, value=value)

    def _traffic(self) -> Iterable[Metric]:
        """What programs did with queues. Queues past so many share one label, which is empty."""
        labels = ["namespace", "queue"]
        families = {
            kind: CounterMetricFamily(f"broker_queue_{kind}", text, labels=labels)
            for kind, text in _TRAFFIC.items()
        }
        for namespace, queue, figures in self._broker.statistics.rows():
            for kind, family in families.items():
                family.add_metric([namespace, queue], getattr(figures, kind))
        return families.values()


_TRAFFIC = {
    "sent": "Messages put into a queue.",
    "received": "Messages received, also again.",
    "received_again": "Messages received that had been received before.",
    "deleted": "Received messages that were deleted.",
    "moved": "Messages moved to another queue.",
    "expired": "Messages that came to the end of their retention.",
    "dead_lettered": "Messages that were received too often and moved to the dead-letter queue.",
    "returned": "Messages given back before their visibility timeout ended.",
}


def _answer(good: bool, yes: str, no: str) -> Response:
    return Response(200 if good else 503, f"{yes if good else no}\n".encode(), "text/plain")
