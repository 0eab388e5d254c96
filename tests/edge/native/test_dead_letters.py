"""Dead letters over /v1: listed by cause, and looked for by source and cause."""

from typing import Any

import pytest
import trio

from broker.core.resources import Function, Queue, RedrivePolicy
from broker.edge.native import dead_letters, scan
from broker.runtime.functions import changes_for
from tests.edge.native.conftest import HERE, Api, bodies

DEAD = HERE.arn("sqs", "dead")


@pytest.fixture
async def api(api: Api) -> Api:
    """Queues `orders` and `invoices` and a function `failing`, whose dead letters go to `dead`."""
    put = api.broker.registrar.put
    await put(HERE, Queue(name="dead"))
    for name in ("shop", "invoices"):
        await put(HERE, Queue(name=name, redrive_policy=RedrivePolicy(DEAD, 1)))
    function = Function(
        name="failing", invoker="scripted", retry_attempts=0, dead_letter_target_arn=DEAD
    )
    await api.broker.registrar.change(HERE, changes_for(function))
    return api


async def let_die(api: Api, queue: str, *texts: str) -> None:
    """Send messages and receive them once too often."""
    await api.send(queue, *texts)
    await api.receive(queue, visibility_timeout_s=0)
    assert await api.receive(queue) == []


async def listed(api: Api, query: str = "") -> dict[str, Any]:
    answer = await api("GET", f"/v1/queues/dead/dead-letters?{query}")
    assert answer.status == 200, answer.raw
    found: dict[str, Any] = answer.body
    return found


async def test_dead_letters_are_counted_by_source_and_cause(api: Api) -> None:
    await let_die(api, "shop", "a", "b")
    await let_die(api, "invoices", "c")
    for order in (1001, 1002, 1003):
        payload = {"fail": f"order {order}: no sku"}
        assert (await api("POST", "/v1/functions/failing/invoke?mode=async", payload)).status == 202
    await trio.sleep(1)
    await api.send("dead", "sent here")

    found = await listed(api)

    assert (found["scanned"], found["next"]) == (7, None)
    told = [(e["source_arn"], e["code"], e["cause"], e["count"]) for e in found["dead_letters"]]
    assert told == [
        (None, "200", "order #: no sku", 3),
        (HERE.arn("sqs", "shop"), "MaxReceiveCountExceeded", "MaxReceiveCountExceeded", 2),
        (HERE.arn("sqs", "invoices"), "MaxReceiveCountExceeded", "MaxReceiveCountExceeded", 1),
        (None, None, None, 1),
    ]
    assert found["dead_letters"][0]["sample"][0]["error"].startswith("order 100")


async def test_a_sample_names_messages_and_ages_are_told(api: Api) -> None:
    first_at_ms = api.broker.now_ms()
    await let_die(api, "shop", "a")
    await trio.sleep(60)
    await let_die(api, "shop", *(str(n) for n in range(5)))

    (one,) = (await listed(api))["dead_letters"]

    assert (one["count"], len(one["sample"])) == (6, 3)
    assert one["oldest_sent_at_ms"] == first_at_ms
    assert one["newest_sent_at_ms"] == first_at_ms + 60_000
    peeked = (await api("GET", "/v1/queues/dead/messages")).body["messages"]
    assert one["sample"][0].items() <= peeked[0].items()


async def test_a_long_queue_is_counted_in_parts_that_add_up(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "PEEK_SCAN_MAX", scan.PEEK_PAGE)
    entries = [{"body": str(n)} for n in range(2 * scan.PEEK_PAGE)]
    await api.packed("/v1/queues/dead/messages/bulk", {"messages": entries})

    first = await listed(api)
    second = await listed(api, f"after={first['next']}")
    third = await listed(api, f"after={second['next']}")

    parts = [first, second, third]
    assert [part["scanned"] for part in parts] == [scan.PEEK_PAGE, scan.PEEK_PAGE, 0]
    assert third["next"] is None


async def test_too_many_causes_end_a_part(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead_letters, "DEAD_LETTER_CAUSES_MAX", 2)
    await let_die(api, "shop", "a")
    await let_die(api, "invoices", "b")
    await api.send("dead", "sent here")

    first = await listed(api)
    second = await listed(api, f"after={first['next']}")

    assert [len(part["dead_letters"]) for part in (first, second)] == [2, 1]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("source=shop", ["a"]),
        (f"source={HERE.arn('sqs', 'invoices')}", ["b"]),
        ("source=nowhere", []),
        ("cause=MaxReceive", ["a", "b"]),
        ("cause=MaxReceive&text=b", ["b"]),
        ("cause=no%20sku", ["c"]),
    ],
)
async def test_messages_are_found_by_source_and_cause(
    api: Api, query: str, wanted: list[str]
) -> None:
    await let_die(api, "shop", "a")
    await let_die(api, "invoices", "b")
    lambdas = {
        "RequestID": {"string_value": "1"},
        "ErrorCode": {"data_type": "Number", "string_value": "200"},
        "ErrorMessage": {"string_value": "order 1003: no sku"},
    }
    new = {"body": "c", "attributes": lambdas}
    assert (await api("POST", "/v1/queues/dead/messages", new)).status == 200
    await api.send("dead", "sent here")

    peeked = (await api("GET", f"/v1/queues/dead/messages?{query}")).body
    counted = await listed(api, query)

    assert bodies(peeked["messages"]) == wanted
    assert sum(each["count"] for each in counted["dead_letters"]) == len(wanted)


async def test_messages_are_found_by_any_of_several_ids(api: Api) -> None:
    await api.send("dead", "a", "b", "c")
    first, _, third = (await api("GET", "/v1/queues/dead/messages")).body["messages"]

    query = f"message_id={first['message_id']}&message_id={third['message_id']}"
    found = (await api("GET", f"/v1/queues/dead/messages?{query}")).body

    assert bodies(found["messages"]) == ["a", "c"]


async def test_what_is_wrong_is_refused(api: Api) -> None:
    many = "&".join(f"message_id={n}" for n in range(101))
    for target, status in (
        ("/v1/queues/nowhere/dead-letters", 404),
        ("/v1/queues/dead/dead-letters?after=nonsense", 400),
        ("/v1/queues/dead/dead-letters?colour=red", 400),
        (f"/v1/queues/dead/messages?{many}", 400),
    ):
        assert (await api("GET", target)).status == status, target
