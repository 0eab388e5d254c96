"""both ways to run the store pass the one suite"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from broker.store.client import open_store
from broker.store.clock import Clock
from broker.store.inline import open_inline_store
from broker.testing.stores import OpenStore, StoreConformance
from tests.store.clocked_process import CLOCK_VARIABLE, SharedTime
from tests.store.invariants import check_directory

EPOCH_MS = 1_700_000_000_000


class TestInlineStore(StoreConformance):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path) -> None:
        self.directory = tmp_path / "data"
        self.wall_ms = EPOCH_MS

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[OpenStore]:
        with open_inline_store(self.directory, Clock(lambda: self.wall_ms, lambda: 0)) as store:
            yield OpenStore(store, self._pass_ms)
        check_directory(self.directory)

    def _pass_ms(self, passed_ms: int) -> None:
        self.wall_ms += passed_ms


class TestStoreProcess(StoreConformance):
    @pytest.fixture(autouse=True)
    def _place(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = tmp_path / "data"
        clock = tmp_path / "clock"
        clock.write_bytes(bytes(8))
        self.time = SharedTime(clock)
        self.time.set(EPOCH_MS)
        monkeypatch.setenv(CLOCK_VARIABLE, str(clock))

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[OpenStore]:
        async with open_store(self.directory, program="tests.store.clocked_process") as store:
            yield OpenStore(store, lambda passed_ms: self.time.set(self.time() + passed_ms))
        check_directory(self.directory)
