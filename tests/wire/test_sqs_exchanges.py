"""Every conversation with SQS, over JSON through an unmodified boto3 and over Query as forms."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.daemon import Daemon
from tests.wire.exchange import Exchange, filled, keep
from tests.wire.sqs_clients import Boto3Client, QueryClient, Refusal, SqsClient
from tests.wire.sqs_exchanges import CONVERSATIONS, Conversation

PATIENCE = 200  # times that an answer is asked for which takes a moment to come
PAUSE_S = 0.05


@pytest.fixture(params=["JSON", "Query"])
def client(request: pytest.FixtureRequest, broker: Daemon) -> Iterator[SqsClient]:
    made = Boto3Client(broker) if request.param == "JSON" else QueryClient(broker, "POST")
    yield made
    made.close()


@pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_every_exchange_of_a_conversation_is_answered_so(
    broker: Daemon, client: SqsClient, conversation: Conversation, name: str
) -> None:
    kept = {
        "name": name,
        "url": f"{broker.url}/000000000000",
        "arn": "arn:aws:sqs:us-east-1:000000000000",
    }
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


def ask(client: SqsClient, exchange: Exchange, request: dict[str, Any]) -> dict[str, Any]:
    """The answer; an empty list and none are the same to SDKs, and in XML."""
    answer = client.call(exchange.action, **request)
    return {member: value for member, value in answer.items() if value != []}


def check_refusal(
    client: SqsClient, exchange: Exchange, request: dict[str, Any], kept: dict[str, str]
) -> None:
    wanted = exchange.refusal
    assert wanted is not None
    with pytest.raises(Refusal) as caught:
        client.call(exchange.action, **request)
    if isinstance(client, QueryClient):
        message = wanted.query_message or wanted.message
    else:
        assert caught.value.shape == wanted.shape
        message = wanted.message
    assert caught.value.args == (wanted.query_code, filled(message, kept)), exchange
