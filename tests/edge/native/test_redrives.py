"""Redrives over /v1: all messages as a task, at a rate; started, followed, listed and cancelled."""

from typing import Any

import pytest
import trio

from broker.core.resources import Queue, RedrivePolicy
from tests.edge.native.conftest import HERE, Api, bodies

REDRIVES = "/v1/queues/dead/redrives"


@pytest.fixture
async def api(api: Api) -> Api:
    """A queue `shop` whose dead letters go to `dead`."""
    await api.broker.registrar.put(HERE, Queue(name="dead"))
    policy = RedrivePolicy(HERE.arn("sqs", "dead"), 1)
    await api.broker.registrar.put(HERE, Queue(name="shop", redrive_policy=policy))
    return api


async def let_die(api: Api, *texts: str) -> None:
    await api.send("shop", *texts)
    await api.receive("shop", visibility_timeout_s=0)
    assert await api.receive("shop") == []


async def start(api: Api, **new: Any) -> dict[str, Any]:
    answer = await api("POST", REDRIVES, new)
    assert answer.status == 201, answer.raw
    task: dict[str, Any] = answer.body
    return task


async def test_all_go_back_to_where_they_came_from(api: Api) -> None:
    await let_die(api, "a", "b")

    task = await start(api)
    await trio.sleep(1)
    ended = (await api("GET", f"{REDRIVES}/{task['id']}")).body

    assert (task["status"], task["source"], task["destination"]) == ("RUNNING", "dead", None)
    assert (ended["status"], ended["moved"], ended["to_move"]) == ("COMPLETED", 2, 2)
    assert bodies(await api.receive("shop")) == ["a", "b"]


async def test_a_rate_is_kept_and_a_task_can_be_cancelled(api: Api) -> None:
    await api.send("dead", *"abcdef")
    task = await start(api, destination="spare", messages_per_second=1)
    await trio.sleep(2.5)

    cancelled = await api("DELETE", f"{REDRIVES}/{task['id']}")
    await trio.sleep(2)
    again = await api("DELETE", f"{REDRIVES}/{task['id']}")

    assert (cancelled.status, cancelled.body["status"]) == (200, "CANCELLING")
    assert (again.status, again.body["status"], again.body["moved"]) == (200, "CANCELLED", 3)
    assert bodies(await api.receive("spare")) == ["a", "b", "c"]
    assert bodies(await api.receive("dead")) == ["d", "e", "f"]


async def test_tasks_are_listed_latest_first(api: Api) -> None:
    tasks = []
    for _ in range(3):
        tasks.append((await start(api))["id"])
        await trio.sleep(1)

    found = (await api("GET", REDRIVES)).body["redrives"]

    assert [task["id"] for task in found] == tasks[::-1]


async def test_a_message_without_a_source_ends_a_task_that_names_no_destination(api: Api) -> None:
    await let_die(api, "a")
    await api.send("dead", "sent here")

    task = await start(api)
    await trio.sleep(1)
    ended = (await api("GET", f"{REDRIVES}/{task['id']}")).body

    assert (ended["status"], ended["moved"]) == ("FAILED", 1)
    assert ended["failure_reason"] == "CouldNotDetermineMessageSource"
    assert bodies(await api.receive("dead")) == ["sent here"]


async def test_messages_that_come_back_are_not_moved_again(api: Api) -> None:
    await let_die(api, *"abc")
    task = await start(api, messages_per_second=1)
    await trio.sleep(0.5)
    await api.receive("shop", visibility_timeout_s=0)
    assert await api.receive("shop") == []  # dead again
    await trio.sleep(10)

    ended = (await api("GET", f"{REDRIVES}/{task['id']}")).body

    assert (ended["status"], ended["moved"]) == ("COMPLETED", 3)
    assert bodies(await api.receive("dead")) == ["a"]


@pytest.mark.parametrize(
    ("new", "status", "code"),
    [
        ({"destination": "nowhere"}, 404, "QueueDoesNotExist"),
        ({"destination": "function/scripted"}, 404, "QueueDoesNotExist"),
        ({"destination": "dead"}, 400, "InvalidParameter"),
        ({"destination": "other.fifo"}, 400, "InvalidParameter"),
        ({"messages_per_second": 0}, 400, "MalformedRequest"),
        ({"messages_per_second": 501}, 400, "MalformedRequest"),
        ({"speed": 1}, 400, "MalformedRequest"),
    ],
)
async def test_what_is_wrong_starts_nothing(
    api: Api, new: dict[str, Any], status: int, code: str
) -> None:
    await api.broker.registrar.put(HERE, Queue(name="other.fifo", fifo=True))
    answer = await api("POST", REDRIVES, new)

    assert (answer.status, answer.body["code"]) == (status, code)
    assert (await api("GET", REDRIVES)).body == {"redrives": []}


async def test_a_queue_has_one_task_at_a_time(api: Api) -> None:
    await api.send("dead", "a", "b")
    await start(api, destination="spare", messages_per_second=1)
    answer = await api("POST", REDRIVES, {})

    assert (answer.status, answer.body["code"]) == (409, "MoveTaskRunning")


async def test_a_task_is_its_own_queues(api: Api) -> None:
    task = (await start(api))["id"]
    for method in ("GET", "DELETE"):
        for target in (f"/v1/queues/spare/redrives/{task}", f"{REDRIVES}/no-such-task"):
            answer = await api(method, target)
            assert (answer.status, answer.body["code"]) == (404, "MoveTaskDoesNotExist")
    for target in ("/v1/queues/nowhere/redrives", f"/v1/queues/nowhere/redrives/{task}"):
        answer = await api("GET", target)
        assert (answer.status, answer.body["code"]) == (404, "QueueDoesNotExist")
