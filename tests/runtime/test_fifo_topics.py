"""From a FIFO topic to its queues: order per group, and once, whatever happens in between."""

import json
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.core.limits import DEDUPLICATION_MS
from broker.core.message import MessageAttribute, decode, iso_time, rendered
from broker.core.names import Namespace
from broker.core.publication import Publication
from broker.core.replay_policy import parse_replay_policy
from broker.core.resources import Queue, Topic
from broker.runtime.broker import Broker
from broker.testing.broker import EPOCH_MS, now_ms, open_broker
from tests.store.invariants import check_directory

NS = Namespace()
QUEUES = {"all.fifo": None, "red.fifo": '{"colour":["red"]}', "standard": None}
WINDOW_S = DEDUPLICATION_MS // 1000

Step = tuple[str, Any]

publishes = st.tuples(
    st.just("publish"),
    st.tuples(
        st.sampled_from("gh"),  # group
        st.sampled_from(["1", "2", "3"]),  # deduplication id
        st.sampled_from(["red", "blue"]),
    ),
)
steps = st.lists(
    st.one_of(
        publishes,
        publishes,
        st.tuples(st.just("wait"), st.sampled_from([1, 60, WINDOW_S])),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("receive"), st.sampled_from(sorted(QUEUES))),
        st.tuples(st.just("replay"), st.floats(0, 1)),
    ),
    max_size=25,
)


@dataclass
class Model:
    """What must come out: plain lists, and the memory of the last five minutes."""

    per_group: bool
    remembered: dict[Any, float] = field(default_factory=dict)
    published: list[tuple[float, str, str, str]] = field(default_factory=list)
    wanted: dict[str, list[tuple[str, str]]] = field(
        default_factory=lambda: {queue: [] for queue in QUEUES}
    )

    def publish(self, at: float, group: str, id_: str, colour: str, text: str) -> bool:
        key = (group, id_) if self.per_group else id_
        if key in self.remembered and at < self.remembered[key] + WINDOW_S:
            return False
        self.remembered[key] = at
        self.published.append((at, group, colour, text))
        self._deliver(group, colour, text, QUEUES)
        return True

    def replay(self, from_: float, until: float, queue: str) -> None:
        for at, group, colour, text in self.published:
            if from_ <= at <= until:
                self._deliver(group, colour, text, {queue: QUEUES[queue]})

    def _deliver(self, group: str, colour: str, text: str, queues: dict[str, Any]) -> None:
        for queue, filter_policy in queues.items():
            if filter_policy is None or colour == "red":
                self.wanted[queue].append((group, text))


class Run:
    """One sequence of steps against a broker that is opened again and again."""

    def __init__(self, directory: Path, scope: str) -> None:
        self.directory = directory
        self.topic = Topic(
            name="steps.fifo",
            fifo=True,
            fifo_throughput_scope=scope,
            archive_retention_days=10,
            archive_began_ms=EPOCH_MS,
        )
        self.model = Model(per_group=scope == "MessageGroup")
        self.stack = AsyncExitStack()
        self.broker: Broker
        self.seen: dict[str, list[tuple[str, str]]] = {queue: [] for queue in QUEUES}
        self.count = 0

    async def open(self) -> None:
        # Queues remember ids, too. In the topic's own scope they agree with it.
        scope = "messageGroup" if self.model.per_group else "queue"
        queues = [
            Queue(name=name, fifo=True, deduplication_scope=scope)
            if name.endswith(".fifo")
            else Queue(name=name)
            for name in QUEUES
        ]
        self.broker = await self.stack.enter_async_context(
            open_broker(self.directory, [*queues, self.topic])
        )
        for name, filter_policy in QUEUES.items():
            given = {"raw_message_delivery": True, "filter_policy": filter_policy}
            arn = NS.arn("sqs", name)
            await self.broker.subscriptions.subscribe(NS, "steps.fifo", "sqs", arn, given)

    async def restart(self) -> None:
        await self.stack.aclose()
        self.stack = AsyncExitStack()
        await self.open()

    async def publish(self, group: str, id_: str, colour: str) -> None:
        self.count += 1
        text = f"{self.count}"
        publication = Publication(
            message=text,
            attributes={"colour": MessageAttribute("String", colour)},
            group=group,
            deduplication_id=id_,
        )
        await self.broker.topics.publish(NS, "steps.fifo", publication)
        self.model.publish(trio.current_time(), group, id_, colour, text)

    async def receive(self, queue: str) -> None:
        while received := await self.broker.queues.receive(NS, queue, 10):
            for one in received:
                message = rendered(decode(one.body), one.via, "")
                group = (message.system_attributes or {})["MessageGroupId"]
                self.seen[queue].append((group, message.body))
            handles = [one.receipt_handle for one in received]
            await self.broker.queues.delete_messages(NS, queue, handles)

    async def replay(self, fraction: float) -> None:
        """All that was published from some moment on, to one queue, with a restart within."""
        await trio.sleep(1)
        until = trio.current_time()
        from_ = until * fraction
        policy = {"PointType": "Timestamp", "StartingPoint": _iso(from_)}
        replay = parse_replay_policy(self.topic, json.dumps(policy), now_ms())
        (name,) = (
            each.name
            for each in self.broker.subscriptions.all(NS, "steps.fifo")
            if each.endpoint.endswith(":red.fifo")
        )
        await self.broker.subscriptions.configure(NS, name, {"replay": replay})
        await self.restart()
        for _ in range(100):
            found = self.broker.subscriptions.get(NS, name).replay
            if found is not None and found.status == "Completed":
                break
            await trio.sleep(1)
        assert found is not None
        assert found.status == "Completed"
        assert replay is not None
        self.model.replay((replay.from_ms - EPOCH_MS) / 1000, until, "red.fifo")


def _iso(at: float) -> str:
    return iso_time(EPOCH_MS + int(at * 1000))


def by_group(messages: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for group, text in messages:
        found.setdefault(group, []).append(text)
    return found


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=steps, scope=st.sampled_from(["Topic", "MessageGroup"]))
def test_order_and_deduplication_hold_over_restarts_and_replays(
    steps: list[Step], scope: str
) -> None:
    async def run(directory: Path) -> None:
        it = Run(directory, scope)
        await it.open()
        actions: dict[str, Callable[..., Awaitable[None]]] = {
            "publish": it.publish,
            "receive": it.receive,
            "replay": it.replay,
        }
        for action, argument in steps:
            if action == "wait":
                await trio.sleep(argument)
            elif action == "restart":
                await it.restart()
            elif action == "publish":
                await it.publish(*argument)
            else:
                await actions[action](argument)
        for queue in QUEUES:
            await it.receive(queue)
        await it.stack.aclose()
        for queue in ("all.fifo", "red.fifo"):
            assert by_group(it.seen[queue]) == by_group(it.model.wanted[queue]), queue
        assert sorted(it.seen["standard"]) == sorted(it.model.wanted["standard"])
        check_directory(directory)

    with tempfile.TemporaryDirectory() as folder:
        trio.run(run, Path(folder) / "data", clock=trio.testing.MockClock(autojump_threshold=0))
