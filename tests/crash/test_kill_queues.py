"""kill -9 of the store at work on FIFO queues: order, deduplication and moves hold

Straight at the store process, without a daemon: whoever gets no answer asks again, as clients do.
"""

import os
import random
import signal
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trio

from broker.core import commands, resources
from broker.core.commands import NewMessage, Received, RecordChange
from broker.core.errors import StoreUnavailable
from broker.store.client import StoreProcess, open_store
from broker.store.seam import submit_one
from tests.crash.processes import store_pid
from tests.store.invariants import check_directory

NAMESPACE = "000000000000/us-east-1"
KILLS = 12
GROUPS = ("a", "b", "c", "d")
TIMEOUT_MS = 200  # of a receive: so long a group is locked when its receiver got no answer


async def create(store: StoreProcess, *names: str) -> None:
    for name in names:
        value = resources.encode(resources.Queue(name=name, fifo=True))
        change = RecordChange("queue", name, value)
        await submit_one(store, NAMESPACE, commands.Configure([change]))


@asynccontextmanager
async def mortal_store(directory: Path) -> AsyncIterator[StoreProcess]:
    """A store that may be killed inside; its end is no error."""
    try:
        async with open_store(directory) as store:
            yield store
    except* StoreUnavailable:
        pass


def kill() -> None:
    os.kill(store_pid(os.getpid()), signal.SIGKILL)


class Witness:
    """What senders and receivers of a FIFO queue know, over all kills."""

    def __init__(self) -> None:
        self.acknowledged: Counter[str] = Counter()  # messages of each group
        self.received: Counter[str] = Counter()  # likewise: numbers up to it, in order
        self.sequences: dict[str, int] = {}
        self.deleted: set[str] = set()
        self.unanswered = 0

    async def send(self, store: StoreProcess, group: str) -> None:
        """The next number, which is sent again under the same id until it is acknowledged."""
        text = f"{group} {self.acknowledged[group]}"
        new = NewMessage(random.randbytes(16), text.encode(), 0, group, text)
        await submit_one(store, NAMESPACE, commands.SendMessages("orders", [new]))
        self.acknowledged[group] += 1

    async def receive(self, store: StoreProcess) -> int:
        """Receive some and delete them; how many there were."""
        gone = frozenset(self.deleted)
        command = commands.ReceiveMessages("orders", 5, TIMEOUT_MS, random.randbytes(8))
        received: list[Received] = await submit_one(store, NAMESPACE, command)
        for message in received:
            text = message.body.decode()
            group, number = text.split()
            assert text not in gone, "a deleted message came back"
            assert int(number) <= self.received[group], "a message overtook another of its group"
            self.received[group] = max(self.received[group], int(number) + 1)
            stored = self.sequences.setdefault(text, message.sequence)
            assert stored == message.sequence, "a message was stored twice"
        if received:
            handles = [message.receipt_handle for message in received]
            delete = commands.DeleteMessages("orders", handles)
            results = await submit_one(store, NAMESPACE, delete)
            for message, result in zip(received, results, strict=True):
                if result is None:
                    self.deleted.add(message.body.decode())
        return len(received)

    async def until_killed(self, step: Callable[[], Awaitable[Any]]) -> None:
        try:
            while True:
                await step()
        except StoreUnavailable:
            self.unanswered += 1


@pytest.mark.slow
async def test_order_and_deduplication_hold_across_kill_9(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    directory = tmp_path / "data"
    witness = Witness()
    async with open_store(directory) as store:
        await create(store, "orders")
    for _ in range(KILLS):
        async with mortal_store(directory) as store, trio.open_nursery() as nursery:
            for group in GROUPS:
                nursery.start_soon(
                    witness.until_killed, lambda group=group: witness.send(store, group)
                )
            for _ in range(2):
                nursery.start_soon(witness.until_killed, lambda: witness.receive(store))
            await trio.sleep(dice.uniform(0.05, 0.4))
            kill()
        check_directory(directory)
    async with open_store(directory) as store:
        for group in GROUPS:
            await witness.send(store, group)  # what the last kill left open
        while sum(await counts(store, "orders")):
            if not await witness.receive(store):
                await trio.sleep(TIMEOUT_MS / 1000)
    print(f"{sum(witness.acknowledged.values())} sent, {witness.unanswered} left without an answer")
    assert witness.unanswered == KILLS * (len(GROUPS) + 2)
    assert witness.received == witness.acknowledged, "messages were lost or never acknowledged"
    assert sum(witness.acknowledged.values()) > 100


async def counts(store: StoreProcess, queue: str) -> tuple[int, int, int]:
    (found,) = await submit_one(store, NAMESPACE, commands.CountMessages([queue]))
    return found.visible, found.in_flight, found.delayed


@pytest.mark.slow
async def test_a_move_task_that_is_killed_again_and_again_moves_everything_once(
    tmp_path: Path,
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    directory = tmp_path / "data"
    texts = [f"{group} {number}" for number in range(300) for group in GROUPS]
    async with open_store(directory) as store:
        await create(store, "dead", "orders")
        for start in range(0, len(texts), 100):
            new = [
                NewMessage(random.randbytes(16), text.encode(), 0, text[0])
                for text in texts[start : start + 100]
            ]
            await submit_one(store, NAMESPACE, commands.SendMessages("dead", new))
        task = resources.MessageMoveTask(name="task", source="dead", destination="orders")
        change = RecordChange("message_move_task", "task", resources.encode(task))
        await submit_one(store, NAMESPACE, commands.Configure([change]))

    kills = 0
    while kills < KILLS:
        async with mortal_store(directory) as store, trio.open_nursery() as nursery:
            for _ in range(dice.randrange(6)):
                assert (await move(store)).status == "RUNNING"
            nursery.start_soon(_move_unless_killed, store)
            await trio.sleep(dice.uniform(0, 0.001))
            kill()
            kills += 1
        check_directory(directory)

    async with open_store(directory) as store:
        while (done := await move(store)).status == "RUNNING":
            pass
        assert (done.status, done.moved, done.to_move) == ("COMPLETED", len(texts), len(texts))
        assert await counts(store, "dead") == (0, 0, 0)
        peeked = await submit_one(store, NAMESPACE, commands.PeekMessages("orders", 10_000))
    numbers = defaultdict(list)
    for message in peeked:
        group, number = message.body.decode().split()
        numbers[group].append(int(number))
    assert numbers == {group: list(range(300)) for group in GROUPS}
    check_directory(directory)


async def move(store: StoreProcess) -> resources.MessageMoveTask:
    ids = [random.randbytes(16) for _ in range(10)]
    record = await submit_one(store, NAMESPACE, commands.MoveMessages("task", ids))
    task = resources.decode(record.value)
    assert isinstance(task, resources.MessageMoveTask)
    return task


async def _move_unless_killed(store: StoreProcess) -> None:
    with suppress(StoreUnavailable):
        await move(store)
