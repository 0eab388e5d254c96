"""polls one queue for whoever wants its messages in batches: a pipe, an event source mapping

It waits for a message, then for its consumer's room, and receives only then: what finds no room
costs no receive. A batch that comes to nothing for want of room elsewhere is given back with its
receives refunded; one that failed stays hidden until its queue's visibility timeout ends, as any
consumer's would, and the queue's redrive policy counts. How many batches are out at a time grows
while they succeed and shrinks when they don't.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import trio

from broker.core.commands import Received, VisibilityChange
from broker.core.errors import (
    BrokerError,
    OverLimit,
    QueueDoesNotExist,
    StoreFailed,
    StoreFull,
)
from broker.core.limits import (
    PAYLOAD_SYNC_BYTES_MAX,
    POLLER_CONCURRENCY,
    POLLER_CONCURRENCY_MAX,
    WAIT_TIME_S_MAX,
)
from broker.core.names import Namespace
from broker.runtime.drain import STORE_PAUSE_S, WorkerGone
from broker.runtime.metrics import BATCHES
from broker.runtime.queues import Queues

__all__ = ["BatchFailed", "BatchThrottled", "Consumer", "Poller", "Polling"]

log = logging.getLogger(__name__)

RECEIVE_MAX = 1_000  # at once; a larger batch is gathered by several
ROOM_PATIENCE_S = 10.0
NO_QUEUE_PAUSE_S = 10.0
BEATEN_PAUSE_S = 0.1  # after a receive that others were faster at, or that finds too many in flight
THROTTLED_S = (1.0, 30.0)  # first and longest wait, unless the one who has no room asks for more


class BatchThrottled(Exception):
    """There was no room for a batch, somewhere. It costs its messages no receive."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class BatchFailed(Exception):
    """A batch could not be handed on; says why."""


@dataclass(frozen=True, slots=True)
class Polling:
    """How a queue is polled."""

    queue: str
    batch_size: int
    window_s: int
    concurrency_max: int = POLLER_CONCURRENCY_MAX


class Consumer(Protocol):
    """What is done with batches."""

    label: str  # for logs: "pipe orders"

    def polling(self) -> Polling:
        """How to receive the next batch. Raises: WorkerGone."""

    async def take_room(self) -> str:
        """Wait until one more batch can be taken on; what it was taken of."""

    def give_room(self, room: str) -> None:
        """Give back what `take_room` took."""

    async def consume(self, batch: list[Received], room: str) -> list[Received]:
        """Hand a batch on and delete what is done; what has failed is answered.

        Raises: BatchThrottled, BatchFailed, BrokerError, WorkerGone.
        """


