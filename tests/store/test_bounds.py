"""what one commit may cost others, and what must not pile up"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.core import commands
from tests.store.invariants import check_engine
from tests.store.test_groups import OneStore


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
