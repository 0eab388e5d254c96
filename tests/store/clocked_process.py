"""the store process on a clock that stands in a file, so that a test can move it"""

import mmap
import os
import struct
from pathlib import Path

from broker.store.clock import Clock
from broker.store.process import run

CLOCK_VARIABLE = "TEST_STORE_CLOCK"


class SharedTime:
    """8 bytes that two processes see."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)

    def __call__(self) -> int:
        return int(struct.unpack("<q", self._map[:])[0])

    def set(self, now_ms: int) -> None:
        self._map[:] = struct.pack("<q", now_ms)


if __name__ == "__main__":
    run(Clock(SharedTime(Path(os.environ[CLOCK_VARIABLE])), lambda: 0))
