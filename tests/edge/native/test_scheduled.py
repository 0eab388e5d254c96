"""Messages for later over /v1: long delays, a time to deliver at, and cancelling."""

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from broker.core.limits import DELIVER_AT_SPREAD_MS, LONG_DELAY_S_MAX
from broker.runtime.broker import Broker
from broker.runtime.queues import QueueOptions
from broker.store.clock import Clock
from broker.store.inline import open_inline_store
from tests.edge.native.conftest import EPOCH_MS, Api, bodies, make_resources

DAY_S = 86_400
SPREAD_S = DELIVER_AT_SPREAD_MS / 1000


@pytest.fixture
async def api(tmp_path: Path, nursery: trio.Nursery) -> AsyncIterator[Api]:
    """A broker that allows delays of 400 days."""

    def now_ms() -> int:
        return EPOCH_MS + int(trio.current_time() * 1000)

    options = QueueOptions(delay_s_max=LONG_DELAY_S_MAX)
    with open_inline_store(tmp_path / "data", Clock(now_ms, now_ms)) as store:
        broker = Broker(store, {}, now_ms, queue_options=options)
        await nursery.start(broker.run)
        await make_resources(broker)
        yield Api(broker)
        nursery.cancel_scope.cancel()


async def send(api: Api, **new: Any) -> str:
    answer = await api("POST", "/v1/queues/orders/messages", {"body": "later", **new})
    assert answer.status == 200, answer.body
    return str(answer.body["message_id"])


def now_ms() -> int:
    return EPOCH_MS + int(trio.current_time() * 1000)


async def test_a_message_waits_for_400_days(api: Api) -> None:
    await send(api, delay_s=400 * DAY_S)
    await trio.sleep(400 * DAY_S - 0.1)
    assert await api.receive("orders") == []
    await trio.sleep(0.1)
    assert bodies(await api.receive("orders")) == ["later"]


async def test_a_message_is_delivered_at_a_time(api: Api) -> None:
    await send(api, deliver_at_ms=now_ms() + 30 * DAY_S * 1000)
    await trio.sleep(30 * DAY_S - 0.001)
    assert await api.receive("orders") == []
    await trio.sleep(0.001 + SPREAD_S)
    assert bodies(await api.receive("orders")) == ["later"]


async def test_what_is_to_come_at_one_moment_comes_in_slices(api: Api) -> None:
    """Else the store would have a million messages to count in one step."""
    new = [{"body": "at nine", "deliver_at_ms": now_ms() + 1_000_000}] * 1_000
    await api("POST", "/v1/queues/orders/messages/bulk", {"messages": new})
    peeked = (await api("GET", "/v1/queues/orders/messages?count=1000")).body["messages"]
    moments = Counter(message["visible_at_ms"] for message in peeked)
    assert max(moments.values()) < 100


async def test_a_time_that_is_past_is_now(api: Api) -> None:
    await send(api, deliver_at_ms=0)
    assert bodies(await api.receive("orders")) == ["later"]


async def test_times_and_delays_that_are_refused(api: Api) -> None:
    too_late = now_ms() + 400 * DAY_S * 1000 + 1
    for new in (
        {"delay_s": 400 * DAY_S + 1},
        {"delay_s": 1, "deliver_at_ms": now_ms()},
        {"deliver_at_ms": too_late},
        {"deliver_at_ms": -1},
    ):
        answer = await api("POST", "/v1/queues/orders/messages", {"body": "a", **new})
        assert answer.status == 400, new


async def test_a_bulk_has_messages_for_later_too(api: Api) -> None:
    entries = [
        {"body": "at", "deliver_at_ms": now_ms() + 5_000},
        {"body": "both", "deliver_at_ms": now_ms(), "delay_s": 1},
        {"body": "before all time", "deliver_at_ms": -1},
        {"body": "in a day", "delay_s": DAY_S},
    ]
    answer = (await api("POST", "/v1/queues/orders/messages/bulk", {"messages": entries})).body
    assert [(each["index"], each["code"]) for each in answer["errors"]] == [
        (1, "InvalidParameter"),
        (2, "InvalidParameter"),
    ]
    await trio.sleep(5 + SPREAD_S)
    assert bodies(await api.receive("orders")) == ["at"]
    cancelled = answer["message_ids"][3]
    assert (await api("DELETE", f"/v1/queues/orders/scheduled/{cancelled}")).status == 204


@pytest.mark.parametrize("new", [{"delay_s": 901}, {"deliver_at_ms": EPOCH_MS + 10_000_000}])
async def test_a_cancelled_message_is_never_delivered(api: Api, new: dict[str, int]) -> None:
    message_id = await send(api, **new)

    assert (await api("DELETE", f"/v1/queues/orders/scheduled/{message_id}")).status == 204

    await trio.sleep(DAY_S)
    assert await api.receive("orders") == []
    again = await api("DELETE", f"/v1/queues/orders/scheduled/{message_id}")
    assert (again.status, again.body["code"]) == (404, "MessageNotScheduled")


async def test_what_is_visible_or_was_delayed_as_in_sqs_is_not_cancelled(api: Api) -> None:
    visible = await send(api, deliver_at_ms=now_ms() + 1_000)
    await trio.sleep(1 + SPREAD_S)
    ordinary = await send(api, delay_s=900)
    for message_id in (visible, ordinary, "0" * 8, "no-uuid"):
        answer = await api("DELETE", f"/v1/queues/orders/scheduled/{message_id}")
        assert (answer.status, answer.body["code"]) == (404, "MessageNotScheduled")
    await trio.sleep(900)
    assert len(await api.receive("orders", count=10)) == 2


async def test_cancelling_on_a_queue_that_is_not_there(api: Api) -> None:
    for queue in ("nowhere", "function%2Fscripted"):
        answer = await api("DELETE", f"/v1/queues/{queue}/scheduled/{'0' * 32}")
        assert answer.status == 404
