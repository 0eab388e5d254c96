"""How many messages a second can programs send in batches of ten over SQS?

Estimate: HTTP's share is paid once for ten messages, so that decoding, MD5, ids and two LMDB puts
a message are what is left: 10 to 15 µs in two processes, 60,000 to 125,000 messages/s.
"""

from bench.daemon import running
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench import requests as wire
from broker.bench.calls import create_queue
from broker.bench.load import constant, run_load


def measure(settings: Settings) -> list[Row]:
    """With 16 and with 64 connections."""
    return [_measure(settings, connections) for connections in (16, 64)]


def _measure(settings: Settings, connections: int) -> Row:
    row = Row(
        f"SendMessageBatch of ten, {connections} connections",
        "messages/s",
        accepted=60_000,
        target=125_000,
    )
    with running() as daemon:
        request = wire.send_message_batch(daemon.address, create_queue(daemon.address, "orders"))
        script = constant(request, 10, expected=b'"MessageId"', occurrences=10)
        return repeat(
            row,
            settings.repeats,
            lambda: run_load(daemon.address, script, connections, settings.seconds),
        )
