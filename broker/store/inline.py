"""the same store without a process of its own, for tests on an injected clock"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

from broker.core.commands import Command, StoreStatus
from broker.store.clock import Clock
from broker.store.engine import MAP_BYTES, Engine
from broker.store.failpoints import Failpoints
from broker.store.lock import lock_directory
from broker.store.seam import Listener


class InlineStore:
    """Applies each submit at once, on the event loop. Same engine, same file."""

    def __init__(self, engine: Engine) -> None:
        self.status = StoreStatus(0, None, 0, 0, False)
        self.listener: Listener = lambda status, wakeups: None
        self._engine = engine

    async def submit(self, namespace: str, commands: Sequence[Command]) -> list[Any]:
        """See `broker.store.seam.Store`."""
        await trio.lowlevel.checkpoint()
        committed = self._engine.apply([(namespace, command) for command in commands])  # type: ignore[misc]
        self.status = committed.status
        self.listener(committed.status, committed.wakeups)
        return committed.outcomes


@contextmanager
def open_inline_store(
    directory: Path,
    clock: Clock | None = None,
    quota_bytes: int = MAP_BYTES,
    failpoints: Failpoints | None = None,
) -> Iterator[InlineStore]:
    """The store on the directory, in this process."""
    with lock_directory(directory):
        engine = Engine(directory, clock or Clock(), quota_bytes, failpoints)
        try:
            yield InlineStore(engine)
        finally:
            engine.close()
