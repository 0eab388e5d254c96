"""/v1/status: the daemon at a glance"""

from broker import __version__
from broker.edge.native.operation import Call, Result, operations


class StoreFigures(Result, frozen=True, kw_only=True):
    """How full the store is."""

    used_bytes: int
    quota_bytes: int
    full: bool  # publishes are refused


class QueueDepth(Result, frozen=True, kw_only=True):
    """How full a queue is. The broker's own queues have a slash in their names."""

    name: str
    visible: int
    in_flight: int
    delayed: int
    oldest_sent_at_ms: int | None = None


class Status(Result, frozen=True, kw_only=True):
    """The daemon and one namespace of it."""

    version: str
    account: str
    region: str
    now_ms: int
    store: StoreFigures
    resources: dict[str, int]  # how many there are, by kind
    queues: list[QueueDepth]


@operations.add("GET", "/v1/status", answers={200: Status})
async def get_status(call: Call) -> Status:
    """Version, store, and every queue of the namespace with its counts, the broker's own too."""
    broker = call.broker
    found = broker.registry.resources(call.namespace)
    names = sorted(found.queues)
    counts = await broker.queues.counts(call.namespace, *names)
    store = broker.store.status
    return Status(
        version=__version__,
        account=call.namespace.account,
        region=call.namespace.region,
        now_ms=broker.now_ms(),
        store=StoreFigures(
            used_bytes=store.used_bytes, quota_bytes=store.quota_bytes, full=store.full
        ),
        resources={
            "queues": len(broker.queues.all(call.namespace)),
            "topics": len(found.topics),
            "subscriptions": len(found.subscriptions),
            "event_buses": len(found.event_buses),
            "rules": len(found.rules),
            "functions": len(found.functions),
        },
        queues=[
            QueueDepth(
                name=name,
                visible=each.visible,
                in_flight=each.in_flight,
                delayed=each.delayed,
                oldest_sent_at_ms=each.oldest_sent_at_ms,
            )
            for name, each in zip(names, counts, strict=True)
        ],
    )
