"""data of every format that was ever written can be read; that of a newer one is refused"""

from pathlib import Path
from typing import Any

import lmdb
import msgspec
import pytest

from broker.core import commands, resources
from broker.store import keys
from broker.store.client import StoreRefused, open_store
from broker.store.clock import Clock
from broker.store.engine import MAP_BYTES, Engine, NewerFormat
from tests.store.format_fixture import EPOCH_MS, NAMESPACE, dump, load, write
from tests.store.invariants import check_engine

FIXTURES = sorted((Path(__file__).parent / "data").glob("format-*.txt"))


def test_every_format_has_its_fixture() -> None:
    assert [path.stem for path in FIXTURES] == [f"format-{n + 1}" for n in range(keys.FORMAT)]


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda path: path.stem)
def test_data_of_an_earlier_format_is_all_there(fixture: Path, tmp_path: Path) -> None:
    directory = tmp_path / "data"
    load(fixture, directory)
    wall_ms = EPOCH_MS
    engine = Engine(directory, Clock(lambda: wall_ms, lambda: 0))

    def run(command: Any) -> Any:
        (outcome,) = engine.apply([(NAMESPACE, command)]).outcomes
        assert not isinstance(outcome, Exception), outcome
        return outcome

    check_engine(engine)
    peeked = {name: run(commands.PeekMessages(name, 10)) for name in ("orders", "dead", "old")}
    assert [(m.body, m.receive_count, m.in_flight) for m in peeked["orders"]] == [
        (b"shared", 0, False),
        (b"body 1", 0, False),
        (b"body 0", 1, True),
    ]
    assert peeked["orders"][0].via.form == "envelope"
    (letter,) = peeked["dead"]
    assert letter.dead_letter_source_arn == "arn:aws:sqs:us-east-1:000000000000:audit"
    assert peeked["old"] == []
    counts = run(commands.CountMessages(["orders", "audit", "dead"]))
    assert [(c.visible, c.in_flight, c.delayed) for c in counts] == [
        (1, 1, 1),
        (0, 0, 0),
        (1, 0, 0),
    ]
    records = {(r.kind, r.name): resources.decode(r.value) for r in run(commands.ReadRecords())}
    assert records["topic", "news"] == resources.Topic(name="news", display_name="News")
    orders = records["queue", "orders"]
    assert isinstance(orders, resources.Queue)
    assert orders.tags == {"team": "a"}

    while (due_at_ms := engine.apply([]).status.due_at_ms) is not None and due_at_ms <= wall_ms:
        run(commands.Advance())
    check_engine(engine, settled=True)
    assert len(run(commands.PeekMessages("dead", 10))) == 4  # the wide fan-out went on
    wall_ms += 60_000
    assert len(run(commands.ReceiveMessages("orders", 10, 0, bytes(8)))) == 3
    check_engine(engine)
    engine.close()


def test_groups_and_what_queues_remember_are_read_from_format_2_on(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    load(FIXTURES[1], directory)
    wall_ms = EPOCH_MS
    engine = Engine(directory, Clock(lambda: wall_ms, lambda: 0))

    def run(command: Any) -> Any:
        (outcome,) = engine.apply([(NAMESPACE, command)]).outcomes
        assert not isinstance(outcome, Exception), outcome
        return outcome

    def receive(queue: str, attempt_id: str | None = None) -> list[bytes]:
        command = commands.ReceiveMessages(queue, 10, 30_000, bytes(8), attempt_id)
        return [message.body for message in run(command)]

    check_engine(engine)
    assert receive("steps.fifo", "attempt") == [b"a1"]  # what it was answered with before
    assert receive("steps.fifo") == []  # a2 is locked, b1 was moved, c1 is delayed
    again = commands.NewMessage(bytes(16), b"b1 again", 0, "b", "b1")
    (accepted,) = run(commands.SendMessages("steps.fifo", [again]))
    assert accepted.message_id == b"b1".ljust(16)
    assert receive("done.fifo") == [b"b1"]
    for _ in range(2):
        task = resources.decode(run(commands.MoveMessages("task", [bytes(16)])).value)
    assert isinstance(task, resources.MessageMoveTask)
    assert (task.status, task.moved, task.to_move) == ("COMPLETED", 1, 3)
    assert receive("shared") == [b"x2"]
    cancel = commands.CancelMessages("shared", [b"z1".ljust(16)])
    assert run(cancel) == [True]
    wall_ms += 60_000
    assert receive("steps.fifo") == [b"a1", b"a2", b"c1", b"c2"]
    while (due_at_ms := engine.apply([]).status.due_at_ms) is not None and due_at_ms <= wall_ms:
        run(commands.Advance())
    check_engine(engine, settled=True)
    engine.close()


def test_what_topics_keep_is_read_from_format_3_on(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    load(FIXTURES[2], directory)
    engine = Engine(directory, Clock(lambda: EPOCH_MS, lambda: 0))

    def run(command: Any) -> Any:
        (outcome,) = engine.apply([(NAMESPACE, command)]).outcomes
        assert not isinstance(outcome, Exception), outcome
        return outcome

    check_engine(engine)
    (waiting,) = run(commands.PeekMessages("delivery/news:2", 10))
    assert (waiting.body, waiting.via.protocol) == (b"to an endpoint", "https")
    causes = [one.via.cause for one in run(commands.PeekMessages("refused", 10))]
    assert causes == ["QueueIsFull"]
    (archived,) = run(commands.PeekMessages("topic/steps", 10))
    (step,) = [one for one in run(commands.PeekMessages("done.fifo", 10)) if one.body == b"a step"]
    assert step.via.sequence == archived.via.sequence > 0
    again = commands.FanOutOnce("topic/steps", bytes(16), "g", "d", [b"x"], [])
    assert run(again) == commands.Published(bytes([24]) * 16, archived.via.sequence, repeated=True)
    records = {(r.kind, r.name): resources.decode(r.value) for r in run(commands.ReadRecords())}
    subscription = records["subscription", "news:2"]
    assert isinstance(subscription, resources.Subscription)
    assert subscription.pause == resources.Pause("operator", "maintenance", EPOCH_MS)
    engine.close()


def test_the_fixture_is_what_is_written_today(tmp_path: Path) -> None:
    """If this fails the format has changed: take a new number, keep the old reader and fixture."""
    write(tmp_path / "data")
    signing_key = keys.meta("signing_key").hex()
    today = [line for line in dump(tmp_path / "data") if not line.startswith(signing_key)]
    golden = FIXTURES[-1].read_text().splitlines()
    assert today == [line for line in golden if not line.startswith(signing_key)]


def newer(directory: Path) -> None:
    write(directory)
    env = lmdb.open(str(directory), map_size=MAP_BYTES, max_dbs=0)
    with env.begin(write=True) as txn:
        txn.put(keys.meta("format"), msgspec.msgpack.encode(keys.FORMAT + 1))
    env.close()


def test_newer_data_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    newer(directory)
    before = list(dump(directory))
    with pytest.raises(NewerFormat, match=f"format {keys.FORMAT + 1}, written by a newer broker"):
        Engine(directory, Clock())
    assert list(dump(directory)) == before


async def test_the_store_process_says_why_it_refuses(tmp_path: Path) -> None:
    newer(tmp_path / "data")
    with pytest.raises(StoreRefused, match="Start the newer one"):
        async with open_store(tmp_path / "data"):
            pass
