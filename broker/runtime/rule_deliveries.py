"""sends what rules' targets get that are elsewhere: other namespaces, HTTP APIs, log files

What leaves the namespace was put into a queue of its target by the publish's own commit, and is
sent from there. A crash in between may send it twice: it is delivered at least once, and into a
FIFO queue once, as the event's id tells.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import trio

from broker.core.commands import NewEntry, Received
from broker.core.input_template import TransformationFailed
from broker.core.json_text import parse_json
from broker.core.limits import (
    EVENT_RETRY_AGE_S_MAX,
    EVENT_RETRY_ATTEMPTS_MAX,
    RULE_TARGET_CONCURRENCY,
)
from broker.core.message import Message, decode, encode, trace_header_of
from broker.core.names import Arn, Namespace, destination_name, log_group_name
from broker.core.registry import Registry, Resources
from broker.core.resources import HttpParameters, Rule, Target
from broker.core.routing import NO_RESOURCE, Obstacle, Router, dead_letter_queues
from broker.core.rule_dead_letters import TOO_OFTEN, TOO_OLD, rule_dead_letter
from broker.core.rule_targets import RuleTarget, rule_arn
from broker.core.target_input import Occasion, cloud_event_content
from broker.runtime.api_senders import ApiSenders
from broker.runtime.connections import Connections
from broker.runtime.drain import Drain, WorkerGone, noted
from broker.runtime.ids import Ids
from broker.runtime.log_files import LogFiles
from broker.runtime.publisher import Publisher, undeliverable
from broker.runtime.rule_nets import ready
from broker.runtime.secret_box import Unreadable

if TYPE_CHECKING:
    from broker.runtime.http_sender import Answer  # httpx takes long to load

LEASE_S = 300.0  # before an event is sent again whose sending was lost
BACKOFF_S = (1.0, 600.0)  # first and longest wait between two attempts
PARKED_S = (20.0, 300.0)  # likewise, after a 429 that doesn't say how long


@dataclass(frozen=True, slots=True)
class TargetParts:
    """What deliveries to targets elsewhere need of the broker."""

    registry: Registry
    publisher: Publisher
    ids: Ids
    connections: Connections
    senders: ApiSenders
    logs: LogFiles
    concurrency: int = RULE_TARGET_CONCURRENCY  # events that one target is sent at a time


class RuleDelivery:
    """Sends what waits for one target; the worker of its drain."""

    def __init__(self, drain: Drain, parts: TargetParts, queue: str) -> None:
        self._parts = parts
        self._parks = 0  # in a row
        self._drain = drain
        self._rule, _, self._id = queue.partition("/")[2].rpartition("|")
        self._room = trio.CapacityLimiter(parts.concurrency)
        self._taken: list[object] = []  # by which places of the room
        self._next_at = 0.0  # on trio's clock, of a target with a rate
        self.label = f"rule {self._rule}, target {self._id}"

    async def take_room(self, _: int) -> int:
        """See `broker.runtime.drain.Worker`."""
        place = object()
        self._room.total_tokens = self._target()[1].concurrency or self._parts.concurrency
        await self._room.acquire_on_behalf_of(place)
        try:
            await self._keep_rate()
        except BaseException:
            self._room.release_on_behalf_of(place)
            raise
        self._taken.append(place)
        return 1

    async def _keep_rate(self) -> None:
        rate = self._target()[1].events_per_second
        if rate is not None:
            at = max(self._next_at, trio.current_time())
            self._next_at = at + 1 / rate
            await trio.sleep_until(at)

    def give_room(self, count: int) -> None:
        """See `broker.runtime.drain.Worker`."""
        for _ in range(count):
            self._room.release_on_behalf_of(self._taken.pop())

    def lease_s(self) -> float:
        """See `broker.runtime.drain.Worker`."""
        return LEASE_S

    async def work(self, received: Received) -> None:
        """Send one event. Raises: StoreFull, if another namespace has no room now."""
        rule, target = self._target()
        body = decode(received.body)
        assert isinstance(body, Message)
        arn = Arn.parse(target.arn)
        assert arn is not None
        if destination_name(arn):
            await self._call(received, rule, target, body, arn)
        elif log_group_name(arn):
            await self._log(received, rule, target, body, arn)
        else:
            await self._route(received, rule, target, body, arn.namespace)

    async def _route(
        self, received: Received, rule: Rule, target: Target, body: Message, there: Namespace
    ) -> None:
        """Deliver in another namespace, or in this one at the target's rate, by a commit there."""
        resources = self._parts.registry.resources(there)
        await ready(resources)
        router = Router(
            resources,
            there,
            self._parts.ids.new,
            self._parts.publisher.now_ms(),
            trace_header_of(body),
        )
        event = parse_json(body.body)
        here = self._drain.namespace
        # There, the name alone would be taken for a rule of that namespace.
        known_as = rule.name if there == here else rule_arn(here, rule.name)
        obstacle = router.event_to_target(
            RuleTarget.of(
                there,
                msgspec.structs.replace(rule, name=known_as),
                msgspec.structs.replace(target, events_per_second=None),
            ),
            rule.event_bus,
            event,
            body.body,
            received.via.hops + 1 if received.via is not None else 1,
        )
        if obstacle is not None:
            await self._give_up(received, rule, target, body, obstacle)
            return
        if router.routed.events and there != here:
            router.keep_trace(event, body.body)  # here it has one already
        await self._parts.publisher.publish(there, router.routed)
        note = noted(received, self._parts.publisher.now_ms(), "delivered", f"routed in {there}")
        await self._drain.done(received, note)

    async def _log(
        self, received: Received, rule: Rule, target: Target, body: Message, arn: Arn
    ) -> None:
        """Write a line into a log group's file."""
        text = self._text(received, rule, target, parse_json(body.body), body)
        if isinstance(text, Obstacle):
            await self._give_up(received, rule, target, body, text)
            return
        path = self._parts.logs.path(arn.namespace, log_group_name(arn))
        if path is None:
            await self._give_up(received, rule, target, body, NO_RESOURCE)
            return
        try:
            await self._parts.logs.append(path, text)
        except OSError as error:
            obstacle = Obstacle("ERROR_FROM_TARGET", f"{path.name}: {error.strerror}")
            await self._retry(received, rule, target, body, obstacle)
            return
        note = noted(received, self._parts.publisher.now_ms(), "delivered", f"in {path.name}")
        await self._drain.done(received, note)

    async def _call(
        self, received: Received, rule: Rule, target: Target, body: Message, arn: Arn
    ) -> None:
        """Make one request of an API destination."""
        event: dict[str, Any] = parse_json(body.body)
        resources = self._parts.registry.resources(arn.namespace)
        destination = resources.api_destinations.get(destination_name(arn))
        connection = resources.connections.get(destination.connection) if destination else None
        if destination is None or connection is None:
            await self._give_up(received, rule, target, body, NO_RESOURCE)
            return
        text = self._text(received, rule, target, event, body)
        if isinstance(text, Obstacle):
            await self._give_up(received, rule, target, body, text)
            return
        try:
            authorization = self._parts.connections.authorization(connection)
        except Unreadable as error:
            reason = f"The secret of connection {connection.name} can't be read: {error}."
            await self._retry(received, rule, target, body, Obstacle("NO_PERMISSIONS", reason))
            return
        answer = await self._parts.senders.of(arn.namespace).send(
            destination,
            connection,
            authorization,
            target.http_parameters or HttpParameters(),
            event,
            cloud_event_content(target, event) or text,
        )
        await self._settle(received, rule, target, body, answer)

    async def _settle(
        self, received: Received, rule: Rule, target: Target, body: Message, answer: "Answer"
    ) -> None:
        if answer.verdict == "delivered":
            self._parks = 0
            note = noted(received, self._parts.publisher.now_ms(), "delivered", answer.text)
            await self._drain.done(received, note)
        elif answer.verdict == "parked":
            await self._park(received, rule, target, body, answer)
        elif answer.verdict == "refused":
            code = "ERROR_FROM_TARGET" if answer.status is not None else "SDK_CLIENT_ERROR"
            await self._give_up(received, rule, target, body, Obstacle(code, answer.text))
        else:
            code = "ERROR_FROM_TARGET" if answer.status is not None else "CONNECTION_FAILURE"
            await self._retry(received, rule, target, body, Obstacle(code, answer.text))

    async def _park(
        self, received: Received, rule: Rule, target: Target, body: Message, answer: "Answer"
    ) -> None:
        """Try again when the destination wants it, as if this attempt had never been."""
        if self._age_s(received) > _age_s_max(target):
            obstacle = Obstacle("THROTTLING", answer.text)
            await self._give_up(received, rule, target, body, obstacle, TOO_OLD)
            return
        first_s, longest_s = PARKED_S
        delay_s = answer.retry_after_s
        if delay_s is None:
            delay_s = min(first_s * 2 ** min(self._parks, 16), longest_s)
        self._parks += 1
        await self._drain.hide(received, delay_s, spend=False)

    async def _retry(
        self, received: Received, rule: Rule, target: Target, body: Message, obstacle: Obstacle
    ) -> None:
        """Try again later, if the target's retry policy allows it."""
        retries = target.retry_attempts
        if received.receive_count > (EVENT_RETRY_ATTEMPTS_MAX if retries is None else retries):
            await self._give_up(received, rule, target, body, obstacle, TOO_OFTEN)
            return
        first_s, longest_s = BACKOFF_S
        delay_s = min(first_s * 2 ** min(received.receive_count - 1, 16), longest_s)
        delay_s *= random.uniform(0.75, 1.0)
        if self._age_s(received) + delay_s > _age_s_max(target):
            await self._give_up(received, rule, target, body, obstacle, TOO_OLD)
            return
        now_ms = self._parts.publisher.now_ms()
        note = noted(received, now_ms, "failed", obstacle.error, now_ms + round(delay_s * 1000))
        await self._drain.hide(received, delay_s, attempt=note)

    def _text(
        self, received: Received, rule: Rule, target: Target, event: dict[str, Any], body: Message
    ) -> str | Obstacle:
        namespace = self._drain.namespace
        make = RuleTarget.of(namespace, rule, target).input
        if make is None:
            return body.body
        arn = rule_arn(namespace, rule.name)
        try:
            return make(Occasion(event, body.body, arn, received.sent_at_ms))
        except TransformationFailed as error:
            return Obstacle("TRANSFORMATION_FAILED", str(error))

    def _age_s(self, received: Received) -> float:
        return (self._parts.publisher.now_ms() - received.sent_at_ms) / 1000

    async def aclose(self) -> None:
        """See `broker.runtime.drain.Worker`. It holds nothing."""

    async def _give_up(
        self,
        received: Received,
        rule: Rule,
        target: Target,
        body: Message,
        obstacle: Obstacle,
        condition: str | None = None,
    ) -> None:
        """Make a dead letter of the event; `condition` is which limit of retries it has reached."""
        namespace = self._drain.namespace
        arn = rule_arn(namespace, rule.name)
        letter = rule_dead_letter(
            {"RULE_ARN": arn},
            body.body,
            target.arn,
            *obstacle,
            condition=condition,
            attempts=received.receive_count - 1,
        )
        resources = self._resources()
        queues = dead_letter_queues(
            resources, RuleTarget.of(namespace, rule, target), rule.event_bus
        )
        queue = next((name for name in queues if name in resources.queues), None)
        note = noted(received, self._parts.publisher.now_ms(), "given up", ": ".join(obstacle))
        if queue is None:
            await self._drain.replace(received, [], [], note)
            undeliverable(f"rule {rule.name}", target.arn, obstacle.code)
            return
        entry = NewEntry(queue, self._parts.ids.new(), 0)
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
        return self._parts.registry.resources(self._drain.namespace)


class TargetQueues:
    """The queues of targets, to be drained each for itself."""

    def __init__(self, parts: TargetParts) -> None:
        self._parts = parts

    def names(self, namespace: str) -> Iterable[str]:
        """See `broker.runtime.dispatchers.Workers`."""
        queues = self._parts.registry.resources(namespace).queues
        return [name for name in queues if name.startswith(_PREFIX)]

    def has(self, namespace: str, name: str) -> bool:
        """See `broker.runtime.dispatchers.Workers`."""
        return name.startswith(_PREFIX) and name in self._parts.registry.resources(namespace).queues

    def queue(self, name: str) -> str:
        """See `broker.runtime.dispatchers.Workers`."""
        return name

    def worker(self, drain: Drain, name: str) -> RuleDelivery:
        """See `broker.runtime.dispatchers.Workers`."""
        return RuleDelivery(drain, self._parts, name)


_PREFIX = "target/"


def _age_s_max(target: Target) -> int:
    age_s = target.maximum_event_age_s
    return EVENT_RETRY_AGE_S_MAX if age_s is None else age_s
