"""How many messages a second go through the native full cycle: bulk publish, stream, acknowledge?

Estimate: HTTP and JSON don't count, as with bulk publish; a receive and a delete each cost the
store about what a send does, and the daemon takes each message apart and writes it once more: 20
to 30 µs a message in two processes, the load generator's own work beside it: 40,000 to 60,000
messages/s on two cores, twice that where each process has a core of its own.

A message counts when its acknowledgement is confirmed, which is when it is on disk. Producers keep
at most `AHEAD` messages in the queue, so that what is measured is the cycle and no backlog.
"""

import http.client
import multiprocessing
import socket
import time
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from bench.daemon import running
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench import requests as wire
from broker.bench.address import Address
from broker.bench.calls import create_queue
from broker.bench.load import Sample, percentiles_ms
from broker.client import Client

BATCH = 1_000
AHEAD = 20_000
CREDIT = 10_000
PRODUCERS = CONSUMERS = 2
WARM_UP_S = 0.5
COOL_DOWN_S = 1.0  # in which consumers still get the batch after which they end


def measure(settings: Settings) -> list[Row]:
    """One row; the latency is that of a batch, from its arrival to its confirmation."""
    row = Row(
        f"native full cycle: bulk and stream of {BATCH:,}, {CONSUMERS} streams",
        "messages/s",
        accepted=100_000,
        target=140_000,
    )
    with running() as daemon:
        create_queue(daemon.address, "orders")
        return [repeat(row, settings.repeats, lambda: _run(daemon.address, settings.seconds))]


def _run(address: Address, seconds: float) -> Sample:
    context = multiprocessing.get_context("fork")
    sent, done = context.Value("q", 0), context.Value("q", 0)
    begin = time.monotonic() + WARM_UP_S
    end = begin + seconds
    children = []
    for target, count in ((_produce, PRODUCERS), (_consume, CONSUMERS)):
        for _ in range(count):
            ours, theirs = context.Pipe()
            arguments = (address, sent, done, begin, end, theirs)
            child = context.Process(target=target, args=arguments)
            child.start()
            theirs.close()
            children.append((child, ours))
    figures = []
    for child, pipe in children:
        figures.append(pipe.recv())
        child.join()
        if child.exitcode:
            raise RuntimeError("a load process failed; see its traceback above")
    latencies = sorted(latency for _, found in figures for latency in found)
    return Sample(sum(count for count, _ in figures) / seconds, *percentiles_ms(latencies))


def _produce(
    address: Address, sent: Any, done: Any, begin: float, end: float, result: Connection
) -> None:
    """Send in bulk as long as there is room ahead of the consumers."""
    body = msgspec.msgpack.encode({"messages": [{"body": wire.BODY}] * BATCH})
    request = wire.post(address, "/v1/queues/orders/messages/bulk", body, "application/msgpack")
    with socket.create_connection(address) as connection:
        while time.monotonic() < end + COOL_DOWN_S:
            if sent.value - done.value > AHEAD:
                time.sleep(0.001)
                continue
            with sent.get_lock():
                sent.value += BATCH
            connection.sendall(request)
            response = http.client.HTTPResponse(connection, method="POST")
            response.begin()
            if response.status != 200:
                raise RuntimeError(f"a bulk publish was answered {response.status}")
            response.read()
    result.send((0, []))


def _consume(
    address: Address, sent: Any, done: Any, begin: float, end: float, result: Connection
) -> None:
    """Acknowledge batch by batch; those confirmed within the measured time count."""
    counted = 0
    latencies: list[float] = []
    with (
        Client(f"http://{address}") as client,
        client.stream("orders", credit=CREDIT, batch=BATCH) as stream,
    ):
        for batch in stream:
            arrived = time.monotonic()
            stream.acknowledge(batch)
            if stream.confirm():
                raise RuntimeError("an acknowledgement was refused")
            with done.get_lock():
                done.value += len(batch)
            now = time.monotonic()
            if begin <= now < end:
                counted += len(batch)
                latencies.append(now - arrived)
            if now >= end:
                break
    result.send((counted, latencies))
