"""How many deliveries a second does a topic make to 10 and to 100 queues?

Estimate: the body is stored once and a delivery is one entry of 40 bytes: 5 to 10 µs in the store
and 2 µs in the daemon, 100,000 to 200,000 deliveries/s to 100 queues. To 10 the request itself
weighs more.
"""

from urllib.parse import urlencode

from bench.daemon import running
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench import requests as wire
from broker.bench.calls import post
from broker.bench.load import constant, run_load

CONNECTIONS = 16
TOPIC_ARN = "arn:aws:sns:us-east-1:000000000000:orders"


def measure(settings: Settings) -> list[Row]:
    """One row for each width, skipped if this broker has no SNS."""
    return [_measure(settings, 10, None, None), _measure(settings, 100, 100_000, 200_000)]


def _measure(settings: Settings, queues: int, accepted: float | None, target: float | None) -> Row:
    row = Row(
        f"fan-out to {queues} queues, {CONNECTIONS} connections",
        "deliveries/s",
        accepted=accepted,
        target=target,
    )
    with running(_configuration(queues)) as daemon:
        parameters = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "TopicArn": TOPIC_ARN,
            "Message": wire.BODY,
        }
        request = wire.post(
            daemon.address,
            "/",
            urlencode(parameters).encode(),
            "application/x-www-form-urlencoded; charset=utf-8",
            service="sns",
        )
        status, body = post(daemon.address, request)
        if status != 200:
            row.skipped = f"answered {status}: {body[:60]!r}"
            return row
        script = constant(request, queues, expected=b"<MessageId>")
        return repeat(
            row,
            settings.repeats,
            lambda: run_load(daemon.address, script, CONNECTIONS, settings.seconds),
        )


def _configuration(queues: int) -> str:
    tables = ['[[topic]]\nname = "orders"\n']
    for n in range(queues):
        tables.append(f'[[queue]]\nname = "orders-{n}"\n')
        tables.append(f'[[subscription]]\ntopic = "orders"\nqueue = "orders-{n}"\n')
    return "\n".join(tables)
