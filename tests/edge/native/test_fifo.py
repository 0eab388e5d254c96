"""FIFO queues over /v1: made by their name, sent to with groups, received in order."""

import hashlib
from typing import Any

import pytest
import trio

from tests.edge.native.conftest import Api, bodies

BY_CONTENT = {"content_based_deduplication": True}


async def make(api: Api, name: str = "new.fifo", **settings: Any) -> None:
    assert (await api("PUT", f"/v1/queues/{name}", {**BY_CONTENT, **settings})).status == 201


async def test_the_suffix_makes_a_fifo_queue(api: Api) -> None:
    settings = {
        "content_based_deduplication": True,
        "deduplication_scope": "messageGroup",
        "fifo_throughput_limit": "perMessageGroupId",
    }
    made = await api("PUT", "/v1/queues/new.fifo", settings)
    found = (await api("GET", "/v1/queues/new.fifo")).body

    assert made.status == 201
    assert found.items() >= {"fifo": True, **settings}.items()
    assert "fifo" not in (await api("GET", "/v1/queues/orders")).body


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.b.fifo", {}),
        (".fifo", {}),
        ("new", BY_CONTENT),
        ("new", {"deduplication_scope": "messageGroup"}),
        ("new.fifo", {"deduplication_scope": "group"}),
        ("new.fifo", {"fifo_throughput_limit": "perMessageGroupId"}),
        ("new.fifo", {"dead_letter_queue": "spare", "max_receive_count": 1}),
    ],
)
async def test_settings_that_do_not_go_together_make_no_queue(
    api: Api, name: str, settings: dict[str, Any]
) -> None:
    assert (await api("PUT", f"/v1/queues/{name}", settings)).status == 400
    assert (await api("GET", f"/v1/queues/{name}")).status == 404


async def test_a_message_carries_its_group_its_id_and_its_number(api: Api) -> None:
    await make(api)
    new = {"body": "a", "message_group_id": "g"}

    sent = (await api("POST", "/v1/queues/new.fifo/messages", new)).body
    again = (await api("POST", "/v1/queues/new.fifo/messages", new)).body
    other = (
        await api("POST", "/v1/queues/new.fifo/messages", {**new, "message_deduplication_id": "d"})
    ).body
    one, two = await api.receive("new.fifo", count=10)

    assert again == sent
    assert len(sent["sequence_number"]) == 20
    assert one["system_attributes"] == {
        "SenderId": "000000000000",
        "MessageGroupId": "g",
        "MessageDeduplicationId": hashlib.sha256(b"a").hexdigest(),
        "SequenceNumber": sent["sequence_number"],
    }
    assert two["message_id"] == other["message_id"]
    assert two["system_attributes"]["MessageDeduplicationId"] == "d"


@pytest.mark.parametrize(
    ("queue", "new", "code"),
    [
        ("new.fifo", {}, "MissingParameter"),
        ("new.fifo", {"message_group_id": "g", "delay_s": 1}, "InvalidParameter"),
        ("new.fifo", {"message_group_id": "g", "deliver_at_ms": 1}, "InvalidParameter"),
        ("new.fifo", {"message_group_id": ""}, "MalformedRequest"),
        ("new.fifo", {"message_group_id": "a b"}, "MalformedRequest"),
        ("new.fifo", {"message_group_id": "g" * 129}, "MalformedRequest"),
        ("orders", {"message_deduplication_id": "d"}, "InvalidParameter"),
    ],
)
async def test_messages_that_a_queue_of_this_type_does_not_take(
    api: Api, queue: str, new: dict[str, Any], code: str
) -> None:
    await make(api)
    answer = await api("POST", f"/v1/queues/{queue}/messages", {"body": "a", **new})
    assert (answer.status, answer.body["code"]) == (400, code)


async def test_a_message_without_content_based_deduplication_wants_an_id(api: Api) -> None:
    await make(api, content_based_deduplication=False)
    new = {"body": "a", "message_group_id": "g"}
    answer = await api("POST", "/v1/queues/new.fifo/messages", new)
    assert (answer.status, answer.body["code"]) == (400, "InvalidParameter")


async def test_a_bulk_keeps_its_order_over_all_of_its_parts(api: Api) -> None:
    await make(api)
    entries = [{"body": str(n), "message_group_id": "g"} for n in range(2_500)]
    entries[7] = {"body": "no group"}

    answer = (await api("POST", "/v1/queues/new.fifo/messages/bulk", {"messages": entries})).body

    assert [(error["index"], error["code"]) for error in answer["errors"]] == [
        (7, "MissingParameter")
    ]
    received: list[str] = []
    while messages := await api.receive("new.fifo", count=1_000):
        received += bodies(messages)
        handles = [message["receipt_handle"] for message in messages]
        body = {"receipt_handles": handles}
        await api("POST", "/v1/queues/new.fifo/acknowledge", body)
    assert received == [str(n) for n in range(2_500) if n != 7]


async def test_a_duplicate_in_a_bulk_is_answered_with_the_first_ones_id(api: Api) -> None:
    await make(api)
    entries = [{"body": "same", "message_group_id": "g"} for _ in range(2)]
    answer = (await api("POST", "/v1/queues/new.fifo/messages/bulk", {"messages": entries})).body
    assert answer["message_ids"][0] == answer["message_ids"][1]
    assert len(await api.receive("new.fifo", count=10)) == 1


async def test_a_receive_that_is_made_again_gets_the_same_messages(api: Api) -> None:
    await make(api)
    await api("POST", "/v1/queues/new.fifo/messages", {"body": "a", "message_group_id": "g"})
    attempt = {"receive_request_attempt_id": "attempt"}
    first = (await api("POST", "/v1/queues/new.fifo/receive", attempt)).body
    assert (await api("POST", "/v1/queues/new.fifo/receive", attempt)).body == first
    assert (await api("POST", "/v1/queues/orders/receive", attempt)).status == 400


async def test_a_handle_that_has_expired_is_told_apart(api: Api) -> None:
    await make(api)
    await api("POST", "/v1/queues/new.fifo/messages", {"body": "a", "message_group_id": "g"})
    (message,) = await api.receive("new.fifo", visibility_timeout_s=1)
    await trio.sleep(1)
    body = {"receipt_handles": [message["receipt_handle"]]}
    answer = (await api("POST", "/v1/queues/new.fifo/acknowledge", body)).body
    assert [(each["code"], each["detail"]) for each in answer["errors"]] == [
        ("MessageNotInFlight", "The receipt handle has expired.")
    ]


async def test_dead_letter_queues_form_no_circle(api: Api) -> None:
    settings = {"dead_letter_queue": "orders", "max_receive_count": 3}
    assert (await api("PUT", "/v1/queues/spare", settings)).status == 200
    settings = {"dead_letter_queue": "spare", "max_receive_count": 3}
    answer = await api("PUT", "/v1/queues/orders", settings)
    assert (answer.status, answer.body["code"]) == (400, "InvalidRedrivePolicy")
    assert answer.body["detail"] == (
        "dead_letter_queue: Dead-letter queues can't form a circle: orders -> spare -> orders."
    )
