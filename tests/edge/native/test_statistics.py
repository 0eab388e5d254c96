"""Queue statistics over /v1 and in /metrics."""

from typing import Any

import trio

from broker.edge.health import Health
from broker.edge.http.message import Request
from tests.edge.native.conftest import Api


async def statistics(api: Api, queue: str = "orders") -> Any:
    answer = await api("GET", f"/v1/queues/{queue}/stats")
    assert answer.status == 200
    return answer.body


async def test_a_queue_tells_how_full_it_is_and_how_old(api: Api) -> None:
    await api.send("orders", "a", "b")
    await api("POST", "/v1/queues/orders/messages", {"body": "later", "delay_s": 60})
    await trio.sleep(30)
    await api.receive("orders", count=1)

    found = await statistics(api)

    assert (found["visible"], found["in_flight"], found["delayed"]) == (1, 1, 1)
    assert found["oldest_age_s"] == 30


async def test_an_empty_queue_has_no_oldest_message(api: Api) -> None:
    assert (await statistics(api))["oldest_age_s"] is None


async def test_what_was_done_to_a_queue_is_told_in_all_and_of_late(api: Api) -> None:
    await trio.sleep(300)
    for n in range(110):
        await api.send("orders", str(n))
        await trio.sleep(0.5)
    (message,) = await api.receive("orders", count=1)
    handles = {"receipt_handles": [message["receipt_handle"]]}
    await api("POST", "/v1/queues/orders/acknowledge", handles)

    found = await statistics(api)

    assert found["totals"] == {
        "sent": 110,
        "received": 1,
        "received_again": 0,
        "deleted": 1,
        "returned": 0,
        "moved": 0,
        "expired": 0,
        "dead_lettered": 0,
    }
    assert found["last_minute"]["sent"] == 2
    assert 0 < found["last_five_minutes"]["sent"] < 1


async def test_receivers_that_wait_are_counted(api: Api, nursery: trio.Nursery) -> None:
    for _ in range(3):
        nursery.start_soon(lambda: api.receive("orders", wait_time_s=20))
    await trio.sleep(1)

    assert (await statistics(api))["waiting_receivers"] == 3
    await trio.sleep(20)
    assert (await statistics(api))["waiting_receivers"] == 0


async def test_all_queues_are_listed_page_by_page_with_the_brokers_own(api: Api) -> None:
    await api.send("spare", "a")

    first = (await api("GET", "/v1/stats/queues?limit=2")).body
    second = (await api("GET", f"/v1/stats/queues?limit=2&after={first['next']}")).body

    assert [queue["name"] for queue in first["queues"]] == ["function/scripted", "orders"]
    assert [(queue["name"], queue["visible"]) for queue in second["queues"]] == [("spare", 1)]
    assert second["next"] is None


async def test_a_publish_counts_as_sent_in_each_queue_that_it_reaches(api: Api) -> None:
    await api("POST", "/v1/topics/news/publish", {"message": "hear"})

    assert (await statistics(api))["totals"]["sent"] == 1


async def test_a_queue_that_is_not_there_has_no_statistics(api: Api) -> None:
    answer = await api("GET", "/v1/queues/nowhere/stats")

    assert (answer.status, answer.body["code"]) == (404, "QueueDoesNotExist")


async def test_metrics_have_a_counter_for_each_queue(api: Api, nursery: trio.Nursery) -> None:
    await api.send("orders", "a", "b")
    nursery.start_soon(lambda: api.receive("spare", wait_time_s=20))
    await trio.sleep(1)

    answer = await Health(api.broker).handle(Request("GET", b"/metrics", {}))

    assert answer is not None
    lines = answer.body.decode().splitlines()
    labels = '{namespace="000000000000/us-east-1",queue="orders"}'
    assert f"broker_queue_sent_total{labels} 2.0" in lines
    assert f"broker_queue_deleted_total{labels} 0.0" in lines
    # The function's dispatcher waits too.
    assert 'broker_waiting_receivers{namespace="000000000000/us-east-1"} 2.0' in lines
