"""the wall clock is watched: what is due by it is done soon after it was set ahead"""

from pathlib import Path

import trio

from broker.runtime.clock_watch import LOOK_S, ClockWatch
from broker.store.clock import Clock
from broker.store.inline import open_inline_store
from broker.testing.broker import now_ms, running_broker
from tests.runtime.test_schedules import HOUR, JOBS, NS, Wall, bodies, schedule


async def test_only_a_clock_that_goes_ahead_is_told_of(autojump_clock: object) -> None:
    wall = Wall()
    told: list[float] = []

    def tell() -> None:
        told.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ClockWatch(wall, tell).run)
        await trio.sleep(10.5 * LOOK_S)
        wall.ahead_ms -= HOUR * 1000
        await trio.sleep(10 * LOOK_S)
        assert told == []
        wall.ahead_ms += HOUR * 1000
        await trio.sleep(LOOK_S)
        assert len(told) == 1
        nursery.cancel_scope.cancel()


async def test_a_run_that_was_slept_through_is_made_up_for(
    directory: Path, autojump_clock: object
) -> None:
    wall = Wall()
    with open_inline_store(directory, Clock(wall, now_ms)) as store:
        async with running_broker(store, [JOBS], wall_ms=wall) as broker:
            await broker.schedules.create(NS, schedule("cron(0 12 * * ? *)"))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(broker.clock_watch.run)
                await trio.sleep(1)
                wall.ahead_ms += 13 * HOUR * 1000
                await trio.sleep(LOOK_S + 1)
                assert await bodies(broker) == ["2026-01-01T12:00:00Z"]
                nursery.cancel_scope.cancel()
