"""drains one internal queue: what waits there is worked off as fast as there is room for it

The room is its worker's: a function's permits, an endpoint's requests. A drain first waits for a
message, then for room, and receives only then: what finds no room stays in the queue untouched and
loses no attempt. What was being worked at when the daemon last ended is taken up at once.
"""

import logging
import math
from collections.abc import Sequence
from typing import Any, Protocol

import trio

from broker.core import commands
from broker.core.commands import (
    ChangeVisibility,
    Command,
    DeleteMessages,
    NewEntry,
    Received,
    ReplaceMessages,
    VisibilityChange,
)
from broker.core.errors import BrokerError, OverLimit, QueueDoesNotExist, StoreFailed, StoreFull
from broker.core.ledger import Attempt
from broker.core.names import Namespace
from broker.runtime.ledger import Ledger
from broker.runtime.queues import Queues
from broker.store.seam import Store, submit_one

log = logging.getLogger(__name__)

STORE_PAUSE_S = 1.0
ANSWER_CHARS_MAX = 300  # of an answer, that the ledger keeps
CLOSE_S = 1.0  # for a worker to close its connections


class WorkerGone(Exception):
    """The function or subscription was deleted while its queue was drained."""


class Worker(Protocol):
    """What is done with the messages of a queue, and how many at a time."""

    label: str  # for logs: "function resize"

    async def take_room(self, wanted: int) -> int:
        """Wait for room, and take some: for one message, or up to `wanted`, which is 1 or more."""

    def give_room(self, count: int) -> None:
        """Give room back that was taken."""

    def lease_s(self) -> float:
        """How long one message may take, at most. Raises: WorkerGone."""

    async def work(self, received: Received) -> None:
        """Work at one message, and settle it through the drain. Raises: BrokerError, WorkerGone."""

    async def aclose(self) -> None:
        """Let go of what it holds: its queue is drained no more."""


class Drain:
    """One queue's drain. Its worker settles each message by one of `done`, `hide`, `replace`."""

    def __init__(
        self, store: Store, queues: Queues, ledger: Ledger, namespace: Namespace, queue: str
    ) -> None:
        self._ledger = ledger
        self.namespace = namespace
        self.queue = queue
        self._store = store
        self._queues = queues
        self._taking = trio.CancelScope()

    async def run(self, worker: Worker) -> None:
        """Until cancelled, stopped and done, or until the queue or its worker is gone."""
        try:
            await self._release_interrupted(worker)
            async with trio.open_nursery() as working:
                with self._taking:
                    await self._take(worker, working)
        except* (QueueDoesNotExist, WorkerGone):
            log.info("%s is gone; its queue is drained no more", worker.label)
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
                await worker.aclose()

    def stop(self) -> None:
        """Take no more; what is being worked at goes on to its end."""
        self._taking.cancel()

    # What a worker makes of a message

    # and, if it was an attempt, the note of it for the ledger

    async def done(self, received: Received, attempt: Attempt | None = None) -> None:
        """It is done with."""
        command = DeleteMessages(self.queue, [received.receipt_handle])
        await self._settle(received, command, attempt)

    async def hide(
        self,
        received: Received,
        delay_s: float,
        *,
        spend: bool = True,
        attempt: Attempt | None = None,
    ) -> None:
        """Try again later; unless `spend`, as if this attempt had never been."""
        change = VisibilityChange(
            received.receipt_handle, math.ceil(delay_s * 1000), spend_receive=spend, delayed=True
        )
        await self._settle(received, ChangeVisibility(self.queue, [change]), attempt)

    async def replace(
        self,
        received: Received,
        bodies: Sequence[bytes],
        entries: Sequence[NewEntry],
        attempt: Attempt | None = None,
        *,
        admit: bool = False,
    ) -> tuple[bool, list[int]]:
        """Put entries in its place; see `commands.ReplaceMessages`.

        Whether it was there still, and which entries found no queue.
        """
        handles = [received.receipt_handle]
        command = ReplaceMessages(self.queue, handles, list(bodies), list(entries), admit)
        stale, homeless = await self._settle(received, command, attempt)
        return not stale, homeless

    async def _settle(self, received: Received, command: Command, attempt: Attempt | None) -> Any:
        both = [command]
        if attempt is not None:
            both += self._ledger.noted(self.namespace, received.message_id, attempt)
        # One commit: what is noted has happened, and the other way.
        outcome, *_ = await self._store.submit(str(self.namespace), both)
        if isinstance(outcome, BrokerError):
            raise outcome
        return outcome

    # The loop

    async def _release_interrupted(self, worker: Worker) -> None:
        command = commands.ReleaseHidden(self.queue)
        released = 1
        while released:
            try:
                released = await submit_one(self._store, str(self.namespace), command)
            except (StoreFailed, StoreFull) as error:
                await _pause(worker, error)

    async def _take(self, worker: Worker, working: trio.Nursery) -> None:
        while True:
            try:
                waiting = await self._queues.wait_visible(self.namespace, self.queue)
                while waiting > 0:
                    room = await worker.take_room(waiting)
                    received = await self._start(worker, room, working)
                    waiting = waiting - room if received == room else 0
            except (StoreFailed, StoreFull, OverLimit) as error:
                await _pause(worker, error)

    async def _start(self, worker: Worker, room: int, working: trio.Nursery) -> int:
        """Receive as many as there is room for, and begin with them; how many those are."""
        received: list[Received] = []
        try:
            received = await self._queues.receive(
                self.namespace, self.queue, room, worker.lease_s()
            )
            for one in received:
                working.start_soon(self._work, worker, one)
            return len(received)
        finally:
            worker.give_room(room - len(received))

    async def _work(self, worker: Worker, received: Received) -> None:
        try:
            await worker.work(received)
        except BrokerError as error:
            # The store has it still: it comes back when its lease ends.
            log.warning("%s: a message is put off: %s", worker.label, error.message)
        except WorkerGone:
            raise
        except Exception:
            # One worker's trouble must not end the others' work.
            log.exception("%s failed at a message, which is put off", worker.label)
        finally:
            worker.give_room(1)


def noted(
    received: Received, now_ms: int, outcome: str, answer: str, next_at_ms: int | None = None
) -> Attempt:
    """What the ledger is told of an attempt."""
    answer = answer[:ANSWER_CHARS_MAX]
    return Attempt(received.receive_count, now_ms, outcome, answer, next_at_ms)


async def _pause(worker: Worker, error: BrokerError) -> None:
    log.warning("%s waits for the store: %s", worker.label, error.message)
    await trio.sleep(STORE_PAUSE_S)
