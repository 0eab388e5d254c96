"""Every conversation with each service, by unmodified clients, and as plain forms."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.daemon import Daemon, running_daemon
from tests.http_endpoint import Endpoint, http_endpoint
from tests.wire import (
    events_exchanges,
    lambda_exchanges,
    node,
    pipes_exchanges,
    scheduler_exchanges,
    sns_exchanges,
    sqs_exchanges,
)
from tests.wire.exchange import Exchange, filled, keep
from tests.wire.service_clients import (
    Boto3Client,
    CliClient,
    JavaScriptClient,
    QueryClient,
    Refusal,
    ServiceClient,
)

PATIENCE = 200  # times that an answer is asked for which takes a moment to come
PAUSE_S = 0.05
MODULES = {
    "sqs": sqs_exchanges,
    "sns": sns_exchanges,
    "events": events_exchanges,
    "scheduler": scheduler_exchanges,
    "pipes": pipes_exchanges,
    "lambda": lambda_exchanges,
}
PREPARE = {"pipes": pipes_exchanges.prepare, "lambda": lambda_exchanges.prepare}
# Tests of their own have SQS and SNS by JavaScript and the CLI, and Lambda by the CLI.
WAYS = {"sqs": ("SDK", "Query"), "sns": ("SDK", "Query"), "lambda": ("SDK", "JavaScript")}
TOO_NEW = {("scheduler", "newer", "CLI"), ("lambda", "newer", "JavaScript")}
CONVERSATIONS = [
    pytest.param(
        service,
        conversation,
        way,
        id=f"{service}-{name}-{way}",
        marks=node.needs_node if way == "JavaScript" else (),
    )
    for service, module in MODULES.items()
    for name, conversation in module.CONVERSATIONS.items()
    for way in WAYS.get(service, ("SDK", "JavaScript", "CLI"))
    if (service, name, way) not in TOO_NEW
]


CLIENTS: dict[str, Callable[[Daemon, str], ServiceClient]] = {
    "SDK": Boto3Client,
    "Query": lambda broker, service: QueryClient(broker, "POST", service),
    "JavaScript": JavaScriptClient,
    "CLI": CliClient,
}


class Kept(dict[str, str]):
    """What earlier exchanges have kept; and the token that came to the endpoint last."""

    def __init__(self, endpoint: Endpoint, **kept: str) -> None:
        super().__init__(kept, endpoint=endpoint.url)
        self._endpoint = endpoint

    def __missing__(self, name: str) -> str:
        assert name == "token"
        return str(self._endpoint.wait(1)[-1].document["Token"])


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder = tmp_path_factory.mktemp("broker")
    with running_daemon(folder, "[functions]\nallow_upload = true\n") as running:
        yield running


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with http_endpoint() as running:
        yield running


@pytest.mark.parametrize(("service", "conversation", "way"), CONVERSATIONS)
def test_every_exchange_of_a_conversation_is_answered_so(
    broker: Daemon,
    endpoint: Endpoint,
    service: str,
    conversation: list[Exchange],
    way: str,
    name: str,
) -> None:
    client = CLIENTS[way](broker, service)
    prepared = PREPARE[service](broker, name) if service in PREPARE else {}
    kept = Kept(
        endpoint,
        name=name,
        url=f"{broker.url}/000000000000",
        arn=f"arn:aws:{service}:us-east-1:000000000000",
        **prepared,
    )
    for exchange in conversation:
        request = filled(exchange.request, kept)
        if exchange.refusal is not None:
            check_refusal(client, exchange, request, kept)
            continue
        wanted = filled(exchange.answer, kept)
        answer = ask(client, exchange, request)
        for _ in range(PATIENCE if exchange.eventually else 0):
            if answer == wanted:
                break
            time.sleep(PAUSE_S)
            answer = ask(client, exchange, request)
        assert answer == wanted, exchange
        keep(exchange, answer, kept)
    client.close()


def ask(client: ServiceClient, exchange: Exchange, request: dict[str, Any]) -> dict[str, Any]:
    """The answer; an empty list and none are the same to SDKs, and in XML."""
    answer = client.call(exchange.action, **request)
    return {member: value for member, value in answer.items() if value != []}


def check_refusal(
    client: ServiceClient, exchange: Exchange, request: dict[str, Any], kept: dict[str, str]
) -> None:
    wanted = exchange.refusal
    assert wanted is not None
    with pytest.raises(Refusal) as caught:
        client.call(exchange.action, **request)
    if isinstance(client, QueryClient):
        message = wanted.query_message or wanted.message
    else:
        assert caught.value.shape in ("", wanted.shape)  # only JSON errors tell it
        message = wanted.message
    assert caught.value.args == (wanted.query_code, filled(message, kept)), exchange
