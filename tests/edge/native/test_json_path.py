"""Peeking by JSON path: what RFC 9535 says, tried in a process that can be killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from broker.client import BrokerRefused, Client
from broker.core.errors import InvalidParameter
from broker.edge.native.json_path import trying
from tests.daemon import running_daemon

SENT = (
    '{"order": {"total": 1450, "items": [{"sku": "sofa"}]}}',
    '{"order": {"total": 20, "items": [{"sku": "mug"}, {"sku": "spoon"}]}}',
    "plain text",
    "[1, 2, 3]",
    '{"cancelled": null}',
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("json_path")
    with running_daemon(folder) as daemon, Client(daemon.url) as client:
        client.put_queue("orders")
        client.send_many("orders", SENT)
        yield client


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("$.order", [0, 1]),
        ("$[?@.total > 100]", [0]),
        ("$..[?@.sku == 'mug']", [1]),
        ("$..items[?search(@.sku, '^s')]", [0, 1]),
        ("$[?count(@.items[*]) == 2]", [1]),
        ("$.cancelled", [4]),
        ("$[2]", [3]),
        ("$.nothing", []),
    ],
)
def test_a_message_is_wanted_if_the_path_selects_something(
    client: Client, path: str, wanted: list[int]
) -> None:
    page = client.peek("orders", json_path=path)

    assert [message.body for message in page.items] == [SENT[n] for n in wanted]
    assert (page.scanned, page.next) == (len(SENT), None)


def test_a_path_is_tried_on_what_the_other_filters_leave(client: Client) -> None:
    page = client.peek("orders", json_path="$.order", text="mug")

    assert [message.body for message in page.items] == [SENT[1]]


@pytest.mark.parametrize("path", ["order", "$.", "$[?", "$[?nothing(@)]", "$" + "[?@" * 300])
def test_what_is_no_json_path_is_refused_as_such(client: Client, path: str) -> None:
    with pytest.raises(BrokerRefused, match="json_path: ") as refused:
        client.peek("orders", json_path=path)

    assert (refused.value.status, refused.value.code) == (400, "InvalidParameter")


def test_a_path_that_takes_too_long_is_refused_and_its_process_killed() -> None:
    deep = "[" * 60 + "]" * 60

    async def too_long() -> None:
        async with trying("$" + "..*" * 8 + ".nothing") as json_path:
            with pytest.raises(InvalidParameter, match="took more than 5 s"):
                # On this clock five seconds are over as soon as everybody waits.
                await json_path.selects([deep])

    trio.run(too_long, clock=MockClock(autojump_threshold=0))


def test_a_body_that_is_nested_too_deeply_is_not_selected(client: Client) -> None:
    client.put_queue("deep")
    client.send("deep", "[" * 5_000 + "]" * 5_000)

    assert client.peek("deep", json_path="$..a").items == []
