"""How many messages a second go through the whole cycle of send, receive and delete, by tens?

Estimate: a receive and a delete each cost about what a send does (a receive moves an entry and
makes a handle, a delete checks it and drops two records), so a third of the rate of batches:
20,000 to 40,000 messages/s.
"""

from collections.abc import Callable

from bench.daemon import running
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench.calls import create_queue
from broker.bench.cycle import cycle
from broker.bench.daemon import Daemon
from broker.bench.load import Sample, run_load

CONNECTIONS = 16


def runner(daemon: Daemon, queue_url: str, settings: Settings) -> Callable[[], Sample]:
    """One run over that queue."""
    script = cycle(daemon.address, queue_url)
    return lambda: run_load(daemon.address, script, CONNECTIONS, settings.seconds)


def measure(settings: Settings) -> list[Row]:
    """One row; the latency is that of a whole cycle."""
    row = Row(
        f"full cycle by tens, {CONNECTIONS} connections",
        "messages/s",
        accepted=20_000,
        target=40_000,
    )
    with running() as daemon:
        run = runner(daemon, create_queue(daemon.address, "orders"), settings)
        return [repeat(row, settings.repeats, run)]
