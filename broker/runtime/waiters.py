"""receivers that wait: woken in the order in which they came, as many as can be served"""

from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from broker.core.commands import Wakeup

Place = tuple[str, str]  # namespace and queue


class Waiter:
    """One receiver's place in a queue's line."""

    __slots__ = ("_task", "woken")

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None
        self.woken = False

    async def wait(self) -> None:
        """Until there is something to receive; at once if there was since the last wait."""
        if not self.woken:
            self._task = trio.lowlevel.current_task()

            def leave(_: object) -> trio.lowlevel.Abort:
                self._task = None
                return trio.lowlevel.Abort.SUCCEEDED

            await trio.lowlevel.wait_task_rescheduled(leave)
        self.woken = False

    def wake(self) -> None:
        """Have `wait` return."""
        self.woken = True
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None


class Waiters:
    """The lines of all queues. A queue without receivers has none."""

    def __init__(self) -> None:
        self._lines: dict[Place, deque[Waiter]] = {}
        self.closed = False  # nobody is to wait any more

    def close(self) -> None:
        """Send everybody home: the daemon stops."""
        self.closed = True
        for line in self._lines.values():
            for waiter in line:
                waiter.wake()

    @contextmanager
    def line_up(self, place: Place) -> Iterator[Waiter]:
        """A place at the end of the line, from before the first look until the receiver is done.

        So nothing that arrives between a look that found nothing and the wait is missed. Whoever
        leaves with a wake-up unused hands it to the next in line.
        """
        waiter = Waiter()
        line = self._lines.setdefault(place, deque())
        line.append(waiter)
        try:
            yield waiter
        finally:
            line.remove(waiter)
            if not line:
                self._lines.pop(place, None)
            elif waiter.woken:
                _wake_first(line, 1)

    def count(self, place: Place) -> int:
        """How many are in a queue's line."""
        return len(self._lines.get(place, ()))

    def counts(self) -> Counter[str]:
        """How many are in the lines of each namespace's queues."""
        counts: Counter[str] = Counter()
        for (namespace, _), line in self._lines.items():
            counts[namespace] += len(line)
        return counts

    def wake(self, wakeup: Wakeup) -> None:
        """Wake as many as there are messages for."""
        line = self._lines.get((wakeup.namespace, wakeup.queue))
        if line:
            _wake_first(line, wakeup.visible)


def _wake_first(line: deque[Waiter], count: int) -> None:
    for waiter in line:
        if count <= 0:
            return
        if not waiter.woken:
            waiter.wake()
        count -= 1
