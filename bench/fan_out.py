"""How many deliveries a second does a topic make to 10 and to 100 queues?

Estimate: the body is stored once and a delivery is one entry of 40 bytes: 5 to 10 µs in the store
and 2 µs in the daemon, 100,000 to 200,000 deliveries/s to 100 queues. To 10 the request itself
weighs more.

The goals are 150,000 and 200,000 deliveries/s where the bare parser answers 55,000 requests/s: what
holds on any machine is their ratio.
"""

from urllib.parse import urlencode

from bench.bare import bare_server
from bench.ceilings import faster_bare_server
from bench.daemon import running
from bench.report import Row, repeat
from bench.settings import Settings
from bench.wrk import run_wrk
from broker.bench import requests as wire
from broker.bench.address import Address
from broker.bench.calls import post
from broker.bench.load import Sample, constant, run_load

CONNECTIONS = 64
TOPIC_ARN = "arn:aws:sns:us-east-1:000000000000:orders"


def measure(settings: Settings) -> list[Row]:
    """One row for each width, skipped if this broker has no SNS."""
    kind = faster_bare_server(settings)
    with bare_server(kind) as bare:
        return [_measure(settings, bare, 10, None, None), _measure(settings, bare, 100, 2.7, 3.6)]


def _measure(
    settings: Settings, bare: Address, queues: int, accepted: float | None, target: float | None
) -> Row:
    row = Row(
        f"fan-out to {queues} queues, {CONNECTIONS} connections",
        "deliveries/s",
        ceiling="bare parser",
        accepted=accepted,
        target=target,
    )
    bare_request = wire.send_message(bare, "http://127.0.0.1/000000000000/orders")
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

        def beside_the_bare_parser() -> Sample:
            ceiling = run_wrk(bare, bare_request, CONNECTIONS, settings.seconds)
            sample = run_load(daemon.address, script, CONNECTIONS, settings.seconds)
            sample.ratio = sample.value / ceiling.value
            return sample

        return repeat(row, settings.repeats, beside_the_bare_parser)


def _configuration(queues: int) -> str:
    tables = ['[[topic]]\nname = "orders"\n']
    for n in range(queues):
        tables.append(f'[[queue]]\nname = "orders-{n}"\n')
        tables.append(f'[[subscription]]\ntopic = "orders"\nqueue = "orders-{n}"\n')
    return "\n".join(tables)
