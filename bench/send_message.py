"""How many single messages a second can programs send over SQS, each on disk when answered?

Estimate: with one in flight, a commit (two syncs) and a request's system calls follow each other:
0.6 of LMDB's single commits. With 64, a commit serves all that came in during the one before, and
the daemon's CPU is the bound: half of what a bare parser answers, for it does about twice as much
for a request. Ratios are to a ceiling that is measured right before each run.
"""

from bench.bare import bare_server
from bench.ceilings import faster_bare_server
from bench.daemon import running
from bench.disk import lmdb_commits
from bench.report import Row, repeat
from bench.settings import Settings
from bench.wrk import run_wrk
from broker.bench import requests as wire
from broker.bench.calls import create_queue
from broker.bench.load import Sample


def measure(settings: Settings) -> list[Row]:
    """With 1 and with 64 connections."""
    single = Row(
        "SendMessage, 1 connection",
        "messages/s",
        ceiling="LMDB single commits",
        accepted=0.55,
        target=0.55,
    )
    many = Row(
        "SendMessage, 64 connections",
        "messages/s",
        ceiling="bare parser",
        accepted=0.40,
        target=0.45,
    )
    kind = faster_bare_server(settings)
    with running() as daemon, bare_server(kind) as bare:
        request = wire.send_message(daemon.address, create_queue(daemon.address, "orders"))
        run_wrk(
            daemon.address, request, 64, settings.seconds
        )  # warms up: imports, caches, the file

        def one_in_flight() -> Sample:
            ceiling = lmdb_commits(1, settings.seconds / 2)
            sample = run_wrk(daemon.address, request, 1, settings.seconds)
            sample.ratio = sample.value / ceiling.value
            return sample

        def many_in_flight() -> Sample:
            bare_request = wire.send_message(bare, "http://127.0.0.1/000000000000/orders")
            ceiling = run_wrk(bare, bare_request, 64, settings.seconds)
            sample = run_wrk(daemon.address, request, 64, settings.seconds)
            sample.ratio = sample.value / ceiling.value
            return sample

        repeat(single, settings.repeats, one_in_flight)
        repeat(many, settings.repeats, many_in_flight)
    return [single, many]
