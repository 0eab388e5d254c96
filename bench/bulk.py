"""How many messages a second can programs send with the native bulk publish, 1,000 a request?

Estimate: neither HTTP nor JSON counts any more; what is left for a message is its MD5, its id and
two LMDB puts: 3 to 5 µs in two processes, 200,000 to 350,000 messages/s.
"""

import msgspec

from bench.daemon import running
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench import requests as wire
from broker.bench.address import Address
from broker.bench.calls import create_queue, post
from broker.bench.load import constant, run_load

MESSAGES = 1_000
CONNECTIONS = 8


def measure(settings: Settings) -> list[Row]:
    """One row, skipped if this broker has no bulk publish."""
    row = Row(
        f"bulk publish of {MESSAGES:,}, {CONNECTIONS} connections",
        "messages/s",
        accepted=200_000,
        target=350_000,
    )
    with running() as daemon:
        create_queue(daemon.address, "orders")
        request = bulk(daemon.address, "orders")
        status, body = post(daemon.address, request)
        if not 200 <= status < 300:
            row.skipped = f"answered {status}: {body[:60]!r}"
            return [row]
        script = constant(request, MESSAGES)
        repeat(
            row,
            settings.repeats,
            lambda: run_load(daemon.address, script, CONNECTIONS, settings.seconds),
        )
    return [row]


def bulk(address: Address, queue: str) -> bytes:
    """The request."""
    return wire.post(
        address,
        f"/v1/queues/{queue}/messages/bulk",
        msgspec.msgpack.encode({"messages": [{"body": wire.BODY}] * MESSAGES}),
        "application/msgpack",
    )
