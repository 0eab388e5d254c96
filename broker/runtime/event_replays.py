"""replays of archives: each goes on in slices, also after a restart

A slice of deliveries and the note of how far it has come are one commit, so no event is replayed
twice, or left out, whenever the daemon ends. A replay's rate is that of the events it puts: what it
passes over costs no target anything, and is passed over as fast as it goes.
"""

import logging
from collections.abc import Callable
from typing import Any

import msgspec
import trio

from broker.core import ledger, message, pattern
from broker.core.abandoned_event import replay_via
from broker.core.commands import NewEntry, Peeked
from broker.core.errors import (
    BrokerError,
    InvalidParameter,
    QueueDoesNotExist,
    RecordChanged,
    ReplayDoesNotExist,
    ReplayExists,
    ReplayIsOver,
    StoreUnavailable,
)
from broker.core.json_text import parse_json
from broker.core.limits import COMMIT_ENTRIES_MAX, FAN_OUT_TARGETS_MAX, REPLAY_SLICE
from broker.core.message import Message, decode
from broker.core.names import Namespace, QueueName, archive_queue, function_queue
from broker.core.pattern import Matcher
from broker.core.queue.look import cursor_at
from broker.core.resources import EventReplay
from broker.core.routed import Routed
from broker.core.routing import Router
from broker.runtime.archives import Archives
from broker.runtime.ids import Ids
from broker.runtime.live import Live
from broker.runtime.publisher import count_homeless, undeliverable
from broker.runtime.queues import Queues
from broker.runtime.registrar import Registrar
from broker.runtime.rule_nets import ready

log = logging.getLogger(__name__)

TROUBLE_PAUSE_S = 1.0
ACTIVE = ("STARTING", "RUNNING", "CANCELLING")  # somebody works at it
OVER = ("CANCELLED", "COMPLETED", "FAILED")


