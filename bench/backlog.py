"""What do 2,000,000 waiting messages cost: memory, time to restart, speed?

Estimate: messages are on disk and neither process keeps any, so both together need what they need
empty: 60 to 80 MB of anonymous memory. A restart reads queues and not messages: the start of two
Python processes, 0.5 s. The first visible message is one seek away: 80 % of the empty rate or more.
"""

from itertools import count
from pathlib import Path

from bench.bulk import MESSAGES, bulk
from bench.daemon import running
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench import requests as wire
from broker.bench.address import Address
from broker.bench.calls import create_queue
from broker.bench.cycle import receive_and_delete
from broker.bench.daemon import Daemon
from broker.bench.load import MakeScript, MeasurementFailed, Sample, Script, Tally, run_load, times

FILLERS = 8
PRODUCERS = CONSUMERS = 16


def measure(settings: Settings) -> list[Row]:
    """Memory, restart, and the full cycle over the backlog."""
    waiting = settings.backlog_messages
    memory = Row(
        f"anonymous memory, {waiting:,} waiting", "MB", accepted=150, target=100, at_most=True
    )
    restart = Row(f"restart to ready, {waiting:,} waiting", "s", accepted=1, target=1, at_most=True)
    rate = Row(
        f"deletes over {waiting:,} waiting, {PRODUCERS} producers, {CONSUMERS} consumers",
        "messages/s",
        ceiling="empty rate",
        target=0.8,
    )
    with running() as daemon:
        full, empty = create_queue(daemon.address, "full"), create_queue(daemon.address, "empty")
        fill(daemon, "full", waiting)
        memory.samples.append(Sample(_anonymous_mb(daemon.processes())))

        def restarted() -> Sample:
            daemon.stop()
            return Sample(daemon.start())

        repeat(restart, settings.repeats, restarted)

        def over_backlog() -> Sample:
            ceiling = _run(daemon, empty, settings)
            sample = _run(daemon, full, settings)
            sample.ratio = sample.value / ceiling.value if ceiling.value else None
            return sample

        repeat(rate, settings.repeats, over_backlog)
        memory.samples.append(Sample(_anonymous_mb(daemon.processes())))
    return [memory, restart, rate]


def _run(daemon: Daemon, queue_url: str, settings: Settings) -> Sample:
    script = _either(daemon.address, queue_url)
    return run_load(daemon.address, script, PRODUCERS + CONSUMERS, settings.seconds)


def _either(address: Address, queue_url: str) -> MakeScript:
    """By turns a producer, which sends tens, and a consumer; counts what is deleted."""
    connections = count()
    send = wire.send_message_batch(address, queue_url)

    def script(tally: Tally) -> Script:
        consumes = next(connections) % 2
        while True:
            if consumes:
                with tally.timed():
                    yield from receive_and_delete(address, queue_url, tally)
            else:
                yield send

    return script


def fill(daemon: Daemon, queue: str, messages: int) -> None:
    """Send that many. Raises: MeasurementFailed."""
    script = times(bulk(daemon.address, queue), messages // MESSAGES // FILLERS or 1)
    if run_load(daemon.address, script, FILLERS, seconds=600, warm_up_s=0).errors:
        raise MeasurementFailed("the backlog could not be filled")


def _anonymous_mb(pids: list[int]) -> float:
    """Of all the processes together: what they keep for themselves, without mapped files."""
    total_kb = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total_kb += int(line.split()[1])
    return total_kb / 1024
