"""more rules of the state machine: moves, and what seldom comes about by chance"""

import hypothesis.strategies as st
import msgspec
from hypothesis.stateful import precondition, rule

from broker.core import commands, resources
from tests.store.oracle import MINUTES_5_MS
from tests.store.oracle_moves import Cursor, MoveTask
from tests.store.store_machine import MISSING, NAMES, StoreMachine, living, pick


class MovingMachine(StoreMachine):
    """A store machine whose messages are also moved."""

    # Peeks, and what is done with their cursors

    @precondition(lambda self: self.busy())
    @rule(name=living, page=st.integers(1, 3))
    def peek(self, name: str, page: int) -> None:
        """Page by page it is what one peek of all is."""
        if name not in self.oracle.queues:
            return
        paged: list[commands.Peeked] = []
        while True:
            after = paged[-1].cursor if paged else b""
            found = self.ask(commands.PeekMessages(name, page, after))
            if not found:
                break
            paged += found
        assert paged == self.ask(commands.PeekMessages(name, 10_000))
        messages = {m.message_id: m for m in self.oracle.queues[name].messages}
        for one in paged:
            message = messages[one.message_id]
            cursor = Cursor(name, message, message.visible_at_ms, len(message.receipts))
            self.cursors.append((one.cursor, cursor))

    def chosen(self, numbers: list[int]) -> tuple[str, list[tuple[bytes, Cursor]]]:
        name = self.cursors[-1 - numbers[0] % min(len(self.cursors), 8)][1].name
        mine = [item for item in self.cursors if item[1].name == name]
        return name, [mine[-1 - number % min(len(mine), 8)] for number in numbers]

    @precondition(lambda self: self.cursors)
    @rule(
        numbers=st.lists(pick, min_size=1, max_size=3),
        destination=st.sampled_from((None, None, *NAMES, MISSING)),
        body=st.sampled_from((None, None, b"edited")),
    )
    def relocate(self, numbers: list[int], destination: str | None, body: bytes | None) -> None:
        name, chosen = self.chosen(numbers)
        ids = [self.message_id() for _ in chosen]
        picks = [
            commands.Pick(cursor, id_, body) for (cursor, _), id_ in zip(chosen, ids, strict=True)
        ]
        expected = [(cursor, id_, body) for (_, cursor), id_ in zip(chosen, ids, strict=True)]
        self.same(
            commands.RelocateMessages(name, picks, destination),
            lambda: self.oracle.relocate(name, expected, destination),
        )

    @precondition(lambda self: self.cursors)
    @rule(numbers=st.lists(pick, min_size=1, max_size=3))
    def discard(self, numbers: list[int]) -> None:
        name, chosen = self.chosen(numbers)
        self.same(
            commands.DiscardMessages(name, [cursor for cursor, _ in chosen]),
            lambda: self.oracle.discard(name, [cursor for _, cursor in chosen]),
        )

    # Move tasks

    @precondition(lambda self: self.busy())
    @rule(
        source=st.sampled_from(("dead", "dead", *NAMES)),
        destination=st.sampled_from((None, "orders", "orders", "invoices", MISSING)),
    )
    def start_move_task(self, source: str, destination: str | None) -> None:
        name = f"task-{len(self.oracle.tasks)}"
        self.oracle.tasks[name] = MoveTask(source, destination)
        self.put_task(name)

    @precondition(lambda self: self.oracle.tasks)
    @rule(number=pick)
    def cancel_move_task(self, number: int) -> None:
        name = list(self.oracle.tasks)[-1 - number % min(len(self.oracle.tasks), 2)]
        if self.oracle.tasks[name].status == "RUNNING":
            self.oracle.tasks[name].status = "CANCELLING"
            self.put_task(name)

    def put_task(self, name: str) -> None:
        """As the daemon does: with all that the record holds already."""
        task = self.oracle.tasks[name]
        found = self.move_task(name) or resources.MessageMoveTask(
            name=name, source=task.source, destination=task.destination
        )
        changed = resources.encode(msgspec.structs.replace(found, status=task.status))
        change = commands.RecordChange("message_move_task", name, changed)
        crash_at, self.crash_at = self.crash_at, None
        self.ask(commands.Configure([change]))
        self.crash_at = crash_at
        self.compare()

    def move_task(self, name: str) -> resources.MessageMoveTask | None:
        for record in self.ask(commands.ReadRecords()):
            if (record.kind, record.name) == ("message_move_task", name):
                task = resources.decode(record.value)
                assert isinstance(task, resources.MessageMoveTask)
                return task
        return None

    @precondition(lambda self: self.oracle.tasks)
    @rule(number=pick, limit=st.integers(1, 3))
    def move(self, number: int, limit: int) -> None:
        """A slice of a task that runs, or has ended, or has never been."""
        name = list(self.oracle.tasks)[-1 - number % min(len(self.oracle.tasks), 2)]
        self.carry_out(name, limit)

    @precondition(lambda self: any(t.status == "RUNNING" for t in self.oracle.tasks.values()))
    @rule(limit=st.integers(1, 3))
    def move_all(self, limit: int) -> None:
        running = [name for name, task in self.oracle.tasks.items() if task.status == "RUNNING"]
        for _ in range(1_000):
            self.carry_out(running[-1], limit)
            if self.oracle.tasks[running[-1]].status != "RUNNING":
                return
        raise AssertionError("there is no end to the task")

    def carry_out(self, name: str, limit: int) -> None:
        ids = [self.message_id() for _ in range(limit)]
        source = self.oracle.tasks[name].source
        before = self.in_order_of_moving(source)

        def follow() -> tuple[object, ...]:
            there = set(self.in_order_of_moving(source))
            moved = [message_id for message_id in before if message_id not in there]
            found = self.move_task(name)
            assert found is not None
            dropped = self.oracle.ids_too_old(source)  # on the way
            kept = [message_id for message_id in moved if message_id not in dropped]
            task = self.oracle.move(name, kept, ids, found.status, found.failure_reason)
            return task.status, task.failure_reason, task.moved, task.to_move

        answers = self.both(commands.MoveMessages(name, ids), follow)
        if answers is not None:
            record, expected = answers
            task = resources.decode(record.value)
            assert isinstance(task, resources.MessageMoveTask)
            assert (task.status, task.failure_reason, task.moved, task.to_move) == expected
            self.compare()

    def in_order_of_moving(self, name: str) -> list[bytes]:
        """Those without a group first, then lane by lane, as peeks show them."""
        if name not in self.oracle.queues:
            return []
        peeked = [message.message_id for message in self.ask(commands.PeekMessages(name, 10_000))]
        group = {m.message_id: m.group for m in self.oracle.queues[name].messages}
        return sorted(peeked, key=lambda message_id: group.get(message_id) is not None)

    # What seldom comes about by chance

    @rule(
        name=living,
        which=st.integers(0, 2),
        timeout_ms=st.sampled_from((0, 1, 30_000)),
        spend=st.sampled_from((True, True, False)),
        again=st.booleans(),
    )
    def receive_three_and_change_one(
        self, name: str, which: int, timeout_ms: int, spend: bool, again: bool
    ) -> None:
        """Of one group; the others' timeouts end first, perhaps."""
        if name not in self.oracle.queues:
            return
        self.send(name, 3 * [(0, "a", None, False)])
        known = len(self.receipts)
        self.receive(name, 3, 1_000)
        if len(self.receipts) < known + 3:
            return
        self.change_visibility(2 - which, timeout_ms, spend, False)
        if again:
            self.time_passes(1_000)
            self.receive(name, 3, 30_000)

    @precondition(lambda self: self.busy())
    @rule(name=st.sampled_from(("orders", "invoices")), fallen=st.integers(1, 3))
    def have_dead_letters(self, name: str, fallen: int) -> None:
        if name in self.oracle.queues:
            self.configure(name, 345_600, "dead", 1, "any")
            self.receive(name, fallen, 0)
            self.receive(name, fallen, 30_000)

    @precondition(lambda self: self.coming_ms())
    @rule(number=pick, short_by_ms=st.sampled_from((0, 0, 1)))
    def time_passes_until_something_happens(self, number: int, short_by_ms: int) -> None:
        coming_ms = self.coming_ms()[:4]
        self.time_passes(max(coming_ms[number % len(coming_ms)] - self.wall_ms - short_by_ms, 0))

    def coming_ms(self) -> list[int]:
        """When timeouts and delays end, and what queues remember loses its effect."""
        queues = self.oracle.queues.values()
        times = {message.visible_at_ms for queue in queues for message in queue.messages}
        for queue in queues:
            times |= {accepted.at_ms + MINUTES_5_MS for accepted in queue.accepted}
            times |= {attempt.at_ms + MINUTES_5_MS for attempt in queue.attempts.values()}
        return sorted(at_ms for at_ms in times if at_ms > self.wall_ms)
