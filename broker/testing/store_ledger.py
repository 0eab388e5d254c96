"""what any store must do for the ledger: messages that are found by their ids"""

from broker.core import commands
from broker.core.commands import NewEntry
from broker.core.errors import QueueDoesNotExist
from broker.testing.open_store import Conformance, new_id


def record(id_: bytes, *more: NewEntry) -> commands.FanOut:
    """A findable message under that id, and what else shares its body."""
    return commands.FanOut([id_], [NewEntry("ledger", id_, 0, findable=True), *more])


class LedgerConformance(Conformance):
    """Part of `StoreConformance`."""

    async def test_a_findable_message_is_found_by_its_id_among_many(self) -> None:
        async with self.open_store() as t:
            await t.create("ledger")
            ids = [new_id() for _ in range(20)]
            for id_ in ids:
                await t.submit(record(id_))
            asked = [ids[17], new_id(), ids[3]]
            found = await t.submit(commands.FindById("ledger", asked))
            assert [one and one.message_id for one in found] == [ids[17], None, ids[3]]
            assert [one and one.body for one in found] == [ids[17], None, ids[3]]
            await t.refused(QueueDoesNotExist, commands.FindById("gone", ids))

    async def test_it_is_forgotten_when_it_has_been_kept_long_enough(self) -> None:
        async with self.open_store() as t:
            await t.create("ledger", retention_s=60)
            id_ = new_id()
            await t.submit(record(id_))
            t.pass_ms(59_999)
            (found,) = await t.submit(commands.FindById("ledger", [id_]))
            assert found is not None
            t.pass_ms(60_000)
            await t.submit(commands.Advance())
            assert await t.submit(commands.FindById("ledger", [id_])) == [None]
            assert await t.counts("ledger") == (0, 0, 0)

    async def test_of_two_under_one_id_the_later_is_found(self) -> None:
        async with self.open_store() as t:
            await t.create("ledger")
            id_ = new_id()
            await t.submit(commands.FanOut([b"1"], [NewEntry("ledger", id_, 0, findable=True)]))
            await t.submit(commands.FanOut([b"2"], [NewEntry("ledger", id_, 0, findable=True)]))
            (found,) = await t.submit(commands.FindById("ledger", [id_]))
            assert found.body == b"2"
            assert await t.counts("ledger") == (1, 0, 0)

    async def test_in_a_full_one_the_oldest_make_room_in_the_same_commit(self) -> None:
        async with self.open_store() as t:
            await t.create("ledger", messages_max=2, oldest_go=True)
            await t.create("a")
            ids = [new_id() for _ in range(5)]
            for id_ in ids:
                assert await t.submit(record(id_, NewEntry("a", new_id(), 0))) == []
            found = await t.submit(commands.FindById("ledger", ids))
            assert [one and one.message_id for one in found] == [None, None, None, *ids[3:]]
            assert await t.counts("ledger") == (2, 0, 0)
            assert await t.counts("a") == (5, 0, 0)  # with which they shared their bodies

    async def test_more_at_once_than_it_keeps_leaves_the_last_of_them(self) -> None:
        async with self.open_store() as t:
            await t.create("ledger", messages_max=2, oldest_go=True)
            ids = [new_id() for _ in range(5)]
            entries = [NewEntry("ledger", id_, 0, findable=True) for id_ in ids]
            await t.submit(commands.FanOut([b"shared"], entries))
            found = await t.submit(commands.FindById("ledger", ids))
            assert [one and one.message_id for one in found] == [None, None, None, *ids[3:]]

    async def test_a_lower_limit_is_worked_off_also_after_the_store_was_opened_again(self) -> None:
        ids = [new_id() for _ in range(20)]
        async with self.open_store() as t:
            await t.create("ledger")
            for id_ in ids:
                await t.submit(record(id_))
            await t.create("ledger", messages_max=4, oldest_go=True)
            await t.submit(record(ids[0]))  # once more: now it is the last
            assert (await t.counts("ledger"))[0] >= 19  # for one that comes, one goes
        async with self.open_store() as t:
            await t.settle()
            found = await t.submit(commands.FindById("ledger", [*ids[-4:], ids[0]]))
            assert [one and one.message_id for one in found] == [None, *ids[-3:], ids[0]]
            assert await t.counts("ledger") == (4, 0, 0)
