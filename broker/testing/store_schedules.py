"""what any store must do for schedules: records that change with what waits on their behalf"""

from broker.core import commands, resources
from broker.core.commands import NewEntry, NewMessage, RecordChange
from broker.core.errors import QueueDoesNotExist, RecordChanged
from broker.testing.open_store import Conformance, OpenStore, new_id

RUNS = "schedules/runs"
YEAR_MS = 366 * 86_400_000


def record(name: str, description: str = "", expected: int | None = None) -> RecordChange:
    """A record like a schedule's."""
    value = resources.encode(resources.EventBus(name=name, description=description))
    return RecordChange("event_bus", name, value, expected)


async def now_ms(t: OpenStore) -> int:
    """The store's time."""
    await t.submit(commands.Advance())
    return t.store.status.now_ms


class SchedulesConformance(Conformance):
    """Part of `StoreConformance`."""

    async def test_a_record_comes_with_the_message_that_waits_for_it(self) -> None:
        async with self.open_store() as t:
            queue = resources.encode(resources.Queue(name=RUNS, retention_s=400 * 366 * 86_400))
            at_ms = await now_ms(t) + YEAR_MS
            message = NewMessage(new_id(), b"first", cancellable=True, not_before_ms=at_ms)
            changes = [record("a"), RecordChange("queue", RUNS, queue)]
            versions = await t.submit(commands.ConfigureAndSend(changes, RUNS, [], [message]))
            assert versions == [1, 1]
            assert await t.counts(RUNS) == (0, 0, 1)
            t.pass_ms(YEAR_MS - 1)
            assert await t.texts(RUNS) == []
            t.pass_ms(1)
            assert await t.texts(RUNS) == ["first"]

    async def test_a_record_that_was_changed_meanwhile_changes_nothing_else(self) -> None:
        async with self.open_store() as t:
            await t.create(RUNS)
            at_ms = await now_ms(t) + 1_000
            first = NewMessage(new_id(), b"first", cancellable=True, not_before_ms=at_ms)
            await t.submit(commands.ConfigureAndSend([record("a")], RUNS, [], [first]))
            second = NewMessage(new_id(), b"second", cancellable=True, not_before_ms=at_ms)
            stale = commands.ConfigureAndSend(
                [record("a", "x", 7)], RUNS, [first.message_id], [second]
            )
            await t.refused(RecordChanged, stale)
            nowhere = commands.ConfigureAndSend([record("b")], "schedules/gone", [], [second])
            await t.refused(QueueDoesNotExist, nowhere)
            t.pass_ms(1_000)
            assert await t.texts(RUNS) == ["first"]
            assert [r.name for r in await t.submit(commands.ReadRecords())] == ["a", RUNS]

    async def test_a_change_takes_the_waiting_message_back(self) -> None:
        async with self.open_store() as t:
            await t.create(RUNS)
            at_ms = await now_ms(t) + 1_000
            first, second = (
                NewMessage(new_id(), text, cancellable=True, not_before_ms=at_ms)
                for text in (b"first", b"second")
            )
            await t.submit(commands.ConfigureAndSend([record("a")], RUNS, [], [first]))
            await t.submit(
                commands.ConfigureAndSend([record("a", "x")], RUNS, [first.message_id], [second])
            )
            assert await t.counts(RUNS) == (0, 0, 1)
            gone = [RecordChange("event_bus", "a", None)]
            await t.submit(commands.ConfigureAndSend(gone, RUNS, [second.message_id], []))
            assert await t.counts(RUNS) == (0, 0, 0)

    async def test_what_takes_a_message_s_place_may_have_its_id_and_be_taken_back(self) -> None:
        async with self.open_store() as t:
            await t.create(RUNS, "jobs")
            run_id = new_id()
            start_ms = await now_ms(t)
            first = NewMessage(run_id, b"1", cancellable=True, not_before_ms=start_ms + 1_000)
            await t.submit(commands.SendMessages(RUNS, [first]))
            t.pass_ms(1_000)
            received = await t.receive_one(RUNS)
            entries = [
                NewEntry("jobs", new_id(), 0),
                NewEntry(RUNS, run_id, 1, findable=True, not_before_ms=start_ms + 5_000),
            ]
            replace = commands.ReplaceMessages(
                RUNS, [received.receipt_handle], [b"job", b"2"], entries, admit=True
            )
            assert await t.submit(replace) == ([], [])
            assert await t.submit(replace) == ([0], [])
            assert await t.texts("jobs") == ["job"]
            t.pass_ms(3_999)
            assert await t.texts(RUNS) == []
            assert await t.submit(commands.CancelMessages(RUNS, [run_id])) == [True]
            t.pass_ms(1)
            assert await t.texts(RUNS) == []

    async def test_a_wide_replacement_is_expanded_like_a_fan_out(self) -> None:
        async with self.open_store() as t:
            await t.create(RUNS, "jobs")
            await t.send(RUNS, "run")
            received = await t.receive_one(RUNS)
            entries = [NewEntry("jobs", new_id(), 0) for _ in range(2_500)]
            replace = commands.ReplaceMessages(RUNS, [received.receipt_handle], [b"job"], entries)
            assert await t.submit(replace) == ([], [])
            await t.settle()
            assert await t.counts("jobs") == (2_500, 0, 0)
