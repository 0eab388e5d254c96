from broker.store.clock import Clock


class Source:
    def __init__(self, *values: int) -> None:
        self.values = list(values)

    def __call__(self) -> int:
        return self.values.pop(0)


def test_time_follows_the_wall_clock() -> None:
    clock = Clock(Source(1_000, 2_000), Source(0, 10, 20))
    assert clock.next_ms(0) == 1_000
    assert clock.next_ms(1_000) == 2_000


def test_time_goes_on_at_its_own_pace_while_the_wall_clock_is_behind() -> None:
    clock = Clock(Source(500, 501, 502, 1_100), Source(0, 0, 7, 27, 28))
    assert clock.next_ms(1_000) == 1_000  # also when an earlier run left it there
    assert clock.next_ms(1_000) == 1_007
    assert clock.next_ms(1_007) == 1_027
    assert clock.next_ms(1_027) == 1_100


def test_time_since_the_last_batch_counts_once() -> None:
    clock = Clock(Source(0, 0), Source(0, 50, 50))
    assert clock.next_ms(1_000) == 1_050
    assert clock.next_ms(1_050) == 1_050
