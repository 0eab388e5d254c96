"""Every conversation with SQS, over JSON through an unmodified boto3 and over Query as forms."""

import time
from collections.abc import Iterator

import pytest

from tests.daemon import Daemon
from tests.wire.exchange import Client, Json, Query, Refusal, expected, filled, keep
from tests.wire.sqs_exchanges import CONVERSATIONS, Conversation

PATIENCE = 200  # times that an answer is asked for which takes a moment to come
PAUSE_S = 0.05


@pytest.fixture(params=["json", "query"])
def client(request: pytest.FixtureRequest, broker: Daemon) -> Iterator[Client]:
    if request.param == "json":
        yield Json(broker.client("sqs"))
        return
    query = Query(broker.url)
    yield query
    query.close()


@pytest.mark.parametrize("conversation", CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_every_exchange_of_a_conversation_is_answered_so(
    broker: Daemon, client: Client, conversation: Conversation, name: str
) -> None:
    kept = {
        "name": name,
        "url": f"{broker.url}/000000000000",
        "arn": "arn:aws:sqs:us-east-1:000000000000",
    }
    for exchange in conversation:
        request, wanted = filled(exchange.request, kept), expected(exchange, kept)
        if isinstance(wanted, Refusal) and isinstance(client, Query):
            message = wanted.query_message or wanted.message
            wanted = Refusal("", message, wanted.query_code)
        elif isinstance(wanted, Refusal):
            wanted = Refusal(wanted.shape, wanted.message, wanted.query_code)
        answer = client.call(exchange.action, request)
        for _ in range(PATIENCE if exchange.eventually else 0):
            if answer == wanted:
                break
            time.sleep(PAUSE_S)
            answer = client.call(exchange.action, request)
        assert answer == wanted, exchange
        keep(exchange, answer, kept)
