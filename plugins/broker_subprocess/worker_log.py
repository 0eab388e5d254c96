"""what a worker writes: the log of the event that it serves, or of the next one"""

import os
from collections.abc import Callable

import trio

__all__ = ["WorkerLog"]

CHUNK_BYTES = 64 * 1024
CHUNKS_A_TURN = 16  # then others have their turn
PAUSE_S = 0.02  # so that a flood stays below 50 MiB/s
HELD_BYTES = 64 * 1024  # of what is written while no event is served


class WorkerLog:
    """Takes it from a pipe."""

    def __init__(self) -> None:
        self._descriptor = -1
        self._write: Callable[[bytes], None] | None = None
        self._held = bytearray()
        self._flooded = False

    def open(self, descriptor: int) -> None:
        """Read from this pipe, which doesn't block, until `close`."""
        self._descriptor = descriptor

    def close(self) -> None:
        """The pipe is somebody else's again."""
        self._descriptor = -1

    def belong_to(self, write: Callable[[bytes], None] | None) -> None:
        """What comes from now on, and what was held, goes to an event; to none, it is held."""
        self._write = write
        if write is not None and self._held:
            write(bytes(self._held))
            self._held.clear()

    async def take(self) -> None:
        """Take what comes, to its end."""
        while True:
            await trio.lowlevel.wait_readable(self._descriptor)
            if not self.drain():
                return
            # A second has so many of these turns, and the process waits when its pipe is full.
            await trio.sleep(PAUSE_S if self._flooded else 0)

    def drain(self) -> bool:
        """Take what stands in the pipe, or much of it; False at its end."""
        self._flooded = False
        if self._descriptor < 0:
            return False
        for _ in range(CHUNKS_A_TURN):
            try:
                chunk = os.read(self._descriptor, CHUNK_BYTES)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._pass_on(chunk)
        self._flooded = True
        return True

    def _pass_on(self, chunk: bytes) -> None:
        if self._write is not None:
            self._write(chunk)
            return
        self._held += chunk
        del self._held[:-HELD_BYTES]
