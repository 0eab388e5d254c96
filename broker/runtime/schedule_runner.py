"""runs schedules when their time has come

A run is taken up by one commit: the deliveries that it leads to, and the message of the next run,
take the place of its own message. So a crash at any time neither loses a run nor doubles one. The
next run follows from this one and the expression, not from the time at which this was done: it
doesn't matter how clocks go meanwhile.

What is sent to other namespaces waits here, too, after the run: it is sent at least once.
"""

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

import trio

from broker.core.commands import NewEntry, Received
from broker.core.errors import BrokerError, RecordChanged, StoreUnavailable
from broker.core.limits import EVENT_RETRY_AGE_S_MAX, EVENT_RETRY_ATTEMPTS_MAX
from broker.core.names import SCHEDULES, uuid_bytes, uuid_text
from broker.core.registry import Resources
from broker.core.resources import Rule, Schedule
from broker.core.routed import Routed
from broker.core.routing import Obstacle
from broker.core.schedule.occasion import Occasion
from broker.core.schedule.planned_run import PlannedRun, Scheduled, timing_of
from broker.core.schedule.routing import (
    dead_letter,
    is_sent_later,
    merged,
    route_request,
    route_rule,
)
from broker.core.schedule.target import requests_of
from broker.core.schedule.target_request import TargetRequest
from broker.runtime.drain import Drain
from broker.runtime.ids import Ids
from broker.runtime.metrics import SCHEDULE_RUNS
from broker.runtime.publisher import Publisher
from broker.runtime.registrar import Registrar
from broker.runtime.rule_nets import ready

log = logging.getLogger(__name__)

CONCURRENCY = 500  # runs that are taken up at a time
LEASE_S = 60.0  # before a run is taken up again that could not be: the store was full
PUNCTUAL_MS = 60_000  # so late a run may be, and was not missed
MADE_UP_FOR_MS = 3_600_000  # so late every run is made up for, if the daemon was there
BACKOFF_S = (1.0, 300.0)  # first and longest wait before something is sent again

Missed = Literal["run-once", "skip"]


@dataclass(frozen=True, slots=True)
class ScheduleOptions:
    """What the configuration says of schedules."""

    missed: Missed = "run-once"  # while the daemon was down


