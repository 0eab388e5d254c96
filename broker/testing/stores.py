"""what any store must do, as tests that a store's author inherits

    class TestMyStore(StoreConformance):
        @asynccontextmanager
        async def open_store(self):
            async with my_store(self.directory, clock=self.clock) as store:
                yield OpenStore(store, pass_ms)

Each test opens a store on nothing, on a clock of the author's that stands still until `pass_ms`
moves it. The tests are plain async functions for pytest-trio; the module itself needs no pytest.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

from broker.core import commands, errors, resources
from broker.core.commands import NewEntry, NewMessage, Peeked, Received, StoreStatus, Wakeup
from broker.store.seam import Store, submit_one

__all__ = ["NAMESPACE", "OpenStore", "StoreConformance"]

NAMESPACE = "000000000000/us-east-1"
ERROR = TypeVar("ERROR", bound=errors.BrokerError)
_ids = count(1)


@dataclass(slots=True)
class OpenStore:
    """A store under test, and the words in which the tests speak of it."""

    store: Store
    pass_ms: Callable[[int], None]  # moves the store's clock

    async def submit(self, command: commands.Command) -> Any:
        """One command's result. Raises: what it was refused with."""
        return await submit_one(self.store, NAMESPACE, command)

    async def refused(self, kind: type[ERROR], command: commands.Command) -> ERROR:
        """The command's refusal, which must be of that kind."""
        (outcome,) = await self.store.submit(NAMESPACE, [command])
        assert isinstance(outcome, kind), f"{outcome!r} instead of {kind.__name__}"
        return outcome

    async def create(self, *names: str, **settings: Any) -> None:
        """Make queues, or give them new settings."""
        for name in names:
            value = resources.encode(resources.Queue(name=name, **settings))
            await self.submit(commands.Configure([commands.RecordChange("queue", name, value)]))

    async def remove(self, name: str) -> None:
        """Delete a queue."""
        await self.submit(commands.Configure([commands.RecordChange("queue", name, None)]))

    async def send(self, queue: str, *bodies: str, delay_ms: int = 0) -> None:
        """Send messages in one command."""
        new = [NewMessage(new_id(), body.encode(), delay_ms) for body in bodies]
        await self.submit(commands.SendMessages(queue, new))

    async def send_grouped(self, queue: str, *texts: str, **more: Any) -> Any:
        """Send messages of the groups that their texts begin with, as in "a1"; "-" is none."""
        new = [
            NewMessage(new_id(), text.encode(), group=None if text[0] == "-" else text[0], **more)
            for text in texts
        ]
        return await self.submit(commands.SendMessages(queue, new))

    async def receive(self, queue: str, limit: int = 10, timeout_ms: int = 30_000) -> Any:
        """Receive messages."""
        return await self.submit(commands.ReceiveMessages(queue, limit, timeout_ms, b"01234567"))

    async def texts(self, queue: str, limit: int = 10, timeout_ms: int = 30_000) -> list[str]:
        """Receive messages; what is in them."""
        received = await self.receive(queue, limit, timeout_ms)
        return [message.body.decode() for message in received]

    async def attempt(self, queue: str, attempt_id: str, limit: int = 10) -> list[Received]:
        """Receive under an attempt id, for half a minute."""
        received: list[Received] = await self.submit(
            commands.ReceiveMessages(queue, limit, 30_000, b"01234567", attempt_id)
        )
        return received

    async def receive_one(self, queue: str, timeout_ms: int = 30_000) -> Received:
        """Receive the one message that must be there."""
        (received,) = await self.receive(queue, 1, timeout_ms)
        assert isinstance(received, Received)
        return received

    async def bodies(self, queue: str) -> list[str]:
        """Receive all there is, and hand it back at once."""
        return [received.body.decode() for received in await self.receive(queue, 100, 0)]

    async def delete(self, queue: str, *handles: bytes) -> Any:
        """Delete by handle."""
        return await self.submit(commands.DeleteMessages(queue, list(handles)))

    async def hide(self, queue: str, handle: bytes, timeout_ms: int, **how: bool) -> str | None:
        """Change one message's visibility."""
        change = commands.VisibilityChange(handle, timeout_ms, **how)
        (result,) = await self.submit(commands.ChangeVisibility(queue, [change]))
        assert result is None or isinstance(result, str)
        return result

    async def counts(self, queue: str) -> tuple[int, int, int]:
        """Visible, in flight, delayed."""
        (counts,) = await self.submit(commands.CountMessages([queue]))
        return counts.visible, counts.in_flight, counts.delayed

    async def peek(self, queue: str, limit: int = 100, after: bytes = b"") -> list[Peeked]:
        """Look at messages."""
        peeked: list[Peeked] = await self.submit(commands.PeekMessages(queue, limit, after))
        return peeked

    async def start_move(self, source: str, destination: str | None = None) -> None:
        """Make the record of a message move task."""
        task = resources.MessageMoveTask(name="task", source=source, destination=destination)
        await self.put_task(task)

    async def put_task(self, task: resources.MessageMoveTask) -> None:
        """Change a message move task's record."""
        change = commands.RecordChange("message_move_task", task.name, resources.encode(task))
        await self.submit(commands.Configure([change]))

    async def move(self, limit: int = 10) -> resources.MessageMoveTask:
        """Carry out a slice of the task; what has become of it."""
        ids = [new_id() for _ in range(limit)]
        record = await self.submit(commands.MoveMessages("task", ids))
        task = resources.decode(record.value)
        assert isinstance(task, resources.MessageMoveTask)
        return task

    async def settle(self) -> None:
        """Have all done that is due, as the daemon does."""
        for _ in range(1_000):
            await self.submit(commands.Advance())
            status = self.store.status
            if status.due_at_ms is None or status.due_at_ms > status.now_ms:
                return
        raise AssertionError("there is no end to what is due")


