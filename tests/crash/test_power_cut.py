"""power loss: the data directory as it may be found after a cut at any moment

The store process works under load while every write, sync and answer is written down in one
stream. Then the file is built again as of random moments: with all that was synced by then, and
with any part of what was not, torn at sectors. From each the store must open, be consistent, and
hold all it had answered for.
"""

import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct
from typing import Any

import pytest
import trio

from broker.core import commands, resources
from broker.core.commands import NewEntry, NewMessage, RecordChange
from broker.store.client import StoreProcess, open_store
from broker.store.clock import Clock
from broker.store.engine import DATA_FILE, Engine
from broker.store.frames import FrameBuffer, decode_ready, decode_reply
from broker.store.seam import submit_one
from tests.store.invariants import check_engine

NAMESPACE = "000000000000/us-east-1"
CUTS = 500
SECTOR = 512
HEAD = Struct("<cQI")
FANS = ("fan-0", "fan-1", "fan-2")
MEMORY = Path("/dev/shm")


@dataclass
class History:
    """What was asked of the store, by the number of the call that asked it."""

    sent: dict[int, list[bytes]] = field(default_factory=dict)  # message ids, all or none
    published: dict[int, list[bytes]] = field(default_factory=dict)  # one message id per queue
    received: dict[bytes, int] = field(default_factory=dict)  # message id: receive
    deleted: dict[bytes, int] = field(default_factory=dict)  # message id: delete
    configured: dict[int, int] = field(default_factory=dict)  # version that was reached


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler to build the recorder with")
    library = tmp_path_factory.mktemp("shim") / "record_writes.so"
    source = Path(__file__).with_name("record_writes.c")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl", "-lpthread"],
        check=True,
    )
    return library