class ScheduleRunner:
    """Takes up what waits in a namespace's queue of runs; the worker of its drain."""

    def __init__(
        self,
        drain: Drain,
        registrar: Registrar,
        publisher: Publisher,
        ids: Ids,
        options: ScheduleOptions,
        random_: Callable[[], float] = random.random,
    ) -> None:
        self.label = f"schedules of {drain.namespace}"
        self._drain = drain
        self._namespace = drain.namespace
        self._registrar = registrar
        self._publisher = publisher
        self._ids = ids
        self._options = options
        self._random = random_
        self._room = trio.Semaphore(CONCURRENCY)
        self._started_ms = publisher.now_ms()

    async def take_room(self, wanted: int) -> int:
        """See `broker.runtime.drain.Worker`."""
        await self._room.acquire()
        count = 1
        while self._room.value and count < min(wanted, CONCURRENCY // 2):
            self._room.acquire_nowait()
            count += 1
        return count

    def give_room(self, count: int) -> None:
        """See `broker.runtime.drain.Worker`."""
        for _ in range(count):
            self._room.release()

    def lease_s(self) -> float:
        """See `broker.runtime.drain.Worker`."""
        return LEASE_S

    async def work(self, received: Received) -> None:
        """Take up one run, or what is left of one. Raises: StoreFull, to be tried again."""
        await ready(self._resources())
        run = PlannedRun.decoded(received.body)
        if run.step == "send":
            await self._send(received, run)
            return
        resource = self._find(run)
        if resource is None or (run.run_id and run.run_id != resource.run_id):
            await self._drain.done(received)  # of an earlier version, or of one that is gone
        elif run.step == "complete":
            await self._complete(received, run)
        else:
            await self._run(received, run, resource)

    async def aclose(self) -> None:
        """See `broker.runtime.drain.Worker`. It holds nothing."""

    # A run

    async def _run(self, received: Received, run: PlannedRun, resource: Scheduled) -> None:
        # The store's time, which never goes back, or the clock's if that is further on.
        now_ms = max(received.first_received_at_ms, self._publisher.now_ms())
        missed = run.run_id != "" and self._was_missed(run, now_ms)
        skipped = missed and self._options.missed == "skip"
        routed = Routed() if skipped else self._route(run, resource, now_ms)
        if run.run_id:
            self._add(routed, self._next(run, resource, now_ms if missed else run.at_ms))
        replaced, homeless = await self._drain.replace(
            received, routed.bodies, routed.entries, admit=True
        )
        if not replaced:
            return  # it was cancelled while we were at it
        self._publisher.committed(self._namespace, f"{run.kind} {run.name}", routed, homeless)
        SCHEDULE_RUNS.labels("skipped" if skipped else "late" if missed else "run").inc()
        if missed:
            log.warning(
                "%s %s was to run %.0f s ago: %s",
                run.kind,
                run.name,
                (now_ms - run.due_ms) / 1000,
                "skipped, as [schedules] missed says" if skipped else "run now, once",
            )

    def _was_missed(self, run: PlannedRun, now_ms: int) -> bool:
        late_ms = now_ms - run.due_ms
        return late_ms > PUNCTUAL_MS and (run.due_ms < self._started_ms or late_ms > MADE_UP_FOR_MS)

    def _next(self, run: PlannedRun, resource: Scheduled, after_ms: int) -> PlannedRun | None:
        """What follows a run: the next one, or the end of the schedule."""
        timing = timing_of(resource)
        at_ms = timing.next_after(max(after_ms, run.at_ms)) if timing is not None else None
        if timing is not None and at_ms is not None:
            due_ms = timing.due_ms(at_ms, self._random())
            return PlannedRun(
                kind=run.kind, name=run.name, run_id=run.run_id, at_ms=at_ms, due_ms=due_ms
            )
        if isinstance(resource, Schedule) and resource.delete_after_completion:
            return PlannedRun(
                kind=run.kind,
                name=run.name,
                run_id=run.run_id,
                at_ms=run.at_ms,
                due_ms=0,
                step="complete",
            )
        return None

    def _route(self, run: PlannedRun, resource: Scheduled, now_ms: int) -> Routed:
        """The deliveries in this namespace, and the message by which the others are sent."""
        new_id = self._ids.new
        if isinstance(resource, Rule):
            return route_rule(
                self._resources(), self._namespace, resource, run.at_ms, new_id, now_ms
            )
        occasion = Occasion(self._namespace, resource, run.at_ms, new_id())
        requests = self._requests(occasion)
        if isinstance(requests, Obstacle):
            return self._dead_letter(occasion, occasion.input, requests)
        now = [each for each in requests if not is_sent_later(each, self._namespace)]
        routed = merged(self._deliver(occasion, each, now_ms) for each in now)
        if len(now) < len(requests):
            sending = PlannedRun(
                kind=run.kind,
                name=run.name,
                run_id="",
                at_ms=run.at_ms,
                due_ms=0,
                step="send",
                execution_id=uuid_text(occasion.execution_id),
            )
            self._add(routed, sending)
        return routed

    def _deliver(self, occasion: Occasion, request: TargetRequest, now_ms: int) -> Routed:
        found = route_request(self._resources(), occasion, request, self._ids.new, now_ms)
        if isinstance(found, Obstacle):
            return self._dead_letter(occasion, request.text, found)
        return found

    def _dead_letter(
        self, occasion: Occasion, text: str, obstacle: Obstacle, condition: str | None = None
    ) -> Routed:
        letter = dead_letter(self._resources(), occasion, text, obstacle, self._ids.new, condition)
        SCHEDULE_RUNS.labels("dead_lettered" if letter.entries else "lost").inc()
        return letter

    def _requests(self, occasion: Occasion) -> list[TargetRequest] | Obstacle:
        try:
            return requests_of(occasion)
        except BrokerError as error:  # what is filled in may make of a good input a bad one
            return Obstacle("SDK_CLIENT_ERROR", error.message)

    def _add(self, routed: Routed, run: PlannedRun | None) -> None:
        if run is None:
            return
        message_id = uuid_bytes(run.run_id) if run.run_id else self._ids.new()
        routed.bodies.append(run.encoded())
        routed.entries.append(
            NewEntry(
                SCHEDULES,
                message_id,
                len(routed.bodies) - 1,
                findable=True,
                not_before_ms=run.due_ms,
            )
        )

    # What follows a run

    async def _send(self, received: Received, run: PlannedRun) -> None:
        """Send what goes elsewhere, in the way that the target's retry policy says."""
        schedule = self._resources().schedules.get(run.name)
        if schedule is None:
            await self._drain.done(received)
            return
        attempt = received.receive_count
        execution_id = uuid_bytes(run.execution_id)
        occasion = Occasion(self._namespace, schedule, run.at_ms, execution_id, attempt)
        requests = self._requests(occasion)
        if isinstance(requests, Obstacle):
            await self._give_up(received, [self._dead_letter(occasion, occasion.input, requests)])
            return
        letters: list[Routed] = []
        for request in requests:
            if not is_sent_later(request, self._namespace):
                continue
            try:
                obstacle = await self._send_one(occasion, request)
            except StoreUnavailable:
                raise
            except BrokerError as error:
                obstacle = Obstacle("THROTTLING", error.message)
                condition = self._exhausted(schedule, received)
                if condition is None:
                    first_s, longest_s = BACKOFF_S
                    await self._drain.hide(received, min(first_s * 2 ** (attempt - 1), longest_s))
                    return
                letters.append(self._dead_letter(occasion, request.text, obstacle, condition))
                continue
            if obstacle is not None:
                letters.append(self._dead_letter(occasion, request.text, obstacle))
        await self._give_up(received, letters)

    async def _send_one(self, occasion: Occasion, request: TargetRequest) -> Obstacle | None:
        there = request.arn.namespace
        resources = self._registrar.registry.resources(there)
        now_ms = self._publisher.now_ms()
        found = route_request(resources, occasion, request, self._ids.new, now_ms)
        if isinstance(found, Obstacle):
            return found
        await self._publisher.publish(there, found)
        SCHEDULE_RUNS.labels("sent").inc()
        return None

    async def _give_up(self, received: Received, letters: Iterable[Routed]) -> None:
        routed = merged(letters)
        _, homeless = await self._drain.replace(received, routed.bodies, routed.entries)
        self._publisher.committed(self._namespace, "a schedule", routed, homeless)

    def _exhausted(self, schedule: Schedule, received: Received) -> str | None:
        """Why it isn't tried again, if it isn't."""
        target = schedule.target
        attempts, age_s = target.retry_attempts, target.maximum_event_age_s
        if received.receive_count > (EVENT_RETRY_ATTEMPTS_MAX if attempts is None else attempts):
            return "MaximumRetryAttempts"
        late_ms = self._publisher.now_ms() - received.sent_at_ms
        if late_ms > (EVENT_RETRY_AGE_S_MAX if age_s is None else age_s) * 1000:
            return "MaximumEventAgeInSeconds"
        return None

    async def _complete(self, received: Received, run: PlannedRun) -> None:
        """Delete a schedule that has no runs left."""
        version = self._registrar.version(self._namespace, "schedule", run.name)
        try:
            await self._registrar.delete(self._namespace, "schedule", run.name, version)
        except RecordChanged:
            log.info("schedule %s was changed as it came to its end", run.name)
        else:
            log.info("schedule %s has run for the last time, and is deleted", run.name)
        await self._drain.done(received)

    def _find(self, run: PlannedRun) -> Scheduled | None:
        resources = self._resources()
        if run.kind == "rule":
            return resources.rules.get(run.name)
        return resources.schedules.get(run.name)

    def _resources(self) -> Resources:
        return self._registrar.registry.resources(self._namespace)


class ScheduleQueues:
    """The queue of runs of each namespace that has schedules."""

    def __init__(
        self,
        registrar: Registrar,
        publisher: Publisher,
        ids: Ids,
        options: ScheduleOptions,
        random_: Callable[[], float],
    ) -> None:
        self._registrar = registrar
        self._publisher = publisher
        self._ids = ids
        self._options = options
        self._random = random_

    def names(self, namespace: str) -> Iterable[str]:
        """See `broker.runtime.dispatchers.Workers`."""
        return [SCHEDULES] if self.has(namespace, SCHEDULES) else []

    def has(self, namespace: str, name: str) -> bool:
        """See `broker.runtime.dispatchers.Workers`."""
        return name == SCHEDULES and name in self._registrar.registry.resources(namespace).queues

    def queue(self, name: str) -> str:
        """See `broker.runtime.dispatchers.Workers`."""
        return name

    def worker(self, drain: Drain, name: str) -> ScheduleRunner:
        """See `broker.runtime.dispatchers.Workers`."""
        return ScheduleRunner(
            drain, self._registrar, self._publisher, self._ids, self._options, self._random
        )
