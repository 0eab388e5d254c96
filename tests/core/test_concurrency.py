from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from broker.core.concurrency import RESERVED_EXCEEDED, UNRESERVED_EXCEEDED, Ledger


def test_unreserved_functions_share_what_is_left() -> None:
    ledger = Ledger(account_limit=5)
    ledger.reserve("a", 3)
    assert [ledger.acquire(name) for name in "bcb"] == [None, None, UNRESERVED_EXCEEDED]
    ledger.release("c")
    assert ledger.acquire("b") is None


def test_a_reservation_is_a_guarantee_and_a_bound() -> None:
    ledger = Ledger(account_limit=5)
    ledger.reserve("a", 2)
    for _ in range(3):
        assert ledger.acquire("b") is None
    assert ledger.acquire("b") == UNRESERVED_EXCEEDED
    assert [ledger.acquire("a") for _ in range(3)] == [None, None, RESERVED_EXCEEDED]


def test_a_reservation_of_none_at_all_stops_a_function() -> None:
    ledger = Ledger(account_limit=5)
    ledger.reserve("a", 0)
    assert ledger.acquire("a") == RESERVED_EXCEEDED
    ledger.reserve("a", None)
    assert ledger.acquire("a") is None


class LedgerMachine(RuleBasedStateMachine):
    """Executions begin and end in any order; the limits hold whenever they were last set."""

    LIMIT = 6
    RESERVED = {"a": 2, "b": 0}

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(self.LIMIT)
        for name, executions in self.RESERVED.items():
            self.ledger.reserve(name, executions)
        self.running: list[str] = []

    @rule(name=st.sampled_from("abcd"))
    def begin(self, name: str) -> None:
        expected = self.ledger.refusal(name)
        assert self.ledger.acquire(name) == expected
        if expected is None:
            self.running.append(name)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.running)))
        self.running.remove(name)
        self.ledger.release(name)

    @invariant()
    def limits_hold(self) -> None:
        assert len(self.running) <= self.LIMIT
        for name, executions in self.RESERVED.items():
            assert self.running.count(name) <= executions
        shared = [name for name in self.running if name not in self.RESERVED]
        assert len(shared) <= self.LIMIT - sum(self.RESERVED.values())
        room = len(shared) < self.LIMIT - sum(self.RESERVED.values())
        assert (self.ledger.refusal("c") is None) == room


TestLedger = LedgerMachine.TestCase
