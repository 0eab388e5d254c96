"""Sending, receiving, acknowledging and extending over /v1."""

import hashlib
from typing import Any

import pytest
import trio

from tests.edge.native.conftest import EPOCH_MS, Api, bodies


async def test_a_message_that_was_sent_is_received_with_its_attributes(api: Api) -> None:
    attributes = {
        "shop": {"data_type": "String", "string_value": "Berlin"},
        "photo": {"data_type": "Binary", "binary_value": "AAEC"},
    }

    sent = await api(
        "POST", "/v1/queues/orders/messages", {"body": "ten ducks", "attributes": attributes}
    )
    (received,) = await api.receive("orders")

    assert sent.status == 200
    assert sent.body["md5_of_body"] == hashlib.md5(b"ten ducks").hexdigest()
    assert received["message_id"] == sent.body["message_id"]
    assert received["body"] == "ten ducks"
    assert received["attributes"] == attributes
    assert received["system_attributes"] == {"SenderId": "000000000000"}
    assert received["receive_count"] == 1
    assert received["sent_at_ms"] >= EPOCH_MS


async def test_a_delayed_message_is_visible_when_its_delay_ends(api: Api) -> None:
    await api("POST", "/v1/queues/orders/messages", {"body": "later", "delay_s": 60})

    await trio.sleep(59.9)
    assert await api.receive("orders") == []
    await trio.sleep(0.1)
    assert bodies(await api.receive("orders")) == ["later"]


async def test_a_long_poll_ends_with_the_first_message(api: Api, nursery: trio.Nursery) -> None:
    async def send_later() -> None:
        await trio.sleep(7)
        await api.send("orders", "at last")

    nursery.start_soon(send_later)
    started = trio.current_time()

    assert bodies(await api.receive("orders", wait_time_s=20)) == ["at last"]
    assert trio.current_time() - started == 7


async def test_a_long_poll_without_messages_ends_empty_when_its_time_is_up(api: Api) -> None:
    started = trio.current_time()

    assert await api.receive("orders", wait_time_s=20) == []
    assert trio.current_time() - started == 20


async def test_an_acknowledged_message_is_gone(api: Api) -> None:
    await api.send("orders", "a", "b")
    handles = [m["receipt_handle"] for m in await api.receive("orders", visibility_timeout_s=30)]

    answer = await api("POST", "/v1/queues/orders/acknowledge", {"receipt_handles": handles})

    assert answer.body == {"successful": 2, "errors": []}
    await trio.sleep(31)
    assert await api.receive("orders") == []


async def test_a_handle_that_is_none_is_refused_without_harm_to_the_others(api: Api) -> None:
    await api.send("orders", "a")
    (message,) = await api.receive("orders")
    handles = ["nonsense", message["receipt_handle"]]

    answer = await api("POST", "/v1/queues/orders/acknowledge", {"receipt_handles": handles})

    assert answer.status == 200
    assert answer.body["successful"] == 1
    (error,) = answer.body["errors"]
    assert (error["index"], error["code"]) == (0, "ReceiptHandleIsInvalid")


async def test_extending_to_zero_gives_a_message_back(api: Api) -> None:
    await api.send("orders", "a")
    (message,) = await api.receive("orders")

    answer = await api(
        "POST",
        "/v1/queues/orders/extend",
        {"receipt_handles": [message["receipt_handle"]], "visibility_timeout_s": 0},
    )

    assert answer.body == {"successful": 1, "errors": []}
    (again,) = await api.receive("orders")
    assert again["receive_count"] == 2


async def test_extending_hides_a_message_for_longer(api: Api) -> None:
    await api.send("orders", "a")
    (message,) = await api.receive("orders", visibility_timeout_s=10)
    extension = {"receipt_handles": [message["receipt_handle"]], "visibility_timeout_s": 100}

    await api("POST", "/v1/queues/orders/extend", extension)

    await trio.sleep(99.9)
    assert await api.receive("orders") == []
    await trio.sleep(0.1)
    assert bodies(await api.receive("orders")) == ["a"]


@pytest.mark.parametrize(
    ("message", "status", "code"),
    [
        ({"body": ""}, 400, "MissingParameter"),
        ({"body": "\u0000"}, 400, "InvalidMessageContents"),
        ({"body": "a" * (1024 * 1024 + 1)}, 413, "MessageTooLong"),
        ({"body": "a", "delay_s": 901}, 400, "InvalidParameter"),
        ({"body": "a", "attributes": {"": {"string_value": "b"}}}, 400, "InvalidParameter"),
        ({"body": "a", "attributes": {"b": {"string_value": ""}}}, 400, "InvalidParameter"),
        ({"body": "a", "colour": "red"}, 400, "MalformedRequest"),
        ({"body": 1}, 400, "MalformedRequest"),
        ({}, 400, "MalformedRequest"),
    ],
)
async def test_a_message_that_cannot_be_taken_is_refused_with_its_reason(
    api: Api, message: dict[str, Any], status: int, code: str
) -> None:
    answer = await api("POST", "/v1/queues/orders/messages", message)

    assert (answer.status, answer.body["code"]) == (status, code)
    assert answer.media_type == "application/problem+json"
    assert await api.receive("orders") == []


@pytest.mark.parametrize("text", ["Grüße", "tab\tand\nline", "\u007f", "🦆", '{"json": true}'])
async def test_what_xml_allows_is_a_body(api: Api, text: str) -> None:
    await api.send("orders", text)

    assert bodies(await api.receive("orders")) == [text]


async def test_the_brokers_own_queues_are_not_for_programs(api: Api) -> None:
    answer = await api("POST", "/v1/queues/function%2Fscripted/messages", {"body": "a"})

    assert (answer.status, answer.body["code"]) == (404, "QueueDoesNotExist")
