"""a fair queue under load: a simulation with one noisy tenant and a hundred quiet ones

Ten consumers take one message at a time from one queue, on a clock that jumps from event to event.
What is compared is how long the quiet tenants' messages wait to be received: without the noisy one,
with it, and with it in a queue that knows no groups and so is served in the order of sending.
"""

import heapq
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from statistics import mean

import pytest

from broker.core import commands, resources
from broker.core.commands import NewMessage, RecordChange
from broker.store.clock import Clock
from broker.store.engine import Engine
from tests.store.store_machine import MEMORY

NAMESPACE = "000000000000/us-east-1"
EPOCH_MS = 1_700_000_000_000
CONSUMERS = 10
QUIET_TENANTS = 100
QUIET_EVERY_MS = 2_000  # each sends a message so often: half of what the consumers can do
QUIET_WORK_MS = 100
LASTS_MS = 12_000
NOISY = "noisy"


class Shop:
    """One queue, its consumers, and what they have seen."""

    def __init__(self, directory: Path, *, grouped: bool) -> None:
        self.now_ms = EPOCH_MS
        self.noisy_work_ms = QUIET_WORK_MS
        self.waits_ms: list[int] = []  # of the quiet tenants' messages
        self.noisy_received = 0
        self._grouped = grouped
        self._ids = count(1)
        self._events: list[tuple[int, int, Callable[[], None]]] = []
        self._idle = 0
        self._engine = Engine(directory, Clock(lambda: self.now_ms, lambda: 0))
        queue = resources.encode(resources.Queue(name="work"))
        self.run(commands.Configure([RecordChange("queue", "work", queue)]))

    def close(self) -> None:
        self._engine.close()

    def run(self, command: commands.AnyCommand) -> object:
        (outcome,) = self._engine.apply([(NAMESPACE, command)]).outcomes
        assert not isinstance(outcome, Exception), outcome
        return outcome

    def at(self, at_ms: int, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (at_ms, next(self._ids), event))

    def send(self, tenant: str, messages: int = 1) -> None:
        group = tenant if self._grouped else None
        new = [
            NewMessage(next(self._ids).to_bytes(16), tenant.encode(), 0, group)
            for _ in range(messages)
        ]
        self.run(commands.SendMessages("work", new))
        while self._idle and self.consume():
            self._idle -= 1

    def hold(self, messages: int, until_ms: int) -> None:
        """Receive so many, and keep them in flight until then."""
        timeout_ms = until_ms - self.now_ms
        received = self.run(commands.ReceiveMessages("work", messages, timeout_ms, bytes(8)))
        assert isinstance(received, list)
        assert len(received) == messages

    def quiet_tenants_send(self) -> None:
        for number in range(QUIET_TENANTS):
            first_ms = EPOCH_MS + number * QUIET_EVERY_MS // QUIET_TENANTS
            for at_ms in range(first_ms, EPOCH_MS + LASTS_MS, QUIET_EVERY_MS):
                self.at(at_ms, lambda tenant=f"quiet-{number}": self.send(tenant))  # type: ignore[misc]

    def consume(self) -> bool:
        """One consumer takes a message, works on it, deletes it and takes the next."""
        received = self.run(commands.ReceiveMessages("work", 1, 43_200_000, bytes(8)))
        assert isinstance(received, list)
        for message in received:
            is_noisy = message.body == NOISY.encode()
            if is_noisy:
                self.noisy_received += 1
            else:
                self.waits_ms.append(self.now_ms - message.sent_at_ms)
            work_ms = self.noisy_work_ms if is_noisy else QUIET_WORK_MS

            def done(handle: bytes = message.receipt_handle) -> None:
                self.run(commands.DeleteMessages("work", [handle]))
                if not self.consume():
                    self._idle += 1

            self.at(self.now_ms + work_ms, done)
        return bool(received)

    def open(self) -> None:
        """Let the consumers work until nothing more is sent. They come one after the other."""

        def start() -> None:
            if not self.consume():
                self._idle += 1

        for number in range(CONSUMERS):
            self.at(EPOCH_MS + number * QUIET_WORK_MS // CONSUMERS, start)
        while self._events and self._events[0][0] < EPOCH_MS + LASTS_MS:
            self.now_ms, _, event = heapq.heappop(self._events)
            event()


@pytest.fixture
def shops(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Shop]]:
    monkeypatch.setattr("broker.store.space.allocate", lambda file, length_bytes: None)
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as directory,
        ExitStack() as opened,
    ):
        names = count()

        def make(*, grouped: bool = True) -> Shop:
            shop = Shop(Path(directory) / str(next(names)), grouped=grouped)
            opened.callback(shop.close)
            shop.quiet_tenants_send()
            return shop

        yield make


