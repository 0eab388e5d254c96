"""How fast could anything be here: an HTTP server that stores nothing, LMDB without a server?

Estimate: a bare server on httptools and trio is bound by system calls, two or three a request:
10,000 to 50,000 requests/s. A commit of one record costs two syncs of 0.1 to 0.3 ms: 2,000 to
4,500 commits/s. At 1,000 records a commit the sync no longer counts: a million records/s.
"""

from bench.bare import SERVERS, bare_server
from bench.daemon import parent
from bench.disk import lmdb_commits
from bench.report import Row, repeat
from bench.settings import Settings
from bench.wrk import run_wrk
from broker.bench import requests as wire
from broker.bench.address import Address
from broker.bench.disk import fdatasyncs
from broker.bench.load import Sample


def measure(settings: Settings) -> list[Row]:
    """One row for each ceiling."""
    rows = []
    for kind in SERVERS:
        with bare_server(kind) as address:
            for connections in (1, 64):
                name = f"bare parser ({kind}), {connections} connections"
                row = Row(name, "requests/s")
                request = wire.send_message(address, "http://127.0.0.1/000000000000/orders")

                def run(
                    address: Address = address, request: bytes = request, n: int = connections
                ) -> Sample:
                    return run_wrk(address, request, n, settings.seconds)

                rows.append(repeat(row, settings.repeats, run))
    seconds = settings.seconds / 2
    single = Row("LMDB, 1 record a commit", "records/s")
    many = Row("LMDB, 1,000 records a commit", "records/s")
    syncs = Row("fdatasync of one page", "syncs/s")
    rows.append(repeat(single, settings.repeats, lambda: lmdb_commits(1, seconds)))
    rows.append(repeat(many, settings.repeats, lambda: lmdb_commits(1_000, seconds / 2)))
    rows.append(repeat(syncs, settings.repeats, lambda: fdatasyncs(parent(), seconds)))
    return rows


def faster_bare_server(settings: Settings) -> str:
    """Which of the bare servers is the ceiling."""
    rates = {}
    for kind in SERVERS:
        with bare_server(kind) as address:
            request = wire.send_message(address, "http://127.0.0.1/000000000000/orders")
            rates[kind] = run_wrk(address, request, 64, settings.seconds / 2).value
    return max(rates, key=rates.__getitem__)
