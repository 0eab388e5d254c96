"""the state machine's rules: every command goes to the store and to the oracle

`moving_machine` adds those that move messages; `test_state_machine` makes machines of them all, one
for each kind of queue.
"""

import copy
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from broker.core import commands, resources
from broker.core.errors import BrokerError
from broker.store.clock import Clock
from broker.store.engine import Engine
from broker.store.failpoints import Crashed, Failpoints
from tests.store.invariants import check_engine
from tests.store.oracle import Entry, Message, New, Queue, Refused, Settings
from tests.store.oracle_moves import Cursor, Oracle

NAMESPACE = "000000000000/us-east-1"
ARN = "arn:aws:sqs:us-east-1:000000000000:"
EPOCH_MS = 1_700_000_000_000
WIDE = 4  # targets of a fan-out; fewer than in earnest, so that slices are met often
NAMES = ("orders", "invoices", "dead")
MISSING = "missing"
MEMORY = Path("/dev/shm")  # syncs cost nothing there, and prove nothing here

# Most of what happens happens in one queue and its dead letters, or little would come together.
living = st.sampled_from(("orders", "orders", "orders", "dead", "dead", "invoices"))
names = st.one_of(living, living, living, st.sampled_from((*NAMES, MISSING)))
delays_ms = st.sampled_from((0, 0, 0, 1, 1_000, 900_000))
timeouts_ms = st.sampled_from((0, 1, 1_000, 30_000, 30_000, 43_200_000))
entry = st.tuples(names, st.sampled_from((None, "dead")), delays_ms)
fan_outs = st.lists(entry, min_size=1, max_size=2 * WIDE + 1)
groups = st.sampled_from((None, "a", "a", "b", "c"))
pick = st.integers(0, 1 << 30)


