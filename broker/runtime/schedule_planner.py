"""keeps one message waiting for each schedule's next run, whoever changes the schedule"""

import random
from collections.abc import Callable, Iterable

from broker.core.commands import NewMessage
from broker.core.names import SCHEDULES, Namespace, uuid_bytes
from broker.core.resources import Queue
from broker.core.schedule.planned_run import PlannedRun, Scheduled
from broker.core.schedule.planning import Plan, S, plan_change
from broker.runtime.ids import Ids
from broker.runtime.registrar import Change, Registrar, Waiting

__all__ = ["Plan", "SchedulePlanner"]

RETENTION_S = 300 * 366 * 86_400  # a run waits for as long as expressions can say
Random = Callable[[], float]


class SchedulePlanner:
    """Plans what is committed with a change of rules and schedules."""

    def __init__(
        self,
        registrar: Registrar,
        ids: Ids,
        now_ms: Callable[[], int],
        random_: Random = random.random,
    ) -> None:
        self._registrar = registrar
        self._ids = ids
        self._now_ms = now_ms
        self.random = random_

    def changed(self, before: Scheduled | None, after: S) -> tuple[S, Plan]:
        """The record as it is to be stored, and what is to be committed with it."""
        return plan_change(before, after, self._ids.new(), self._now_ms(), self.random())

    def deleted(self, before: Scheduled) -> Plan:
        """The same of one that goes."""
        return Plan(uuid_bytes(before.run_id) if before.run_id else None)

    def once(self, run: PlannedRun) -> NewMessage:
        """The message of a run beside the regular ones."""
        return NewMessage(self._ids.new(), run.encoded(), not_before_ms=run.due_ms)

    def waiting(self, plans: Iterable[Plan]) -> Waiting:
        """What plans come to."""
        waiting = Waiting(SCHEDULES)
        for plan in plans:
            if plan.cancelled is not None:
                waiting.cancelled.append(plan.cancelled)
            if plan.run is not None:
                waiting.messages.append(
                    NewMessage(
                        uuid_bytes(plan.run.run_id),
                        plan.run.encoded(),
                        cancellable=True,
                        not_before_ms=plan.run.due_ms,
                    )
                )
        return waiting

    def queue_changes(self, namespace: Namespace, waiting: Waiting) -> list[Change]:
        """What makes the queue in which runs wait, when the first one comes."""
        if (
            not waiting.messages
            or SCHEDULES in self._registrar.registry.resources(namespace).queues
        ):
            return []
        return [("queue", SCHEDULES, Queue(name=SCHEDULES, retention_s=RETENTION_S), None)]
