"""When the store is told to do what is due."""

from collections.abc import Sequence
from typing import Any

import trio
import trio.testing

from broker.core.commands import Advance, Command, StoreStatus
from broker.runtime.timekeeper import SLICE_PAUSE_S, Timekeeper
from broker.store.seam import Listener

EPOCH_MS = 1_700_000_000_000
PAUSE_MS = round(SLICE_PAUSE_S * 1000)


class DueStore:
    """A store that has something due from a second on, for as many advances as it is told."""

    def __init__(self, slices: int) -> None:
        self.slices = slices
        self.advanced_at_ms: list[int] = []
        self.started_at = trio.current_time()
        self.timekeeper = Timekeeper(self)
        self.listener: Listener = lambda status, wakeups: None

    @property
    def status(self) -> StoreStatus:
        now_ms = EPOCH_MS + round(self.passed_s * 1000)
        due_at_ms = EPOCH_MS + 1_000 if self.slices else None
        return StoreStatus(now_ms, due_at_ms, 0, 0, False)

    @status.setter
    def status(self, status: StoreStatus) -> None:
        raise NotImplementedError

    @property
    def passed_s(self) -> float:
        return trio.current_time() - self.started_at

    async def submit(self, namespace: str, commands: Sequence[Command]) -> list[Any]:
        await trio.lowlevel.checkpoint()
        assert commands == (Advance(),)
        self.advanced_at_ms.append(round(self.passed_s * 1000))
        self.slices -= 1
        self.timekeeper.hear(self.status)
        return [[]]

    async def answer_others(self, every_s: float) -> None:
        while True:
            self.timekeeper.hear(self.status)
            await trio.sleep(every_s)


async def test_what_is_due_is_done_however_often_the_store_answers_others(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = DueStore(slices=3)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.answer_others, SLICE_PAUSE_S / 5)
        nursery.start_soon(store.timekeeper.run)
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    first, second, third = store.advanced_at_ms
    assert 1_000 <= first <= 1_000 + PAUSE_MS
    assert second - first >= PAUSE_MS  # others get their turn in between
    assert third <= first + 4 * PAUSE_MS


async def test_what_is_due_is_done_on_a_broker_that_is_quiet(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = DueStore(slices=1)
    store.timekeeper.hear(store.status)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(store.timekeeper.run)
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    assert store.advanced_at_ms == [1_000]
