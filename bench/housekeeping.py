"""How long does a receive take while a purge of 1,000,000 messages and a move task run?

Estimate: housekeeping goes in slices of 1,000 records, a move in slices of 200 messages, each of 5
to 15 ms of the store's time. A receive waits for at most one of each and a commit: p99 under 50 ms.
"""

from bench.backlog import fill
from bench.daemon import running
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench import requests as wire
from broker.bench.address import Address
from broker.bench.calls import call, create_queue
from broker.bench.load import MakeScript, Sample, Script, Tally, run_load

CONNECTIONS = 4


def measure(settings: Settings) -> list[Row]:
    """One row: the 99th percentile of a receive."""
    purged = settings.backlog_messages // 2
    row = Row(
        f"p99 of a receive while {purged:,} are purged and others moved",
        "ms",
        accepted=50,
        target=50,
        at_most=True,
    )

    def run() -> Sample:
        with running() as daemon:
            address = daemon.address
            orders, old = create_queue(address, "orders"), create_queue(address, "old")
            create_queue(address, "dead")
            arn = "arn:aws:sqs:us-east-1:000000000000:"
            policy = f'{{"deadLetterTargetArn": "{arn}dead", "maxReceiveCount": 9}}'
            attributes = {"RedrivePolicy": policy}
            call(address, "SetQueueAttributes", {"QueueUrl": orders, "Attributes": attributes})
            fill(daemon, "old", purged)
            fill(daemon, "dead", purged // 2)
            create_queue(address, "attic")
            task: dict[str, object] = {"SourceArn": f"{arn}dead", "DestinationArn": f"{arn}attic"}
            call(address, "StartMessageMoveTask", task)
            call(address, "PurgeQueue", {"QueueUrl": old})
            script = _receives(address, orders)
            sample = run_load(address, script, CONNECTIONS, settings.seconds, warm_up_s=0.1)
            sample.value = sample.p99_ms or 0.0
            return sample

    return [repeat(row, settings.repeats, run)]


def _receives(address: Address, queue_url: str) -> MakeScript:
    """Send one and receive it; what is timed is the receive."""
    send = wire.send_message(address, queue_url)
    receive = wire.sqs(address, "ReceiveMessage", {"QueueUrl": queue_url})

    def script(tally: Tally) -> Script:
        while True:
            yield send
            with tally.timed():
                yield receive
            tally.done += 1

    return script
