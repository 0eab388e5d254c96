"""What do 200,000 waiting messages cost: memory, time to restart, speed?

Estimate: messages are on disk and neither process keeps any, so both together need what they need
empty: 60 to 80 MB of anonymous memory. A restart reads queues and not messages: the start of two
Python processes, 0.5 s. The first visible message is one seek away: 80 % of the empty rate or more.
"""

from pathlib import Path

from bench.daemon import running
from bench.full_cycle import runner
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench import requests as wire
from broker.bench.calls import create_queue
from broker.bench.daemon import Daemon
from broker.bench.load import MeasurementFailed, Sample, run_load, times

FILLERS = 16


def measure(settings: Settings) -> list[Row]:
    """Memory, restart, and the full cycle over the backlog."""
    count = settings.backlog_messages
    memory = Row(
        f"anonymous memory, {count:,} waiting", "MB", accepted=100, target=100, at_most=True
    )
    restart = Row(f"restart to ready, {count:,} waiting", "s", accepted=1, target=1, at_most=True)
    rate = Row(f"full cycle over {count:,} waiting", "messages/s", ceiling="empty rate", target=0.8)
    with running() as daemon:
        full, empty = create_queue(daemon.address, "full"), create_queue(daemon.address, "empty")
        _fill(daemon, full, count)
        memory.samples.append(Sample(_anonymous_mb(daemon.processes())))

        def restarted() -> Sample:
            daemon.stop()
            return Sample(daemon.start())

        repeat(restart, settings.repeats, restarted)

        def over_backlog() -> Sample:
            ceiling = runner(daemon, empty, settings)()
            sample = runner(daemon, full, settings)()
            sample.ratio = sample.value / ceiling.value if ceiling.value else None
            return sample

        repeat(rate, settings.repeats, over_backlog)
        memory.samples.append(Sample(_anonymous_mb(daemon.processes())))
    return [memory, restart, rate]


def _fill(daemon: Daemon, queue_url: str, count: int) -> None:
    request = wire.send_message_batch(daemon.address, queue_url)
    script = times(request, count // 10 // FILLERS)
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
