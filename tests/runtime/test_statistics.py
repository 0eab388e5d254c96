"""What is counted of each queue, and the rates of the last minutes, on an injected clock."""

from pathlib import Path

import pytest
import trio

from broker.core.commands import Pick, VisibilityChange
from broker.core.message import message
from broker.core.names import Namespace
from broker.core.resources import Queue, RedrivePolicy
from broker.runtime import statistics
from broker.runtime.statistics import SENT, Statistics
from broker.testing.broker import open_broker
from tests.runtime.conftest import NAMESPACE

HERE = str(NAMESPACE)


class Time:
    def __init__(self) -> None:
        self.now_ms = 1_767_225_600_000

    def __call__(self) -> int:
        return self.now_ms


class Known:
    """A registry that knows these queues."""

    def __init__(self, *queues: str) -> None:
        self.queues = {name: Queue(name=name) for name in queues}

    def resources(self, namespace: object) -> "Known":
        return self


def counting(*queues: str) -> tuple[Statistics, Time, Known]:
    time, registry = Time(), Known(*queues)
    return Statistics(registry, time), time, registry  # type: ignore[arg-type]


def pass_time(statistics: Statistics, time: Time, seconds: float) -> None:
    time.now_ms += int(seconds * 1000)
    statistics.hear_time(time.now_ms)


def test_a_rate_is_over_the_last_minute_and_over_the_last_five() -> None:
    statistics, time, _ = counting("orders")
    pass_time(statistics, time, 600)

    for _ in range(60):
        statistics.count(HERE, "orders", SENT, 10)
        pass_time(statistics, time, 1)

    # A minute ends within a slot that has just begun: 11 whole slots, and nothing of this one.
    assert statistics.rates(HERE, "orders", 60).sent == pytest.approx(10)
    assert statistics.rates(HERE, "orders", 300).sent == pytest.approx(600 / 295, abs=0.001)
    assert statistics.totals(HERE, "orders").sent == 600


def test_what_is_long_past_counts_in_the_totals_only() -> None:
    statistics, time, _ = counting("orders")
    statistics.count(HERE, "orders", SENT, 600)
    pass_time(statistics, time, 70)
    assert statistics.rates(HERE, "orders", 60).sent == 0
    assert statistics.rates(HERE, "orders", 300).sent > 0

    pass_time(statistics, time, 300)

    assert statistics.rates(HERE, "orders", 300).sent == 0
    assert statistics.totals(HERE, "orders").sent == 600


def test_a_young_daemon_has_rates_over_the_time_it_has_lived() -> None:
    statistics, time, _ = counting("orders")

    statistics.count(HERE, "orders", SENT, 100)
    pass_time(statistics, time, 20)

    assert statistics.rates(HERE, "orders", 60).sent == 5
    assert statistics.rates(HERE, "orders", 300).sent == 5


def test_a_rate_falls_while_the_store_is_idle() -> None:
    statistics, time, _ = counting("orders")
    statistics.count(HERE, "orders", SENT, 100)

    time.now_ms += 600_000  # and no answer of the store tells of it

    assert statistics.rates(HERE, "orders", 60).sent == 0


def test_a_queue_that_is_not_there_has_no_counters() -> None:
    statistics, _, _ = counting()

    statistics.count(HERE, "nowhere", SENT)
    statistics.count_each(HERE, ["nowhere"], SENT)

    assert list(statistics.rows()) == []


def test_queues_past_the_limit_share_a_row_that_never_shrinks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(statistics, "METRICS_QUEUES_MAX", 1)
    counted, _, registry = counting("a", "b", "c")
    for queue in ("a", "b", "c"):
        counted.count(HERE, queue, SENT, 5)

    def rows() -> dict[str, float]:
        return {queue: figures.sent for _, queue, figures in counted.rows()}

    assert rows() == {"a": 5, "": 10}
    for queue in ("a", "b"):
        del registry.queues[queue]
        counted.hear(HERE, "queue", queue)
    assert rows() == {"": 10}


async def test_each_thing_that_is_done_to_a_queue_is_counted_as_what_it_is(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [Queue(name="orders")]) as broker:
        queues, here = broker.queues, Namespace()
        await queues.send(here, "orders", [(message(str(n)), 0) for n in range(3)])
        first, second, third = await queues.receive(here, "orders", count=10)
        await queues.delete_messages(here, "orders", [first.receipt_handle, b"nonsense"])
        changes = [
            VisibilityChange(second.receipt_handle, 0),
            VisibilityChange(third.receipt_handle, 60_000),
        ]
        await queues.change_visibility(here, "orders", changes)
        (again,) = await queues.receive(here, "orders", count=10)
        await queues.receive(here, "orders")

        found = broker.statistics.totals(str(here), "orders")

    assert again.message_id == second.message_id
    assert found == statistics.Figures(sent=3, received=4, received_again=1, deleted=1, returned=1)


async def test_a_deleted_queue_begins_anew(directory: Path, autojump_clock: object) -> None:
    async with open_broker(directory, [Queue(name="orders")]) as broker:
        here = Namespace()
        await broker.queues.send(here, "orders", [(message("a"), 0)])
        await broker.queues.delete(here, "orders")
        await broker.queues.create(here, Queue(name="orders"))

        assert broker.statistics.totals(str(here), "orders").sent == 0


async def test_what_a_message_move_task_moves_is_counted_where_it_comes_from(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [Queue(name="letters"), Queue(name="orders")]) as broker:
        here = Namespace()
        await broker.queues.send(here, "letters", [(message(str(n)), 0) for n in range(450)])
        await broker.message_moves.start(here, "letters", "orders")
        await trio.sleep(60)

        assert broker.statistics.totals(str(here), "letters").moved == 450
        assert broker.statistics.totals(str(here), "orders").sent == 0
        (counts,) = await broker.queues.counts(here, "orders")
        assert counts.visible == 450


async def test_a_choice_of_messages_is_counted_as_moved_or_deleted(
    directory: Path, autojump_clock: object
) -> None:
    async with open_broker(directory, [Queue(name="letters"), Queue(name="orders")]) as broker:
        here = Namespace()
        await broker.queues.send(here, "letters", [(message(str(n)), 0) for n in range(3)])
        first, second, _ = await broker.queues.peek(here, "letters")
        pick = Pick(first.cursor, broker.ids.new())
        await broker.queues.relocate(here, "letters", [pick], "orders")
        await broker.queues.discard(here, "letters", [second.cursor, second.cursor])

        found = broker.statistics.totals(str(here), "letters")

    assert (found.sent, found.moved, found.deleted) == (3, 1, 1)


async def test_what_a_queue_loses_by_itself_is_counted(
    directory: Path, autojump_clock: object
) -> None:
    policy = RedrivePolicy(NAMESPACE.arn("sqs", "letters"), 1)
    queues = [Queue(name="letters"), Queue(name="orders", retention_s=60, redrive_policy=policy)]
    async with open_broker(directory, queues) as broker:
        await broker.queues.send(NAMESPACE, "orders", [(message("dead"), 0)])
        await broker.queues.receive(NAMESPACE, "orders", 1, visibility_timeout_s=0)
        assert await broker.queues.receive(NAMESPACE, "orders") == []
        await broker.queues.send(NAMESPACE, "orders", [(message("old"), 0), (message("older"), 0)])
        await trio.sleep(61)
        found = broker.statistics.totals(HERE, "orders")
        assert (found.dead_lettered, found.expired) == (1, 2)