class StoreMachine(RuleBasedStateMachine):
    """Every answer and every queue is compared after every step."""

    FIFO: bool

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.wall_ms = EPOCH_MS
        self.oracle = Oracle(WIDE, EPOCH_MS)
        self.serial = 0
        self.receipts: list[tuple[str, bytes, int | None]] = []  # queue, handle, oracle's receipt
        self.cursors: list[tuple[bytes, Cursor]] = []
        self.cancellable: list[tuple[str, bytes]] = []
        self.woken: set[str] = set()
        self.was_receivable: set[str] = set()
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
        before = self.remembered() if crash_at else None
        if crash_at:
            self.failpoints.arm(crash_at, _crash)
        try:
            outcome = self.ask(command)
        except Crashed:
            self.restart()
            if crash_at == "before_sync":
                assert before is not None
                self.oracle, self.cursors = before
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
        self.oracle.settle()
        error = type(outcome).__name__ if isinstance(outcome, BrokerError) else None
        assert error == refusal
        if error is None:
            return outcome, expected
        self.compare()
        return None

    def remembered(self) -> tuple[Oracle, list[tuple[bytes, Cursor]]]:
        """The oracle and what points into it, to go back to."""
        return copy.deepcopy((self.oracle, self.cursors))

    def same(self, command: Any, model: Callable[[], Any]) -> Any:
        answers = self.both(command, model)
        if answers is not None:
            assert answers[0] == answers[1]
            self.compare()
        return answers

    def compare(self) -> None:
        """Everything that can be seen, and everything that can't."""
        self.oracle.settle()
        for name in self.oracle.queues:
            peeked = self.ask(commands.PeekMessages(name, 10_000))
            ids = [message.message_id for message in peeked]
            self.oracle.forget(name, set(ids))
            expected = self.oracle.as_peeked(name, ids)
            assert [_peeked(message) for message in peeked] == [
                self.expected_peek(message) for message in expected
            ]
            (counts,) = self.ask(commands.CountMessages([name]))
            assert (counts.visible, counts.in_flight, counts.delayed) == self.oracle.counts(name)
            assert counts.oldest_sent_at_ms == self.oracle.next_sent_at_ms(name)
        check_engine(self.engine)
        records = self.ask(commands.ReadRecords())
        assert {(record.name, record.version) for record in records if record.kind == "queue"} == {
            (queue.name, queue.version) for queue in self.oracle.queues.values()
        }
        receivable = {name for name in NAMES if self.oracle.has_some_to_receive(name)}
        assert receivable - self.was_receivable <= self.woken, "receivers were not woken"
        self.was_receivable, self.woken = receivable, set()

    def expected_peek(self, message: Message) -> tuple[object, ...]:
        hidden = self.oracle.is_hidden(message)
        in_lane = message.group is not None and not hidden
        return (
            message.message_id,
            message.body,
            message.sent_at_ms,
            message.sent_at_ms if in_lane else message.visible_at_ms,
            message.receive_count,
            message.held and hidden,
            message.source and ARN + message.source,
        )

    def ask(self, command: Any) -> Any:
        committed = self.engine.apply([(NAMESPACE, command)])
        self.woken |= {wakeup.queue for wakeup in committed.wakeups}
        (outcome,) = committed.outcomes
        return outcome

    def message_id(self) -> bytes:
        self.serial += 1
        return self.serial.to_bytes(16, "big")

    def busy(self) -> bool:
        """Whether there is anything for time and crashes to work on."""
        return bool(self.oracle.slices) or any(q.messages for q in self.oracle.queues.values())

    def receipt(self, number: int, name: str | None = None) -> tuple[str, bytes, int | None]:
        receipts = [r for r in self.receipts if name is None or r[0] == name]
        return receipts[-1 - number % min(len(receipts), 8)]

    # Configuration

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
        current = self.oracle.queues.get(name, Queue(name)).settings
        settings = replace(
            current,
            retention_ms=retention_s * 1000,
            dead_letter_queue=dead_letter_queue,
            max_receive_count=max_receive_count,
            fifo=self.FIFO,
        )
        self.put_queue(name, settings, self.version(name, expected))

    def put_queue(self, name: str, settings: Settings, version: int | None) -> None:
        policy = None
        if settings.dead_letter_queue is not None:
            arn = ARN + settings.dead_letter_queue
            policy = resources.RedrivePolicy(arn, settings.max_receive_count)
        queue = resources.Queue(
            name=name,
            retention_s=settings.retention_ms // 1000,
            redrive_policy=policy,
            fifo=settings.fifo,
            deduplication_scope=settings.scope,
            delay_s=settings.delay_ms // 1000,
        )
        change = commands.RecordChange("queue", name, resources.encode(queue), version)
        self.same(
            commands.Configure([change]),
            lambda: [self.oracle.configure(name, settings, version)],
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
        current = self.oracle.queues.get(name, Queue(name)).version
        return {"any": None, "current": current, "stale": current + 1, "new": 0}[expected]

    # Sending

    @rule(
        name=names,
        messages=st.lists(
            st.tuples(delays_ms, groups, st.sampled_from((None, None, "1", "2")), st.booleans()),
            min_size=1,
            max_size=4,
        ),
    )
    def send(self, name: str, messages: list[tuple[int, str | None, str | None, bool]]) -> None:
        """FIFO: some of them under ids that were used before, perhaps in the same batch."""
        new = []
        for delay_ms, group, deduplication_id, cancellable in messages:
            id_ = self.message_id()
            new.append(
                New(
                    id_,
                    b"body of " + id_,
                    delay_ms,
                    group or ("d" if self.FIFO else None),
                    deduplication_id if self.FIFO else None,
                    cancellable,
                )
            )
            if cancellable:
                self.cancellable.append((name, id_))
        command = commands.SendMessages(name, [commands.NewMessage(*item) for item in new])
        answers = self.both(command, lambda: self.oracle.send(name, new))
        if answers is None:
            return
        accepted, expected = answers
        if self.FIFO:
            self.check_accepted(accepted, expected)
        else:
            assert accepted is None
        self.compare()

    def check_accepted(self, accepted: list[commands.Accepted], expected: list[Message]) -> None:
        assert [one.message_id for one in accepted] == [one.message_id for one in expected]

    @rule(entries=fan_outs, bodies=st.integers(1, 2))
    def fan_out(self, entries: list[tuple[str, str | None, int]], bodies: int) -> None:
        texts, new, expected = self.entries(entries, bodies)
        self.same(commands.FanOut(texts, new), lambda: self.oracle.fan_out(expected))

    def entries(
        self, entries: list[tuple[str, str | None, int]], bodies: int
    ) -> tuple[list[bytes], list[Any], list[Entry]]:
        texts = [b"shared body %d" % number for number in range(bodies)]
        new, expected = [], []
        for index, (name, dead_letter_queue, delay_ms) in enumerate(entries):
            body, id_ = index % bodies, self.message_id()
            new.append(
                commands.NewEntry(name, id_, body, delay_ms, dead_letter_queue=dead_letter_queue)
            )
            expected.append((name, dead_letter_queue, id_, texts[body], delay_ms))
        return texts, new, expected

    @precondition(lambda self: self.cancellable)
    @rule(number=pick)
    def cancel(self, number: int) -> None:
        name, message_id = self.cancellable[-1 - number % min(len(self.cancellable), 4)]
        ids = [message_id, b"of no message...", message_id]
        self.same(commands.CancelMessages(name, ids), lambda: self.oracle.cancel(name, ids))

    # Receiving

    @precondition(lambda self: self.busy())
    @rule(name=living, timeout_ms=timeouts_ms)
    def receive_one(self, name: str, timeout_ms: int) -> None:
        self.receive(name, 1, timeout_ms)

    @precondition(lambda self: self.busy())
    @rule(name=living)
    def receive_all(self, name: str) -> None:
        self.receive(name, 10, 30_000)

    @rule(
        name=names,
        limit=st.sampled_from((1, 2, 3, 10)),
        timeout_ms=timeouts_ms,
        attempt_id=st.sampled_from((None, None, "x", "y")),
    )
    def receive(
        self, name: str, limit: int, timeout_ms: int, attempt_id: str | None = None
    ) -> None:
        command = commands.ReceiveMessages(name, limit, timeout_ms, b"12345678", attempt_id)
        answers = self.both(
            command, lambda: self.oracle.receive(name, limit, timeout_ms, attempt_id)
        )
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
        known = {receipt: handle for _, handle, receipt in self.receipts}
        for got, message in zip(received, expected, strict=True):
            assert known.get(message.receipt, got.receipt_handle) == got.receipt_handle
            self.receipts.append((name, got.receipt_handle, message.receipt))
        self.compare()

    # With receipts

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
            commands.ReplaceMessages(name, [handle], texts, new),
            lambda: self.oracle.replace(name, receipt if good else None, expected),
        )

    @precondition(lambda self: self.busy())
    @rule(name=names, limit=st.sampled_from((1, 1_000)))
    def release(self, name: str, limit: int) -> None:
        self.same(commands.ReleaseHidden(name, limit), lambda: self.oracle.release(name, limit))

    # Everything else

    @precondition(lambda self: self.busy())
    @rule(name=names)
    def purge(self, name: str) -> None:
        self.same(commands.PurgeQueue(name), lambda: self.oracle.purge(name))

    @precondition(lambda self: self.busy())
    @rule(passed_ms=st.sampled_from((1, 999, 1_000, 30_000, 60_000, 300_000, 900_000, 43_200_000)))
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
        self.was_receivable = set(NAMES)  # receivers come again after a restart

    @precondition(lambda self: self.busy())
    @rule(where=st.sampled_from(("before_sync", "after_sync")))
    def crash_soon(self, where: str) -> None:
        """The next commit is the store's last."""
        self.crash_at = where


def _peeked(message: commands.Peeked) -> tuple[object, ...]:
    return (
        message.message_id,
        message.body,
        message.sent_at_ms,
        message.visible_at_ms,
        message.receive_count,
        message.in_flight,
        message.dead_letter_source_arn,
    )


def _crash() -> None:
    raise Crashed
