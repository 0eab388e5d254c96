"""groups of schedules as the edge uses them; a group goes with all that is in it

A large group goes in slices, also after a restart: meanwhile it is there, and takes nothing new.
"""

import logging
from bisect import bisect_left
from collections.abc import Callable, Mapping

import msgspec
import trio

from broker.core.errors import (
    BrokerError,
    InvalidParameter,
    LimitExceeded,
    RecordChanged,
    ScheduleGroupDoesNotExist,
    ScheduleGroupExists,
    StoreUnavailable,
)
from broker.core.limits import SCHEDULE_DELETION_SLICE, SCHEDULE_GROUPS_MAX
from broker.core.names import Namespace
from broker.core.registry import DEFAULT_GROUP, Resources
from broker.core.resources import ScheduleGroup
from broker.runtime.recent_tokens import RecentTokens
from broker.runtime.registrar import Change, Registrar
from broker.runtime.schedule_planner import SchedulePlanner

log = logging.getLogger(__name__)

TROUBLE_PAUSE_S = 1.0


class ScheduleGroups:
    """What programs do with groups. Raises ScheduleGroupDoesNotExist throughout."""

    def __init__(
        self, registrar: Registrar, planner: SchedulePlanner, now_ms: Callable[[], int]
    ) -> None:
        self._registrar = registrar
        self._planner = planner
        self._now_ms = now_ms
        self._deleted = RecentTokens()
        self._nursery: trio.Nursery | None = None

    def get(self, namespace: Namespace, name: str) -> ScheduleGroup:
        """One group; `default` is always there."""
        found = self._resources(namespace).schedule_groups.get(name)
        if found is None:
            raise ScheduleGroupDoesNotExist(f"Schedule group {name} does not exist.")
        return found

    def all(self, namespace: Namespace, prefix: str = "") -> list[ScheduleGroup]:
        """Every group, by name."""
        groups = self._resources(namespace).schedule_groups
        return [groups[name] for name in sorted(groups) if name.startswith(prefix)]

    def schedule_names(self, namespace: Namespace, group: str | None = None) -> list[str]:
        """The schedules of a group, or all, as `<group>/<name>` in order."""
        names = self._resources(namespace).schedule_names
        if group is None:
            return names
        return names[bisect_left(names, f"{group}/") : bisect_left(names, f"{group}0")]

    async def create(self, namespace: Namespace, group: ScheduleGroup) -> None:
        """The same request again, by its client token, is the group that is there.

        Raises: ScheduleGroupExists, LimitExceeded.
        """

        def check() -> None:
            groups = self._resources(namespace).schedule_groups
            found = groups.get(group.name)
            if found is not None:
                if found.client_token and found.client_token == group.client_token:
                    raise _IsThere
                raise ScheduleGroupExists(f"Schedule group {group.name} already exists.")
            if len(groups) >= SCHEDULE_GROUPS_MAX:
                raise LimitExceeded

        try:
            await self._registrar.change(
                namespace, [("schedule_group", group.name, group, 0)], check
            )
        except _IsThere:
            return

    async def tag(self, namespace: Namespace, name: str, tags: Mapping[str, str]) -> None:
        """Replace a group's tags. Raises: RecordChanged."""
        group = self.get(namespace, name)
        version = self._registrar.version(namespace, "schedule_group", name)
        changed = msgspec.structs.replace(group, tags=dict(tags), modified_at_ms=self._now_ms())
        await self._registrar.put(namespace, changed, version)

    async def delete(
        self, namespace: Namespace, name: str, client_token: str | None = None
    ) -> None:
        """Delete a group with its schedules: at once, or, if they are many, soon.

        The same request again is no error. Raises: InvalidParameter for `default`.
        """
        if name == DEFAULT_GROUP:
            raise InvalidParameter("The default schedule group can't be deleted.")
        place = str(namespace), name
        if name not in self._resources(namespace).schedule_groups and self._deleted.has(
            place, client_token
        ):
            return
        group = self.get(namespace, name)
        self._deleted.add(place, client_token)
        if group.deleting:
            return
        if len(self.schedule_names(namespace, name)) <= SCHEDULE_DELETION_SLICE:
            await self._delete_slice(namespace, name)
            if self._resources(namespace).schedule_groups.get(name) is None:
                return
        version = self._registrar.version(namespace, "schedule_group", name)
        await self._registrar.put(
            namespace,
            msgspec.structs.replace(group, deleting=True, modified_at_ms=self._now_ms()),
            version,
        )
        assert self._nursery is not None
        self._nursery.start_soon(self._delete, namespace, name)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Go on with deletions that are under way; until cancelled."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for text, resources in self._registrar.registry.namespaces.items():
                for group in resources.schedule_groups.values():
                    if group.deleting:
                        nursery.start_soon(self._delete, Namespace.parse(text), group.name)
            task_status.started()
            await trio.sleep_forever()

    async def _delete(self, namespace: Namespace, name: str) -> None:
        while name in self._resources(namespace).schedule_groups:
            try:
                await self._delete_slice(namespace, name)
            except RecordChanged:
                await trio.lowlevel.checkpoint()
            except StoreUnavailable:
                return
            except BrokerError as error:
                log.warning("the deletion of schedule group %s waits: %s", name, error.message)
                await trio.sleep(TROUBLE_PAUSE_S)

    async def _delete_slice(self, namespace: Namespace, name: str) -> None:
        """Some of the schedules; with the last ones the group."""
        changes: list[Change] = []
        waiting = self._planner.waiting([])

        def fill() -> None:  # when no other change is under way: none is left out
            schedules = self._resources(namespace).schedules
            names = self.schedule_names(namespace, name)
            for each in names[:SCHEDULE_DELETION_SLICE]:
                changes.append(("schedule", each, None, None))
                cancelled = self._planner.deleted(schedules[each]).cancelled
                if cancelled is not None:
                    waiting.cancelled.append(cancelled)
            if len(names) <= SCHEDULE_DELETION_SLICE:
                changes.append(("schedule_group", name, None, None))

        await self._registrar.change(namespace, changes, fill, waiting)

    def _resources(self, namespace: Namespace) -> Resources:
        return self._registrar.registry.resources(namespace)


class _IsThere(Exception):
    """There is nothing to be made."""
