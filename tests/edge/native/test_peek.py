"""Peeking over /v1: all of a queue or what is wanted of it, page by page, and nothing is taken."""

from typing import Any

import pytest

from broker.core.limits import PEEK_PAGE, PEEK_SCAN_MAX
from broker.edge.native import scan
from tests.edge.native.conftest import Api, bodies


async def peeked(api: Api, query: str = "count=1000") -> dict[str, Any]:
    answer = await api("GET", f"/v1/queues/orders/messages?{query}")
    assert answer.status == 200, answer.raw
    page: dict[str, Any] = answer.body
    return page


async def send_many(api: Api, *sent: dict[str, Any] | str) -> None:
    entries = [{"body": each} if isinstance(each, str) else each for each in sent]
    answer = await api.packed("/v1/queues/orders/messages/bulk", {"messages": entries})
    assert answer.body["errors"] == []


async def test_peeking_shows_messages_page_by_page_and_takes_none(api: Api) -> None:
    await api.send("orders", "a", "b", "c")

    first = (await api("GET", "/v1/queues/orders/messages?count=2")).body
    second = (await api("GET", f"/v1/queues/orders/messages?count=2&after={first['next']}")).body

    assert bodies(first["messages"]) == ["a", "b"]
    assert bodies(second["messages"]) == ["c"]
    assert second["next"] is None
    assert bodies(await api.receive("orders")) == ["a", "b", "c"]


async def test_peeking_tells_what_state_a_message_is_in(api: Api) -> None:
    await api.send("orders", "taken", "waiting")
    await api("POST", "/v1/queues/orders/messages", {"body": "late", "delay_s": 900})
    await api.receive("orders", count=1)

    peeked = (await api("GET", "/v1/queues/orders/messages")).body["messages"]

    assert {m["body"]: m["state"] for m in peeked} == {
        "taken": "in_flight",
        "waiting": "visible",
        "late": "delayed",
    }


async def test_a_message_has_the_cursor_behind_which_a_peek_goes_on(api: Api) -> None:
    await api.send("orders", "a", "b", "c")

    first, second, third = (await peeked(api))["messages"]

    rest = await peeked(api, f"after={first['cursor']}")
    assert bodies(rest["messages"]) == ["b", "c"]
    assert rest["next"] is None
    assert (await peeked(api, f"after={third['cursor']}"))["messages"] == []
    assert second["cursor"] != third["cursor"]


async def test_a_peek_for_text_answers_with_bodies_that_contain_it(api: Api) -> None:
    await api.send("orders", "ten ducks", "two geese", "Ducks?", "a duck")

    page = await peeked(api, "text=duck")

    assert bodies(page["messages"]) == ["ten ducks", "a duck"]
    assert (page["scanned"], page["next"]) == (4, None)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("attribute=shop=Berlin", ["a", "c"]),
        ("attribute=shop=Berlin&attribute=count=2", ["c"]),
        ("attribute=photo=AAEC", ["b"]),
        ("attribute=note=1%2B1%3D2", ["b"]),
        ("attribute=SenderId=000000000000", ["a", "b", "c"]),
        ("attribute=shop=Paris", []),
        ("attribute=shop=Berlin&text=a", ["a"]),
    ],
)
async def test_a_peek_for_attributes_answers_with_messages_that_have_them_all(
    api: Api, query: str, wanted: list[str]
) -> None:
    berlin = {"string_value": "Berlin"}
    await send_many(
        api,
        {"body": "a", "attributes": {"shop": berlin}},
        {
            "body": "b",
            "attributes": {
                "photo": {"data_type": "Binary", "binary_value": b"\0\1\2"},
                "note": {"string_value": "1+1=2"},
            },
        },
        {
            "body": "c",
            "attributes": {"shop": berlin, "count": {"data_type": "Number", "string_value": "2"}},
        },
    )

    assert bodies((await peeked(api, query))["messages"]) == wanted


async def test_a_message_is_found_by_its_id(api: Api) -> None:
    await api.send("orders", "a", "b", "c")
    message_id = (await peeked(api))["messages"][1]["message_id"]

    (found,) = (await peeked(api, f"message_id={message_id}"))["messages"]

    assert found["body"] == "b"


async def test_a_filter_that_matches_little_goes_on_from_where_it_got_to(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "PEEK_SCAN_MAX", PEEK_PAGE)
    await send_many(api, *(f"message {n}" for n in range(2 * PEEK_PAGE + 1)))

    found, scanned, after = [], [], ""
    while True:
        page = await peeked(api, f"text=message {2 * PEEK_PAGE}&after={after}".replace(" ", "%20"))
        found += bodies(page["messages"])
        scanned.append(page["scanned"])
        if page["next"] is None:
            break
        after = page["next"]

    assert found == [f"message {2 * PEEK_PAGE}"]
    assert scanned == [PEEK_PAGE, PEEK_PAGE, 1]
    assert PEEK_SCAN_MAX >= PEEK_PAGE


async def test_a_page_ends_with_the_last_message_that_was_asked_for(api: Api) -> None:
    await send_many(api, *(f"{'odd' if n % 2 else 'even'} {n}" for n in range(10)))

    first = await peeked(api, "text=odd&count=2")
    second = await peeked(api, f"text=odd&count=2&after={first['next']}")

    assert bodies(first["messages"]) == ["odd 1", "odd 3"]
    assert bodies(second["messages"]) == ["odd 5", "odd 7"]
    assert (first["scanned"], second["scanned"]) == (4, 4)


async def test_large_messages_come_in_answers_of_bounded_size_and_all_of_them(api: Api) -> None:
    for n in range(20):
        await api.send("orders", str(n) + "x" * 1_000_000)

    first = await peeked(api)
    second = await peeked(api, f"count=1000&after={first['next']}")

    assert 0 < len(first["messages"]) < 20
    assert len(first["messages"]) + len(second["messages"]) == 20


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("count=0", "MalformedRequest"),
        ("count=1001", "MalformedRequest"),
        ("after=nonsense", "InvalidParameter"),
        ("attribute=shop", "InvalidParameter"),
        ("attribute=shop=a&attribute==b", "InvalidParameter"),
        ("json_path=" + "a" * 1_025, "MalformedRequest"),
        ("colour=red", "MalformedRequest"),
    ],
)
async def test_a_parameter_that_is_wrong_is_refused(api: Api, query: str, code: str) -> None:
    answer = await api("GET", f"/v1/queues/orders/messages?{query}")

    assert (answer.status, answer.body["code"]) == (400, code)
