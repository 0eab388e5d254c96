"""what any store must do, as tests that a store's author inherits

    class TestMyStore(StoreConformance):
        @asynccontextmanager
        async def open_store(self):
            async with my_store(self.directory, clock=self.clock) as store:
                yield OpenStore(store, pass_ms)

Each test opens a store on nothing, on a clock of the author's that stands still until `pass_ms`
moves it. The tests are plain async functions for pytest-trio; the module itself needs no pytest.
"""

from broker.core import commands, errors, resources
from broker.core.commands import NewEntry, NewMessage, StoreStatus, Wakeup
from broker.testing.open_store import NAMESPACE, OpenStore, new_id
from broker.testing.store_groups import GroupsConformance
from broker.testing.store_ledger import LedgerConformance
from broker.testing.store_moves import MovesConformance
from broker.testing.store_schedules import SchedulesConformance
from broker.testing.store_topics import TopicsConformance

__all__ = ["NAMESPACE", "OpenStore", "StoreConformance"]


class StoreConformance(
    GroupsConformance, LedgerConformance, MovesConformance, SchedulesConformance, TopicsConformance
):
    """Inherit, say how a store is opened, and run with pytest-trio."""

    # Sending and receiving

    async def test_messages_are_received_in_the_order_of_their_sending(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a", "b")
            await t.send("orders", "c")
            first, second = await t.receive("orders", 2)
            assert (first.body, second.body) == (b"a", b"b")
            assert first.receive_count == 1
            assert first.sent_at_ms == first.first_received_at_ms == t.store.status.now_ms
            assert first.receipt_handle != second.receipt_handle
            assert 0 < len(first.receipt_handle) <= 1024
            assert [m.body for m in await t.receive("orders")] == [b"c"]

    async def test_a_delayed_message_is_received_when_its_delay_ends(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "later", delay_ms=1_000)
            await t.send("orders", "now")
            assert await t.counts("orders") == (1, 0, 1)
            t.pass_ms(999)
            assert await t.bodies("orders") == ["now"]
            t.pass_ms(1)
            assert sorted(await t.bodies("orders")) == ["later", "now"]

    async def test_a_message_reappears_when_its_visibility_timeout_ends(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a")
            first = await t.receive_one("orders", 30_000)
            t.pass_ms(29_999)
            assert await t.receive("orders") == []
            assert await t.counts("orders") == (0, 1, 0)
            t.pass_ms(1)
            second = await t.receive_one("orders")
            assert second.receive_count == 2
            assert second.first_received_at_ms == first.first_received_at_ms

    async def test_a_receive_without_timeout_returns_each_message_once(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a", "b")
            t.pass_ms(1)
            assert [m.body for m in await t.receive("orders", 10, 0)] == [b"a", b"b"]
            assert [m.receive_count for m in await t.receive("orders", 10, 0)] == [2, 2]

    # Receipts

    async def test_a_deleted_message_is_gone_and_a_second_delete_is_no_error(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a")
            handle = (await t.receive_one("orders")).receipt_handle
            assert await t.delete("orders", handle) == [None]
            assert await t.delete("orders", handle) == [None]
            t.pass_ms(30_000)
            assert await t.receive("orders") == []
            assert await t.counts("orders") == (0, 0, 0)

    async def test_a_receipt_is_good_after_the_timeout_until_the_next_receive(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a", "b")
            a, b = await t.receive("orders", 2, 1_000)
            t.pass_ms(1_000)
            await t.delete("orders", a.receipt_handle)
            again = await t.receive_one("orders")
            await t.delete("orders", b.receipt_handle)  # overtaken: deletes nothing
            assert again.message_id == b.message_id
            assert await t.counts("orders") == (0, 1, 0)

    async def test_receipts_that_were_never_issued_are_refused_one_by_one(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", "invoices")
            await t.send("orders", "a")
            good = (await t.receive_one("orders")).receipt_handle
            forged = good[:-1] + bytes([good[-1] ^ 1])
            assert await t.delete("orders", b"", forged, b"garbage") == 3 * [
                "ReceiptHandleIsInvalid"
            ]
            assert await t.hide("orders", forged, 0) == "ReceiptHandleIsInvalid"
            assert await t.delete("invoices", good) == [None]  # of another queue: deletes nothing
            assert await t.counts("orders") == (0, 1, 0)

    async def test_visibility_is_extended_and_ended_from_now(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a")
            handle = (await t.receive_one("orders", 30_000)).receipt_handle
            t.pass_ms(20_000)
            assert await t.hide("orders", handle, 30_000) is None
            t.pass_ms(29_999)
            assert await t.receive("orders") == []
            assert await t.hide("orders", handle, 0) is None
            assert await t.bodies("orders") == ["a"]

    async def test_visibility_ends_twelve_hours_after_the_receive_at_most(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a")
            handle = (await t.receive_one("orders", 60_000)).receipt_handle
            assert await t.hide("orders", handle, 43_200_000) is None
            t.pass_ms(1)
            assert await t.hide("orders", handle, 43_200_000) == "VisibilityTimeoutTooLong"
            await t.delete("orders", handle)
            assert await t.hide("orders", handle, 1) == "MessageNotInFlight"

    async def test_a_refunded_receive_has_never_been(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a")
            first = await t.receive_one("orders")
            await t.hide("orders", first.receipt_handle, 1_000, spend_receive=False, delayed=True)
            assert await t.counts("orders") == (0, 0, 1)
            t.pass_ms(1_000)
            second = await t.receive_one("orders")
            assert second.receive_count == 1
            await t.hide("orders", second.receipt_handle, 60_000)
            await t.delete("orders", first.receipt_handle)  # of a receive that never was
            assert await t.counts("orders") == (0, 1, 0)

    async def test_a_released_message_is_visible_and_its_receipt_is_dead(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a", "b")
            a, _ = await t.receive("orders")
            await t.send("orders", "delayed", delay_ms=5_000)
            assert await t.submit(commands.ReleaseHidden("orders")) == 2
            assert await t.counts("orders") == (2, 0, 1)
            await t.delete("orders", a.receipt_handle)
            assert await t.counts("orders") == (2, 0, 1)

    async def test_a_message_is_replaced_in_one_step_and_once(self) -> None:
        async with self.open_store() as t:
            await t.create("work", "dead")
            await t.send("work", "a")
            handle = (await t.receive_one("work")).receipt_handle
            command = commands.ReplaceMessages(
                "work", [handle], [b"x"], [NewEntry("dead", new_id(), 0)]
            )
            assert await t.submit(command) == ([], [])
            assert await t.submit(command) == ([0], [])
            assert await t.counts("work") == (0, 0, 0)
            assert await t.bodies("dead") == ["x"]

    async def test_of_messages_to_be_replaced_none_is_while_one_handle_is_stale(self) -> None:
        async with self.open_store() as t:
            await t.create("work", "done")
            await t.send("work", "a", "b", "c")
            a, b, c = [one.receipt_handle for one in await t.receive("work")]
            await t.delete("work", b)
            entry = NewEntry("done", new_id(), 0)
            replace = commands.ReplaceMessages("work", [a, b, c, b"garbage"], [b"x"], [entry])
            assert await t.submit(replace) == ([1, 3], [])
            assert await t.counts("work") == (0, 2, 0)
            assert await t.counts("done") == (0, 0, 0)
            replace = commands.ReplaceMessages("work", [a, c], [b"x"], [entry])
            assert await t.submit(replace) == ([], [])
            assert await t.counts("work") == (0, 0, 0)
            assert await t.bodies("done") == ["x"]

    # Dead letters and retention

    async def test_a_message_received_too_often_goes_to_the_dead_letter_queue(self) -> None:
        async with self.open_store() as t:
            await t.create("dead")
            arn = "arn:aws:sqs:us-east-1:000000000000:dead"
            await t.create("orders", redrive_policy=resources.RedrivePolicy(arn, 2))
            await t.send("orders", "a")
            for _ in range(2):
                sent = await t.receive_one("orders", 1_000)
                t.pass_ms(1_000)
            assert await t.receive("orders") == []
            letter = await t.receive_one("dead")
            assert (letter.message_id, letter.body) == (sent.message_id, b"a")
            assert letter.sent_at_ms == sent.sent_at_ms
            assert letter.receive_count == 1
            assert letter.dead_letter_source_arn == "arn:aws:sqs:us-east-1:000000000000:orders"

    async def test_without_its_dead_letter_queue_a_message_stays(self) -> None:
        async with self.open_store() as t:
            arn = "arn:aws:sqs:us-east-1:000000000000:gone"
            await t.create("orders", redrive_policy=resources.RedrivePolicy(arn, 1))
            await t.send("orders", "a")
            for receive_count in (1, 2, 3):
                assert (await t.receive_one("orders", 0)).receive_count == receive_count

    async def test_a_message_expires_at_the_end_of_its_retention(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", retention_s=60)
            await t.send("orders", "a")
            t.pass_ms(59_999)
            assert await t.bodies("orders") == ["a"]
            t.pass_ms(1)
            assert await t.receive("orders") == []

    async def test_expired_messages_go_by_themselves(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", retention_s=60)
            await t.send("orders", "a")
            await t.send("orders", "b")
            handle = (await t.receive_one("orders", 100_000)).receipt_handle
            t.pass_ms(60_000)
            await t.settle()
            assert await t.counts("orders") == (0, 1, 0)
            await t.hide("orders", handle, 0)  # comes back when it is too old already
            t.pass_ms(60_000)
            await t.settle()
            assert await t.counts("orders") == (0, 0, 0)
            assert t.store.status.due_at_ms is None

    # Fan-out

    async def test_a_fan_out_reaches_each_queue_with_a_message_of_its_own(self) -> None:
        async with self.open_store() as t:
            await t.create("a", "b", "c")
            bodies = [b"one", b"two"]
            entries = [
                NewEntry("a", new_id(), 0),
                NewEntry("b", new_id(), 0, delay_ms=10),
                NewEntry("c", new_id(), 1),
            ]
            assert await t.submit(commands.FanOut(bodies, entries)) == []
            await t.delete("a", (await t.receive_one("a")).receipt_handle)
            t.pass_ms(10)
            assert await t.bodies("b") == ["one"]
            assert await t.bodies("c") == ["two"]

    async def test_entries_without_queue_go_to_their_dead_letter_queue_or_are_named(self) -> None:
        async with self.open_store() as t:
            await t.create("a", "dead")
            entries = [
                NewEntry("gone", new_id(), 0),
                NewEntry("gone", new_id(), 0, dead_letter_queue="dead"),
                NewEntry("a", new_id(), 0),
                NewEntry("gone", new_id(), 0, dead_letter_queue="gone too"),
            ]
            assert await t.submit(commands.FanOut([b"x"], entries)) == [0, 3]
            assert await t.bodies("dead") == await t.bodies("a") == ["x"]

    async def test_a_wide_fan_out_reaches_all_in_the_end_also_after_a_restart(self) -> None:
        async with self.open_store() as t:
            await t.create("a", "b")
            entries = [NewEntry("ab"[n % 2], new_id(), 0) for n in range(2_500)]
            entries.append(NewEntry("gone", new_id(), 0))
            assert await t.submit(commands.FanOut([b"x"], entries)) == []
        async with self.open_store() as t:
            homeless: list[str] = []
            while t.store.status.due_at_ms is None or not homeless:
                homeless += await t.submit(commands.Advance())
            assert homeless == ["gone"]
            assert await t.counts("a") == await t.counts("b") == (1_250, 0, 0)

    # Batches

    async def test_a_refused_command_leaves_the_rest_of_its_batch_alone(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            value = resources.encode(resources.Queue(name="new"))
            stale = [
                commands.RecordChange("queue", "new", value),
                commands.RecordChange("queue", "orders", None, expected_version=7),
            ]
            outcomes = await t.store.submit(
                NAMESPACE,
                [
                    commands.SendMessages("orders", [NewMessage(new_id(), b"a")]),
                    commands.SendMessages("gone", [NewMessage(new_id(), b"b")]),
                    commands.Configure(stale),
                    commands.CountMessages(["orders", "gone"]),
                    commands.ReceiveMessages("orders", 10, 0, b"01234567"),
                ],
            )
            assert [type(outcome).__name__ for outcome in outcomes] == [
                "NoneType",
                "QueueDoesNotExist",
                "RecordChanged",
                "QueueDoesNotExist",
                "list",
            ]
            assert [m.body for m in outcomes[-1]] == [b"a"]
            await t.refused(errors.QueueDoesNotExist, commands.PurgeQueue("new"))

    async def test_a_queue_of_the_same_name_elsewhere_is_another_queue(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a")
            (outcome,) = await t.store.submit(
                "111111111111/eu-west-1", [commands.CountMessages(["orders"])]
            )
            assert isinstance(outcome, errors.QueueDoesNotExist)

    # Purging and deleting

    async def test_a_purge_takes_all_messages_also_those_in_flight(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a", "b")
            handle = (await t.receive_one("orders")).receipt_handle
            await t.submit(commands.PurgeQueue("orders"))
            assert await t.counts("orders") == (0, 0, 0)
            assert await t.delete("orders", handle) == [None]
            await t.send("orders", "c")
            assert await t.bodies("orders") == ["c"]
            await t.refused(errors.PurgeQueueInProgress, commands.PurgeQueue("orders"))
            t.pass_ms(60_000)
            await t.submit(commands.PurgeQueue("orders"))
            await t.settle()

    async def test_a_queue_made_again_is_empty(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a", "b")
            handle = (await t.receive_one("orders")).receipt_handle
            await t.remove("orders")
            await t.refused(errors.QueueDoesNotExist, commands.CountMessages(["orders"]))
            await t.create("orders")
            await t.delete("orders", handle)
            assert await t.counts("orders") == (0, 0, 0)
            await t.settle()

    # Looking

    async def test_a_peek_changes_nothing_and_goes_on_from_its_cursor(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send("orders", "a", "b", "c")
            await t.send("orders", "later", delay_ms=60_000)
            await t.receive("orders", 1, 30_000)
            peeked = await t.peek("orders", 2)
            assert [m.body for m in peeked] == [b"b", b"c"]
            rest = await t.peek("orders", 10, peeked[-1].cursor)
            assert [(m.body, m.in_flight) for m in rest] == [(b"a", True), (b"later", False)]
            assert await t.counts("orders") == (2, 1, 1)

    # Configuration records

    async def test_records_change_by_compare_and_set(self) -> None:
        async with self.open_store() as t:

            def put(name: str, value: bytes | None, expected: int | None) -> commands.Configure:
                return commands.Configure([commands.RecordChange("topic", name, value, expected)])

            assert await t.submit(put("t", b"1", 0)) == [1]
            await t.refused(errors.RecordChanged, put("t", b"2", 0))
            assert await t.submit(put("t", b"2", 1)) == [2]
            await t.refused(errors.RecordChanged, put("t", None, 1))
            assert await t.submit(put("a", b"x", None)) == [1]
            records = await t.submit(commands.ReadRecords())
            assert records == [
                commands.Record(NAMESPACE, "topic", "a", 1, b"x"),
                commands.Record(NAMESPACE, "topic", "t", 2, b"2"),
            ]
            assert await t.submit(put("t", None, 2)) == [0]
            assert await t.submit(put("t", b"3", 0)) == [1]

    # Time

    async def test_a_group_that_is_free_again_wakes_receivers(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True)
            await t.send_grouped("orders", "a1", "a2")
            first = await t.receive_one("orders", 5_000)
            heard: list[Wakeup] = []
            t.store.listener = lambda status, wakeups: heard.extend(wakeups)
            await t.send_grouped("orders", "a3")
            assert heard == []  # nothing that could be received
            await t.delete("orders", first.receipt_handle)
            assert heard == [Wakeup(NAMESPACE, "orders", 1)]  # one group, one receiver

    async def test_the_listener_hears_of_queues_that_have_messages(self) -> None:
        async with self.open_store() as t:
            heard: list[Wakeup] = []
            dues: list[int | None] = []

            def listen(status: StoreStatus, wakeups: list[Wakeup]) -> None:
                heard.extend(wakeups)
                dues.append(status.due_at_ms)

            await t.create("orders")
            t.store.listener = listen
            await t.send("orders", "a", delay_ms=1_000)
            assert heard == []
            assert dues[-1] == t.store.status.now_ms + 1_000
            t.pass_ms(1_000)
            await t.submit(commands.Advance())
            assert heard == [Wakeup(NAMESPACE, "orders", 1)]
            await t.receive("orders", 1, 5_000)
            due_at_ms = t.store.status.due_at_ms
            assert due_at_ms is not None
            assert due_at_ms <= t.store.status.now_ms + 5_000
            t.pass_ms(5_000)
            await t.settle()
            assert heard[1:] == [Wakeup(NAMESPACE, "orders", 1)]

    # Durability

    async def test_all_that_was_answered_is_there_when_the_store_is_opened_again(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", "invoices")
            await t.send("orders", "a", "b", "c")
            a, _ = await t.receive("orders", 2, 60_000)
            await t.delete("orders", a.receipt_handle)
            await t.send("invoices", "later", delay_ms=1_000)
            seen = await t.peek("orders")
        async with self.open_store() as t:
            assert await t.peek("orders") == seen
            assert await t.counts("orders") == (1, 1, 0)
            assert await t.counts("invoices") == (0, 0, 1)
            t.pass_ms(1_000)
            await t.submit(commands.Advance())
            assert await t.bodies("invoices") == ["later"]
