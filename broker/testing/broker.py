"""an in-process broker for users' tests: no port, no process, and time as the test sets it"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from broker.core.limits import ACCOUNT_CONCURRENCY
from broker.core.names import Namespace
from broker.core.resources import AnyResource
from broker.plugin import Invoker
from broker.runtime.broker import Broker, FunctionOptions
from broker.runtime.declare import declare
from broker.runtime.endpoint import DeliveryOptions
from broker.runtime.log_files import DIRECTORY as LOG_DIRECTORY
from broker.runtime.log_files import LogFiles
from broker.runtime.schedule_runner import ScheduleOptions
from broker.store.clock import Clock
from broker.store.inline import InlineStore, open_inline_store

EPOCH_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z, where trio's clock says 0


def now_ms() -> int:
    """Wall time derived from trio's clock, so that a MockClock moves both."""
    return EPOCH_MS + int(trio.current_time() * 1000)


@asynccontextmanager
async def open_broker(
    directory: Path,
    resources: Sequence[AnyResource] = (),
    invokers: Mapping[str, Invoker] | None = None,
    account_concurrency: int = ACCOUNT_CONCURRENCY,
    delivery_options: DeliveryOptions = DeliveryOptions(),  # noqa: B008 (immutable)
) -> AsyncIterator[Broker]:
    """A running broker on the directory, with these resources declared.

    Made for pytest-trio with `autojump_clock`: delays, visibility timeouts and retries then take no
    real time. Leaving it stops everything; opening the directory again finds what was stored.
    """
    with open_inline_store(directory, Clock(now_ms, now_ms)) as store:
        async with running_broker(
            store,
            resources,
            invokers,
            account_concurrency,
            delivery_options,
            logs=LogFiles(directory / LOG_DIRECTORY),
        ) as broker:
            yield broker


@asynccontextmanager
async def running_broker(
    store: InlineStore,
    resources: Sequence[AnyResource] = (),
    invokers: Mapping[str, Invoker] | None = None,
    account_concurrency: int = ACCOUNT_CONCURRENCY,
    delivery_options: DeliveryOptions = DeliveryOptions(),  # noqa: B008 (immutable)
    schedule_options: ScheduleOptions = ScheduleOptions(),  # noqa: B008 (immutable)
    wall_ms: Callable[[], int] = now_ms,
    logs: LogFiles | None = None,
    *,
    allow_upload: bool = True,
) -> AsyncIterator[Broker]:
    """The same over a store that the test has opened, for instance with failpoints."""
    broker = Broker(
        store,
        invokers or {},
        wall_ms,
        origin="http://broker.test",
        delivery_options=delivery_options,
        schedule_options=schedule_options,
        logs=logs,
        function_options=FunctionOptions(account_concurrency, allow_upload=allow_upload),
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(broker.run)
        await declare(broker, Namespace(), resources)
        yield broker
        nursery.cancel_scope.cancel()
