"""what the disk can do with nothing in front of it"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.bench.load import Sample, percentiles_ms
from broker.core.limits import ALLOCATION_STEP_BYTES
from broker.store.space import allocate


@contextmanager
def empty_folder(parent: Path) -> Iterator[Path]:
    """A folder in `parent`, which goes with the block."""
    with tempfile.TemporaryDirectory(prefix="broker-bench-", dir=parent) as name:
        yield Path(name)


def is_memory(folder: Path) -> bool:
    """Whether the folder is on a tmpfs, where a sync does nothing."""
    place = folder.resolve()
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    kind, longest = "", 0
    for _, mount, each, *_ in mounts:
        if place.is_relative_to(mount) and len(mount) >= longest:  # the last one hides the others
            kind, longest = each, len(mount)
    return kind in ("tmpfs", "ramfs")


def fdatasyncs(parent: Path, seconds: float) -> Sample:
    """Writes of one page, each synced, a second."""
    with empty_folder(parent) as folder:
        file = os.open(folder / "file", os.O_RDWR | os.O_CREAT)
        try:
            allocate(file, ALLOCATION_STEP_BYTES)
            os.fsync(file)
            latencies: list[float] = []
            started = now = time.perf_counter()
            while now < started + seconds:
                begin = now
                os.pwrite(file, bytes(4096), len(latencies) * 4096 % ALLOCATION_STEP_BYTES)
                os.fdatasync(file)
                now = time.perf_counter()
                latencies.append(now - begin)
        finally:
            os.close(file)
    return Sample(len(latencies) / (now - started), *percentiles_ms(sorted(latencies)))
