import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from broker.core.concurrency import (
    RESERVED_EXCEEDED,
    SCALING_EXCEEDED,
    UNRESERVED_EXCEEDED,
    Ledger,
)
from broker.core.errors import ReservationTooLarge


def test_unreserved_functions_share_what_is_left() -> None:
    ledger = Ledger(account_limit=5)
    ledger.reserve("a", 3)
    assert [ledger.acquire(name, 0.0) for name in "bcb"] == [None, None, UNRESERVED_EXCEEDED]
    ledger.release("c", 0.0)
    assert ledger.acquire("b", 0.0) is None


def test_a_reservation_is_a_guarantee_and_a_bound() -> None:
    ledger = Ledger(account_limit=5)
    ledger.reserve("a", 2)
    for _ in range(3):
        assert ledger.acquire("b", 0.0) is None
    assert ledger.acquire("b", 0.0) == UNRESERVED_EXCEEDED
    assert [ledger.acquire("a", 0.0) for _ in range(3)] == [None, None, RESERVED_EXCEEDED]


def test_a_reservation_of_none_at_all_stops_a_function() -> None:
    ledger = Ledger(account_limit=5)
    ledger.reserve("a", 0)
    assert ledger.acquire("a", 0.0) == RESERVED_EXCEEDED
    ledger.reserve("a", None)
    assert ledger.acquire("a", 0.0) is None


def test_what_is_reserved_leaves_a_tenth_or_a_hundred() -> None:
    ledger = Ledger(1_000)
    ledger.reserve("a", 500)
    ledger.check_reservation("b", 400)
    ledger.check_reservation("a", 900)
    with pytest.raises(ReservationTooLarge, match=r"minimum value of \[100\]"):
        ledger.check_reservation("b", 401)
    Ledger(20).check_reservation("a", 18)
    with pytest.raises(ReservationTooLarge):
        Ledger(20).check_reservation("a", 19)


def test_a_function_grows_by_a_thousand_at_once_and_then_by_a_hundred_a_second() -> None:
    ledger = Ledger(100_000)

    def grow(now_s: float) -> int:
        count = 0
        while ledger.acquire("a", now_s) is None:
            count += 1
        assert ledger.refusal("a", now_s) == SCALING_EXCEEDED
        return count

    assert grow(100.0) == 1_000
    assert grow(101.5) == 150
    assert grow(200.0) == 1_000
    assert ledger.acquire("b", 200.0) is None
    # What it has once reached it may have again.
    for _ in range(2_150):
        ledger.release("a", 201.0)
    assert grow(201.0) == 2_150 + 100
    for _ in range(2_250):
        ledger.release("a", 202.0)
    assert grow(503.0) == 1_000


def test_a_backlog_leaves_room_for_another_functions_first() -> None:
    ledger = Ledger(100)
    count = 0
    while ledger.acquire("backlog", 0.0, backlog=True) is None:
        count += 1
    assert count == 90
    for _ in range(10):
        assert ledger.acquire("other", 0.0, backlog=True) is None
    assert ledger.acquire("other", 0.0) == UNRESERVED_EXCEEDED


def test_a_caller_takes_what_a_backlog_leaves() -> None:
    ledger = Ledger(100)
    while ledger.acquire("a", 0.0, backlog=True) is None:
        pass
    assert [ledger.acquire("a", 0.0) for _ in range(10)] == [None] * 10


class LedgerMachine(RuleBasedStateMachine):
    """Executions begin and end, reservations come and go, in any order; a plain count judges."""

    LIMIT = 6

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(self.LIMIT)
        self.reserved: dict[str, int] = {}
        self.running: list[str] = []

    def expected(self, name: str) -> str | None:
        if name in self.reserved:
            return RESERVED_EXCEEDED if self.running.count(name) >= self.reserved[name] else None
        shared = [each for each in self.running if each not in self.reserved]
        limit = max(self.LIMIT - sum(self.reserved.values()), 0)
        return UNRESERVED_EXCEEDED if len(shared) >= limit else None

    @rule(name=st.sampled_from("abcd"))
    def begin(self, name: str) -> None:
        expected = self.expected(name)
        assert self.ledger.acquire(name, 0.0) == expected
        if expected is None:
            self.running.append(name)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.running)))
        self.running.remove(name)
        self.ledger.release(name, 0.0)

    @rule(name=st.sampled_from("ab"), executions=st.sampled_from([None, 0, 1, 2, 3]))
    def reserve(self, name: str, executions: int | None) -> None:
        self.ledger.reserve(name, executions)
        self.reserved.pop(name, None)
        if executions is not None:
            self.reserved[name] = executions

    @invariant()
    def every_function_gets_what_it_may(self) -> None:
        for name in "abcd":
            assert self.ledger.refusal(name, 0.0) == self.expected(name)


TestLedger = LedgerMachine.TestCase
