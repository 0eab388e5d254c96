"""How many bytes a second of large bodies go to disk, beside what the disk takes by itself?

Estimate: a body is read, parsed, hashed and copied on its way: some 5 ns a byte in the daemon, 4 in
the store, on a core each. So 150 to 250 MB/s, or the disk's own rate where that is less: then 0.4
of it or more, for pages are written beside bodies and a commit syncs twice.
"""

import os
import time

from bench.daemon import parent, running
from bench.report import Row, repeat
from bench.settings import Settings
from bench.wrk import run_wrk
from broker.bench import requests as wire
from broker.bench.calls import create_queue
from broker.bench.disk import empty_folder
from broker.bench.load import Sample
from broker.core.limits import KIB, MIB
from broker.store.space import allocate

SIZES = ((64 * KIB, 16), (MIB, 8))  # bytes, connections
WRITTEN_BYTES = 256 * MIB  # of the plain file, over and over


def measure(settings: Settings) -> list[Row]:
    """One row for each size."""
    return [_measure(settings, size, connections) for size, connections in SIZES]


def _measure(settings: Settings, size: int, connections: int) -> Row:
    row = Row(
        f"bodies of {size // KIB:,} KiB, {connections} connections",
        "MiB/s",
        ceiling="write+fdatasync of 1 MiB",
        target=0.4,
    )
    with running() as daemon:
        url = create_queue(daemon.address, "orders")
        body = (wire.BODY * (size // len(wire.BODY) + 1))[:size]
        members: dict[str, object] = {"QueueUrl": url, "MessageBody": body}
        request = wire.sqs(daemon.address, "SendMessage", members)

        def run() -> Sample:
            ceiling = _written(settings.seconds)
            sample = run_wrk(daemon.address, request, connections, settings.seconds)
            sample.value *= size / MIB
            sample.ratio = sample.value / ceiling
            return sample

        return repeat(row, settings.repeats, run)


def _written(seconds: float) -> float:
    """MiB/s of synced writes to a file that has its room already."""
    data = os.urandom(MIB)
    with empty_folder(parent()) as folder:
        file = os.open(folder / "file", os.O_RDWR | os.O_CREAT)
        try:
            allocate(file, WRITTEN_BYTES)
            os.fsync(file)
            started = now = time.perf_counter()
            written = 0
            while now < started + seconds:
                os.pwrite(file, data, written % WRITTEN_BYTES)
                os.fdatasync(file)
                written += MIB
                now = time.perf_counter()
        finally:
            os.close(file)
    return written / MIB / (now - started)
