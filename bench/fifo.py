"""How much slower is a FIFO queue of 10,000 message groups than a standard queue?

Estimate: a message of a group is written to its lane and to the order of time, and its
deduplication id is remembered: twice the store's work. But the store has a core of its own and
half of it to spare while the daemon is the bound: 0.6 to 0.9 of the standard queue's full cycle.
"""

import time
from itertools import count

from bench.daemon import running
from bench.full_cycle import CONNECTIONS, runner
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench import requests as wire
from broker.bench.address import Address
from broker.bench.calls import call, create_queue
from broker.bench.cycle import receive_and_delete
from broker.bench.load import MakeScript, Sample, Script, Tally, run_load

GROUPS = 10_000
DIGITS = 16


def measure(settings: Settings) -> list[Row]:
    """One row: the full cycle by tens, beside the standard queue's."""
    row = Row(
        f"FIFO full cycle by tens, {GROUPS:,} groups",
        "messages/s",
        ceiling="standard queue",
        target=0.6,
    )
    with running() as daemon:
        standard = runner(daemon, create_queue(daemon.address, "orders"), settings)
        attributes = {"FifoQueue": "true"}
        made = call(
            daemon.address, "CreateQueue", {"QueueName": "orders.fifo", "Attributes": attributes}
        )
        script = _cycle(daemon.address, str(made["QueueUrl"]))

        def run() -> Sample:
            ceiling = standard()
            sample = run_load(daemon.address, script, CONNECTIONS, settings.seconds)
            sample.ratio = sample.value / ceiling.value if ceiling.value else None
            return sample

        return [repeat(row, settings.repeats, run)]


def _cycle(address: Address, queue_url: str) -> MakeScript:
    connections = count(1)
    template = _template(address, queue_url)

    def script(tally: Tally) -> Script:
        # Other numbers in every run: within five minutes the same would be duplicates.
        first = int(time.time()) % 10**6 * 10**10 + next(connections) * 10**7
        for batch in count():
            numbers = range(first + 10 * batch, first + 10 * batch + 10)
            with tally.timed():
                yield template % tuple(n for m in numbers for n in (m * 7919 % GROUPS, m))
                yield from receive_and_delete(address, queue_url, tally)

    return script


def _template(address: Address, queue_url: str) -> bytes:
    """A batch of ten in which groups and deduplication ids are still to be filled in."""
    entries = [
        {
            "Id": str(n),
            "MessageBody": wire.BODY,
            "MessageGroupId": "G" * DIGITS,
            "MessageDeduplicationId": "D" * DIGITS,
        }
        for n in range(10)
    ]
    request = wire.sqs(
        address, "SendMessageBatch", {"QueueUrl": queue_url, "Entries": entries}
    ).replace(b"%", b"%%")
    number = f"%0{DIGITS}d".encode()
    return request.replace(b"G" * DIGITS, number).replace(b"D" * DIGITS, number)
