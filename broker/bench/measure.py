"""what `broker bench` measures: sends, batches, bulks, the whole cycle; each on a queue of its own

The load comes from the same machine and takes a share of its processors, as with any program that
runs beside the broker. A queue is deleted after its measurement.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import msgspec

from broker.bench import requests
from broker.bench.address import Address
from broker.bench.calls import call, create_queue
from broker.bench.cycle import cycle
from broker.bench.load import MakeScript, Sample, constant, run_load

BULK_MESSAGES = 1_000


@dataclass(frozen=True, slots=True)
class Measurement:
    """One kind of load, from so many connections."""

    name: str
    connections: int
    script: Callable[[Address, str], MakeScript]  # of the broker's address and a queue's URL

    def run(self, address: Address, seconds: float) -> Sample:
        """Messages a second, and how long requests took (of the cycle: the three together).

        Raises: MeasurementFailed, OSError.
        """
        with _queue(address) as queue_url:
            script = self.script(address, queue_url)
            return run_load(address, script, self.connections, seconds)


def _send(address: Address, queue_url: str) -> MakeScript:
    return constant(requests.send_message(address, queue_url), expected=b'"MessageId"')


def _send_ten(address: Address, queue_url: str) -> MakeScript:
    request = requests.send_message_batch(address, queue_url)
    return constant(request, 10, expected=b'"MessageId"', occurrences=10)


def _bulk(address: Address, queue_url: str) -> MakeScript:
    request = requests.post(
        address,
        f"/v1/queues/{queue_url.rpartition('/')[2]}/messages/bulk",
        msgspec.msgpack.encode({"messages": [{"body": requests.BODY}] * BULK_MESSAGES}),
        "application/msgpack",
    )
    return constant(request, BULK_MESSAGES, expected=b'"errors":[]')


MEASUREMENTS = (
    Measurement("send, 1 connection", 1, _send),
    Measurement("send, 64 connections", 64, _send),
    Measurement("send batches of ten, 16 connections", 16, _send_ten),
    Measurement("send, receive, delete by tens, 16 connections", 16, cycle),
    Measurement(f"native bulk of {BULK_MESSAGES:,}, 8 connections", 8, _bulk),
)


@contextmanager
def _queue(address: Address) -> Iterator[str]:
    queue_url = create_queue(address, f"broker-bench-{secrets.token_hex(4)}")
    try:
        yield queue_url
    finally:
        call(address, "DeleteQueue", {"QueueUrl": queue_url})
