"""schedules of EventBridge Scheduler as the edge uses them: make, change, delete, run now"""

from collections.abc import Callable

import msgspec

from broker.core.errors import (
    InvalidParameter,
    LimitExceeded,
    ScheduleDoesNotExist,
    ScheduleExists,
    ScheduleGroupDoesNotExist,
)
from broker.core.limits import SCHEDULE_START_PAST_S_MAX, SCHEDULES_MAX
from broker.core.names import Namespace
from broker.core.registry import Resources
from broker.core.resources import Schedule
from broker.core.schedule import At, parse_schedule_expression, time_zone
from broker.core.schedule.planned_run import PlannedRun, timing_of
from broker.core.schedule.target import check_schedule_target
from broker.runtime.queues import Queues
from broker.runtime.recent_tokens import RecentTokens
from broker.runtime.registrar import Change, Registrar
from broker.runtime.schedule_groups import ScheduleGroups
from broker.runtime.schedule_planner import SchedulePlanner

__all__ = ["Schedules", "schedule_key"]

# What a record has that no request says.
_BY_ITSELF = (
    "created_at_ms",
    "modified_at_ms",
    "declared",
    "tags",
    "first_run_ms",
    "run_id",
)


class Schedules:
    """What programs do with schedules. Raises ScheduleDoesNotExist throughout."""

    def __init__(
        self,
        registrar: Registrar,
        queues: Queues,
        planner: SchedulePlanner,
        groups: ScheduleGroups,
        now_ms: Callable[[], int],
    ) -> None:
        self._registrar = registrar
        self._queues = queues
        self._planner = planner
        self._groups = groups
        self._now_ms = now_ms
        self._deleted = RecentTokens()

    def get(self, namespace: Namespace, group: str, name: str) -> Schedule:
        """One schedule of a group. Raises: ScheduleGroupDoesNotExist."""
        self._groups.get(namespace, group)
        found = self._resources(namespace).schedules.get(schedule_key(group, name))
        if found is None:
            raise ScheduleDoesNotExist(f"Schedule {name} does not exist.")
        return found

    def names(self, namespace: Namespace, group: str | None = None) -> list[str]:
        """The schedules of a group, or all, as `<group>/<name>` in order.

        Raises: ScheduleGroupDoesNotExist.
        """
        if group is not None:
            self._groups.get(namespace, group)
        return self._groups.schedule_names(namespace, group)

    def by_key(self, namespace: Namespace, key: str) -> Schedule:
        """One by its name among all of its namespace."""
        return self._resources(namespace).schedules[key]

    def next_run_ms(self, schedule: Schedule) -> int | None:
        """When it runs next, or a window for that begins; None if never again."""
        timing = timing_of(schedule)
        return timing.next_after(self._now_ms()) if timing is not None else None

    async def create(self, namespace: Namespace, schedule: Schedule) -> None:
        """Make a schedule; the same request again, by its client token, is the one that is there.

        Raises: ScheduleExists, ScheduleGroupDoesNotExist, LimitExceeded, InvalidParameter,
        NotSupported, StoreFull.
        """
        now_ms = self._now_ms()
        self._check_settings(namespace, schedule)
        wanted, plan = self._planner.changed(
            None, msgspec.structs.replace(schedule, created_at_ms=now_ms, modified_at_ms=now_ms)
        )
        waiting = self._planner.waiting([plan])

        def check() -> None:
            self._check_group(namespace, schedule)
            resources = self._resources(namespace)
            found = resources.schedules.get(schedule.name)
            if found is not None:
                if schedule.client_token and _same_request(found, schedule):
                    raise _IsThere
                name = schedule.name.partition("/")[2]
                raise ScheduleExists(f"Schedule {name} already exists.")
            if len(resources.schedules) >= SCHEDULES_MAX:
                raise LimitExceeded
            # Not sooner, or it would be refused the second time round.
            self._check_dates(schedule, now_ms)

        changes: list[Change] = [("schedule", wanted.name, wanted, 0)]
        changes += self._planner.queue_changes(namespace, waiting)
        try:
            await self._registrar.change(namespace, changes, check, waiting)
        except _IsThere:
            return

    async def update(self, namespace: Namespace, schedule: Schedule) -> None:
        """Replace all of a schedule's settings.

        Raises: ScheduleGroupDoesNotExist, InvalidParameter, NotSupported, RecordChanged, StoreFull.
        """
        group, _, name = schedule.name.partition("/")
        before = self.get(namespace, group, name)
        self._check_settings(namespace, schedule)
        self._check_dates(schedule, self._now_ms())
        await self._replace(
            namespace,
            before,
            msgspec.structs.replace(
                schedule,
                created_at_ms=before.created_at_ms,
                modified_at_ms=self._now_ms(),
                declared=before.declared,
                client_token=before.client_token,
            ),
        )

    async def set_enabled(
        self, namespace: Namespace, group: str, name: str, *, enabled: bool
    ) -> Schedule:
        """Pause a schedule, or let it go on. Raises: RecordChanged, StoreFull."""
        before = self.get(namespace, group, name)
        wanted = msgspec.structs.replace(before, enabled=enabled, modified_at_ms=self._now_ms())
        return await self._replace(namespace, before, wanted)

    async def delete(
        self, namespace: Namespace, group: str, name: str, client_token: str | None = None
    ) -> None:
        """Delete a schedule with its next run; the same request again is no error.

        Raises: ScheduleGroupDoesNotExist, RecordChanged.
        """
        place = str(namespace), schedule_key(group, name)
        if place[1] not in self._resources(namespace).schedules and self._deleted.has(
            place, client_token
        ):
            return
        schedule = self.get(namespace, group, name)
        version = self._registrar.version(namespace, "schedule", schedule.name)
        waiting = self._planner.waiting([self._planner.deleted(schedule)])
        changes: list[Change] = [("schedule", schedule.name, None, version)]
        await self._registrar.change(namespace, changes, waiting=waiting)
        self._deleted.add(place, client_token)

    async def run_now(self, namespace: Namespace, group: str, name: str) -> None:
        """Have it run once more, beside its regular runs and even if it is paused.

        Returns when that is on disk. Raises: StoreFull.
        """
        schedule = self.get(namespace, group, name)
        now_ms = self._now_ms()
        run = PlannedRun(
            kind="schedule", name=schedule.name, run_id="", at_ms=now_ms, due_ms=now_ms
        )
        waiting = self._planner.waiting([])
        waiting.messages.append(self._planner.once(run))
        queue = self._planner.queue_changes(namespace, waiting)
        if queue:
            await self._registrar.change(namespace, queue, waiting=waiting)
        else:
            await self._queues.send_encoded(namespace, waiting.queue, waiting.messages)

    async def _replace(
        self, namespace: Namespace, before: Schedule, schedule: Schedule
    ) -> Schedule:
        wanted, plan = self._planner.changed(before, schedule)
        waiting = self._planner.waiting([plan])
        version = self._registrar.version(namespace, "schedule", schedule.name)
        changes: list[Change] = [("schedule", wanted.name, wanted, version)]
        changes += self._planner.queue_changes(namespace, waiting)
        await self._registrar.change(
            namespace, changes, lambda: self._check_group(namespace, schedule), waiting
        )
        return wanted

    def _check_group(self, namespace: Namespace, schedule: Schedule) -> None:
        group = self._groups.get(namespace, schedule.name.partition("/")[0])
        if group.deleting:
            raise ScheduleGroupDoesNotExist(f"Schedule group {group.name} is being deleted.")

    def _check_settings(self, namespace: Namespace, schedule: Schedule) -> None:
        parse_schedule_expression(schedule.schedule_expression)
        time_zone(schedule.time_zone)
        check_schedule_target(schedule, namespace)
        start_ms, end_ms = schedule.start_ms, schedule.end_ms
        if start_ms is not None and end_ms is not None and start_ms >= end_ms:
            raise InvalidParameter("The StartDate you specify must come before the EndDate.")

    def _check_dates(self, schedule: Schedule, now_ms: int) -> None:
        if isinstance(parse_schedule_expression(schedule.schedule_expression), At):
            return  # it knows no dates
        start_ms = schedule.start_ms
        if start_ms is not None and start_ms < now_ms - SCHEDULE_START_PAST_S_MAX * 1000:
            raise InvalidParameter(
                "The StartDate you specify cannot be earlier than 5 minutes ago."
            )

    def _resources(self, namespace: Namespace) -> Resources:
        return self._registrar.registry.resources(namespace)


class _IsThere(Exception):
    """There is nothing to be made."""


def _same_request(found: Schedule, wanted: Schedule) -> bool:
    kept = {name: getattr(found, name) for name in _BY_ITSELF}
    return msgspec.structs.replace(wanted, **kept) == found


def schedule_key(group: str, name: str) -> str:
    """A schedule's name among all of its namespace."""
    return f"{group}/{name}"
