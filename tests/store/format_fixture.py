"""a store's map as text, and back: one record a line, key and value in hexadecimal

`python -m tests.store.format_fixture > tests/store/data/format-N.txt` writes the fixture of a new
format. Fixtures of earlier formats are never written again.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import lmdb

from broker.core import commands, resources
from broker.core.commands import NewEntry, NewMessage, RecordChange, VisibilityChange
from broker.core.message import Via
from broker.store.clock import Clock
from broker.store.engine import MAP_BYTES, Engine

NAMESPACE = "000000000000/us-east-1"
EPOCH_MS = 1_700_000_000_000


def load(fixture: Path, directory: Path) -> None:
    """Make a data directory of the fixture."""
    directory.mkdir()
    env = lmdb.open(str(directory), map_size=MAP_BYTES, max_dbs=0)
    with env.begin(write=True) as txn:
        for line in fixture.read_text().splitlines():
            key, _, value = line.partition(" ")
            txn.put(bytes.fromhex(key), bytes.fromhex(value))
    env.close()


def dump(directory: Path) -> Iterator[str]:
    """The directory's fixture."""
    env = lmdb.open(str(directory), map_size=MAP_BYTES, max_dbs=0, readonly=True, lock=False)
    with env.begin() as txn:
        for key, value in txn.cursor():
            yield f"{bytes(key).hex()} {bytes(value).hex()}"
    env.close()


def write(directory: Path) -> None:
    """A little of everything that a store can hold."""
    with mock.patch("secrets.token_bytes", bytes):  # what is signed is the same every time
        engine = Engine(directory, Clock(lambda: EPOCH_MS, lambda: 0))

    def run(command: commands.AnyCommand) -> object:
        (outcome,) = engine.apply([(NAMESPACE, command)]).outcomes
        assert not isinstance(outcome, Exception), outcome
        return outcome

    arn = "arn:aws:sqs:us-east-1:000000000000:dead"
    policy = resources.RedrivePolicy(arn, 1)
    made = [
        resources.Queue(name="orders", created_at_ms=EPOCH_MS, tags={"team": "a"}),
        resources.Queue(name="audit", redrive_policy=policy, delay_s=5, retention_s=600),
        resources.Queue(name="dead"),
        resources.Queue(name="old"),
    ]
    for queue in made:
        run(commands.Configure([RecordChange("queue", queue.name, resources.encode(queue))]))
    topic = resources.encode(resources.Topic(name="news", display_name="News"))
    run(commands.Configure([RecordChange("topic", "news", topic)]))
    messages = [NewMessage(bytes([n]) * 16, b"body %d" % n, n * 1_000) for n in (0, 1)]
    run(commands.SendMessages("orders", messages))
    via = Via("1", "envelope")
    places = ((2, "orders"), (3, "audit"))
    entries = [NewEntry(queue, bytes([n]) * 16, 0, 0, via) for n, queue in places]
    run(commands.FanOut([b"shared"], entries))
    (received,) = run(commands.ReceiveMessages("orders", 1, 30_000, bytes(8)))  # type: ignore[misc]
    run(commands.ChangeVisibility("orders", [VisibilityChange(received.receipt_handle, 60_000)]))
    run(commands.ReceiveMessages("audit", 1, 0, bytes(8)))
    run(commands.ReceiveMessages("audit", 1, 0, bytes(8)))  # one too many: to the dead letters
    run(commands.SendMessages("old", [NewMessage(bytes([9]) * 16, b"to be reclaimed")]))
    run(commands.PurgeQueue("old"))
    wide = [NewEntry("dead", bytes([n]) * 16, 0) for n in (11, 12, 13)]
    with mock.patch("broker.core.queue.send.FAN_OUT_TARGETS_MAX", 2):
        run(commands.FanOut([b"wide"], wide))
    _write_groups(run)
    _write_topics(run)
    engine.close()


def _write_groups(run: Callable[[commands.AnyCommand], object]) -> None:
    """What came with format 2: message groups, what queues remember, what can be cancelled."""
    for name, fifo in (("steps.fifo", True), ("done.fifo", True), ("shared", False), ("was", True)):
        queue = resources.Queue(name=name, fifo=fifo, deduplication_scope="messageGroup")
        run(commands.Configure([RecordChange("queue", name, resources.encode(queue))]))

    def new(number: int, group: str, delay_ms: int = 0, **more: bool) -> NewMessage:
        text = f"{group}{number}"
        deduplication_id = None if more else text
        id_ = text.encode().ljust(16)
        return NewMessage(id_, text.encode(), delay_ms, group, deduplication_id, **more)

    steps = [new(1, "a"), new(2, "a"), new(1, "b"), new(1, "c", 60_000), new(2, "c")]
    run(commands.SendMessages("steps.fifo", steps))
    run(commands.ReceiveMessages("steps.fifo", 1, 30_000, bytes(8), "attempt"))
    task = resources.MessageMoveTask(name="task", source="steps.fifo", destination="done.fifo")
    change = RecordChange("message_move_task", "task", resources.encode(task))
    run(commands.Configure([change]))
    run(commands.MoveMessages("task", [b"moved".ljust(16)]))
    run(commands.SendMessages("shared", [new(1, "x"), new(2, "x"), new(1, "y")]))
    run(commands.ReceiveMessages("shared", 2, 30_000, bytes(8)))
    later = new(1, "z", 60_000, cancellable=True)
    run(commands.SendMessages("shared", [later]))
    run(commands.SendMessages("was", [new(1, "a"), new(2, "a", 1_000)]))
    run(commands.Configure([RecordChange("queue", "was", None)]))


def _write_topics(run: Callable[[commands.AnyCommand], object]) -> None:
    """What came with format 3: HTTP endpoints' queues, and FIFO topics with their archives."""
    full = resources.Queue(name="delivery/news:2", messages_max=1)
    archive = resources.Queue(name="topic/steps", retention_s=86_400)
    for queue in (full, archive, resources.Queue(name="refused")):
        run(commands.Configure([RecordChange("queue", queue.name, resources.encode(queue))]))
    pause = resources.Pause("operator", "maintenance", EPOCH_MS)
    subscription = resources.Subscription(
        name="news:2",
        topic="news",
        protocol="https",
        endpoint="https://hooks.example/",
        filter_policy='{"kind":["order"]}',
        pause=pause,
    )
    record = resources.encode(subscription)
    run(commands.Configure([RecordChange("subscription", "news:2", record)]))
    via = Via("2", "envelope", "https")
    entries = [NewEntry(full.name, bytes([n]) * 16, 0, 0, via, "refused") for n in (21, 22)]
    run(commands.FanOut([b"to an endpoint"], entries))  # one finds it full
    for _ in range(2):  # the second time it is a repeated publish
        entry = NewEntry("done.fifo", bytes([23]) * 16, 0, 0, Via("3", "raw"), None, "g", "d")
        step = commands.FanOutOnce(
            archive.name, bytes([24]) * 16, "g", "d", [b"a step"], [entry], archive=True
        )
        run(step)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "data")
        sys.stdout.writelines(line + "\n" for line in dump(Path(folder) / "data"))
