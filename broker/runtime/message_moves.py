"""message move tasks: started, paced, cancelled, and gone on with after a restart

The store moves messages and keeps the task's progress, both in one step; here is only the pace.
"""

import logging
from collections.abc import Callable

import msgspec
import trio

from broker.core.commands import MoveMessages
from broker.core.dead_letters import check_move
from broker.core.errors import (
    InvalidParameter,
    LimitExceeded,
    MoveTaskDoesNotExist,
    MoveTaskRunning,
    QueueDoesNotExist,
    RecordChanged,
    StoreFailed,
    StoreFull,
)
from broker.core.limits import LIST_MOVE_TASKS_MAX, MOVE_RATE_MAX, MOVE_SLICE, MOVE_TASKS_MAX
from broker.core.names import Namespace, is_internal, keeps_dead_letters, uuid_text
from broker.core.resources import MessageMoveTask
from broker.runtime.ids import Ids
from broker.runtime.registrar import Registrar

log = logging.getLogger(__name__)

SLICE_PAUSE_S = 0.005  # after a slice without a rate, for others to get their turn
SLICES_PER_S = 10  # with a rate: how finely it is kept
STORE_PAUSE_S = 1.0
ACTIVE = ("RUNNING", "CANCELLING")


class MessageMoves:
    """Owns the tasks that move messages from one queue to another, or back to where they were."""

    def __init__(self, registrar: Registrar, ids: Ids, now_ms: Callable[[], int]) -> None:
        self._registrar = registrar
        self._ids = ids
        self._now_ms = now_ms
        self._nursery: trio.Nursery | None = None

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Go on with tasks that an earlier daemon began, and run those that are started since."""
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            for namespace, resources in self._registrar.registry.namespaces.items():
                for task in resources.message_move_tasks.values():
                    if task.status in ACTIVE:
                        nursery.start_soon(self._carry_out, Namespace.parse(namespace), task.name)
            task_status.started()
            await trio.sleep_forever()

    async def start(
        self,
        namespace: Namespace,
        source: str,
        destination: str | None = None,
        messages_per_second: int | None = None,
    ) -> MessageMoveTask:
        """Begin to move what is visible in `source`; returns when the task is on disk.

        Without a destination each message goes back to the queue it was dead-lettered from; without
        a rate (1..500 messages a second) it goes as fast as others leave room for.
        Raises: QueueDoesNotExist, InvalidParameter, MoveTaskRunning, LimitExceeded.
        """
        queues = self._registrar.registry.resources(namespace).queues
        for name in (source, destination):
            hidden = name is not None and is_internal(name) and not keeps_dead_letters(name)
            if name is not None and (name not in queues or hidden):
                raise QueueDoesNotExist(queue=name)
        if destination is not None:
            check_move(queues[source], queues[destination])
        if messages_per_second is not None and not 1 <= messages_per_second <= MOVE_RATE_MAX:
            raise InvalidParameter(f"The rate must be between 1 and {MOVE_RATE_MAX}.")
        active = [task for task in self._all(namespace) if task.status in ACTIVE]
        if any(task.source == source for task in active):
            raise MoveTaskRunning
        if len(active) >= MOVE_TASKS_MAX:
            raise LimitExceeded(f"There may be {MOVE_TASKS_MAX} active message move tasks at most.")
        now_ms = self._now_ms()
        task = MessageMoveTask(
            name=uuid_text(self._ids.new()),
            created_at_ms=now_ms,
            modified_at_ms=now_ms,
            source=source,
            destination=destination,
            messages_per_second=messages_per_second,
        )
        forgotten = self.of_source(namespace, source)[LIST_MOVE_TASKS_MAX - 1 :]
        changes = [("message_move_task", old.name, None, None) for old in forgotten]
        await self._registrar.change(
            namespace, [("message_move_task", task.name, task, 0), *changes]
        )
        assert self._nursery is not None, "tasks are started while the broker runs"
        self._nursery.start_soon(self._carry_out, namespace, task.name)
        return task

    async def cancel(self, namespace: Namespace, name: str) -> MessageMoveTask:
        """End a task after the slice under way; what was moved stays moved.

        Raises: MoveTaskDoesNotExist, also for one that has ended.
        """
        while True:
            task = self.get(namespace, name)
            if task.status != "RUNNING":
                raise MoveTaskDoesNotExist
            version = self._registrar.version(namespace, "message_move_task", name)
            cancelling = msgspec.structs.replace(
                task, status="CANCELLING", modified_at_ms=self._now_ms()
            )
            try:
                await self._registrar.put(namespace, cancelling, expected_version=version)
            except RecordChanged:
                continue  # by a slice of its own
            return cancelling

    def get(self, namespace: Namespace, name: str) -> MessageMoveTask:
        """A task, ended or not. Raises: MoveTaskDoesNotExist."""
        tasks = self._registrar.registry.resources(namespace).message_move_tasks
        if name not in tasks:
            raise MoveTaskDoesNotExist
        return tasks[name]

    def of_source(self, namespace: Namespace, source: str) -> list[MessageMoveTask]:
        """The tasks of a source queue, the latest first; ten are remembered."""
        tasks = [task for task in self._all(namespace) if task.source == source]
        return sorted(tasks, key=lambda task: task.created_at_ms, reverse=True)

    def _all(self, namespace: Namespace) -> list[MessageMoveTask]:
        resources = self._registrar.registry.resources(namespace)
        return [*resources.message_move_tasks.values()]

    async def _carry_out(self, namespace: Namespace, name: str) -> None:
        """Slice after slice, until the task has ended."""
        while True:
            try:
                task = self.get(namespace, name)
                count, pause_s = _pace(task)
                next_slice_at = trio.current_time() + pause_s
                await self._registrar.submit(namespace, MoveMessages(name, self._ids.many(count)))
                task = self.get(namespace, name)
            except MoveTaskDoesNotExist:
                return
            except (StoreFailed, StoreFull) as error:
                log.warning("moving messages waits for the store: %s", error.message)
                next_slice_at = trio.current_time() + STORE_PAUSE_S
            if task.status not in ACTIVE:
                break
            await trio.sleep_until(next_slice_at)
        log.info(
            "moving messages from %s: %s, %d moved %s",
            task.source,
            task.status,
            task.moved,
            task.failure_reason,
        )


def _pace(task: MessageMoveTask) -> tuple[int, float]:
    """How many messages a slice may move, and how long after its beginning the next one begins."""
    rate = task.messages_per_second
    if rate is None:
        return MOVE_SLICE, SLICE_PAUSE_S
    count = max(1, rate // SLICES_PER_S)
    return count, count / rate
