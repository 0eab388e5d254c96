"""message groups, where the rules are easily got wrong: examples that an oracle once found"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.core import commands, resources
from broker.core.commands import NewMessage, RecordChange, VisibilityChange
from broker.store.clock import Clock
from broker.store.engine import Engine
from tests.store.invariants import check_engine

NAMESPACE = "000000000000/us-east-1"
EPOCH_MS = 1_700_000_000_000


class OneStore:
    """A store on a clock that is moved by hand."""

    def __init__(self, directory: Path) -> None:
        self.now_ms = EPOCH_MS
        self._directory = directory
        self._serial = 0
        self.engine = self._open()

    def _open(self) -> Engine:
        return Engine(self._directory, Clock(lambda: self.now_ms, lambda: 0))

    def reopen(self) -> None:
        self.engine.close()
        self.engine = self._open()

    def run(self, command: Any) -> Any:
        (outcome,) = self.run_all(command)
        return outcome

    def run_all(self, *batch: Any) -> list[Any]:
        """In one commit."""
        outcomes = self.engine.apply([(NAMESPACE, command) for command in batch]).outcomes
        for outcome in outcomes:
            assert not isinstance(outcome, Exception), outcome
        return outcomes

    def create(self, name: str, **settings: Any) -> None:
        value = resources.encode(resources.Queue(name=name, **settings))
        self.run(commands.Configure([RecordChange("queue", name, value)]))

    def new(self, text: str, delay_ms: int = 0, **more: Any) -> NewMessage:
        """A message of the group that its text begins with; "-" is none."""
        self._serial += 1
        group = None if text[0] == "-" else text[0]
        return NewMessage(self._serial.to_bytes(16), text.encode(), delay_ms, group, **more)

    def send(self, queue: str, *texts: str, **more: Any) -> None:
        self.run(commands.SendMessages(queue, [self.new(text, **more) for text in texts]))

    def receive(self, queue: str, count: int = 1, timeout_ms: int = 30_000) -> Any:
        return self.run(commands.ReceiveMessages(queue, count, timeout_ms, b"01234567"))

    def receive_texts(self, queue: str, count: int = 1, timeout_ms: int = 30_000) -> list[str]:
        return [message.body.decode() for message in self.receive(queue, count, timeout_ms)]

    def hide(self, queue: str, handle: bytes, timeout_ms: int, **how: bool) -> str | None:
        change = VisibilityChange(handle, timeout_ms, **how)
        (result,) = self.run(commands.ChangeVisibility(queue, [change]))
        assert result is None or isinstance(result, str)
        return result

    def peek(self, queue: str) -> list[commands.Peeked]:
        peeked: list[commands.Peeked] = self.run(commands.PeekMessages(queue, 10_000))
        return peeked

    def texts(self, queue: str) -> list[str]:
        return [message.body.decode() for message in self.peek(queue)]

    def advance(self) -> None:
        """Until nothing is due, as the daemon does."""
        for _ in range(1_000):
            self.run(commands.Advance())
            due_at_ms = self.engine.apply([]).status.due_at_ms
            if due_at_ms is None or due_at_ms > self.now_ms:
                check_engine(self.engine, settled=True)
                return
        raise AssertionError("there is no end to what is due")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[OneStore]:
    store = OneStore(tmp_path / "data")
    yield store
    check_engine(store.engine)
    store.engine.close()


def test_a_tenant_whose_message_timed_out_goes_behind_those_who_waited_longer(
    store: OneStore,
) -> None:
    store.create("orders")
    store.send("orders", "a1", "b1")
    assert store.receive_texts("orders", timeout_ms=1_000) == ["a1"]
    store.now_ms += 1_000
    assert store.receive_texts("orders") == ["b1"]


def test_so_does_one_whose_message_was_given_back_at_once(store: OneStore) -> None:
    store.create("orders")
    store.send("orders", "a1", "b1")
    assert store.receive_texts("orders", timeout_ms=0) == ["a1"]
    assert store.receive_texts("orders", timeout_ms=0) == ["b1"]
    (a,) = store.receive("orders")
    assert a.body == b"a1"
    store.hide("orders", a.receipt_handle, 0)
    assert store.receive_texts("orders") == ["b1"]


def test_and_one_whose_message_was_released(store: OneStore) -> None:
    store.create("orders")
    store.send("orders", "a1", "b1")
    store.receive("orders")
    store.run(commands.ReleaseHidden("orders"))
    assert store.receive_texts("orders") == ["b1"]


@pytest.mark.parametrize("restarted", [False, True])
def test_messages_behind_one_in_flight_expire_by_themselves(
    store: OneStore, restarted: bool
) -> None:
    store.create("orders", fifo=True, retention_s=60)
    store.send("orders", "a1", "a2")
    (first,) = store.receive("orders", timeout_ms=600_000)
    store.now_ms += 30_000
    if restarted:
        store.reopen()
    store.now_ms += 30_000
    store.advance()  # a2 is too old, but its group is locked
    store.run(commands.DeleteMessages("orders", [first.receipt_handle]))
    store.now_ms += 60_000
    store.advance()
    assert store.texts("orders") == []


def test_what_a_peek_found_delayed_can_be_relocated_when_it_has_become_visible(
    store: OneStore,
) -> None:
    store.create("dead")
    store.create("orders")
    store.send("dead", "a1", delay_ms=1_000)
    (peeked,) = store.peek("dead")
    store.now_ms += 1_000
    pick = commands.Pick(peeked.cursor, bytes(16))
    assert store.run(commands.RelocateMessages("dead", [pick], "orders")) == [None]
    assert store.texts("orders") == ["a1"]


def test_what_was_received_since_a_peek_is_not_discarded(store: OneStore) -> None:
    store.create("dead")
    store.send("dead", "a1", "-1")
    peeked = store.peek("dead")
    store.receive("dead", 2, timeout_ms=1_000)
    cursors = [message.cursor for message in peeked]
    assert store.run(commands.DiscardMessages("dead", cursors)) == 2 * ["MessageNotFound"]
    store.now_ms += 1_000
    assert store.run(commands.DiscardMessages("dead", cursors)) == 2 * ["MessageNotFound"]


@pytest.mark.parametrize("cursor", [b"x", b"\x00" + 28 * b"\xff", b"\x01" + 28 * b"\xff"])
def test_a_cursor_that_was_made_up_is_refused(store: OneStore, cursor: bytes) -> None:
    store.create("dead")
    store.send("dead", "a1", "-1")
    assert store.run(commands.DiscardMessages("dead", [cursor])) == ["MessageNotFound"]
    with pytest.raises(AssertionError, match="InvalidParameter"):
        store.run(commands.PeekMessages("dead", 10, cursor))


def test_a_move_task_takes_what_lies_behind_messages_that_are_too_old(store: OneStore) -> None:
    """They go on the way, even if nothing has swept them yet."""
    store.create("dead", retention_s=60)
    store.create("orders")
    store.send("dead", "a1", "-1")
    store.now_ms += 30_000
    store.send("dead", "a2", "-2")
    store.now_ms += 30_000
    moved = move_all(store, "dead", "orders", at_once=1)
    assert moved == 2
    assert sorted(store.texts("orders")) == ["-2", "a2"]
    assert store.texts("dead") == []


def test_a_move_task_is_not_over_before_all_that_is_due_was_looked_at(
    store: OneStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.core.queue.settle.SETTLE_SLICE", 1)
    store.create("dead", fifo=True)
    store.create("orders", fifo=True)
    store.send("dead", "a1")
    store.receive("dead")
    store.send("dead", "a2", delay_ms=1)  # is looked at first, and waits for a1
    store.send("dead", "b1", delay_ms=2)
    store.now_ms += 2
    assert move_all(store, "dead", "orders", at_once=10) == 1


def move_all(store: OneStore, source: str, destination: str, at_once: int) -> int:
    """Carry out a task; how many it has moved."""
    task = resources.MessageMoveTask(name="task", source=source, destination=destination)
    value = resources.encode(task)
    store.run(commands.Configure([RecordChange("message_move_task", "task", value)]))
    for number in range(100):
        ids = [bytes([number, n]) * 8 for n in range(at_once)]
        record = store.run(commands.MoveMessages("task", ids))
        done = resources.decode(record.value)
        assert isinstance(done, resources.MessageMoveTask)
        if done.status == "COMPLETED":
            return done.moved
    raise AssertionError("there is no end to the task")


def test_a_fan_out_with_two_entries_for_a_queue_that_has_much_to_settle_counts_both(
    store: OneStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.core.queue.settle.SETTLE_SLICE", 1)
    store.create("orders")
    for delay_ms in (1, 2):
        store.send("orders", "-1", delay_ms=delay_ms)
    store.now_ms += 2
    entries = [commands.NewEntry("orders", bytes([n]) * 16, 0) for n in range(2)]
    assert store.run(commands.FanOut([b"-3"], entries)) == []
    check_engine(store.engine)
    store.advance()
    (counts,) = store.run(commands.CountMessages(["orders"]))
    assert (counts.visible, counts.delayed) == (4, 0)


def test_nothing_stays_of_a_queue_that_is_purged_and_reclaimed_in_one_commit(
    store: OneStore,
) -> None:
    store.create("orders")
    send = commands.SendMessages("orders", [store.new("a1")])
    store.run_all(send, commands.PurgeQueue("orders"), *4 * [commands.Advance()])
    check_engine(store.engine, settled=True)


def test_an_attempt_is_not_repeated_if_a_message_was_given_back_until_the_same_time(
    store: OneStore,
) -> None:
    store.create("orders", fifo=True)
    store.send("orders", "a1")
    attempt = commands.ReceiveMessages("orders", 1, 30_000, b"01234567", "attempt")
    (first,) = store.run(attempt)
    store.hide("orders", first.receipt_handle, 30_000, delayed=True)
    assert store.run(attempt) == []


def test_a_message_whose_delay_is_cut_short_can_no_longer_be_cancelled(store: OneStore) -> None:
    store.create("orders", fifo=True, delay_s=1)
    store.send("orders", "a1", delay_ms=1_000, cancellable=True)
    (peeked,) = store.peek("orders")
    store.create("orders", fifo=True)
    assert store.run(commands.CancelMessages("orders", [peeked.message_id])) == [False]
    assert store.receive_texts("orders") == ["a1"]


def test_a_receive_takes_all_it_can_of_a_group_also_behind_messages_that_are_too_old(
    store: OneStore,
) -> None:
    store.create("orders", fifo=True, retention_s=60)
    store.send("orders", "a1")
    store.now_ms += 30_000
    store.send("orders", "a2", "a3", "b1")
    store.now_ms += 30_000
    assert store.receive_texts("orders", count=2) == ["a2", "a3"]
