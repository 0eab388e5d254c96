"""what one commit may cost others, and what must not pile up"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.core import commands
from broker.core.commands import Wakeup
from tests.store.invariants import check_engine
from tests.store.test_groups import NAMESPACE, OneStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OneStore]:
    store = OneStore(tmp_path / "data")
    yield store
    check_engine(store.engine)
    store.engine.close()


@pytest.mark.parametrize("queue", ["orders", "orders.fifo"])
def test_a_commit_settles_one_slice_of_a_queue_however_many_commands_it_has(
    store: OneStore, monkeypatch: pytest.MonkeyPatch, queue: str
) -> None:
    monkeypatch.setattr("broker.core.queue.settle.SETTLE_SLICE", 2)
    monkeypatch.setattr("broker.core.queue.settle.RECLAIM_SLICE", 2)
    store.create(queue, fifo=queue.endswith(".fifo"))
    group = "-" if queue == "orders" else "a"
    for delay_ms in range(1, 7):
        store.send(queue, f"{group}{delay_ms}", delay_ms=delay_ms)
    store.now_ms += 10
    ((first,), (last,)) = store.run_all(*[commands.CountMessages([queue])] * 2)
    assert first == last
    assert (first.visible, first.delayed) == (2, 4)
    store.advance()
    assert store.texts(queue) == [f"{group}{number}" for number in range(1, 7)]


def test_receivers_hear_when_a_fifo_queue_has_room_for_messages_in_flight_again(
    store: OneStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("receive", "entries"):
        monkeypatch.setattr(f"broker.core.queue.{module}.IN_FLIGHT_MAX", 2)
    store.create("orders.fifo", fifo=True)
    store.send("orders.fifo", "a1", "b1", "c1")
    held = [*store.receive("orders.fifo"), *store.receive("orders.fifo")]
    assert store.receive("orders.fifo") == []
    delete = commands.DeleteMessages("orders.fifo", [held[0].receipt_handle])
    committed = store.engine.apply([(NAMESPACE, delete)])
    assert committed.wakeups == [Wakeup(NAMESPACE, "orders.fifo", 1)]
    assert store.receive_texts("orders.fifo") == ["c1"]


def test_alarms_do_not_pile_up_behind_a_message_with_a_long_delay(store: OneStore) -> None:
    store.create("orders")
    store.send("orders", "-later", delay_ms=400 * 86_400_000, cancellable=True)
    for _ in range(1_200):
        store.send("orders", "-soon", delay_ms=1)
        store.now_ms += 1
        (soon,) = store.receive("orders")
        store.run(commands.DeleteMessages("orders", [soon.receipt_handle]))
    assert len(store.engine._state.due) <= 1_100
    store.now_ms += 400 * 86_400_000
    assert store.engine.apply([]).status.due_at_ms <= store.now_ms  # type: ignore[operator]
    store.advance()
    assert store.receive_texts("orders") == ["-later"]


def test_an_advance_leaves_queues_for_the_next_one_when_it_had_much_to_do(
    store: OneStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.core.apply.SETTLE_SLICE", 3)
    names = [f"queue-{number}" for number in range(4)]
    for name in names:
        store.create(name)
        store.send(name, "-a", "-b", delay_ms=1_000)
    store.now_ms += 1_000
    done = []
    for _ in names[::2]:
        store.run(commands.Advance())
        done.append([store.engine._state.queues[NAMESPACE, name].visible for name in names])
    assert [sum(visible) for visible in done] == [4, 8]
    store.advance()


def test_a_peek_into_a_fifo_queue_does_not_walk_past_all_that_is_hidden(
    store: OneStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.create("orders.fifo", fifo=True)
    store.send("orders.fifo", "a1", "b1", "c1", delay_ms=1_000)
    monkeypatch.delattr("broker.store.view.TransactionView.lanes")
    assert store.texts("orders.fifo") == ["a1", "b1", "c1"]
    monkeypatch.undo()
