"""Does a dead and a slow HTTP endpoint among 100 healthy ones delay what the healthy ones get?

Estimate: no. Each endpoint has a queue, connections and room of its own, so the dead one costs a
few refused connections and the slow one ten that wait. The healthy ones' 99th percentile is that
of the daemon's work for one publish, 100 requests: the same with and without, but for noise.
"""

import json
import statistics
import time

from bench.daemon import running
from bench.http_receiver import Receiver, receiving
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench import requests as wire
from broker.bench.address import Address
from broker.bench.calls import post
from broker.bench.load import Sample

HEALTHY = 100
PUBLISHES_S = 2.0
DEAD = "http://127.0.0.1:1/"


def measure(settings: Settings) -> list[Row]:
    """One row: the ratio of the two 99th percentiles, and the one with the bad endpoints."""
    row = Row(
        f"p99 of deliveries to {HEALTHY} endpoints beside a dead and a slow one",
        "ms",
        ceiling="without these",
        accepted=1.25,
        target=1.25,
        at_most=True,
    )
    publishes = 3 if settings.quick else 20

    def run() -> Sample:
        without = _latencies(publishes, bad=False)
        sample = _latencies(publishes, bad=True)
        sample.ratio = sample.value / without.value
        return sample

    return [repeat(row, settings.repeats, run)]


def _latencies(publishes: int, *, bad: bool) -> Sample:
    with receiving() as receiver, running(_configuration(receiver, bad=bad)) as daemon:
        _publish(daemon.address, 2)  # connections are made
        time.sleep(1)
        receiver.latencies_ms()
        _publish(daemon.address, publishes)
        latencies_ms: list[float] = []
        deadline = time.monotonic() + 30
        while len(latencies_ms) < HEALTHY * publishes and time.monotonic() < deadline:
            time.sleep(0.2)
            latencies_ms += receiver.latencies_ms()
    lost = HEALTHY * publishes - len(latencies_ms)
    cuts = statistics.quantiles(latencies_ms, n=100)
    return Sample(cuts[98], p50_ms=cuts[49], p99_ms=cuts[98], errors=lost)


def _publish(address: Address, count: int) -> None:
    for _ in range(count):
        started = time.monotonic()
        body = json.dumps({"message": str(time.monotonic_ns())}).encode()
        request = wire.post(address, "/v1/topics/orders/publish", body, "application/json")
        status, answer = post(address, request)
        assert status == 200, answer
        time.sleep(max(0.0, started + 1 / PUBLISHES_S - time.monotonic()))


def _configuration(receiver: Receiver, *, bad: bool) -> str:
    origin = f"http://127.0.0.1:{receiver.port}"
    urls = [f"{origin}/{n}" for n in range(HEALTHY)]
    if bad:
        urls += [DEAD, f"{origin}/slow"]
    tables = ['[[topic]]\nname = "orders"\n']
    tables += [
        f'[[subscription]]\ntopic = "orders"\nurl = "{url}"\nraw_message_delivery = true\n'
        for url in urls
    ]
    return "\n".join(tables)
