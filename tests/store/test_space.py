"""a full store: publishes are refused, the rest goes on, and room is noticed without a restart"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from broker.core import commands, resources
from broker.core.commands import NewEntry, NewMessage, RecordChange
from broker.core.errors import BrokerError, StoreFull
from broker.core.limits import COMMIT_BYTES_MAX, MIB
from broker.store.clock import Clock
from broker.store.engine import MAP_BYTES, Engine
from broker.store.space import Space
from tests.store.invariants import check_engine

NAMESPACE = "000000000000/us-east-1"
BODY = bytes(64 * 1024)


class Broker:
    def __init__(self, directory: Path, quota_bytes: int) -> None:
        self.wall_ms = 1_700_000_000_000
        self.engine = Engine(directory, Clock(lambda: self.wall_ms, lambda: 0), quota_bytes)
        value = resources.encode(resources.Queue(name="orders"))
        self.run(commands.Configure([RecordChange("queue", "orders", value)]))

    def run(self, command: Any) -> Any:
        (outcome,) = self.engine.apply([(NAMESPACE, command)]).outcomes
        if isinstance(outcome, BrokerError):
            raise outcome
        return outcome

    def send(self) -> None:
        self.run(commands.SendMessages("orders", [NewMessage(bytes(16), BODY)]))

    def fill(self) -> int:
        for sent in range(10_000):
            try:
                self.send()
            except StoreFull:
                return sent
        raise AssertionError("it never gets full")

    def consume(self, count: int) -> int:
        received = self.run(commands.ReceiveMessages("orders", count, 30_000, bytes(8)))
        handles = [message.receipt_handle for message in received]
        assert self.run(commands.DeleteMessages("orders", handles)) == [None] * len(handles)
        return len(handles)

    def pass_ms(self, passed_ms: int) -> None:
        self.wall_ms += passed_ms


@contextmanager
def opened(directory: Path, quota_bytes: int = MAP_BYTES) -> Iterator[Broker]:
    broker = Broker(directory, quota_bytes)
    try:
        yield broker
        check_engine(broker.engine)
    finally:
        broker.engine.close()


def test_at_its_quota_the_store_refuses_publishes_until_there_is_room(tmp_path: Path) -> None:
    with opened(tmp_path / "data", 8 * MIB) as broker:
        sent = broker.fill()
        assert sent > 50
        with pytest.raises(StoreFull):
            broker.run(commands.FanOut([b"x"], [NewEntry("orders", bytes(16), 0)]))
        with pytest.raises(StoreFull):
            broker.run(commands.Configure([RecordChange("topic", "t", b"")]))
        assert broker.consume(10) == 10
        broker.send()
        while broker.consume(10):
            pass
        assert broker.fill() >= sent - 1


def test_at_its_quota_a_received_message_can_still_be_replaced(tmp_path: Path) -> None:
    with opened(tmp_path / "data", 8 * MIB) as broker:
        broker.fill()
        (message,) = broker.run(commands.ReceiveMessages("orders", 1, 30_000, bytes(8)))
        entry = NewEntry("orders", bytes(16), 0)
        replace = commands.ReplaceMessages("orders", [message.receipt_handle], [b"x"], [entry])
        assert broker.run(replace) == ([], [])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_refuses_publishes_until_it_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    room = True

    def allocate(file: int, length_bytes: int) -> None:
        if not room:
            raise OSError(number, "no room")

    monkeypatch.setattr("broker.store.space.allocate", allocate)
    with opened(tmp_path / "data") as broker:
        broker.send()
        room = False
        broker.fill()
        assert broker.consume(10) == 10
        broker.fill()
        room = True
        broker.pass_ms(1_000)  # it doesn't ask the disk all the time
        with pytest.raises(StoreFull):
            broker.send()  # the refused send is what asks
        broker.send()


def test_on_a_full_disk_deleted_messages_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def allocate(file: int, length_bytes: int) -> None:
        if length_bytes > 80 * MIB:
            raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr("broker.store.space.allocate", allocate)
    with opened(tmp_path / "data") as broker:
        sent = broker.fill()
        while broker.consume(10):
            pass
        assert broker.fill() > sent // 4


def test_another_failure_to_claim_space_ends_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: int, length_bytes: int) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr("broker.store.space.allocate", broken)
    with pytest.raises(OSError, match="broken"):
        Engine(tmp_path / "data", Clock())


def test_what_is_claimed_outlasts_the_largest_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """When a commit ends at which the disk is full, the next one still has its room."""
    granted = 0

    def allocate(file: int, length_bytes: int) -> None:
        nonlocal granted
        if room:
            granted = length_bytes
        else:
            raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr("broker.store.space.allocate", allocate)
    for first_bytes in range(0, 64 * MIB, MIB):
        room = True
        space = Space(0, MAP_BYTES)
        space.update(0, 0, 0)
        room = False
        end_bytes = first_bytes
        space.update(end_bytes, end_bytes, 0)
        if not space.full:
            end_bytes += 2 * COMMIT_BYTES_MAX
            space.update(end_bytes, end_bytes, 0)
            assert space.full
            assert granted - end_bytes >= 8 * MIB, "nothing is left for receives and deletes"


def test_a_long_mix_of_sizes_with_deletes_keeps_to_its_file(tmp_path: Path) -> None:
    """Room of deleted bodies is used again, whatever sizes come after them and in which order."""
    random = Random(1)
    ends: list[int] = []
    with opened(tmp_path / "data") as broker:
        waiting = 0
        for _ in range(150):
            bodies = [bytes(random.choice((200, 9_000, 150_000, MIB)) - 99) for _ in range(5)]
            broker.run(commands.SendMessages("orders", [NewMessage(bytes(16), b) for b in bodies]))
            waiting += len(bodies)
            while waiting > 50:
                waiting -= broker.consume(random.randint(1, 10))
            ends.append(broker.engine._env.info()["last_pgno"])
    assert ends[-1] < 1.25 * ends[50]
