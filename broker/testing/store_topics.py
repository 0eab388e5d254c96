"""what any store must do for topics: fan-outs with groups, FIFO topics, bounded queues, replays"""

from broker.core import commands, resources
from broker.core.commands import NewEntry, Published, RecordChange
from broker.core.errors import QueueDoesNotExist, RecordChanged
from broker.core.message import Via
from broker.core.resources import Subscription
from broker.testing.open_store import Conformance, new_id

TOPIC = "topic/steps"


def step(
    text: str, group: str, *queues: str, id_: str = "", archive: bool = False
) -> commands.FanOutOnce:
    """A publish to a FIFO topic that these queues are subscribed to."""
    entries = [
        NewEntry(
            queue, new_id(), 0, via=Via(queue, "raw"), group=group, deduplication_id=id_ or text
        )
        for queue in queues
    ]
    body = text.encode()
    return commands.FanOutOnce(TOPIC, new_id(), group, id_ or text, [body], entries, archive)


class TopicsConformance(Conformance):
    """Part of `StoreConformance`."""

    # FIFO topics

    async def test_a_fifo_topic_s_message_is_numbered_and_reaches_every_queue(self) -> None:
        async with self.open_store() as t:
            await t.create(TOPIC)
            await t.create("a.fifo", fifo=True)
            await t.create("b")
            first = await t.submit(step("1", "g", "a.fifo", "b", "gone"))
            assert isinstance(first, Published)
            assert (first.homeless, first.repeated) == ([2], False)
            second = await t.submit(step("2", "g", "a.fifo"))
            assert second.sequence > first.sequence
            one, two = await t.receive("a.fifo", 2)
            assert [one.body, two.body] == [b"1", b"2"]
            assert [m.via.sequence for m in (one, two) if m.via] == [
                first.sequence,
                second.sequence,
            ]
            assert await t.texts("b") == ["1"]

    async def test_what_is_published_again_within_five_minutes_is_answered_as_before(self) -> None:
        async with self.open_store() as t:
            await t.create(TOPIC)
            await t.create("a.fifo", fifo=True)
            first = await t.submit(step("1", "g", "a.fifo", id_="x"))
            t.pass_ms(299_999)
            again = await t.submit(step("other", "g", "a.fifo", id_="x"))
            assert (again.message_id, again.sequence) == (first.message_id, first.sequence)
            assert again.repeated
            assert await t.counts("a.fifo") == (1, 0, 0)
            t.pass_ms(1)
            later = await t.submit(step("other", "g", "a.fifo", id_="x"))
            assert not later.repeated
            assert await t.counts("a.fifo") == (2, 0, 0)

    async def test_what_the_queue_was_sent_itself_is_a_duplicate_there_and_nowhere_else(
        self,
    ) -> None:
        async with self.open_store() as t:
            await t.create(TOPIC)
            for name in ("a.fifo", "b.fifo"):
                await t.create(name, fifo=True)
            same = commands.NewMessage(new_id(), b"sent", group="g", deduplication_id="1")
            await t.submit(commands.SendMessages("a.fifo", [same]))
            published = await t.submit(step("1", "g", "a.fifo", "b.fifo"))
            assert published.homeless == []
            assert await t.texts("a.fifo") == ["sent"]
            assert await t.texts("b.fifo") == ["1"]

    async def test_an_archive_keeps_messages_in_order_until_they_are_too_old(self) -> None:
        async with self.open_store() as t:
            await t.create(TOPIC, retention_s=60)
            for n in (1, 2):
                await t.submit(step(str(n), "g", archive=True))
            archived = await t.peek(TOPIC)
            assert [m.body for m in archived] == [b"1", b"2"]
            t.pass_ms(60_000)
            await t.settle()
            assert await t.peek(TOPIC) == []

    async def test_a_fifo_topic_that_is_gone_is_no_more_published_to(self) -> None:
        async with self.open_store() as t:
            await t.refused(QueueDoesNotExist, step("1", "g"))

    # Fan-outs

    async def test_entries_with_a_group_share_a_standard_queue_fairly(self) -> None:
        async with self.open_store() as t:
            await t.create("a")
            entries = [NewEntry("a", new_id(), n, group="noisy") for n in range(3)]
            entries.append(NewEntry("a", new_id(), 3, group="quiet"))
            bodies = [b"1", b"2", b"3", b"quiet"]
            await t.submit(commands.FanOut(bodies, entries))
            assert await t.texts("a", 2) == ["1", "quiet"]

    async def test_what_finds_a_queue_full_or_gone_is_a_dead_letter_with_the_cause(self) -> None:
        async with self.open_store() as t:
            await t.create("full", messages_max=2)
            await t.create("dead")
            via = Via("s", "envelope")
            entries = [NewEntry("full", new_id(), 0, 0, via, "dead") for _ in range(3)]
            entries.append(NewEntry("gone", new_id(), 0, 0, via, "dead"))
            entries.append(NewEntry("full", new_id(), 0, 0, via))
            assert await t.submit(commands.FanOut([b"x"], entries)) == [4]
            assert await t.counts("full") == (2, 0, 0)
            letters = await t.receive("dead", 10)
            assert [m.via.cause for m in letters if m.via] == ["QueueIsFull", "QueueDoesNotExist"]
            first, _ = await t.receive("full", 2)
            await t.delete("full", first.receipt_handle)
            assert await t.submit(commands.FanOut([b"x"], entries[:1])) == []
            assert await t.counts("full") == (1, 1, 0)

    async def test_delayed_messages_are_released_at_once_and_those_in_flight_are_not(self) -> None:
        async with self.open_store() as t:
            await t.create("a")
            await t.send("a", "later", delay_ms=60_000)
            await t.send("a", "now")
            assert await t.texts("a") == ["now"]
            release = commands.ReleaseHidden("a", delayed=True)
            assert await t.submit(release) == 1
            assert await t.counts("a") == (1, 1, 0)
            assert await t.texts("a") == ["later"]

    # Replays

    async def test_a_slice_of_a_replay_and_how_far_it_has_come_are_one_step(self) -> None:
        async with self.open_store() as t:
            await t.create("a.fifo", fifo=True)
            subscription = Subscription(name="n:s", topic="n", protocol="sqs", endpoint="e")
            record = resources.encode(subscription)
            await t.submit(commands.Configure([RecordChange("subscription", "n:s", record, 0)]))
            entries = [NewEntry("a.fifo", new_id(), n, group="g") for n in range(2)]
            change = RecordChange("subscription", "n:s", record, 1)
            replay = commands.ReplayMessages(change, [b"1", b"2"], entries)
            assert await t.submit(replay) == (2, [])
            assert await t.texts("a.fifo") == ["1", "2"]
            await t.refused(RecordChanged, replay)
            assert sum(await t.counts("a.fifo")) == 2
