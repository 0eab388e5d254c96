"""receivers that wait: woken in the order in which they came, as many as can be served

A line is an ordered dict because receivers leave from anywhere in it: with thousands in one line,
taking one out of a deque would cost a look at all before it. Who waits costs nothing: no timer of
ours, no task but the receiver's own.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from broker.core.commands import Wakeup

Place = tuple[str, str]  # namespace and queue


class Waiter:
    """One receiver's place in a queue's line."""

    __slots__ = ("_task", "wants", "woken")

    def __init__(self, wants: int) -> None:
        self._task: trio.lowlevel.Task | None = None
        self.wants = wants  # how many messages it will take
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


_Line = OrderedDict[Waiter, None]


class Waiters:
    """The lines of all queues. A queue without receivers has none."""

    def __init__(self) -> None:
        self._lines: dict[Place, _Line] = {}
        self.closed = False  # nobody is to wait any more

    def close(self) -> None:
        """Send everybody home: the daemon stops."""
        self.closed = True
        for line in self._lines.values():
            for waiter in line:
                waiter.wake()

    @contextmanager
    def line_up(self, place: Place, wants: int = 1) -> Iterator[Waiter]:
        """A place at the end of the line, from before the first look until the receiver is done.

        So nothing that arrives between a look that found nothing and the wait is missed. Whoever
        leaves with a wake-up unused hands it to the next in line.
        """
        waiter = Waiter(wants)
        line = self._lines.setdefault(place, OrderedDict())
        line[waiter] = None
        try:
            yield waiter
        finally:
            del line[waiter]
            if not line:
                del self._lines[place]
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
        """Wake the first in line, as many as it takes to receive what is visible."""
        line = self._lines.get((wakeup.namespace, wakeup.queue))
        if line:
            _wake_first(line, wakeup.visible)

    def wake_all(self, place: Place) -> None:
        """Have all in a line look again, because their queue is gone."""
        for waiter in self._lines.get(place, ()):
            waiter.wake()


def _wake_first(line: _Line, messages: int) -> None:
    for waiter in line:
        if messages <= 0:
            return
        if not waiter.woken:
            waiter.wake()
        messages -= waiter.wants