class EventReplays:
    """Owns a task for each replay that is under way."""

    def __init__(
        self,
        registrar: Registrar,
        queues: Queues,
        archives: Archives,
        live: Live,
        ids: Ids,
        now_ms: Callable[[], int],
    ) -> None:
        self._registrar = registrar
        self._queues = queues
        self._archives = archives
        self._live = live
        self._ids = ids
        self._now_ms = now_ms
        self._running: set[tuple[str, str]] = set()
        self._nursery: trio.Nursery | None = None

    # What programs ask for

    def get(self, namespace: Namespace, name: str) -> EventReplay:
        """One replay. Raises: ReplayDoesNotExist."""
        found = self._registrar.registry.resources(namespace).event_replays.get(name)
        if found is None:
            raise ReplayDoesNotExist(f"Replay {name} does not exist.")
        return found

    def all(self, namespace: Namespace, prefix: str = "") -> list[EventReplay]:
        """Every replay, by name; those that are over, too."""
        replays = self._registrar.registry.resources(namespace).event_replays
        return [replays[name] for name in sorted(replays) if name.startswith(prefix)]

    async def start(self, namespace: Namespace, replay: EventReplay) -> None:
        """Begin. What comes from now on is left out.

        Raises: ReplayExists, ArchiveDoesNotExist, InvalidEventPattern, InvalidParameter (also if it
        is to be the ledger and there is none).
        """
        exists = ReplayExists(f"Replay {replay.name} already exists.")
        resources = self._registrar.registry.resources(namespace)
        if replay.archive:
            self._archives.get(namespace, replay.archive)
        elif ledger.EVENTS not in resources.queues:
            raise InvalidParameter("There is no ledger to replay from: its days are 0.")
        if replay.name in resources.event_replays:
            raise exists
        if replay.event_pattern is not None:
            pattern.parse(replay.event_pattern)
        if replay.function is not None and not resources.can_invoke(replay.function):
            raise InvalidParameter(f"Function {replay.function} does not exist.")
        for rule in replay.rules:
            if f"{replay.event_bus}|{rule}" not in resources.rules:
                raise InvalidParameter(f"Rule {rule} does not exist on {replay.event_bus}.")
        now_ms = self._now_ms()
        begun = msgspec.structs.replace(
            replay, until_ms=min(replay.until_ms, now_ms), created_at_ms=now_ms
        )
        try:
            await self._registrar.put(namespace, begun, expected_version=0)
        except RecordChanged:
            raise exists from None

    async def cancel(self, namespace: Namespace, name: str) -> EventReplay:
        """End it early; what was replayed stays. Raises: ReplayDoesNotExist, ReplayIsOver."""
        return await self._turn(namespace, name, "CANCELLING")

    async def pause(self, namespace: Namespace, name: str) -> EventReplay:
        """Halt it until it is resumed. Raises: ReplayDoesNotExist, ReplayIsOver."""
        return await self._turn(namespace, name, "PAUSED")

    async def resume(self, namespace: Namespace, name: str) -> EventReplay:
        """Go on where it was halted. Raises: ReplayDoesNotExist, ReplayIsOver."""
        return await self._turn(namespace, name, "RUNNING")

    async def delete(self, namespace: Namespace, name: str) -> None:
        """Forget one that is over. Raises: ReplayDoesNotExist, InvalidParameter."""
        if self.get(namespace, name).status not in OVER:
            raise InvalidParameter(f"Replay {name} is under way: cancel it first.")
        await self._registrar.delete(namespace, "event_replay", name)

    async def _turn(self, namespace: Namespace, name: str, status: str) -> EventReplay:
        while True:
            replay = self.get(namespace, name)
            if replay.status in OVER or (replay.status == "CANCELLING" and status != "CANCELLING"):
                raise ReplayIsOver(f"Replay {name} is not in a valid state for this operation.")
            turned = msgspec.structs.replace(replay, status=status)
            version = self._registrar.version(namespace, "event_replay", name)
            try:
                await self._registrar.put(namespace, turned, expected_version=version)
            except RecordChanged:
                continue  # a slice came in between
            return turned

    # The work

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Go on with what is under way, and begin what is asked for; until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for namespace, resources in self._registrar.registry.namespaces.items():
                for name in resources.event_replays:
                    self._hear(namespace, "event_replay", name)
            self._registrar.listeners.append(self._hear)
            task_status.started()
            await trio.sleep_forever()

    def _hear(self, namespace: str, kind: str, name: str) -> None:
        if kind != "event_replay" or (namespace, name) in self._running:
            return
        if self._active(namespace, name) is not None:
            assert self._nursery is not None
            self._running.add((namespace, name))
            self._nursery.start_soon(self._replay, namespace, name)

    def _active(self, namespace: str, name: str) -> EventReplay | None:
        found = self._registrar.registry.resources(namespace).event_replays.get(name)
        return found if found is not None and found.status in ACTIVE else None

    async def _replay(self, namespace: str, name: str) -> None:
        try:
            while (replay := self._active(namespace, name)) is not None:
                began = trio.current_time()
                try:
                    put = await self._slice(Namespace.parse(namespace), replay)
                except RecordChanged:
                    await trio.lowlevel.checkpoint()  # look at it as it is now
                    continue
                except StoreUnavailable:
                    return
                except BrokerError as error:
                    log.warning("the replay %s waits: %s", name, error.message)
                    await trio.sleep(TROUBLE_PAUSE_S)
                    continue
                if replay.events_per_second is not None:
                    await trio.sleep_until(began + put / replay.events_per_second)
        finally:
            self._running.discard((namespace, name))

    async def _slice(self, namespace: Namespace, replay: EventReplay) -> int:
        """Replay some events, or pass over some, or end; how many were put."""
        if replay.status == "CANCELLING":
            await self._end(namespace, replay, "CANCELLED")
            return 0
        after = replay.cursor or cursor_at(replay.from_ms)
        put_max = min(REPLAY_SLICE, replay.events_per_second or REPLAY_SLICE)
        picky = replay.event_pattern is not None or not replay.archive
        count = REPLAY_SLICE if picky else put_max
        try:
            page = await self._queues.peek(namespace, _queue(replay), count, after)
        except QueueDoesNotExist:
            gone = "The archive was deleted." if replay.archive else "The ledger was turned off."
            await self._end(namespace, replay, "FAILED", gone)
            return 0
        wanted = [one for one in page if one.sent_at_ms <= replay.until_ms]
        resources = self._registrar.registry.resources(namespace)
        await ready(resources)
        routed, now_ms = Routed(), self._now_ms()
        only: Matcher[str] | None = None
        if replay.event_pattern is not None:
            only = Matcher([(replay.name, pattern.parse(replay.event_pattern))])
        done = put = 0
        for one in wanted:
            router = Router(resources, namespace, self._ids.new, now_ms, routed=routed)
            put += self._put(router, replay, only, one)
            done += 1
            if put == put_max or len(routed.entries) > COMMIT_ENTRIES_MAX - FAN_OUT_TARGETS_MAX:
                break
        over = done == len(wanted) and (len(wanted) < len(page) or len(page) < count)
        last = wanted[done - 1] if done else None
        changed = msgspec.structs.replace(
            replay,
            status="COMPLETED" if over else "RUNNING",
            cursor=last.cursor if last is not None else after,
            last_event_ms=last.sent_at_ms if last is not None else replay.last_event_ms,
            replayed=replay.replayed + put,
            ended_at_ms=self._now_ms() if over else None,
        )
        homeless = await self._registrar.replay(namespace, changed, routed.bodies, routed.entries)
        self._live.committed(namespace, routed)
        for source, target, why in routed.undeliverable:
            undeliverable(source, target, why)
        count_homeless(f"replay {replay.name}", routed.entries, homeless)
        return put

    def _put(
        self, router: Router, replay: EventReplay, only: Matcher[str] | None, archived: Peeked
    ) -> bool:
        """Replay one event, if it is one of those that are wanted."""
        if not replay.archive and ledger.read_trace(archived.via).bus != replay.event_bus:
            return False
        body = decode(archived.body)
        assert isinstance(body, Message)
        event: dict[str, Any] = parse_json(body.body)
        if only is not None and not only.matching(event):
            return False
        marked = _marked(event, replay.name)
        text = msgspec.json.encode(marked).decode()
        whole: int | None = None
        if replay.function is None:
            rules = frozenset(f"{replay.event_bus}|{rule}" for rule in replay.rules)
            router.event(replay.event_bus, marked, text, rules=rules)
        else:
            whole = router.routed.add_body(message.message(text))
            via = replay_via(replay.event_bus)
            router.routed.entries.append(
                NewEntry(function_queue(replay.function), self._ids.new(), whole, via=via)
            )
        router.keep_trace(marked, text, replay.event_bus, replay=replay.name, body=whole)
        return True

    async def _end(
        self, namespace: Namespace, replay: EventReplay, status: str, reason: str = ""
    ) -> None:
        ended = msgspec.structs.replace(
            replay, status=status, reason=reason, ended_at_ms=self._now_ms()
        )
        version = self._registrar.version(namespace, "event_replay", replay.name)
        await self._registrar.put(namespace, ended, expected_version=version)


def _queue(replay: EventReplay) -> QueueName:
    return archive_queue(replay.archive) if replay.archive else ledger.EVENTS


def _marked(event: dict[str, Any], name: str) -> dict[str, Any]:
    """The event with the name of its replay, which stands behind the region."""
    marked: dict[str, Any] = {}
    for key, value in event.items():
        marked[key] = value
        if key == "region":
            marked["replay-name"] = name
    return marked