def test_whatever_was_answered_survives_a_power_cut_at_any_moment(
    shim: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    recording = tmp_path / "recording"
    monkeypatch.setenv("LD_PRELOAD", str(shim))
    monkeypatch.setenv("RECORD_WRITES", str(recording))
    history = History()
    trio.run(_record, tmp_path / "data", history, random.Random(seed + 1))
    monkeypatch.delenv("LD_PRELOAD")
    monkeypatch.setattr("broker.store.space.allocate", lambda file, length_bytes: None)
    steps = list(_read(recording))
    kinds = b"".join(kind for kind, _, _ in steps)
    assert b"M" not in kinds, "writes through a map are not written down"
    assert kinds.count(b"S") > 60
    assert kinds.count(b"D") > 60
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        _cut(steps, history, dice, Path(folder))


async def _record(directory: Path, history: History, dice: random.Random) -> None:
    async with open_store(directory) as store:
        await _load(store, history, dice)


async def _load(store: StoreProcess, history: History, dice: random.Random) -> None:
    """Publishers, fan-outs, consumers and configuration changes at once."""
    for name in ("orders", *FANS):
        value = resources.encode(resources.Queue(name=name))
        change = RecordChange("queue", name, value)
        await _ask(store, history.configured, 1, commands.Configure([change]))
    async with trio.open_nursery() as nursery:
        for number in range(4):
            nursery.start_soon(_send, store, history, random.Random(dice.random()), number)
            nursery.start_soon(_publish, store, history, random.Random(dice.random()), number)
            nursery.start_soon(_consume, store, history)
        nursery.start_soon(_configure, store, history)


async def _ask(store: StoreProcess, calls: dict[int, Any], what: Any, command: Any) -> Any:
    calls[store._next_call_id] = what  # nothing runs between this and the submit
    return await submit_one(store, NAMESPACE, command)


async def _send(store: StoreProcess, history: History, dice: random.Random, task: int) -> None:
    for _ in range(80):
        ids = [dice.randbytes(16) for _ in range(dice.randint(1, 4))]
        new = [NewMessage(id_, dice.randbytes(dice.choice((10, 300, 9_000)))) for id_ in ids]
        await _ask(store, history.sent, ids, commands.SendMessages("orders", new))


async def _publish(store: StoreProcess, history: History, dice: random.Random, task: int) -> None:
    for _ in range(40):
        ids = [dice.randbytes(16) for _ in FANS]
        entries = [NewEntry(queue, id_, 0) for queue, id_ in zip(FANS, ids, strict=True)]
        body = dice.randbytes(dice.choice((10, 6_000)))
        await _ask(store, history.published, ids, commands.FanOut([body], entries))


async def _consume(store: StoreProcess, history: History) -> None:
    for _ in range(50):
        calls: dict[int, None] = {}
        receive = commands.ReceiveMessages("orders", 3, 3_600_000, b"01234567")
        received = await _ask(store, calls, None, receive)
        for message in received:
            history.received[message.message_id] = next(iter(calls))
        calls.clear()
        handles = [message.receipt_handle for message in received[:2]]
        await _ask(store, calls, None, commands.DeleteMessages("orders", handles))
        for message in received[:2]:
            history.deleted[message.message_id] = next(iter(calls))


async def _configure(store: StoreProcess, history: History) -> None:
    for version in range(1, 60):
        change = RecordChange("topic", "t", b"%d" % version, version - 1)
        await _ask(store, history.configured, version, commands.Configure([change]))


def _read(recording: Path) -> Iterator[tuple[bytes, int, bytes]]:
    with recording.open("rb") as file:
        while head := file.read(HEAD.size):
            kind, offset, length = HEAD.unpack(head)
            yield kind, offset, file.read(length)


def _cut(
    steps: list[tuple[bytes, int, bytes]], history: History, dice: random.Random, folder: Path
) -> None:
    named = next(index for index, (kind, _, _) in enumerate(steps) if kind == b"R")
    first_answer = next(index for index, (kind, _, _) in enumerate(steps) if kind == b"A")
    cuts = [dice.randint(named, len(steps)) for _ in range(CUTS)]
    cuts[: CUTS // 20] = [dice.randint(named, first_answer) for _ in range(CUTS // 20)]
    cuts.sort()
    disk = bytearray()
    pending: list[tuple[bytes, int, bytes]] = []
    answers = FrameBuffer()
    answered: set[int] = set()
    ready_seen = False
    done = 0
    for number, cut in enumerate(cuts):
        for kind, offset, data in steps[done:cut]:
            if kind == b"A":
                answers.feed(data)
                for raw in answers.frames():
                    if not ready_seen:
                        assert decode_ready(raw).refusal is None
                        ready_seen = True
                        continue
                    answered.update(call_id for call_id, _ in decode_reply(raw).calls)
            elif kind == b"S":
                for write in pending:
                    _apply(disk, *write)
                pending.clear()
            elif kind == b"D":
                _apply(disk, *pending.pop())
            else:
                pending.append((kind, offset, data))
        done = cut
        directory = folder / str(number)
        directory.mkdir()
        (directory / DATA_FILE).write_bytes(_after_power_cut(disk, pending, dice))
        _check(directory, history, answered, thorough=number % 5 == 0)
        shutil.rmtree(directory)
    print(f"{len(steps)} steps, {len(answered)} calls answered before the last of {CUTS} cuts")


def _apply(disk: bytearray, kind: bytes, offset: int, data: bytes) -> None:
    if kind in b"TR":
        return  # only space: what was never written reads as zeros, on either side of the end
    if len(disk) < offset + len(data):
        disk.extend(bytes(offset + len(data) - len(disk)))
    disk[offset : offset + len(data)] = data


def _after_power_cut(
    disk: bytearray, pending: list[tuple[bytes, int, bytes]], dice: random.Random
) -> bytes:
    """What was synced, and any sectors of what was not."""
    found = bytearray(disk)
    share = dice.choice((0.0, 0.1, 0.5, 0.9, 1.0))
    for kind, offset, data in pending:
        start = 0
        while start < len(data):
            end = min(len(data), (offset + start) // SECTOR * SECTOR + SECTOR - offset)
            if dice.random() < share:
                _apply(found, kind, offset + start, data[start:end])
            start = end
    return bytes(found)


def _check(directory: Path, history: History, answered: set[int], *, thorough: bool) -> None:
    engine = Engine(directory, Clock())
    try:
        if thorough:
            check_engine(engine)
        there = {name: _ids(engine, name) for name in ("orders", *FANS)}
        for call_id, ids in history.sent.items():
            _check_sent(call_id, ids, there["orders"], history, answered)
        for call_id, ids in history.published.items():
            found = {id_ in there[name] for name, id_ in zip(FANS, ids, strict=True)}
            assert len(found) == 1, "a fan-out is there in part"
            assert found == {True} or call_id not in answered, "an answered fan-out is lost"
        reached = max(
            v for call_id, v in history.configured.items() if call_id in answered or v == 1
        )
        records = engine.apply([("", commands.ReadRecords())]).outcomes[0]
        topics = [record.version for record in records if record.kind == "topic"]
        assert max(topics, default=1) >= reached, "an answered change of configuration is lost"
        if thorough and there["orders"]:
            new = [NewMessage(bytes(16), b"goes on")]
            assert _one(engine, commands.SendMessages("orders", new)) is None
            check_engine(engine)
    finally:
        engine.close()


def _check_sent(
    call_id: int, ids: list[bytes], there: set[bytes], history: History, answered: set[int]
) -> None:
    untouched = set()
    for id_ in ids:
        if history.deleted.get(id_) in answered:
            assert id_ not in there, "a deleted message is back"
        elif history.received.get(id_) not in answered or id_ not in history.deleted:
            untouched.add(id_)  # nobody can have asked for its deletion yet
    if call_id in answered:
        assert untouched <= there, "an answered message is lost"
    elif len(untouched) == len(ids):
        assert len(untouched & there) in (0, len(ids)), "a send is there in part"


def _ids(engine: Engine, name: str) -> set[bytes]:
    outcome = _one(engine, commands.PeekMessages(name, 100_000))
    if isinstance(outcome, Exception):
        return set()  # before the queue was made
    return {message.message_id for message in outcome}


def _one(engine: Engine, command: Any) -> Any:
    return engine.apply([(NAMESPACE, command)]).outcomes[0]
