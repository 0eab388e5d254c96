"""Topics, subscriptions and deliveries as resources of /v1."""

from typing import Any

import pytest

from tests.edge.native.conftest import Api

URL = "http://127.0.0.1:1/hook"


async def subscribed(api: Api, **settings: Any) -> dict[str, Any]:
    answer = await api("POST", "/v1/topics/news/subscriptions", settings)
    assert answer.status == 201, answer.body
    made: dict[str, Any] = answer.body
    return made


def path_of(subscription: dict[str, Any]) -> str:
    return f"/v1/topics/{subscription['topic']}/subscriptions/{subscription['id']}"


async def test_a_topic_is_made_replaced_and_deleted(api: Api) -> None:
    settings = {"display_name": "Alerts", "signature_version": "2", "maximum_message_size": 1024}
    made = await api("PUT", "/v1/topics/alerts", settings)
    assert made.status == 201
    assert made.body.items() >= settings.items()
    again = await api("PUT", "/v1/topics/alerts", {})
    assert (again.status, "signature_version" in again.body) == (200, False)
    assert (await api("GET", "/v1/topics/alerts")).body["maximum_message_size"] == 262_144
    assert (await api("DELETE", "/v1/topics/alerts")).status == 204
    assert (await api("GET", "/v1/topics/alerts")).status == 404


async def test_a_fifo_topic_publishes_once_and_keeps_an_archive(api: Api) -> None:
    settings = {"content_based_deduplication": True, "archive_retention_days": 3}
    made = await api("PUT", "/v1/topics/steps.fifo", settings)
    assert made.body["archive_begins_ms"] > 0
    publish = {"message": "a", "message_group_id": "g"}
    first = await api("POST", "/v1/topics/steps.fifo/publish", publish)
    again = await api("POST", "/v1/topics/steps.fifo/publish", publish)
    assert first.body == again.body
    assert first.body["sequence_number"] > 0
    refused = await api("DELETE", "/v1/topics/steps.fifo")
    assert (refused.status, refused.body["code"]) == (409, "InvalidState")
    await api("PUT", "/v1/topics/steps.fifo", {"content_based_deduplication": True})
    assert (await api("DELETE", "/v1/topics/steps.fifo")).status == 204


@pytest.mark.parametrize(
    ("name", "settings", "detail"),
    [
        ("a b", {}, "doesn't match"),
        ("new", {"archive_retention_days": 1}, "is for FIFO topics"),
        ("new", {"maximum_message_size": 1}, "maximum_message_size"),
        ("new", {"delivery_policy": {"http": {"colour": 1}}}, "colour"),
        ("new", {"colour": 1}, "colour"),
    ],
)
async def test_settings_that_a_topic_can_t_have(
    api: Api, name: str, settings: dict[str, Any], detail: str
) -> None:
    refused = await api("PUT", f"/v1/topics/{name.replace(' ', '%20')}", settings)
    assert refused.status == 400
    assert detail in refused.body["detail"]


async def test_a_queue_is_subscribed_configured_and_unsubscribed(api: Api) -> None:
    made = await subscribed(api, queue="spare", filter_policy={"kind": ["order"]})
    assert made.items() >= {"protocol": "sqs", "status": "confirmed"}.items()
    await api("POST", "/v1/topics/news/publish", {"message": "no"})
    await api(
        "POST",
        "/v1/topics/news/publish",
        {"message": "yes", "attributes": {"kind": {"string_value": "order"}}},
    )
    changes = {"raw_message_delivery": True, "filter_policy": {}, "dead_letter_queue": "orders"}
    changed = await api("PATCH", path_of(made), changes)
    assert "filter_policy" not in changed.body
    assert changed.body["dead_letter_queue"] == "orders"
    await api("POST", "/v1/topics/news/publish", {"message": "raw"})
    first, second = await api.receive("spare")
    assert '"Message":"yes"' in first["body"]
    assert second["body"] == "raw"
    assert (await api("DELETE", path_of(made))).status == 204
    assert (await api("GET", path_of(made))).status == 404


