"""Events over /v1: our own JSON, and CloudEvents 1.0 in structured, batch and binary mode."""

import json
from typing import Any

import pytest

from tests.edge.native.conftest import Api

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"


def cloud_event(**changes: Any) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "id": "A-1",
        "source": "shop",
        "type": "com.example.sold",
        "time": "2026-01-02T02:04:05Z",
        "subject": "duck/7",
        "datacontenttype": "application/json",
        "data": {"ducks": 10},
        **changes,
    }
    return {name: value for name, value in event.items() if value is not None}


async def delivered(api: Api) -> list[dict[str, Any]]:
    return [json.loads(message["body"]) for message in await api.receive("orders")]


EXPECTED = {
    "version": "0",
    "id": "A-1",
    "detail-type": "com.example.sold",
    "source": "shop",
    "account": "000000000000",
    "time": "2026-01-02T02:04:05Z",
    "region": "us-east-1",
    "resources": ["duck/7"],
    "detail": {"ducks": 10},
}


async def test_an_event_in_eventbridges_words_is_routed(api: Api) -> None:
    answer = await api(
        "POST",
        "/v1/events",
        {
            "source": "shop",
            "detail_type": "com.example.sold",
            "detail": {"ducks": 10},
            "resources": ["duck/7"],
            "time": "2026-01-02T02:04:05Z",
            "id": "A-1",
        },
    )

    assert answer.body == {"event_ids": ["A-1"], "errors": []}
    assert await delivered(api) == [EXPECTED]


async def test_an_event_without_id_and_time_gets_them(api: Api) -> None:
    answer = await api("POST", "/v1/events", {"source": "shop", "detail_type": "x", "detail": {}})

    (event,) = await delivered(api)
    assert [event["id"]] == answer.body["event_ids"]
    assert event["time"] == "2023-11-14T22:13:20Z"


async def test_a_structured_cloudevent_keeps_its_id_time_and_subject(api: Api) -> None:
    answer = await api("POST", "/v1/events", cloud_event(), media_type=STRUCTURED)

    assert answer.body == {"event_ids": ["A-1"], "errors": []}
    assert await delivered(api) == [EXPECTED]


async def test_a_binary_cloudevent_is_the_same_event(api: Api) -> None:
    attributes = cloud_event(data=None, datacontenttype=None)
    headers = {f"ce-{name}": value for name, value in attributes.items()}

    answer = await api("POST", "/v1/events", {"ducks": 10}, **headers)

    assert answer.status == 200
    assert await delivered(api) == [EXPECTED]


async def test_what_an_event_has_no_place_for_stands_in_its_member_cloudevent(api: Api) -> None:
    given = cloud_event(traceparent="00-1-2-3", time="2026-01-02T03:04:05+01:00", data="text")

    await api("POST", "/v1/events", given, media_type=STRUCTURED)

    (event,) = await delivered(api)
    assert event["detail"] == {"data": "text"}
    assert event["time"] == "2026-01-02T02:04:05Z"
    assert event["cloudevent"] == {
        "traceparent": "00-1-2-3",
        "time": "2026-01-02T03:04:05+01:00",
        "_data": "value",
    }


async def test_headers_of_a_binary_cloudevent_are_percent_decoded(api: Api) -> None:
    attributes = cloud_event(data=None, datacontenttype=None, subject="Gr%C3%BC%C3%9Fe")
    headers = {f"ce-{name}": value for name, value in attributes.items()}

    await api("POST", "/v1/events", {}, **headers)

    (event,) = await delivered(api)
    assert event["resources"] == ["Grüße"]


async def test_events_of_a_batch_succeed_or_fail_each_for_itself(api: Api) -> None:
    batch = [cloud_event(), cloud_event(id="A-2", type=""), cloud_event(id="A-3")]

    answer = await api("POST", "/v1/events", batch, media_type=BATCH)

    assert answer.body["event_ids"] == ["A-1", None, "A-3"]
    assert [error["index"] for error in answer.body["errors"]] == [1]
    assert [event["id"] for event in await delivered(api)] == ["A-1", "A-3"]


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"specversion": "0.3"}, "NotSupported", "0.3"),
        ({"type": None}, "MalformedRequest", "type"),
        ({"id": ""}, "InvalidParameter", "id"),
        ({"data_base64": "AAAA"}, "MalformedRequest", "data_base64"),
        ({"data": None, "data_base64": "A"}, "InvalidParameter", "Base64"),
        ({"traceParent": "00-1-2-3"}, "InvalidParameter", "traceParent"),
        ({"size": 1.5}, "InvalidParameter", "size"),
        ({"time": "noon"}, "InvalidParameter", "noon"),
        ({"time": "2026-01-02T03:04:05"}, "InvalidParameter", "time"),
        ({"time": "1969-12-31T23:59:59Z"}, "InvalidParameter", "1970"),
        ({"time": "9999-12-31T23:59:59-23:00"}, "InvalidParameter", "9999"),
    ],
)
async def test_a_cloudevent_that_no_bus_can_hold_is_refused_by_name(
    api: Api, changes: dict[str, Any], code: str, named: str
) -> None:
    answer = await api("POST", "/v1/events", cloud_event(**changes), media_type=STRUCTURED)

    assert answer.status in (400, 501)
    assert answer.body["code"] == code
    assert named in answer.body["detail"]
    assert await delivered(api) == []


async def test_an_event_larger_than_a_mebibyte_is_refused(api: Api) -> None:
    event = {"source": "shop", "detail_type": "x", "detail": {"a": "b" * 1024 * 1024}}

    answer = await api("POST", "/v1/events", event)

    assert (answer.status, answer.body["code"]) == (413, "MessageTooLong")


async def test_an_unknown_bus_is_refused(api: Api) -> None:
    event = {"source": "shop", "detail_type": "x", "detail": {}}

    answer = await api("POST", "/v1/events?bus=nowhere", event)

    assert (answer.status, answer.body["code"]) == (404, "EventBusDoesNotExist")
