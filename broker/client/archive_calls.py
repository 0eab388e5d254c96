"""requests about archives and replays, described without I/O as in `calls`"""

from typing import Any

from broker.client.asking import (
    JSON,
    Ask,
    Query,
    get,
    json_reader,
    label,
    nothing,
    page,
    post,
    to_json,
)
from broker.client.results import ArchiveInfo, Page, ReplayInfo


def archives(*, prefix: str = "", after: str = "", limit: int = 1_000) -> Ask[Page[ArchiveInfo]]:
    """Archives by name."""
    query: Query = {"prefix": prefix, "after": after, "limit": limit}
    return get("/v1/archives", page("archives", ArchiveInfo), query)


def archive(name: str) -> Ask[ArchiveInfo]:
    """One archive."""
    return get(f"/v1/archives/{label(name)}", json_reader(ArchiveInfo))


def put_archive(name: str, **settings: Any) -> Ask[ArchiveInfo]:
    """Make an archive or replace its settings; those not given are the defaults."""
    return Ask(
        "PUT",
        f"/v1/archives/{label(name)}",
        json_reader(ArchiveInfo),
        headers={"content-type": JSON},
        content=to_json(settings),
    )


def delete_archive(name: str) -> Ask[None]:
    """Delete an archive with all that it holds."""
    return Ask("DELETE", f"/v1/archives/{label(name)}", nothing)


def replays(*, prefix: str = "", after: str = "", limit: int = 1_000) -> Ask[Page[ReplayInfo]]:
    """Replays by name, also those that are over."""
    query: Query = {"prefix": prefix, "after": after, "limit": limit}
    return get("/v1/replays", page("replays", ReplayInfo), query)


def replay(name: str) -> Ask[ReplayInfo]:
    """One replay, and how far it has come."""
    return get(f"/v1/replays/{label(name)}", json_reader(ReplayInfo))


def start_replay(name: str, archive: str | None = None, **settings: Any) -> Ask[ReplayInfo]:
    """Put what an archive has, or the ledger of a `bus`, on its bus again, with these settings."""
    document = {"name": name, "archive": archive, **settings}
    return post("/v1/replays", document, json_reader(ReplayInfo))


def pause_replay(name: str) -> Ask[ReplayInfo]:
    """Halt a replay until it is resumed."""
    return Ask("POST", f"/v1/replays/{label(name)}/pause", json_reader(ReplayInfo))


def resume_replay(name: str) -> Ask[ReplayInfo]:
    """Have a replay go on where it was halted."""
    return Ask("POST", f"/v1/replays/{label(name)}/resume", json_reader(ReplayInfo))


def cancel_replay(name: str) -> Ask[ReplayInfo]:
    """End a replay early; what was replayed stays."""
    return Ask("POST", f"/v1/replays/{label(name)}/cancel", json_reader(ReplayInfo))


def delete_replay(name: str) -> Ask[None]:
    """Forget a replay that is over."""
    return Ask("DELETE", f"/v1/replays/{label(name)}", nothing)
