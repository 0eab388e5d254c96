"""requests about schedules, described without I/O as in `calls`"""

from typing import Any

from broker.client.asking import JSON, Ask, Query, get, json_reader, label, nothing, page, to_json
from broker.client.results import Page, ScheduleInfo


def schedules(
    group: str = "", *, prefix: str = "", after: str = "", limit: int = 1_000
) -> Ask[Page[ScheduleInfo]]:
    """Schedules of a group, or all; with their next runs."""
    query: Query = {"group": group, "prefix": prefix, "after": after, "limit": limit}
    return get("/v1/schedules", page("schedules", ScheduleInfo), query)


def schedule(name: str, *, group: str = "default") -> Ask[ScheduleInfo]:
    """One schedule."""
    return get(_path(name), json_reader(ScheduleInfo), {"group": group})


def put_schedule(name: str, *, group: str = "default", **settings: Any) -> Ask[ScheduleInfo]:
    """Make a schedule or replace its settings; those not given are the defaults."""
    return Ask(
        "PUT",
        _path(name),
        json_reader(ScheduleInfo),
        {"group": group},
        headers={"content-type": JSON},
        content=to_json(settings),
    )


def delete_schedule(name: str, *, group: str = "default") -> Ask[None]:
    """Delete a schedule with its next run."""
    return Ask("DELETE", _path(name), nothing, {"group": group})


def run_schedule(name: str, *, group: str = "default") -> Ask[None]:
    """Have a schedule run once more, now."""
    return Ask("POST", f"{_path(name)}/run", nothing, {"group": group})


def pause_schedule(name: str, *, group: str = "default") -> Ask[ScheduleInfo]:
    """Have a schedule run no more until it is resumed."""
    return Ask("POST", f"{_path(name)}/pause", json_reader(ScheduleInfo), {"group": group})


def resume_schedule(name: str, *, group: str = "default") -> Ask[ScheduleInfo]:
    """Have a schedule run again."""
    return Ask("POST", f"{_path(name)}/resume", json_reader(ScheduleInfo), {"group": group})


def _path(name: str) -> str:
    return f"/v1/schedules/{label(name)}"
