"""Receivers that wait: woken in order, as many as can be served, and at no cost until then."""

import random
from pathlib import Path

import pytest
import trio
import trio.testing

from broker.core.commands import Wakeup
from broker.core.message import decode, message, rendered
from broker.core.names import Namespace
from broker.core.resources import Queue
from broker.runtime.broker import Broker
from broker.runtime.waiters import Waiters
from broker.testing.broker import open_broker

NS = Namespace()
PLACE = (NS.text, "orders")


class Line:
    """Receivers in one line, who wait once and note when they are woken."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.waiters = Waiters()
        self.woken: list[str] = []
        self._nursery = nursery

    async def join(self, name: str, wants: int = 1) -> trio.CancelScope:
        async def wait(task_status: trio.TaskStatus[trio.CancelScope]) -> None:
            with self.waiters.line_up(PLACE, wants) as waiter, trio.CancelScope() as scope:
                task_status.started(scope)
                await waiter.wait()
                self.woken.append(name)
                await trio.sleep_forever()  # it keeps its place until it has been served

        scope: trio.CancelScope = await self._nursery.start(wait)
        await trio.testing.wait_all_tasks_blocked()
        return scope

    async def arrive(self, visible: int) -> None:
        self.waiters.wake(Wakeup(*PLACE, visible))
        await trio.testing.wait_all_tasks_blocked()


async def test_receivers_are_woken_in_the_order_in_which_they_came(nursery: trio.Nursery) -> None:
    line = Line(nursery)
    for name in "abcd":
        await line.join(name)
    await line.arrive(1)
    assert line.woken == ["a"]
    await line.arrive(3)
    assert line.woken[0] == "a"
    assert sorted(line.woken) == ["a", "b", "c"]
    nursery.cancel_scope.cancel()


async def test_no_more_are_woken_than_it_takes_to_receive_what_is_there(
    nursery: trio.Nursery,
) -> None:
    line = Line(nursery)
    await line.join("takes ten", wants=10)
    await line.join("takes five", wants=5)
    await line.join("takes one")
    await line.arrive(10)
    assert line.woken == ["takes ten"]
    await line.arrive(11)
    assert sorted(line.woken) == ["takes five", "takes ten"]
    nursery.cancel_scope.cancel()


async def test_one_that_leaves_unserved_hands_its_wake_up_to_the_next(
    nursery: trio.Nursery,
) -> None:
    line = Line(nursery)
    with line.waiters.line_up(PLACE) as first:
        await line.join("b")
        await line.arrive(1)
        assert (first.woken, line.woken) == (True, [])
    await trio.testing.wait_all_tasks_blocked()
    assert line.woken == ["b"]
    nursery.cancel_scope.cancel()


async def test_those_who_left_from_the_middle_are_passed_over(nursery: trio.Nursery) -> None:
    line = Line(nursery)
    scopes = [await line.join(name) for name in "abcd"]
    for scope in scopes[:3]:
        scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
    await line.arrive(1)
    assert line.woken == ["d"]
    nursery.cancel_scope.cancel()


class Steps(trio.abc.Instrument):
    """Counts what the event loop does."""

    taken = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.taken += 1


QUEUES, RECEIVERS = 1_000, 10_000


async def receivers(
    broker: Broker, nursery: trio.Nursery, received: dict[int, str]
) -> list[trio.CancelScope]:
    """So many, each waiting for one message, queue after queue."""

    async def wait(number: int, scope: trio.CancelScope) -> None:
        with scope:
            name = f"queue-{number % QUEUES}"
            (one,) = await broker.queues.receive(NS, name, 1, 3_600, wait_time_s=1_000)
            received[number] = rendered(decode(one.body), one.via, "").body

    scopes = [trio.CancelScope() for _ in range(RECEIVERS)]
    for number, scope in enumerate(scopes):
        nursery.start_soon(wait, number, scope)
        if number % QUEUES == QUEUES - 1:
            await trio.testing.wait_all_tasks_blocked()
    return scopes


@pytest.mark.slow
async def test_ten_thousand_waiting_receivers_cost_nothing_and_are_served_in_order(
    tmp_path: Path, autojump_clock: object
) -> None:
    queues = [Queue(name=f"queue-{number}") for number in range(QUEUES)]
    received: dict[int, str] = {}
    async with open_broker(tmp_path / "data", queues) as broker, trio.open_nursery() as nursery:
        scopes = await receivers(broker, nursery, received)

        steps = Steps()
        trio.lowlevel.add_instrument(steps)
        await trio.sleep(600)
        trio.lowlevel.remove_instrument(steps)
        assert steps.taken <= 10  # this test's own, and no receiver's

        for queue in queues[:100]:
            await broker.queues.send(NS, queue.name, [(message(n), 0) for n in "ab"])
        await trio.testing.wait_all_tasks_blocked(0.01)
        # Of each queue's ten the first two, and nobody else.
        assert sorted(received) == [*range(100), *range(QUEUES, QUEUES + 100)]
        assert all({received[n], received[n + QUEUES]} == {"a", "b"} for n in range(100))

        gone = set(random.Random(7).sample(range(RECEIVERS), RECEIVERS // 2))
        for number in gone:
            scopes[number].cancel()
        first = [n for n in range(RECEIVERS) if n % QUEUES < 200]
        alive = [n for n in first if n not in gone and n not in received]
        before = len(received)
        for number in alive:
            await broker.queues.send(NS, f"queue-{number % QUEUES}", [(message("c"), 0)])
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert len(received) - before == len(alive)
        nursery.cancel_scope.cancel()
