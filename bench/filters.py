"""What does a publish cost with 10,000 filtered subscriptions, one of which matches, beside 10?

Estimate: the same. A policy that wants a value waits under that value in the matcher, so a publish
looks up its attributes, however many policies there are: 0.9 to 1 of the rate with 10.
"""

from urllib.parse import urlencode

from bench.daemon import running
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench import requests as wire
from broker.bench.address import Address
from broker.bench.load import MakeScript, Sample, constant, run_load

CONNECTIONS = 16
FEW, MANY = 10, 10_000
TOPIC_ARN = "arn:aws:sns:us-east-1:000000000000:orders"
POLICIES = {
    "MessageAttributes": 'tenant = ["t{n}"], kind = [{{ prefix = "ord" }}]',
    "MessageBody": 'order = {{ tenant = ["t{n}"], total = [{{ numeric = [">", 10] }}] }}',
}


def measure(settings: Settings) -> list[Row]:
    """A row for each scope: the rate with many subscriptions, and its ratio to that with few."""
    return [_measure(settings, scope) for scope in POLICIES]


def _measure(settings: Settings, scope: str) -> Row:
    many = 100 if settings.quick else MANY
    row = Row(
        f"publish to {many:,} subscriptions filtered by {scope}, one matches",
        "publishes/s",
        ceiling=f"{FEW} subscriptions",
        accepted=0.5,
        target=0.5,
    )
    with running(_configuration(FEW, scope)) as few, running(_configuration(many, scope)) as lots:

        def run() -> Sample:
            ceiling = _rate(few.address, settings)
            sample = _rate(lots.address, settings)
            sample.ratio = sample.value / ceiling.value
            return sample

        return repeat(row, settings.repeats, run)


def _rate(address: Address, settings: Settings) -> Sample:
    return run_load(address, _publish(address), CONNECTIONS, settings.seconds)


def _publish(address: Address) -> MakeScript:
    attribute = "MessageAttributes.entry."
    form = {
        "Action": "Publish",
        "Version": "2010-03-31",
        "TopicArn": TOPIC_ARN,
        "Message": '{"order":{"tenant":"t7","total":12,"text":"' + "x" * 200 + '"}}',
        f"{attribute}1.Name": "tenant",
        f"{attribute}1.Value.DataType": "String",
        f"{attribute}1.Value.StringValue": "t7",
        f"{attribute}2.Name": "kind",
        f"{attribute}2.Value.DataType": "String",
        f"{attribute}2.Value.StringValue": "order",
    }
    request = wire.post(
        address,
        "/",
        urlencode(form).encode(),
        "application/x-www-form-urlencoded; charset=utf-8",
        service="sns",
    )
    return constant(request, expected=b"<MessageId>")


def _configuration(subscriptions: int, scope: str) -> str:
    tables = ['[[topic]]\nname = "orders"\n']
    for n in range(subscriptions):
        policy = POLICIES[scope].format(n=n)
        tables.append(f'[[queue]]\nname = "orders-{n}"\n')
        tables.append(
            f'[[subscription]]\ntopic = "orders"\nqueue = "orders-{n}"\n'
            f'filter_policy_scope = "{scope}"\nfilter_policy = {{ {policy} }}\n'
        )
    return "\n".join(tables)
