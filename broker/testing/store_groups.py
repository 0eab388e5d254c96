"""what any store must do with message groups: FIFO order, deduplication, attempts, fairness"""

from broker.core import commands, resources
from broker.testing.open_store import Conformance


class GroupsConformance(Conformance):
    """Part of `StoreConformance`."""

    # FIFO queues

    async def test_a_group_is_received_in_order_and_locked_while_a_message_is_in_flight(
        self,
    ) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True)
            await t.send_grouped("orders", "a1", "a2", "b1")
            first = await t.receive_one("orders")
            assert first.body == b"a1"
            assert await t.texts("orders") == ["b1"]
            assert await t.receive("orders") == []
            assert await t.counts("orders") == (1, 2, 0)
            await t.delete("orders", first.receipt_handle)
            assert await t.texts("orders") == ["a2"]

    async def test_one_receive_takes_as_many_of_a_group_as_it_can_before_the_next(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True)
            await t.send_grouped("orders", "a1", "b1", "a2", "b2", "a3")
            assert await t.texts("orders", 4) == ["a1", "a2", "a3", "b1"]

    async def test_of_three_received_together_the_extended_second_locks_only_the_third(
        self,
    ) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True)
            await t.send_grouped("orders", "a1", "a2", "a3")
            _, second, _ = await t.receive("orders", 3, 30_000)
            await t.hide("orders", second.receipt_handle, 60_000)
            t.pass_ms(30_000)
            assert await t.texts("orders", 3, 40_000) == ["a1"]
            t.pass_ms(30_000)
            assert await t.receive("orders") == []  # now a1 locks all of them
            t.pass_ms(10_000)
            assert await t.texts("orders") == ["a1", "a2", "a3"]

    async def test_a_delayed_message_holds_up_its_group_and_no_other(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True)
            await t.send_grouped("orders", "a1", delay_ms=1_000)
            await t.send_grouped("orders", "a2", "b1")
            assert await t.texts("orders") == ["b1"]
            t.pass_ms(1_000)
            assert await t.texts("orders") == ["a1", "a2"]

    async def test_a_fifo_queues_new_delay_holds_for_what_is_delayed_already(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True, delay_s=10)
            await t.send_grouped("orders", "a1", delay_ms=10_000)
            await t.create("orders", fifo=True, delay_s=2)
            t.pass_ms(1_999)
            assert await t.receive("orders") == []
            t.pass_ms(1)
            assert await t.texts("orders") == ["a1"]

    async def test_order_holds_when_messages_come_back_and_when_the_store_is_opened_again(
        self,
    ) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True)
            await t.send_grouped("orders", "a1", "a2", "b1")
            await t.receive("orders", 1, 1_000)
            await t.send_grouped("orders", "a3")
        async with self.open_store() as t:
            assert await t.texts("orders", timeout_ms=500) == ["b1"]
            t.pass_ms(1_000)
            assert await t.texts("orders") == ["a1", "a2", "a3", "b1"]

    async def test_a_receipt_of_a_fifo_queue_is_dead_when_its_timeout_has_ended(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True)
            await t.send_grouped("orders", "a1")
            first = await t.receive_one("orders", 1_000)
            t.pass_ms(1_000)
            assert await t.delete("orders", first.receipt_handle) == ["ReceiptHandleExpired"]
            assert await t.hide("orders", first.receipt_handle, 5) == "ReceiptHandleExpired"
            second = await t.receive_one("orders")
            assert await t.delete("orders", first.receipt_handle) == ["ReceiptHandleExpired"]
            assert await t.delete("orders", *2 * [second.receipt_handle]) == [None, None]
            assert await t.counts("orders") == (0, 0, 0)

    async def test_dead_letters_of_a_fifo_queue_keep_their_group_and_are_as_new(self) -> None:
        async with self.open_store() as t:
            await t.create("dead", fifo=True)
            arn = "arn:aws:sqs:us-east-1:000000000000:dead"
            policy = resources.RedrivePolicy(arn, 1)
            await t.create("orders", fifo=True, redrive_policy=policy)
            await t.send_grouped("orders", "a1", "a2", "b1")
            assert await t.texts("orders", 2, 1_000) == ["a1", "a2"]
            t.pass_ms(1_000)
            assert await t.texts("orders", 10, 0) == ["b1"]
            first = await t.receive_one("dead")
            assert first.body == b"a1"
            assert first.sent_at_ms == t.store.status.now_ms
            assert await t.receive("dead") == []  # a2 waits for it
            await t.delete("dead", first.receipt_handle)
            assert await t.texts("dead") == ["a2"]

    # Deduplication

    async def test_a_message_sent_again_within_five_minutes_is_stored_once(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True)
            one, two = await t.send_grouped("orders", "a1", "a1", deduplication_id="1")
            assert one == two  # also within one batch
            await t.delete("orders", (await t.receive_one("orders")).receipt_handle)
            t.pass_ms(299_999)
        async with self.open_store() as t:
            assert await t.send_grouped("orders", "a1", deduplication_id="1") == [one]
            assert await t.counts("orders") == (0, 0, 0)
            t.pass_ms(1)
            (three,) = await t.send_grouped("orders", "a1", deduplication_id="1")
            assert three.message_id != one.message_id
            assert three.sequence > one.sequence
            assert await t.texts("orders") == ["a1"]

    async def test_a_purge_forgets_no_deduplication_id_and_a_new_queue_knows_none(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True)
            await t.send_grouped("orders", "a1", deduplication_id="1")
            await t.submit(commands.PurgeQueue("orders"))
            await t.send_grouped("orders", "a1", deduplication_id="1")
            assert await t.receive("orders") == []
            await t.remove("orders")
            await t.create("orders", fifo=True)
            await t.send_grouped("orders", "a1", deduplication_id="1")
            assert await t.texts("orders") == ["a1"]
            t.pass_ms(310_000)
            await t.settle()

    async def test_the_scope_of_a_deduplication_id_is_the_queue_or_the_group(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True)
            await t.send_grouped("orders", "a1", "b1", deduplication_id="1")
            assert await t.texts("orders") == ["a1"]
            await t.create("orders", fifo=True, deduplication_scope="messageGroup")
            await t.send_grouped("orders", "b2", deduplication_id="1")  # used before the change
            assert await t.receive("orders") == []
            await t.send_grouped("orders", "b3", "c1", "c2", deduplication_id="2")
            assert await t.texts("orders") == ["b3", "c1"]

    # Receive attempts

    async def test_an_attempt_made_again_gets_the_same_messages_for_the_whole_timeout(
        self,
    ) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True)
            await t.send_grouped("orders", "a1", "a2", "b1")
            first = await t.attempt("orders", "x", 2)
            t.pass_ms(20_000)
            assert await t.attempt("orders", "x", 2) == first
            t.pass_ms(29_999)
            assert await t.texts("orders") == ["b1"]
            assert await t.attempt("orders", "y") == []
            t.pass_ms(1)
            again = await t.attempt("orders", "x", 2)
            assert [message.receive_count for message in again] == [2, 2]  # a receive of its own

    async def test_an_attempt_is_new_after_a_delete_a_change_or_five_minutes(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", fifo=True)
            await t.send_grouped("orders", "a1", "a2", "b1", "c1")
            first, _ = await t.attempt("orders", "x", 2)
            await t.delete("orders", first.receipt_handle)
            (b,) = await t.attempt("orders", "x", 1)
            assert b.body == b"b1"
            await t.hide("orders", b.receipt_handle, 60_000)
            (c,) = await t.attempt("orders", "x", 1)
            assert c.body == b"c1"
            await t.hide("orders", c.receipt_handle, 0)
            (c,) = await t.attempt("orders", "x", 1)
            assert c.receive_count == 2
            await t.hide("orders", c.receipt_handle, 600_000)
            await t.delete("orders", c.receipt_handle)
            t.pass_ms(300_000)
            again = await t.attempt("orders", "x")
            assert [message.body for message in again] == [b"a2", b"b1"]

    # Fair queues

    async def test_a_tenant_with_a_backlog_lets_others_pass(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send_grouped("orders", "a1", "a2", "a3", "a4")
            await t.receive("orders", 2)
            await t.send_grouped("orders", "b1", "c1", "b2", "-1")
            assert await t.texts("orders") == ["b1", "c1", "-1", "b2", "a3", "a4"]

    async def test_a_tenant_is_served_behind_those_with_less_in_flight(self) -> None:
        async with self.open_store() as t:
            await t.create("orders")
            await t.send_grouped("orders", "a1", "b1", "a2", "b2")
            a, _ = await t.receive("orders", 2, 60_000)
            await t.delete("orders", a.receipt_handle)
            await t.send_grouped("orders", "c1")
            assert await t.texts("orders", 2) == ["a2", "c1"]
        async with self.open_store() as t:
            assert await t.texts("orders") == ["b2"]
