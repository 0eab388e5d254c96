"""sends what rules' targets get that are in other namespaces: the outbox of a publish

What leaves the namespace was put into a queue of its target by the publish's own commit, and is
routed from there in the namespace that it is for. A crash in between may route it twice: it is
delivered at least once, and into a FIFO queue once, as the event's id tells.
"""

from collections.abc import Iterable

import msgspec
import trio

from broker.core.commands import NewEntry, Received
from broker.core.json_text import parse_json
from broker.core.message import Message, decode, encode
from broker.core.names import Arn
from broker.core.registry import Registry, Resources
from broker.core.resources import Rule, Target
from broker.core.routing import Obstacle, Router, dead_letter_queues
from broker.core.rule_dead_letters import rule_dead_letter
from broker.core.rule_targets import RuleTarget, rule_arn
from broker.runtime.drain import Drain, WorkerGone, noted
from broker.runtime.ids import Ids
from broker.runtime.publisher import Publisher, undeliverable

CONCURRENCY = 10  # events that one target is sent at a time
LEASE_S = 60.0  # before an event is sent again whose sending was lost


class RuleDelivery:
    """Sends what waits for one target; the worker of its drain."""

    def __init__(
        self, drain: Drain, registry: Registry, publisher: Publisher, ids: Ids, queue: str
    ) -> None:
        self._drain = drain
        self._registry = registry
        self._publisher = publisher
        self._ids = ids
        self._rule, _, self._id = queue.partition("/")[2].rpartition("|")
        self._room = trio.Semaphore(CONCURRENCY)
        self.label = f"rule {self._rule}, target {self._id}"

    async def take_room(self) -> int:
        """See `broker.runtime.drain.Worker`."""
        await self._room.acquire()
        return 1

    def give_room(self, count: int) -> None:
        """See `broker.runtime.drain.Worker`."""
        for _ in range(count):
            self._room.release()

    def lease_s(self) -> float:
        """See `broker.runtime.drain.Worker`."""
        return LEASE_S

    async def work(self, received: Received) -> None:
        """Send one event. Raises: StoreFull, if the other namespace has no room now."""
        rule, target = self._target()
        body = decode(received.body)
        assert isinstance(body, Message)
        arn = Arn.parse(target.arn)
        assert arn is not None
        there = arn.namespace
        resources = self._registry.resources(there)
        router = Router(resources, there, self._ids.new, self._publisher.now_ms())
        obstacle = router.event_to_target(
            RuleTarget.of(there, rule, target),
            rule.event_bus,
            parse_json(body.body),
            body.body,
            received.via.hops + 1 if received.via is not None else 1,
        )
        if obstacle is not None:
            await self._give_up(received, rule, target, body, obstacle)
            return
        await self._publisher.publish(there, router.routed)
        note = noted(received, self._publisher.now_ms(), "delivered", f"routed in {there}")
        await self._drain.done(received, note)

    async def aclose(self) -> None:
        """See `broker.runtime.drain.Worker`. It holds nothing."""

    async def _give_up(
        self, received: Received, rule: Rule, target: Target, body: Message, obstacle: Obstacle
    ) -> None:
        namespace = self._drain.namespace
        arn = rule_arn(namespace, rule.name)
        letter = rule_dead_letter(body.body, arn, target.arn, *obstacle)
        resources = self._resources()
        queues = dead_letter_queues(
            resources, RuleTarget.of(namespace, rule, target), rule.event_bus
        )
        queue = next((name for name in queues if name in resources.queues), None)
        note = noted(received, self._publisher.now_ms(), "given up", ": ".join(obstacle))
        if queue is None:
            await self._drain.replace(received, [], [], note)
            undeliverable(f"rule {rule.name}", target.arn, obstacle.code)
            return
        entry = NewEntry(queue, self._ids.new(), 0)
        note = msgspec.structs.replace(
            note, dead_letter_queue=queue, dead_letter_id=entry.message_id
        )
        _, homeless = await self._drain.replace(received, [encode(letter)], [entry], note)
        if homeless:
            undeliverable(f"rule {rule.name}", target.arn, obstacle.code)

    def _target(self) -> tuple[Rule, Target]:
        rule = self._resources().rules.get(self._rule)
        for target in rule.targets if rule is not None else ():
            if target.id == self._id:
                assert rule is not None
                return rule, target
        raise WorkerGone

    def _resources(self) -> Resources:
        return self._registry.resources(self._drain.namespace)


class TargetQueues:
    """The queues of targets, to be drained each for itself."""

    def __init__(self, registry: Registry, publisher: Publisher, ids: Ids) -> None:
        self._registry = registry
        self._publisher = publisher
        self._ids = ids

    def names(self, namespace: str) -> Iterable[str]:
        """See `broker.runtime.dispatchers.Workers`."""
        queues = self._registry.resources(namespace).queues
        return [name for name in queues if name.startswith(_PREFIX)]

    def has(self, namespace: str, name: str) -> bool:
        """See `broker.runtime.dispatchers.Workers`."""
        return name.startswith(_PREFIX) and name in self._registry.resources(namespace).queues

    def queue(self, name: str) -> str:
        """See `broker.runtime.dispatchers.Workers`."""
        return name

    def worker(self, drain: Drain, name: str) -> RuleDelivery:
        """See `broker.runtime.dispatchers.Workers`."""
        return RuleDelivery(drain, self._registry, self._publisher, self._ids, name)


_PREFIX = "target/"
