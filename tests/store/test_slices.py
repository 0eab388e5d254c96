"""work in slices: nothing is lost, doubled or reordered while a queue is behind the time

The other state machines' queues are never behind: all that is due fits a slice. Here a slice is two
or three messages, so timeouts and delays that end together are counted, and moved to the lanes of
their groups, in several steps with commands in between. A receive may then find less than there is,
so it is followed: what it found is checked, not predicted. When the store has caught up, everything
is compared as strictly as ever.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from broker.core import commands, resources
from broker.core.commands import NewEntry, NewMessage, RecordChange, VisibilityChange
from broker.core.errors import BrokerError
from broker.store.clock import Clock
from broker.store.engine import Engine
from tests.store.invariants import check_engine
from tests.store.store_machine import EPOCH_MS, MEMORY, NAMESPACE

NAMES = ("standard", "fifo")
RETENTION_MS = 3_600_000

names = st.sampled_from(NAMES)
times_ms = st.sampled_from((0, 1, 2, 1_000))
groups = st.sampled_from((None, "a", "a", "b"))
pick = st.integers(0, 1 << 30)


@dataclass(eq=False)
class Message:
    """As it must lie in its queue."""

    message_id: bytes
    group: str
    sent_at_ms: int
    visible_at_ms: int
    held: bool = False
    receive_count: int = 0
    handle: bytes = b""


class BehindTheTime(RuleBasedStateMachine):
    """Messages are kept in lists, in the order of their sending."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.now_ms = EPOCH_MS
        self.serial = 0
        self.messages: dict[str, list[Message]] = {name: [] for name in NAMES}
        self.engine = self.open()

    def open(self) -> Engine:
        return Engine(self.directory, Clock(lambda: self.now_ms, lambda: 0))

    def teardown(self) -> None:
        try:
            self.catch_up()
        finally:
            self.engine.close()
            shutil.rmtree(self.directory)

    def run(self, command: Any) -> Any:
        (outcome,) = self.engine.apply([(NAMESPACE, command)]).outcomes
        check_engine(self.engine)
        return outcome

    @initialize()
    def make_queues(self) -> None:
        for name in NAMES:
            queue = resources.Queue(
                name=name, fifo=name == "fifo", retention_s=RETENTION_MS // 1_000
            )
            change = RecordChange("queue", name, resources.encode(queue))
            assert self.run(commands.Configure([change])) == [1]

    def add(self, name: str, group: str | None, delay_ms: int) -> Message:
        self.serial += 1
        id_ = self.serial.to_bytes(16, "big")
        message = Message(id_, group or id_.hex(), self.now_ms, self.now_ms + delay_ms)
        self.messages[name].append(message)
        return message

    @rule(name=names, new=st.lists(st.tuples(groups, times_ms), min_size=1, max_size=5))
    def send(self, name: str, new: list[tuple[str | None, int]]) -> None:
        messages = []
        for group, delay_ms in new:
            group = group or ("c" if name == "fifo" else None)
            id_ = self.add(name, group, delay_ms).message_id
            messages.append(NewMessage(id_, id_, delay_ms, group))
        assert not isinstance(self.run(commands.SendMessages(name, messages)), BrokerError)

    @rule(new=st.lists(st.tuples(names, times_ms), min_size=1, max_size=5))
    def fan_out(self, new: list[tuple[str, int]]) -> None:
        entries = [
            NewEntry(name, self.add(name, None, delay_ms).message_id, 0, delay_ms)
            for name, delay_ms in new
        ]
        assert self.run(commands.FanOut([b"shared"], entries)) == []

    @rule(name=names, limit=st.sampled_from((1, 3, 10)), timeout_ms=times_ms)
    def receive(self, name: str, limit: int, timeout_ms: int) -> None:
        command = commands.ReceiveMessages(name, limit, timeout_ms, b"12345678")
        received = self.run(command)
        assert len(received) <= limit
        taken: list[Message] = []
        for one in received:
            (message,) = [m for m in self.messages[name] if m.message_id == one.message_id]
            assert message.visible_at_ms <= self.now_ms, "a hidden message was received"
            assert message not in taken, "a message was received twice"
            assert not self.is_too_old(message)
            if name == "fifo":
                before = self.before(message)
                assert all(m in taken or self.is_too_old(m) for m in before), "out of order"
            taken.append(message)
            message.receive_count += 1
            assert one.receive_count == message.receive_count
            message.handle = one.receipt_handle
        for message in taken:
            message.visible_at_ms, message.held = self.now_ms + timeout_ms, True

    def before(self, message: Message) -> list[Message]:
        """Those of its group that were sent before it."""
        mine = [m for m in self.messages["fifo"] if m.group == message.group]
        return mine[: mine.index(message)]

    def received(self) -> list[tuple[str, Message]]:
        """But for what may have gone by itself."""
        every = [(name, message) for name in NAMES for message in self.messages[name]]
        return [(name, m) for name, m in every if m.handle and not self.is_too_old(m)]

    @precondition(lambda self: self.received())
    @rule(number=pick)
    def delete(self, number: int) -> None:
        received = self.received()
        name, message = received[number % len(received)]
        expired = name == "fifo" and message.visible_at_ms <= self.now_ms
        (result,) = self.run(commands.DeleteMessages(name, [message.handle]))
        assert result == ("ReceiptHandleExpired" if expired else None)
        if not expired:
            self.messages[name].remove(message)

    @precondition(lambda self: self.received())
    @rule(number=pick, timeout_ms=times_ms)
    def extend(self, number: int, timeout_ms: int) -> None:
        received = self.received()
        name, message = received[number % len(received)]
        is_over = message.visible_at_ms <= self.now_ms
        change = VisibilityChange(message.handle, timeout_ms)
        (result,) = self.run(commands.ChangeVisibility(name, [change]))
        assert result == ("ReceiptHandleExpired" if is_over and name == "fifo" else None)
        if not is_over:
            message.visible_at_ms = self.now_ms + timeout_ms

    @rule(name=names)
    def purge(self, name: str) -> None:
        refused = isinstance(self.run(commands.PurgeQueue(name)), BrokerError)
        if not refused:
            self.messages[name].clear()

    @rule(passed_ms=st.sampled_from((1, 1, 2, 1_000, 60_000, RETENTION_MS)))
    def time_passes(self, passed_ms: int) -> None:
        self.now_ms += passed_ms

    @rule()
    def advance(self) -> None:
        assert self.run(commands.Advance()) == []

    @rule()
    def reopen(self) -> None:
        self.engine.close()
        self.engine = self.open()

    @rule()
    def catch_up(self) -> None:
        """All that is due is done; then nothing may be missing."""
        for _ in range(1_000):
            self.advance()
            due_at_ms = self.engine.apply([]).status.due_at_ms
            if due_at_ms is None or due_at_ms > self.now_ms:
                break
        else:
            raise AssertionError("there is no end to what is due")
        check_engine(self.engine, settled=True)
        for name in NAMES:
            self.compare(name)

    def compare(self, name: str) -> None:
        peeked = self.run(commands.PeekMessages(name, 10_000))
        there = {message.message_id for message in peeked}
        for message in [m for m in self.messages[name] if m.message_id not in there]:
            assert self.is_too_old(message), "a message was lost"
            self.messages[name].remove(message)
        expected = self.messages[name]
        assert {(m.message_id, m.receive_count, m.in_flight) for m in peeked} == {
            (m.message_id, m.receive_count, m.held and m.visible_at_ms > self.now_ms)
            for m in expected
        }
        assert len(peeked) == len(expected)
        hidden = [m for m in expected if m.visible_at_ms > self.now_ms]
        held = sum(m.held for m in hidden)
        (counts,) = self.run(commands.CountMessages([name]))
        counted = counts.visible, counts.in_flight, counts.delayed
        assert counted == (len(expected) - len(hidden), held, len(hidden) - held)

    def is_too_old(self, message: Message) -> bool:
        """A message goes only while it is visible."""
        is_old = message.sent_at_ms + RETENTION_MS <= self.now_ms
        return is_old and message.visible_at_ms <= self.now_ms


BehindTheTime.TestCase.settings = settings(
    max_examples=80,
    stateful_step_count=60,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
TestBehindTheTime = BehindTheTime.TestCase


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.store.space.allocate", lambda file, length_bytes: None)
    monkeypatch.setattr("broker.core.queue.settle.SETTLE_SLICE", 2)
    for module in ("broker.core.queue.settle", "broker.core.apply", "broker.core.queue.move"):
        monkeypatch.setattr(f"{module}.RECLAIM_SLICE", 3)
