"""What do rules, and the ledger, cost a PutEvents that ends in one queue?

Estimate: the same rate at 10 and at 1,000 rules, for the matcher looks values up, and 0.4 of it or
more at 100,000; the ledger writes one more entry for each event, which takes a quarter of the rate.
"""

import msgspec

from bench.daemon import running
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench import requests as wire
from broker.bench.address import Address
from broker.bench.load import MakeScript, Sample, constant, run_load

CONNECTIONS = 16
ENTRIES = 10  # of one PutEvents
FEW = 10
WANTED = 7  # the rule that matches
_PATTERN = """'{"source":["shop"],"detail":{"tenant":["t%d"],"total":[{"numeric":[">",10]}]}}'"""
NO_LEDGER = "[ledger]\ndays = 0\n"


def measure(settings: Settings) -> list[Row]:
    """A row for each number of rules, and one for the ledger."""
    rows = [_rules(settings, rules) for rules in ((100,) if settings.quick else (1_000, 100_000))]
    return [*rows, _ledger(settings)]


def _rules(settings: Settings, rules: int) -> Row:
    row = Row(
        f"PutEvents with {rules:,} rules, one matches",
        "events/s",
        ceiling=f"{FEW} rules",
        accepted=0.4,
        target=0.6,
    )
    with running(_configuration(FEW)) as few, running(_configuration(rules)) as many:

        def run() -> Sample:
            ceiling = _rate(few.address, settings)
            sample = _rate(many.address, settings)
            sample.ratio = sample.value / ceiling.value
            return sample

        return repeat(row, settings.repeats, run)


def _ledger(settings: Settings) -> Row:
    row = Row("PutEvents with the ledger", "events/s", ceiling="without", accepted=0.6, target=0.75)
    without = running(NO_LEDGER + _configuration(FEW))
    with without as plain, running(_configuration(FEW)) as recorded:

        def run() -> Sample:
            ceiling = _rate(plain.address, settings)
            sample = _rate(recorded.address, settings)
            sample.ratio = sample.value / ceiling.value
            return sample

        return repeat(row, settings.repeats, run)


def _rate(address: Address, settings: Settings) -> Sample:
    sample = run_load(address, _put(address), CONNECTIONS, settings.seconds)
    sample.value *= ENTRIES
    return sample


def _put(address: Address) -> MakeScript:
    entry = {
        "Source": "shop",
        "DetailType": "sold",
        "Detail": '{"tenant":"t7","total":12,"text":"' + "x" * 200 + '"}',
    }
    body = msgspec.json.encode({"Entries": [entry] * ENTRIES})
    request = wire.post(
        address,
        "/",
        body,
        "application/x-amz-json-1.1",
        service="events",
        special="X-Amz-Target: AWSEvents.PutEvents\r\n",
    )
    return constant(request, expected=b'"FailedEntryCount":0')


def _configuration(rules: int) -> str:
    tables = ['[[queue]]\nname = "sales"\n']
    for n in range(rules):
        tables.append(f'[[rule]]\nname = "r{n}"\npattern = {_PATTERN % n}\n')
        if n == WANTED:
            tables.append('targets = [{ queue = "sales" }]\n')
    return "\n".join(tables)