def undisturbed_ms(shops: Callable[..., Shop]) -> float:
    shop = shops()
    shop.open()
    assert len(shop.waits_ms) > 500
    return mean(shop.waits_ms)


def test_a_huge_backlog_does_not_raise_the_waiting_time_of_others(
    shops: Callable[..., Shop],
) -> None:
    alone_ms = undisturbed_ms(shops)
    fair, in_order = shops(), shops(grouped=False)
    for shop in (fair, in_order):
        shop.send(NOISY, messages=3_000)  # half a minute's work
        shop.open()
    # A consumer becomes free every 10 ms on average, and what it takes next is never noisy.
    assert mean(fair.waits_ms) <= alone_ms + 2 * QUIET_WORK_MS / CONSUMERS
    assert max(fair.waits_ms) <= QUIET_WORK_MS
    assert fair.noisy_received > 500, "what the quiet ones leave goes to the noisy one"
    assert not in_order.waits_ms, "the backlog takes longer than this test: nobody gets through"


def test_a_steady_flood_does_not_either(shops: Callable[..., Shop]) -> None:
    """Twice as much as the consumers can do, all the time."""
    alone_ms = undisturbed_ms(shops)
    fair, in_order = shops(), shops(grouped=False)
    for shop in (fair, in_order):
        for at_ms in range(EPOCH_MS, EPOCH_MS + LASTS_MS, 100):
            shop.at(at_ms, lambda shop=shop: shop.send(NOISY, messages=20))  # type: ignore[misc]
        shop.open()
    assert mean(fair.waits_ms) <= alone_ms + 2 * QUIET_WORK_MS / CONSUMERS
    assert mean(in_order.waits_ms) > 50 * mean(fair.waits_ms)


def test_nor_do_slow_messages(shops: Callable[..., Shop]) -> None:
    """They take ten times as long; a consumer that works on one can't be had back before its end,
    but as long as a quiet message waits none takes another.
    """
    fair, in_order = shops(), shops(grouped=False)
    for shop in (fair, in_order):
        shop.noisy_work_ms = 10 * QUIET_WORK_MS
        shop.send(NOISY, messages=100)  # ten seconds' work
        shop.open()
    assert mean(fair.waits_ms) <= shop.noisy_work_ms / 2
    assert max(fair.waits_ms) <= shop.noisy_work_ms
    assert len(fair.waits_ms) > 500
    assert mean(in_order.waits_ms) > 10 * mean(fair.waits_ms)


def test_nor_do_many_messages_in_flight_also_when_they_all_come_back_at_once(
    shops: Callable[..., Shop],
) -> None:
    alone_ms = undisturbed_ms(shops)
    fair, in_order = shops(), shops(grouped=False)
    for shop in (fair, in_order):
        shop.send(NOISY, messages=2_000)
        for _ in range(50):
            shop.hold(10, until_ms=EPOCH_MS + LASTS_MS // 2)
        shop.open()
    assert mean(fair.waits_ms) <= alone_ms + 2 * QUIET_WORK_MS / CONSUMERS
    assert max(fair.waits_ms) <= QUIET_WORK_MS
    assert len(in_order.waits_ms) < len(fair.waits_ms) / 2
