"""what the disk and LMDB can do with nothing in front of them, in this process"""

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.load import percentiles_ms
from bench.report import Sample
from broker.core.limits import ALLOCATION_STEP_BYTES
from broker.store.engine import DATA_FILE, open_environment
from broker.store.keys import body
from broker.store.space import allocate

RECORD = bytes(320)  # a body of 256 bytes with what is stored beside it


@contextmanager
def _folder() -> Iterator[Path]:
    parent = os.environ.get("BENCH_DIR", tempfile.gettempdir())
    with tempfile.TemporaryDirectory(prefix="bench-", dir=parent) as name:
        yield Path(name)


def lmdb_commits(records: int, seconds: float) -> Sample:
    """Records/s in synced commits of that many, appended, in the store's own environment."""
    with _folder() as folder, open_environment(folder) as environment:
        file = os.open(folder / DATA_FILE, os.O_RDWR)
        # Room ahead, as the store has it: growing the file in the middle of a commit is slower.
        allocate(file, 16 * ALLOCATION_STEP_BYTES)
        os.close(file)
        latencies = []
        next_id = 1
        started = now = time.perf_counter()
        while now < started + seconds:
            begin = now
            with environment.begin(write=True) as transaction:
                for record_id in range(next_id, next_id + records):
                    transaction.put(body(record_id), RECORD, append=True)
            next_id += records
            now = time.perf_counter()
            latencies.append(now - begin)
        return Sample((next_id - 1) / (now - started), *percentiles_ms(sorted(latencies)))


def fdatasyncs(seconds: float) -> Sample:
    """Writes of one page, each synced, a second."""
    with _folder() as folder:
        file = os.open(folder / "file", os.O_RDWR | os.O_CREAT)
        try:
            allocate(file, ALLOCATION_STEP_BYTES)
            os.fsync(file)
            latencies = []
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
