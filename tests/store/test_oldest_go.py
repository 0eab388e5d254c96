"""a queue whose oldest messages go has the newest of them, judged by a plain list"""

import shutil
import tempfile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from broker.core import commands, resources
from broker.core.commands import NewEntry, RecordChange
from broker.core.queue import settle
from broker.store.clock import Clock
from broker.store.engine import Engine
from tests.store.invariants import check_engine
from tests.store.store_machine import EPOCH_MS, MEMORY, NAMESPACE

RETENTION_MS = 60_000
SLICE = 3  # that an Advance may drop: few, so that it takes several to work a lower limit off


class OldestGo(RuleBasedStateMachine):
    """Records come, some again under an id that is known; the limit is changed, time passes."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.now_ms = EPOCH_MS
        self.slices = patch.object(settle, "RECLAIM_SLICE", SLICE)
        self.slices.start()
        self.engine = self.open()
        self.limit = 5
        self.records: list[tuple[bytes, int]] = []  # id and time, the oldest first

    def open(self) -> Engine:
        return Engine(self.directory, Clock(lambda: self.now_ms, lambda: 0))

    def teardown(self) -> None:
        self.engine.close()
        self.slices.stop()
        shutil.rmtree(self.directory)

    def ask(self, command: Any) -> Any:
        (outcome,) = self.engine.apply([(NAMESPACE, command)]).outcomes
        return outcome

    def there(self) -> list[bytes]:
        return [one.message_id for one in self.ask(commands.PeekMessages("ledger", 1_000))]

    @initialize()
    def make_queues(self) -> None:
        self.set_limit(5)
        plain = resources.encode(resources.Queue(name="plain"))
        self.ask(commands.Configure([RecordChange("queue", "plain", plain)]))

    @rule(limit=st.integers(1, 12))
    def set_limit(self, limit: int) -> None:
        self.limit = limit
        queue = resources.Queue(
            name="ledger",
            retention_s=RETENTION_MS // 1_000,
            messages_max=limit,
            oldest_go=True,
        )
        change = RecordChange("queue", "ledger", resources.encode(queue))
        self.ask(commands.Configure([change]))

    @rule(numbers=st.lists(st.integers(0, 30), min_size=1, max_size=6), shared=st.booleans())
    def record(self, numbers: list[int], shared: bool) -> None:
        """They came under these ids; perhaps deliveries share their bodies."""
        ids = [b"%016d" % number for number in numbers]
        entries = [NewEntry("ledger", id_, n, findable=True) for n, id_ in enumerate(ids)]
        if shared:
            entries += [NewEntry("plain", id_, n) for n, id_ in enumerate(ids)]
        assert self.ask(commands.FanOut(ids, entries)) == []
        for id_ in ids:
            self.records = [one for one in self.records if one[0] != id_]
            self.records.append((id_, self.now_ms))
        # At most as many went as came: a commit stays short.
        gone = min(max(len(self.records) - self.limit, 0), len(numbers))
        self.records = self.records[gone:]
        assert self.there() == [id_ for id_, _ in self.records]

    @rule(by_ms=st.sampled_from((1, 1_000, 30_000)))
    def time_passes(self, by_ms: int) -> None:
        self.now_ms += by_ms

    @rule()
    def reopen(self) -> None:
        self.engine.close()
        self.engine = self.open()

    @rule()
    def a_slice_goes(self) -> None:
        self.ask(commands.Advance())
        there = self.there()
        gone, self.records = (
            self.records[: len(self.records) - len(there)],
            self.records[len(self.records) - len(there) :],
        )
        assert there == [id_ for id_, _ in self.records]
        assert len(gone) <= SLICE
        for index, (_, at_ms) in enumerate(gone):
            too_many = len(gone) - index + len(there) > self.limit
            assert too_many or at_ms + RETENTION_MS <= self.now_ms

    @rule()
    def all_is_worked_off(self) -> None:
        """What is left is the newest that are young enough; each is found, and no other."""
        for _ in range(100):
            status = self.engine.apply([(NAMESPACE, commands.Advance())]).status
            if status.due_at_ms is None or status.due_at_ms > status.now_ms:
                break
        young = [one for one in self.records if one[1] + RETENTION_MS > self.now_ms]
        self.records = young[-self.limit :]
        there = [id_ for id_, _ in self.records]
        assert self.there() == there
        every = [b"%016d" % number for number in range(31)]
        found = self.ask(commands.FindById("ledger", every))
        assert [one.message_id for one in found if one is not None] == sorted(there)
        check_engine(self.engine)


TestOldestGo = OldestGo.TestCase
TestOldestGo.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
