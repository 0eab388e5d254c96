"""what any store must do with chosen messages and with move tasks"""

from broker.core import commands, errors, resources
from broker.core.commands import NewMessage
from broker.testing.open_store import Conformance, new_id


class MovesConformance(Conformance):
    """Part of `StoreConformance`."""

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
