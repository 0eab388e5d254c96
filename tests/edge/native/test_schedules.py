"""Schedules by the native API: made, looked at with their next run, paused, run, deleted."""

from tests.edge.native.conftest import EPOCH_MS, Api

DAY_MS = 86_400_000
NOON_MS = EPOCH_MS - EPOCH_MS % DAY_MS + DAY_MS + DAY_MS // 2  # tomorrow's


async def test_a_schedule_is_made_and_replaced(api: Api) -> None:
    settings = {"expression": "cron(0 12 * * ? *)", "queue": "orders", "input": "x"}
    made = await api("PUT", "/v1/schedules/noon", settings)
    assert made.status == 201
    assert made.body["next_run_ms"] in (NOON_MS, NOON_MS - DAY_MS)
    assert made.body["target_arn"].endswith(":orders")
    again = await api("PUT", "/v1/schedules/noon", settings | {"time_zone": "Asia/Tokyo"})
    assert again.status == 200
    found = await api("GET", "/v1/schedules/noon")
    assert (found.body["time_zone"], found.body["group"]) == ("Asia/Tokyo", "default")
    listed = await api("GET", "/v1/schedules?prefix=no")
    assert [each["name"] for each in listed.body["schedules"]] == ["noon"]
    assert (await api("DELETE", "/v1/schedules/noon")).status == 204
    assert (await api("GET", "/v1/schedules/noon")).body["code"] == "ScheduleDoesNotExist"


async def test_lists_come_in_pages(api: Api) -> None:
    for name in ("a", "b", "c"):
        await api(
            "PUT",
            f"/v1/schedules/{name}",
            {"expression": "cron(0 0 1 1 ? 2199)", "queue": "orders"},
        )
    first = await api("GET", "/v1/schedules?limit=2")
    assert first.body["next"] == "default/b"
    second = await api("GET", f"/v1/schedules?limit=2&after={first.body['next']}")
    assert [each["name"] for each in second.body["schedules"]] == ["c"]
    assert second.body["next"] is None


async def test_a_paused_schedule_has_no_next_run(api: Api) -> None:
    await api("PUT", "/v1/schedules/s", {"expression": "cron(0 0 1 1 ? 2199)", "queue": "orders"})
    paused = await api("POST", "/v1/schedules/s/pause")
    assert (paused.body["enabled"], paused.body.get("next_run_ms")) == (False, None)
    resumed = await api("POST", "/v1/schedules/s/resume")
    assert resumed.body["next_run_ms"] > EPOCH_MS


async def test_a_paused_schedule_runs_when_it_is_asked_to(api: Api) -> None:
    settings = {
        "expression": "cron(0 0 1 1 ? 2199)",
        "queue": "orders",
        "input": "now",
        "enabled": False,
    }
    await api("PUT", "/v1/schedules/s", settings)
    assert (await api("POST", "/v1/schedules/s/run")).status == 204
    messages = await api.receive("orders", wait_time_s=5)
    assert [message["body"] for message in messages] == ["now"]


async def test_what_can_not_be_is_refused(api: Api) -> None:
    async def code(path: str, settings: dict[str, object]) -> str:
        return str((await api("PUT", path, settings)).body["code"])

    daily = {"expression": "cron(0 0 1 1 ? 2199)"}
    assert await code("/v1/schedules/s", daily) == "InvalidParameter"
    both = daily | {"queue": "a", "topic": "b"}
    assert await code("/v1/schedules/s", both) == "InvalidParameter"
    never = {"expression": "rate(1 year)", "queue": "a"}
    assert await code("/v1/schedules/s", never) == "InvalidScheduleExpression"
    nowhere = daily | {"queue": "a", "time_zone": "Mars/Olympus"}
    assert await code("/v1/schedules/s", nowhere) == "InvalidTimeZone"
    in_no_group = "/v1/schedules/s?group=nowhere"
    assert await code(in_no_group, daily | {"queue": "a"}) == "ScheduleGroupDoesNotExist"
