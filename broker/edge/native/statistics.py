"""/v1/queues/{name}/stats and /v1/stats/queues: how full queues are, and what goes on in them"""

from typing import Annotated

import msgspec

from broker.core.commands import QueueCounts
from broker.core.errors import QueueDoesNotExist
from broker.core.resources import Queue
from broker.edge.native.operation import Call, Result, operations
from broker.edge.native.page import Page, page_of
from broker.runtime.statistics import WINDOWS_S, Figures


class Totals(Result, frozen=True, kw_only=True, omit_defaults=False):
    """Messages since the daemon started, or since the queue was made."""

    sent: Annotated[
        int,
        msgspec.Meta(description="By programs and publishes; not dead-lettered or moved here."),
    ]
    received: int
    received_again: Annotated[
        int, msgspec.Meta(description="Of the received: given back, or not deleted in time.")
    ]
    deleted: int
    returned: Annotated[
        int, msgspec.Meta(description="Given back before their visibility timeout ended.")
    ]
    moved: Annotated[
        int, msgspec.Meta(description="To another queue, by a message move task or by choice.")
    ]
    expired: Annotated[int, msgspec.Meta(description="At the end of their retention.")]
    dead_lettered: Annotated[
        int, msgspec.Meta(description="Received too often, and moved to the dead-letter queue.")
    ]


class Rates(Result, frozen=True, kw_only=True, omit_defaults=False):
    """The same as messages a second."""

    sent: float
    received: float
    received_again: float
    deleted: float
    returned: float
    moved: float
    expired: float
    dead_lettered: float


class QueueStatistics(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A queue at this moment, and lately."""

    name: str
    visible: int
    in_flight: int
    delayed: int
    oldest_age_s: Annotated[
        float | None,
        msgspec.Meta(description="Since the message was sent that is next to be received."),
    ]
    waiting_receivers: int
    totals: Totals
    last_minute: Rates
    last_five_minutes: Rates


class QueueStatisticsPage(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A page of queues; `next` is null after the last one."""

    queues: list[QueueStatistics]
    next: str | None = None


@operations.add(
    "GET", "/v1/queues/{name}/stats", answers={200: QueueStatistics}, raises=(QueueDoesNotExist,)
)
async def get_queue_statistics(call: Call, name: str) -> QueueStatistics:
    """How full one queue is, what was done to it, and how often of late."""
    (found,) = await _statistics(call, [call.broker.queues.get(call.namespace, name)])
    return found


@operations.add(
    "GET",
    "/v1/stats/queues",
    query=Page,
    answers={200: QueueStatisticsPage},
    raises=(QueueDoesNotExist,),
)
async def list_queue_statistics(call: Call, query: Page) -> QueueStatisticsPage:
    """The same of all queues by name, the broker's own too, which have a slash in their names."""
    queues = call.broker.registry.resources(call.namespace).queues
    page, following = page_of([queues[name] for name in sorted(queues)], query)
    return QueueStatisticsPage(queues=await _statistics(call, page), next=following)


async def _statistics(call: Call, queues: list[Queue]) -> list[QueueStatistics]:
    names = [queue.name for queue in queues]
    counts = await call.broker.queues.counts(call.namespace, *names)
    return [_of_one(call, name, each) for name, each in zip(names, counts, strict=True)]


def _of_one(call: Call, name: str, counts: QueueCounts) -> QueueStatistics:
    namespace, statistics = call.namespace.text, call.broker.statistics
    age_s = None
    if counts.oldest_sent_at_ms is not None:
        age_s = max(0, call.broker.now_ms() - counts.oldest_sent_at_ms) / 1000
    last_minute, last_five_minutes = (
        statistics.rates(namespace, name, window_s) for window_s in WINDOWS_S
    )
    return QueueStatistics(
        name=name,
        visible=counts.visible,
        in_flight=counts.in_flight,
        delayed=counts.delayed,
        oldest_age_s=age_s,
        waiting_receivers=call.broker.waiters.count((namespace, name)),
        totals=msgspec.convert(statistics.totals(namespace, name), Totals, from_attributes=True),
        last_minute=_rates(last_minute),
        last_five_minutes=_rates(last_five_minutes),
    )


def _rates(figures: Figures) -> Rates:
    return msgspec.convert(figures, Rates, from_attributes=True)
