"""Bulk sends, publishes and events: each entry stored or refused for itself, in order."""

from typing import Any

import pytest
import trio

from broker.core import commands
from broker.core.errors import StoreFull
from broker.core.limits import BULK_MESSAGES_MAX, COMMIT_ENTRIES_MAX
from tests.edge.native.conftest import Api, bodies

BULK = "/v1/queues/orders/messages/bulk"


def messages(*given: Any) -> dict[str, Any]:
    return {"messages": [each if isinstance(each, dict) else {"body": each} for each in given]}


def refuse_sends(api: Api, monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """Have the store be full after so many commands that send."""
    submit = api.broker.store.submit
    sends = 0

    async def filling(namespace: str, given: Any) -> list[Any]:
        nonlocal sends
        if isinstance(given[0], commands.SendMessages):
            sends += 1
            if sends > after:
                return [StoreFull()]
        return await submit(namespace, given)

    monkeypatch.setattr(api.broker.store, "submit", filling)


async def test_messages_of_a_bulk_are_received_under_the_ids_it_answers(api: Api) -> None:
    answer = await api("POST", BULK, messages("a", "b"))

    received = await api.receive("orders")
    assert answer.body["errors"] == []
    assert answer.body["message_ids"] == [message["message_id"] for message in received]
    assert bodies(received) == ["a", "b"]


async def test_msgpack_is_answered_in_msgpack(api: Api) -> None:
    body = messages(
        {"body": "a", "attributes": {"k": {"data_type": "Binary", "binary_value": b"\0"}}}
    )

    answer = await api.packed(BULK, body)

    assert answer.media_type == "application/msgpack"
    assert len(answer.body["message_ids"]) == 1
    (received,) = await api.receive("orders")
    assert received["attributes"]["k"]["binary_value"] == "AA=="


async def test_a_bad_entry_is_refused_and_the_others_are_stored(api: Api) -> None:
    answer = await api("POST", BULK, messages("a", "", {"body": "c", "delay_s": 901}, "d"))

    first, second, third, fourth = answer.body["message_ids"]
    assert answer.status == 200
    assert (second, third) == (None, None)
    assert [(e["index"], e["code"]) for e in answer.body["errors"]] == [
        (1, "MissingParameter"),
        (2, "InvalidParameter"),
    ]
    assert [m["message_id"] for m in await api.receive("orders")] == [first, fourth]


async def test_each_message_of_a_bulk_has_its_own_delay(api: Api) -> None:
    await api("POST", BULK, messages({"body": "later", "delay_s": 5}, "now"))

    assert bodies(await api.receive("orders")) == ["now"]
    await trio.sleep(5)
    assert bodies(await api.receive("orders")) == ["later"]


async def test_the_largest_bulk_goes_to_the_store_in_parts_within_its_bounds(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = []
    submit = api.broker.store.submit

    async def watched(namespace: str, given: Any) -> list[Any]:
        parts.extend(c.weight for c in given if isinstance(c, commands.SendMessages))
        return await submit(namespace, given)

    monkeypatch.setattr(api.broker.store, "submit", watched)
    answer = await api.packed(BULK, messages(*["a"] * BULK_MESSAGES_MAX))

    assert len(set(answer.body["message_ids"])) == BULK_MESSAGES_MAX
    assert sum(parts) == BULK_MESSAGES_MAX
    assert max(parts) <= COMMIT_ENTRIES_MAX


async def test_a_bulk_larger_than_that_is_refused(api: Api) -> None:
    answer = await api.packed(BULK, messages(*["a"] * (BULK_MESSAGES_MAX + 1)))

    assert (answer.status, answer.body["code"]) == (400, "MalformedRequest")
    assert await api.receive("orders") == []


async def test_a_full_store_refuses_the_whole_bulk_and_says_when_to_try_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_sends(api, monkeypatch, after=0)
    answer = await api("POST", BULK, messages("a", "b"))

    assert (answer.status, answer.body["code"]) == (507, "StoreFull")
    assert "Retry-After" in answer.headers


async def test_a_store_that_fills_up_on_the_way_refuses_the_rest_entry_by_entry(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_sends(api, monkeypatch, after=1)
    answer = await api("POST", BULK, messages(*["a"] * 1_500))

    assert answer.status == 200
    assert [message_id is None for message_id in answer.body["message_ids"]] == (
        [False] * 1_000 + [True] * 500
    )
    assert {error["code"] for error in answer.body["errors"]} == {"StoreFull"}


async def test_a_bulk_publish_reaches_the_subscribed_queue_message_by_message(api: Api) -> None:
    body = {"messages": [{"message": "a"}, {"message": ""}, {"message": "c"}]}

    answer = await api("POST", "/v1/topics/news/publish/bulk", body)

    assert bodies(await api.receive("orders")) == ["a", "c"]
    assert answer.body["message_ids"][1] is None
    assert [error["index"] for error in answer.body["errors"]] == [1]


async def test_bulk_events_are_routed_each_for_itself(api: Api) -> None:
    def event(source: str, **more: Any) -> dict[str, Any]:
        return {"source": source, "detail_type": "sold", "detail": {}, **more}

    body = {"events": [event("shop", id="1"), event("shop", time="noon"), event("bank", id="3")]}
    answer = await api.packed("/v1/events/bulk", body)

    assert answer.body["event_ids"] == ["1", None, "3"]
    assert [error["code"] for error in answer.body["errors"]] == ["InvalidParameter"]
    assert len(await api.receive("orders")) == 1
