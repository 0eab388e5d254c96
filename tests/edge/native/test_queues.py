"""Queues as resources of /v1, and what else can be listed there."""

from typing import Any

import pytest
import trio

from tests.edge.native.conftest import Api


async def test_a_queue_is_made_with_the_settings_it_is_put_with(api: Api) -> None:
    settings = {"visibility_timeout_s": 5, "dead_letter_queue": "spare", "max_receive_count": 3}

    made = await api("PUT", "/v1/queues/new", settings)
    found = await api("GET", "/v1/queues/new")

    assert made.status == 201
    assert found.body.items() >= {**settings, "delay_s": 0, "retention_s": 345_600}.items()
    assert found.body.items() >= {"visible": 0, "in_flight": 0, "delayed": 0}.items()


async def test_putting_a_queue_again_replaces_its_settings_and_keeps_its_messages(
    api: Api,
) -> None:
    await api("PUT", "/v1/queues/new", {"delay_s": 5, "visibility_timeout_s": 5})
    await api.send("new", "a")

    again = await api("PUT", "/v1/queues/new", {"visibility_timeout_s": 6})

    assert again.status == 200
    assert (again.body["delay_s"], again.body["visibility_timeout_s"]) == (0, 6)
    await trio.sleep(5)
    assert len(await api.receive("new")) == 1


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("a.b", {}),
        ("new", {"dead_letter_queue": "spare"}),
        ("new", {"max_receive_count": 3}),
        ("new", {"dead_letter_queue": "nowhere", "max_receive_count": 3}),
        ("new", {"dead_letter_queue": "new", "max_receive_count": 3}),
        ("new", {"delay_s": 901}),
        ("new", {"colour": "red"}),
    ],
)
async def test_settings_that_cannot_work_make_no_queue(
    api: Api, name: str, settings: dict[str, Any]
) -> None:
    assert (await api("PUT", f"/v1/queues/{name}", settings)).status == 400
    assert (await api("GET", f"/v1/queues/{name}")).status == 404


async def test_a_message_received_too_often_goes_to_the_dead_letter_queue(api: Api) -> None:
    settings = {"dead_letter_queue": "spare", "max_receive_count": 1, "visibility_timeout_s": 1}
    await api("PUT", "/v1/queues/new", settings)
    await api.send("new", "poison")

    await api.receive("new")
    await trio.sleep(1)
    assert await api.receive("new") == []

    (letter,) = await api.receive("spare")
    assert letter["dead_letter_source_arn"] == "arn:aws:sqs:us-east-1:000000000000:new"


async def test_queues_are_listed_page_by_page_without_the_brokers_own(api: Api) -> None:
    first = (await api("GET", "/v1/queues?limit=1")).body
    second = (await api("GET", f"/v1/queues?limit=1&after={first['next']}")).body

    assert [queue["name"] for queue in first["queues"]] == ["orders"]
    assert [queue["name"] for queue in second["queues"]] == ["spare"]
    assert second["next"] is None


async def test_a_deleted_queue_is_gone(api: Api) -> None:
    assert (await api("DELETE", "/v1/queues/spare")).status == 204
    assert (await api("GET", "/v1/queues/spare")).status == 404
    assert (await api("DELETE", "/v1/queues/spare")).status == 404


async def test_a_purge_empties_a_queue_once_a_minute(api: Api) -> None:
    await api.send("orders", "a")

    assert (await api("POST", "/v1/queues/orders/purge")).status == 204
    assert await api.receive("orders") == []
    again = await api("POST", "/v1/queues/orders/purge")
    assert (again.status, again.body["code"]) == (409, "PurgeQueueInProgress")
    assert again.headers["Retry-After"] == "60"


async def test_topics_are_listed_with_their_subscriptions(api: Api) -> None:
    (topic,) = (await api("GET", "/v1/topics")).body["topics"]

    assert (topic["name"], topic["subscriptions"]) == ("news", 1)
    assert topic["arn"] == "arn:aws:sns:us-east-1:000000000000:news"


async def test_a_publish_reaches_the_subscribed_queue(api: Api) -> None:
    attributes = {"k": {"data_type": "Number", "string_value": "1"}}

    answer = await api(
        "POST", "/v1/topics/news/publish", {"message": "hear", "attributes": attributes}
    )

    (received,) = await api.receive("orders")
    assert answer.status == 200
    assert (received["body"], received["attributes"]) == ("hear", attributes)


async def test_publishing_to_an_unknown_topic_is_refused(api: Api) -> None:
    answer = await api("POST", "/v1/topics/nowhere/publish", {"message": "hear"})

    assert (answer.status, answer.body["code"]) == (404, "TopicDoesNotExist")


async def test_the_status_shows_every_queue_and_the_store(api: Api) -> None:
    await api.send("orders", "a", "b")

    status = (await api("GET", "/v1/status")).body

    assert {queue["name"]: queue["visible"] for queue in status["queues"]} == {
        "function/scripted": 0,
        "orders": 2,
        "spare": 0,
    }
    assert status["resources"].items() >= {"queues": 2, "topics": 1, "functions": 1}.items()
    assert status["store"]["full"] is False
    assert status["store"]["quota_bytes"] > 0