class Poller:
    """One consumer's; see `broker.runtime.dispatchers.Runner`."""

    def __init__(self, queues: Queues, namespace: Namespace, consumer: Consumer) -> None:
        self._queues = queues
        self._namespace = namespace
        self._consumer = consumer
        self._taking = trio.CancelScope()
        self._limit = POLLER_CONCURRENCY
        self._out = 0
        self._returned = trio.lowlevel.ParkingLot()
        self._throttled = 0  # in a row

    async def run(self) -> None:
        """Until stopped and done, or until the consumer is gone."""
        async with trio.open_nursery() as working:
            with self._taking, suppress(WorkerGone):
                await self._take(working)

    def stop(self) -> None:
        """Take no more; the batches that are out go on to their end."""
        self._taking.cancel()

    end = stop

    async def _take(self, working: trio.Nursery) -> None:
        while True:
            polling = self._consumer.polling()
            try:
                await self._queues.wait_visible(self._namespace, polling.queue)
                await self._start(polling, working)
            except (StoreFailed, StoreFull, OverLimit) as error:
                log.warning("%s waits for the store: %s", self._consumer.label, error.message)
                await trio.sleep(STORE_PAUSE_S)
            except QueueDoesNotExist:
                # It may be made again; then all goes on.
                log.warning("%s: there is no queue %s", self._consumer.label, polling.queue)
                await trio.sleep(NO_QUEUE_PAUSE_S)

    async def _start(self, polling: Polling, working: trio.Nursery) -> None:
        while self._out >= min(self._limit, polling.concurrency_max):
            await self._returned.park()
        self._out += 1
        room: str | None = None
        batch: list[Received] = []
        try:
            if not polling.window_s:
                room = await self._consumer.take_room()
            batch = await self._gathered(polling)
        finally:
            if not batch:
                self._return(room)
        if batch:
            working.start_soon(self._work, polling, batch, room)
        else:
            await trio.sleep(BEATEN_PAUSE_S)

    def _return(self, room: str | None) -> None:
        self._out -= 1
        if room is not None:
            self._consumer.give_room(room)
        self._returned.unpark_all()

    async def _gathered(self, polling: Polling) -> list[Received]:
        """A full batch, or what has come when the window ends; of large messages fewer.

        The visibility timeout begins for all of them when the window ends.
        """
        batch: list[Received] = []
        queue = self._queues.get(self._namespace, polling.queue)
        until = trio.current_time() + polling.window_s
        try:
            while True:
                left_s = max(until - trio.current_time(), 0.0)
                more = await self._queues.receive(
                    self._namespace,
                    polling.queue,
                    min(polling.batch_size - len(batch), RECEIVE_MAX),
                    queue.visibility_timeout_s + left_s,
                    min(left_s, WAIT_TIME_S_MAX) if batch else 0.0,
                )
                batch += more
                full = (
                    len(batch) >= polling.batch_size or _bytes(batch) >= PAYLOAD_SYNC_BYTES_MAX // 2
                )
                if not batch or full or trio.current_time() >= until:
                    return batch
        except BaseException:
            self._queues.give_back(self._namespace, polling.queue, batch)
            raise

    async def _room(self) -> str:
        """For a batch whose window has ended: no room is held while it gathers."""
        with trio.move_on_after(ROOM_PATIENCE_S):
            return await self._consumer.take_room()
        raise BatchThrottled("nothing became free")

    async def _work(self, polling: Polling, batch: list[Received], room: str | None) -> None:
        label = self._consumer.label
        try:
            room = await self._room() if room is None else room
            failed = await self._consumer.consume(batch, room)
        except BatchThrottled as throttled:
            self._shrink("throttled")
            await self._put_off(polling, batch, throttled)
        except BatchFailed as failure:
            self._shrink("failed")
            log.warning("%s: a batch of %d failed: %s", label, len(batch), failure)
        except BrokerError as error:
            self._shrink("failed")
            log.warning("%s: a batch of %d failed: %s", label, len(batch), error.message)
        except WorkerGone:
            self._queues.give_back(self._namespace, polling.queue, batch)
        except trio.Cancelled:
            self._queues.give_back(self._namespace, polling.queue, batch)
            raise
        except Exception:
            self._shrink("failed")
            log.exception("%s failed at a batch of %d", label, len(batch))
        else:
            self._throttled = 0
            BATCHES.labels(label, "failed" if failed else "done").inc()
            if failed:
                log.warning("%s: %d of a batch of %d failed", label, len(failed), len(batch))
            self._limit = min(self._limit + 1, POLLER_CONCURRENCY_MAX)
        finally:
            self._return(room)

    def _shrink(self, outcome: str) -> None:
        BATCHES.labels(self._consumer.label, outcome).inc()
        self._limit = max(1, self._limit // 2)

    async def _put_off(
        self, polling: Polling, batch: Sequence[Received], throttled: BatchThrottled
    ) -> None:
        first_s, longest_s = THROTTLED_S
        backoff_s = min(first_s * 2 ** min(self._throttled, 16), longest_s)
        delay_s = max(throttled.retry_after_s or 0.0, backoff_s)
        self._throttled += 1
        log.info("%s: no room, again in %.0f s: %s", self._consumer.label, delay_s, throttled)
        changes = [
            VisibilityChange(one.receipt_handle, round(delay_s * 1000), spend_receive=False)
            for one in batch
        ]
        try:
            await self._queues.change_visibility(self._namespace, polling.queue, changes)
        except BrokerError as error:
            log.warning("%s: a batch comes back late: %s", self._consumer.label, error.message)


def _bytes(batch: Sequence[Received]) -> int:
    return sum(len(one.body) for one in batch)
