"""No more than so many a second, on an injected clock."""

import pytest

from broker.cli.pace import Pace


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(
    ("rate", "bulk"), [(None, 1_000), (20.0, 5), (1.0, 1), (0.5, 1), (100_000.0, 1_000)]
)
def test_a_bulk_is_a_quarter_of_a_second(rate: float | None, bulk: int) -> None:
    assert Pace(rate).bulk(1_000) == bulk


def test_so_many_are_let_through_in_so_much_time() -> None:
    time = Time()
    pace = Pace(20, time)

    for _ in range(9):
        pace.wait(5, time.sleep)

    assert time.now == pytest.approx(100 + 8 * 5 / 20)


def test_time_that_was_lost_is_not_made_up_for() -> None:
    time = Time()
    pace = Pace(20, time)
    pace.wait(5, time.sleep)
    time.now += 60

    pace.wait(5, time.sleep)
    pace.wait(5, time.sleep)

    assert time.now == pytest.approx(160.25)