def new_id() -> bytes:
    """A message id."""
    return next(_ids).to_bytes(16, "big")


class StoreConformance:
    """Inherit, say how a store is opened, and run with pytest-trio."""

    def open_store(self) -> AbstractAsyncContextManager[OpenStore]:
        """A store on this test's data: empty at first, and the same data when opened again."""
        raise NotImplementedError

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
            assert await t.submit(commands.ReleaseInFlight("orders")) == 2
            assert await t.counts("orders") == (2, 0, 1)
            await t.delete("orders", a.receipt_handle)
            assert await t.counts("orders") == (2, 0, 1)

    async def test_a_message_is_replaced_in_one_step_and_once(self) -> None:
        async with self.open_store() as t:
            await t.create("work", "dead")
            await t.send("work", "a")
            handle = (await t.receive_one("work")).receipt_handle
            command = commands.ReplaceMessage(
                "work", handle, [b"x"], [NewEntry("dead", new_id(), 0)]
            )
            assert await t.submit(command) == (True, [])
            assert await t.submit(command) == (False, [])
            assert await t.counts("work") == (0, 0, 0)
            assert await t.bodies("dead") == ["x"]

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

    # Delayed messages that can be cancelled

    async def test_a_delayed_message_is_cancelled_until_it_becomes_visible(self) -> None:
        async with self.open_store() as t:
            await t.create("orders", retention_s=60)
            day_ms = 86_400_000
            new = [
                NewMessage(new_id(), b"1", day_ms, cancellable=True),
                NewMessage(new_id(), b"2", day_ms, "tenant", cancellable=True),
                NewMessage(new_id(), b"3", day_ms),
            ]
            await t.submit(commands.SendMessages("orders", new))
            first, second, third = (message.message_id for message in new)
            cancel = commands.CancelMessages("orders", [first, first, third])
            assert await t.submit(cancel) == [True, False, False]
            assert await t.counts("orders") == (0, 0, 2)
            t.pass_ms(day_ms)
            late = commands.CancelMessages("orders", [second])
            assert await t.submit(late) == [False]
            assert await t.texts("orders") == ["2"]  # kept from now on; 3 was kept long enough

    # Moving messages

    async def test_chosen_messages_go_where_they_came_from_or_to_one_queue(self) -> None:
        async with self.open_store() as t:
            await t.create("dead", "other")
            arn = "arn:aws:sqs:us-east-1:000000000000:dead"
            await t.create("orders", redrive_policy=resources.RedrivePolicy(arn, 1))
            await t.send_grouped("orders", "-1", "a1")
            await t.receive("orders", 2, 0)
            await t.receive("orders", 2, 0)
            await t.send_grouped("dead", "-2")
            picks = [
                commands.Pick(peeked.cursor, new_id(), b"edited") for peeked in await t.peek("dead")
            ]
            relocate = commands.RelocateMessages("dead", picks)
            assert await t.submit(relocate) == [None, None, "CouldNotDetermineMessageSource"]
            moved = await t.receive("orders", 2, 0)
            assert [(m.body, m.receive_count) for m in moved] == 2 * [(b"edited", 1)]
            assert {m.message_id for m in moved} == {pick.message_id for pick in picks[:2]}
            assert {m.dead_letter_source_arn for m in moved} == {None}
            relocate = commands.RelocateMessages("dead", picks, "gone")
            assert await t.submit(relocate) == [*2 * ["MessageNotFound"], "QueueDoesNotExist"]
            relocate = commands.RelocateMessages("dead", picks[2:], "other")
            assert await t.submit(relocate) == [None]
            assert await t.texts("other") == ["edited"]

    async def test_chosen_messages_are_discarded_unless_somebody_has_received_them(self) -> None:
        async with self.open_store() as t:
            await t.create("dead")
            await t.send_grouped("dead", "-1", "-2")
            cursors = [peeked.cursor for peeked in await t.peek("dead")]
            await t.receive("dead", 1)
            discard = commands.DiscardMessages("dead", [*cursors, b"made up"])
            assert await t.submit(discard) == ["MessageNotFound", None, "MessageNotFound"]
            assert await t.counts("dead") == (0, 1, 0)

    async def test_a_move_task_moves_what_was_there_and_goes_on_when_opened_again(self) -> None:
        async with self.open_store() as t:
            await t.create("dead", "orders", fifo=True)
            await t.send_grouped("dead", "a1", "b1", "a2", "b2", "a3")
            await t.start_move("dead", "orders")
            task = await t.move(2)
            assert (task.status, task.moved, task.to_move) == ("RUNNING", 2, 5)
        async with self.open_store() as t:
            await t.send_grouped("dead", "c1")  # comes too late
            statuses = [(await t.move(2)).status for _ in range(4)]
            assert statuses[-1] == "COMPLETED"
            assert (await t.move(2)).moved == 5
            assert await t.texts("dead") == ["c1"]
            texts = await t.texts("orders")
            assert sorted(texts) == ["a1", "a2", "a3", "b1", "b2"]
            assert [text for text in texts if text[0] == "a"] == ["a1", "a2", "a3"]

    async def test_a_move_task_leaves_what_is_in_flight_and_what_waits_behind_it(self) -> None:
        async with self.open_store() as t:
            await t.create("dead", "orders", fifo=True)
            await t.send_grouped("dead", "a1", "a2", "b1")
            await t.receive("dead", 1)
            await t.start_move("dead", "orders")
            await t.move()
            assert (await t.move()).status == "COMPLETED"
            assert await t.texts("orders") == ["b1"]
            assert await t.counts("dead") == (1, 1, 0)

    async def test_a_move_task_ends_when_it_is_cancelled_or_has_nowhere_to_go(self) -> None:
        async with self.open_store() as t:
            await t.refused(errors.MoveTaskDoesNotExist, commands.MoveMessages("task", []))
            await t.create("dead")
            await t.send_grouped("dead", "-1")
            await t.start_move("dead")
            task = await t.move()
            assert (task.status, task.failure_reason) == (
                "FAILED",
                "CouldNotDetermineMessageSource",
            )
            await t.start_move("dead", "gone")
            task = await t.move()
            reason = "AWS.SimpleQueueService.NonExistentQueue"
            assert (task.status, task.failure_reason) == ("FAILED", reason)
            await t.put_task(
                resources.MessageMoveTask(name="task", source="dead", status="CANCELLING")
            )
            assert (await t.move()).status == "CANCELLED"
            assert await t.counts("dead") == (1, 0, 0)

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
