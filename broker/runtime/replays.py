"""replays of FIFO topics' archives: each goes on in slices, also after a restart

A slice of deliveries and the note of how far it has come are one commit, so no message is replayed
twice, or left out, whenever the daemon ends.
"""

import logging
from collections.abc import Callable

import msgspec
import trio

from broker.core.commands import NewEntry, Peeked
from broker.core.errors import (
    BrokerError,
    QueueDoesNotExist,
    RecordChanged,
    StoreUnavailable,
)
from broker.core.limits import MOVE_SLICE
from broker.core.message import Notification, decode
from broker.core.names import Namespace, topic_queue
from broker.core.queue.look import cursor_at
from broker.core.registry import Registry
from broker.core.replay_policy import ACTIVE
from broker.core.resources import Replay, Subscription
from broker.core.subscribers import Subscriber, Subscribers
from broker.runtime.ids import Ids
from broker.runtime.publisher import undeliverable
from broker.runtime.queues import Queues
from broker.runtime.registrar import Registrar

log = logging.getLogger(__name__)

TROUBLE_PAUSE_S = 1.0

Place = tuple[str, str]  # namespace and subscription


class Replays:
    """Owns a task for each replay that is under way."""

    def __init__(
        self, registrar: Registrar, queues: Queues, ids: Ids, now_ms: Callable[[], int]
    ) -> None:
        self._registrar = registrar
        self._queues = queues
        self._ids = ids
        self._now_ms = now_ms
        self._running: set[Place] = set()
        self._nursery: trio.Nursery | None = None

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Go on with what is under way, and begin what is asked for; until cancelled."""
        registry: Registry = self._registrar.registry
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for namespace, resources in registry.namespaces.items():
                for name in resources.subscriptions:
                    self._hear(namespace, "subscription", name)
            self._registrar.listeners.append(self._hear)
            task_status.started()
            await trio.sleep_forever()

    def _hear(self, namespace: str, kind: str, name: str) -> None:
        if kind != "subscription" or (namespace, name) in self._running:
            return
        if self._active(namespace, name) is not None:
            assert self._nursery is not None
            self._running.add((namespace, name))
            self._nursery.start_soon(self._replay, namespace, name)

    def _active(self, namespace: str, name: str) -> tuple[Subscription, Replay] | None:
        found = self._registrar.registry.resources(namespace).subscriptions.get(name)
        if found is None or found.replay is None or found.replay.status not in ACTIVE:
            return None
        return found, found.replay

    async def _replay(self, namespace: str, name: str) -> None:
        try:
            while (active := self._active(namespace, name)) is not None:
                try:
                    await self._slice(Namespace.parse(namespace), *active)
                except RecordChanged:
                    await trio.lowlevel.checkpoint()  # look at it as it is now
                except StoreUnavailable:
                    return
                except BrokerError as error:
                    log.warning("the replay to %s waits: %s", name, error.message)
                    await trio.sleep(TROUBLE_PAUSE_S)
        finally:
            self._running.discard((namespace, name))

    async def _slice(
        self, namespace: Namespace, subscription: Subscription, replay: Replay
    ) -> None:
        after = replay.cursor or cursor_at(replay.from_ms)
        try:
            queue = topic_queue(subscription.topic)
            page = await self._queues.peek(namespace, queue, MOVE_SLICE, after)
        except QueueDoesNotExist:
            page = []  # the subscription is about to go with its topic
        wanted = [one for one in page if one.sent_at_ms <= replay.until_ms]
        subscriber = Subscriber.of(namespace, subscription)
        bodies, entries = self._deliveries(subscriber, wanted)
        over = len(wanted) < len(page) or not page
        changed = msgspec.structs.replace(
            replay,
            status="Completed" if over else "In progress",
            cursor=page[-1].cursor if page else after,
            delivered=replay.delivered + len(entries),
        )
        homeless = await self._registrar.replay(
            namespace, msgspec.structs.replace(subscription, replay=changed), bodies, entries
        )
        for lost in homeless:
            undeliverable(f"a replay of topic {subscription.topic}", entries[lost].queue)

    def _deliveries(
        self, subscriber: Subscriber, archived: list[Peeked]
    ) -> tuple[list[bytes], list[NewEntry]]:
        """What of it the subscription's filter policy lets through."""
        alone = Subscribers()
        alone.put(subscriber)
        bodies: list[bytes] = []
        entries: list[NewEntry] = []
        for one in archived:
            notification = decode(one.body)
            assert isinstance(notification, Notification)
            if not list(alone.matching(notification)):
                continue
            sequence = one.via.sequence if one.via is not None else 0
            via = msgspec.structs.replace(subscriber.via, sequence=sequence, replayed=True)
            entries.append(
                NewEntry(
                    subscriber.queue,
                    self._ids.new(),
                    len(bodies),
                    via=via,
                    dead_letter_queue=subscriber.dead_letter_queue,
                    # No deduplication id: the queue has had the message, and is to get it again.
                    group=notification.group,
                )
            )
            bodies.append(one.body)
        return bodies, entries
