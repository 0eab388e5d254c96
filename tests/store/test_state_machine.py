"""the store against an oracle: any sequence of commands, time passing, restarts and crashes"""

import copy
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from broker.core import commands, resources
from broker.core.errors import BrokerError
from broker.store.clock import Clock
from broker.store.engine import Engine
from broker.store.failpoints import Crashed, Failpoints
from tests.store.invariants import check_engine
from tests.store.oracle import Oracle, Queue, Refused

NAMESPACE = "000000000000/us-east-1"
EPOCH_MS = 1_700_000_000_000
WIDE = 4  # targets of a fan-out; fewer than in earnest, so that slices are met often
NAMES = ("orders", "invoices", "dead")
MISSING = "missing"

names = st.sampled_from((*NAMES, *NAMES, MISSING))
delays_ms = st.sampled_from((0, 0, 0, 1, 1_000, 900_000))
timeouts_ms = st.sampled_from((0, 1, 1_000, 30_000, 30_000, 43_200_000))
entry = st.tuples(names, st.sampled_from((None, "dead")), delays_ms)
fan_outs = st.lists(entry, min_size=1, max_size=2 * WIDE + 1)
pick = st.integers(0, 1 << 30)


class StoreMachine(RuleBasedStateMachine):
    """Every command goes to both; every answer and every queue is compared after every step."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.wall_ms = EPOCH_MS
        self.oracle = Oracle(WIDE, EPOCH_MS)
        self.serial = 0
        self.receipts: list[tuple[str, bytes, int]] = []  # queue, handle, the oracle's receipt
        self.crash_at: str | None = None
        self.failpoints = Failpoints()
        self.engine = self.open()

    def open(self) -> Engine:
        clock = Clock(lambda: self.wall_ms, lambda: 0)
        return Engine(self.directory, clock, failpoints=self.failpoints)

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.engine.close()
            shutil.rmtree(self.directory)

    # Both at once

    def both(self, command: Any, model: Callable[[], Any]) -> tuple[Any, Any] | None:
        """Apply to both. Their answers, or None: the store crashed and nobody was answered."""
        crash_at, self.crash_at = self.crash_at, None
        before = copy.deepcopy(self.oracle) if crash_at else None
        if crash_at:
            self.failpoints.arm(crash_at, _crash)
        try:
            (outcome,) = self.engine.apply([(NAMESPACE, command)]).outcomes
        except Crashed:
            self.restart()
            if crash_at == "before_sync":
                assert before is not None
                self.oracle = before
            else:
                model()
            self.compare()
            return None
        self.failpoints = Failpoints()
        self.engine._failpoints = self.failpoints
        expected, refusal = None, None
        try:
            expected = model()
        except Refused as refused:
            refusal = str(refused)
        error = type(outcome).__name__ if isinstance(outcome, BrokerError) else None
        assert error == refusal
        if error is None:
            return outcome, expected
        self.compare()
        return None

    def same(self, command: Any, model: Callable[[], Any]) -> Any:
        answers = self.both(command, model)
        if answers is not None:
            assert answers[0] == answers[1]
            self.compare()
        return answers

    def compare(self) -> None:
        """Everything that can be seen, and everything that can't."""
        check_engine(self.engine)
        for name in self.oracle.queues:
            peeked = self.ask(commands.PeekMessages(name, 10_000))
            self.oracle.forget(name, {message.message_id for message in peeked})
            now_ms = self.oracle.now_ms
            assert [
                (
                    m.message_id,
                    m.body,
                    m.sent_at_ms,
                    m.visible_at_ms,
                    m.receive_count,
                    m.in_flight,
                    m.dead_letter_source_arn,
                )
                for m in peeked
            ] == [
                (
                    m.message_id,
                    m.body,
                    m.sent_at_ms,
                    m.visible_at_ms,
                    m.receive_count,
                    m.held and m.visible_at_ms > now_ms,
                    m.source and f"arn:aws:sqs:us-east-1:000000000000:{m.source}",
                )
                for m in self.oracle.in_order(name)
            ]
            (counts,) = self.ask(commands.CountMessages([name]))
            assert (counts.visible, counts.in_flight, counts.delayed) == self.oracle.counts(name)
        records = self.ask(commands.ReadRecords())
        assert {(record.name, record.version) for record in records} == {
            (queue.name, queue.version) for queue in self.oracle.queues.values()
        }

    def ask(self, command: Any) -> Any:
        (outcome,) = self.engine.apply([(NAMESPACE, command)]).outcomes
        return outcome

    def message_id(self) -> bytes:
        self.serial += 1
        return self.serial.to_bytes(16, "big")

    def busy(self) -> bool:
        """Whether there is anything for time and crashes to work on."""
        return bool(self.oracle.slices) or any(q.messages for q in self.oracle.queues.values())

    def receipt(self, number: int, name: str | None = None) -> tuple[str, bytes, int]:
        receipts = [r for r in self.receipts if name is None or r[0] == name]
        return receipts[-1 - number % min(len(receipts), 8)]

    # Rules

    @initialize()
    def make_queues(self) -> None:
        for name in NAMES:
            self.configure(name, 345_600, None, 1, "any")

    @rule(
        name=st.sampled_from(NAMES),
        retention_s=st.sampled_from((60, 1_200, 345_600)),
        dead_letter_queue=st.sampled_from((None, "dead", "dead", "orders", MISSING)),
        max_receive_count=st.integers(1, 3),
        expected=st.sampled_from(("any", "current", "current", "stale", "new")),
    )
    def configure(
        self,
        name: str,
        retention_s: int,
        dead_letter_queue: str | None,
        max_receive_count: int,
        expected: str,
    ) -> None:
        version = self.version(name, expected)
        policy = None
        if dead_letter_queue is not None:
            arn = f"arn:aws:sqs:us-east-1:000000000000:{dead_letter_queue}"
            policy = resources.RedrivePolicy(arn, max_receive_count)
        queue = resources.Queue(name=name, retention_s=retention_s, redrive_policy=policy)
        change = commands.RecordChange("queue", name, resources.encode(queue), version)
        self.same(
            commands.Configure([change]),
            lambda: [
                self.oracle.configure(
                    name, retention_s * 1000, dead_letter_queue, max_receive_count, version
                )
            ],
        )

    @rule(
        name=st.sampled_from(NAMES), expected=st.sampled_from(("any", "stale")), again=st.booleans()
    )
    def delete_queue(self, name: str, expected: str, again: bool) -> None:
        version = self.version(name, expected)
        change = commands.RecordChange("queue", name, None, version)
        self.same(commands.Configure([change]), lambda: [self.oracle.delete_queue(name, version)])
        if again:
            self.configure(name, 345_600, "dead", 2, "any")

    def version(self, name: str, expected: str) -> int | None:
        current = self.oracle.queues.get(name, Queue(name, 0, 0)).version
        return {"any": None, "current": current, "stale": current + 1, "new": 0}[expected]

    @rule(name=names, delays=st.lists(delays_ms, min_size=1, max_size=4))
    def send(self, name: str, delays: list[int]) -> None:
        new = [(id_ := self.message_id(), b"body of " + id_, delay) for delay in delays]
        messages = [commands.NewMessage(*item) for item in new]
        self.same(commands.SendMessages(name, messages), lambda: self.oracle.send(name, new))

    @rule(entries=fan_outs, bodies=st.integers(1, 2))
    def fan_out(self, entries: list[tuple[str, str | None, int]], bodies: int) -> None:
        texts, new, expected = self.entries(entries, bodies)
        self.same(commands.FanOut(texts, new), lambda: self.oracle.fan_out(expected))

    def entries(
        self, entries: list[tuple[str, str | None, int]], bodies: int
    ) -> tuple[list[bytes], list[Any], list[tuple[str, str | None, bytes, bytes, int]]]:
        texts = [b"shared body %d" % number for number in range(bodies)]
        new, expected = [], []
        for index, (name, dead_letter_queue, delay_ms) in enumerate(entries):
            body, id_ = index % bodies, self.message_id()
            new.append(
                commands.NewEntry(name, id_, body, delay_ms, dead_letter_queue=dead_letter_queue)
            )
            expected.append((name, dead_letter_queue, id_, texts[body], delay_ms))
        return texts, new, expected

    @precondition(lambda self: self.busy())
    @rule(name=st.sampled_from(NAMES), timeout_ms=timeouts_ms)
    def receive_one(self, name: str, timeout_ms: int) -> None:
        self.receive(name, 1, timeout_ms)

    @precondition(lambda self: self.busy())
    @rule(name=st.sampled_from(NAMES))
    def receive_all(self, name: str) -> None:
        self.receive(name, 10, 30_000)

    @rule(name=names, limit=st.sampled_from((1, 2, 10)), timeout_ms=timeouts_ms)
    def receive(self, name: str, limit: int, timeout_ms: int) -> None:
        command = commands.ReceiveMessages(name, limit, timeout_ms, b"12345678")
        answers = self.both(command, lambda: self.oracle.receive(name, limit, timeout_ms))
        if answers is None:
            return
        received, expected = answers
        assert [
            (m.message_id, m.body, m.sent_at_ms, m.first_received_at_ms, m.receive_count)
            for m in received
        ] == [
            (m.message_id, m.body, m.sent_at_ms, m.first_received_at_ms, m.receive_count)
            for m in expected
        ]
        for got, message in zip(received, expected, strict=True):
            self.receipts.append((name, got.receipt_handle, message.receipt))
        self.compare()

    @precondition(lambda self: self.receipts)
    @rule(numbers=st.lists(pick, min_size=1, max_size=3))
    def delete(self, numbers: list[int]) -> None:
        name = self.receipt(numbers[0])[0]
        chosen = [self.receipt(number, name) for number in numbers]
        handles = [handle for _, handle, _ in chosen]
        receipts = [receipt for _, _, receipt in chosen]
        self.same(
            commands.DeleteMessages(name, handles), lambda: self.oracle.delete(name, receipts)
        )

    @precondition(lambda self: self.receipts)
    @rule(number=pick, name=names, garbage=st.sampled_from((b"", b"garbage", b"flip")))
    def delete_what_it_must_not(self, number: int, name: str, garbage: bytes) -> None:
        """With another queue's receipt, and with one that was never issued."""
        _, handle, receipt = self.receipt(number)
        bad = handle[:-1] + bytes([handle[-1] ^ 1]) if garbage == b"flip" else garbage
        self.same(
            commands.DeleteMessages(name, [handle, bad]),
            lambda: self.oracle.delete(name, [receipt, None]),
        )

    @precondition(lambda self: self.receipts)
    @rule(number=pick, spend=st.booleans(), delayed=st.booleans())
    def give_back(self, number: int, spend: bool, delayed: bool) -> None:
        self.change_visibility(number, 0, spend, delayed)

    @precondition(lambda self: self.receipts)
    @rule(number=pick, timeout_ms=timeouts_ms)
    def extend(self, number: int, timeout_ms: int) -> None:
        self.change_visibility(number, timeout_ms, True, False)

    @precondition(lambda self: self.receipts)
    @rule(
        number=pick,
        timeout_ms=st.one_of(timeouts_ms, st.just(43_200_001)),
        spend=st.sampled_from((True, True, True, False)),
        delayed=st.sampled_from((False, False, False, True)),
    )
    def change_visibility(self, number: int, timeout_ms: int, spend: bool, delayed: bool) -> None:
        name, handle, receipt = self.receipt(number)
        change = commands.VisibilityChange(handle, timeout_ms, spend, delayed)
        self.same(
            commands.ChangeVisibility(name, [change]),
            lambda: [self.oracle.change_visibility(name, receipt, timeout_ms, spend, delayed)],
        )

    @precondition(lambda self: self.receipts)
    @rule(
        number=pick, entries=st.lists(entry, max_size=3), good=st.sampled_from((True, True, False))
    )
    def replace(self, number: int, entries: list[tuple[str, str | None, int]], good: bool) -> None:
        name, handle, receipt = self.receipt(number)
        if not good:
            handle = b"garbage"
        texts, new, expected = self.entries(entries, 1)
        self.same(
            commands.ReplaceMessage(name, handle, texts, new),
            lambda: self.oracle.replace(name, receipt if good else None, expected),
        )

    @precondition(lambda self: self.busy())
    @rule(name=names, limit=st.sampled_from((1, 1_000)))
    def release(self, name: str, limit: int) -> None:
        self.same(commands.ReleaseInFlight(name, limit), lambda: self.oracle.release(name, limit))

    @precondition(lambda self: self.busy())
    @rule(name=names)
    def purge(self, name: str) -> None:
        self.same(commands.PurgeQueue(name), lambda: self.oracle.purge(name))

    @precondition(lambda self: self.busy())
    @rule(passed_ms=st.sampled_from((1, 999, 1_000, 30_000, 60_000, 900_000, 43_200_000)))
    def time_passes(self, passed_ms: int) -> None:
        self.wall_ms += passed_ms
        self.oracle.now_ms = self.wall_ms
        self.compare()

    @precondition(lambda self: self.busy())
    @rule()
    def advance(self) -> None:
        self.same(commands.Advance(), self.oracle.advance)

    @precondition(lambda self: self.busy())
    @rule()
    def settle(self) -> None:
        """As the daemon does: advance until nothing is due."""
        for _ in range(1_000):
            self.advance()
            due_at_ms = self.engine.apply([]).status.due_at_ms
            if due_at_ms is None or due_at_ms > self.oracle.now_ms:
                break
        else:
            raise AssertionError("there is no end to what is due")
        check_engine(self.engine, settled=True)

    @precondition(lambda self: self.busy())
    @rule()
    def reopen(self) -> None:
        self.restart()
        self.compare()

    def restart(self) -> None:
        self.engine.close()  # commits nothing: what was answered is on disk already
        self.failpoints = Failpoints()
        self.engine = self.open()

    @precondition(lambda self: self.busy())
    @rule(where=st.sampled_from(("before_sync", "after_sync")))
    def crash_soon(self, where: str) -> None:
        """The next commit is the store's last."""
        self.crash_at = where


MEMORY = Path("/dev/shm")  # syncs cost nothing there, and prove nothing here


def _crash() -> None:
    raise Crashed


TestStore = StoreMachine.TestCase
TestStore.settings = settings(
    max_examples=150,
    stateful_step_count=60,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.store.space.allocate", lambda file, length_bytes: None)
    monkeypatch.setattr("broker.core.queue.send.FAN_OUT_TARGETS_MAX", WIDE)
