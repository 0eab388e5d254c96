"""what the disk and LMDB can do with nothing in front of them, in this process"""

import os
import time

from bench.daemon import parent
from broker.bench.disk import empty_folder
from broker.bench.load import Sample, percentiles_ms
from broker.core.limits import ALLOCATION_STEP_BYTES
from broker.store.engine import DATA_FILE, open_environment
from broker.store.keys import body
from broker.store.space import allocate

RECORD = bytes(320)  # a body of 256 bytes with what is stored beside it


def lmdb_commits(records: int, seconds: float) -> Sample:
    """Records/s in synced commits of that many, appended, in the store's own environment."""
    with (
        empty_folder(parent()) as folder,
        open_environment(folder) as environment,
    ):
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