@pytest.mark.parametrize(
    "endpoint", [{"topic": "other"}, {"event_bus": "default"}, {"function": "scripted"}]
)
async def test_what_else_can_be_subscribed(api: Api, endpoint: dict[str, str]) -> None:
    await api("PUT", "/v1/topics/other", {})
    made = await subscribed(api, **endpoint)
    listed = await api("GET", "/v1/topics/news/subscriptions")
    assert made["arn"] in {each["arn"] for each in listed.body["subscriptions"]}
    everywhere = await api("GET", "/v1/subscriptions")
    assert made["arn"] in {each["arn"] for each in everywhere.body["subscriptions"]}


@pytest.mark.parametrize(
    ("settings", "status", "detail"),
    [
        ({}, 400, "exactly one of"),
        ({"queue": "spare", "topic": "news"}, 400, "exactly one of"),
        ({"queue": "spare.fifo"}, 400, "FIFO SQS Queues can not be subscribed"),
        ({"url": "ftp://a/"}, 400, "does not support this protocol"),
        ({"queue": "spare", "filter_policy": {"a": 1}}, 400, "must be an object or an array"),
        ({"queue": "spare", "delivery_policy": {"throttlePolicy": {}}}, 400, "for URLs"),
        ({"queue": "spare", "webhook_secret": "new"}, 400, "for URLs"),
        ({"url": URL, "webhook_secret": "short"}, 400, "whsec_"),
        ({"topic": "news", "raw_message_delivery": True}, 400, "for queues and URLs"),
        ({"queue": "spare", "replay_from": "2020-01-01T00:00:00Z"}, 400, "no ArchivePolicy"),
        ({"queue": "spare", "replay_until": "2020-01-01T00:00:00Z"}, 400, "goes with replay_from"),
    ],
)
async def test_what_can_t_be_subscribed(
    api: Api, settings: dict[str, Any], status: int, detail: str
) -> None:
    refused = await api("POST", "/v1/topics/news/subscriptions", settings)
    assert refused.status == status
    assert detail in refused.body["detail"]


async def test_a_url_s_password_and_secrets_are_not_shown(api: Api) -> None:
    url = "http://user:pass@127.0.0.1:1/hook"
    made = await subscribed(api, url=url, confirmed=True, webhook_secret="new")
    assert made["endpoint"] == "http://user:...@127.0.0.1:1/hook"
    assert made["webhook_secret"].startswith("whsec_")
    shown = await api("GET", path_of(made))
    assert ("webhook_secret" in shown.body, shown.body["webhook_secrets"]) == (False, 1)
    rotated = await api("POST", f"{path_of(made)}/webhook-secrets")
    assert rotated.body["webhook_secret"] != made["webhook_secret"]
    assert rotated.body["webhook_secrets"] == 2


async def test_a_url_is_asked_and_can_be_confirmed_for_it(api: Api) -> None:
    made = await subscribed(api, url=URL)
    assert made["status"] == "pending"
    deliveries = await api("GET", f"{path_of(made)}/deliveries")
    assert deliveries.body["status"] == "pending"
    confirmed = await api("POST", f"{path_of(made)}/confirm")
    assert confirmed.body["status"] == "confirmed"
    assert (await api("POST", f"{path_of(made)}/confirm")).body["status"] == "confirmed"


async def test_deliveries_are_paused_shown_and_resumed(api: Api) -> None:
    made = await subscribed(api, url=URL, confirmed=True)
    paused = await api("POST", f"{path_of(made)}/deliveries/pause", {"reason": "maintenance"})
    assert (paused.body["paused"], paused.body["paused_by"]) == ("maintenance", "operator")
    await api("POST", "/v1/topics/news/publish", {"message": "a"})
    (shown,) = (await api("GET", "/v1/deliveries")).body["endpoints"]
    assert (shown["subscription"], shown["waiting"]) == (made["id"], 1)
    assert (await api("POST", f"{path_of(made)}/deliveries/retry")).body == {"messages": 0}
    resumed = await api("POST", f"{path_of(made)}/deliveries/resume")
    assert resumed.body["paused"] is None


async def test_a_queue_has_no_deliveries_of_its_own(api: Api) -> None:
    made = await subscribed(api, queue="spare")
    refused = await api("GET", f"{path_of(made)}/deliveries")
    assert (refused.status, "only HTTP endpoints" in refused.body["detail"]) == (400, True)
