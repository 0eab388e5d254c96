"""which of the waiting calls go into one commit"""

from collections import deque

from broker.core.commands import AnyCommand, NewMessage, ReadRecords, ReceiveMessages, SendMessages
from broker.core.limits import COMMIT_BYTES_MAX, COMMIT_ENTRIES_MAX
from broker.store.frames import Call
from broker.store.process import _next_commit


def call(number: int, *commands: AnyCommand) -> Call:
    return Call(number, "", list(commands))


def entries(count: int) -> SendMessages:
    return SendMessages("q", count * [NewMessage(b"", b"")])


def taken(*waiting: tuple[Call, int]) -> tuple[list[int], list[int]]:
    queue = deque(waiting)
    commit = _next_commit(queue)
    return [c.call_id for c in commit], [c.call_id for c, _ in queue]


def test_all_that_waits_goes_in_one_commit_in_the_order_it_came() -> None:
    assert taken((call(1, entries(1)), 9), (call(2, ReadRecords()), 9)) == ([1, 2], [])


def test_a_commit_has_at_most_5000_entries() -> None:
    half = COMMIT_ENTRIES_MAX // 2
    receive = ReceiveMessages("q", 1, 0, b"")
    waiting = [(call(1, entries(half)), 9), (call(2, entries(half)), 9), (call(3, receive), 9)]
    assert taken(*waiting) == ([1, 2], [3])


def test_a_commit_has_at_most_16_mib() -> None:
    half = COMMIT_BYTES_MAX // 2
    waiting = [(call(n, entries(1)), half) for n in (1, 2, 3)]
    assert taken(*waiting) == ([1, 2], [3])


def test_what_alone_exceeds_the_bounds_has_a_commit_of_its_own() -> None:
    large = (call(1, entries(COMMIT_ENTRIES_MAX + 1)), COMMIT_BYTES_MAX + 1)
    assert taken(large, (call(2, entries(1)), 9)) == ([1], [2])


def test_nothing_overtakes_what_does_not_fit() -> None:
    large = entries(COMMIT_ENTRIES_MAX)
    waiting = [(call(1, entries(1)), 9), (call(2, large), 9), (call(3, entries(1)), 9)]
    assert taken(*waiting) == ([1], [2, 3])


def test_nothing_waits_nothing_is_taken() -> None:
    assert taken() == ([], [])
