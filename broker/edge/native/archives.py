"""/v1/archives and /v1/replays: keep what comes past a bus, and put it there again"""

from typing import Annotated, Any

import msgspec

from broker.core import errors
from broker.core.errors import InvalidParameter
from broker.core.limits import (
    ARCHIVE_DAYS_MAX,
    DESCRIPTION_CHARS_MAX,
    EVENT_PATTERN_CHARS_MAX,
    REPLAY_RATE_MAX,
)
from broker.core.names import ARCHIVE_NAME, REPLAY_NAME
from broker.core.pattern import InvalidEventPattern
from broker.core.registry import DEFAULT_BUS
from broker.core.resources import Archive, EventReplay
from broker.edge.native.operation import Answer, Call, Result, Shape, operations
from broker.edge.native.page import Page, page_of

Description = Annotated[str, msgspec.Meta(max_length=DESCRIPTION_CHARS_MAX)]
PatternText = dict[str, Any] | Annotated[str, msgspec.Meta(max_length=EVENT_PATTERN_CHARS_MAX)]
Instant = Annotated[int, msgspec.Meta(ge=0)]


class ArchiveSettings(Shape, frozen=True, kw_only=True):
    """An archive's settings; those left out are the defaults."""

    bus: Annotated[str, msgspec.Meta(description="Never changed.")] = DEFAULT_BUS
    pattern: PatternText | None = None  # None: every event
    retention_days: Annotated[
        int, msgspec.Meta(ge=0, le=ARCHIVE_DAYS_MAX, description="0: for ever")
    ] = 0
    description: Description = ""


class ArchiveDescription(Result, frozen=True, kw_only=True):
    """An archive and what it holds."""

    name: str
    bus: str
    pattern: str | None = None
    retention_days: int
    description: str = ""
    events: int  # near enough
    created_at_ms: int
    modified_at_ms: int


class Archives(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A page of archives; `next` is null after the last one."""

    archives: list[ArchiveDescription]
    next: str | None = None


@operations.add("GET", "/v1/archives", query=Page, answers={200: Archives})
async def list_archives(call: Call, query: Page) -> Archives:
    """Archives by name."""
    found, after = page_of(call.broker.archives.all(call.namespace), query)
    return Archives(archives=[await _archive(call, each) for each in found], next=after)


@operations.add(
    "GET",
    "/v1/archives/{name}",
    answers={200: ArchiveDescription},
    raises=(errors.ArchiveDoesNotExist,),
)
async def get_archive(call: Call, name: str) -> ArchiveDescription:
    """One archive."""
    return await _archive(call, call.broker.archives.get(call.namespace, name))


@operations.add(
    "PUT",
    "/v1/archives/{name}",
    body=ArchiveSettings,
    answers={200: ArchiveDescription, 201: ArchiveDescription},
    raises=(
        errors.EventBusDoesNotExist,
        InvalidEventPattern,
        errors.RecordChanged,
        errors.StoreFull,
    ),
)
async def put_archive(call: Call, name: str, settings: ArchiveSettings) -> Answer:
    """Keep events from now on, or replace the settings of an archive; what it holds stays."""
    _check_name(ARCHIVE_NAME, name)
    archives, now_ms = call.broker.archives, call.broker.now_ms()
    archive = Archive(
        name=name,
        event_bus=settings.bus,
        event_pattern=_text(settings.pattern),
        retention_days=settings.retention_days,
        description=settings.description,
        created_at_ms=now_ms,
        modified_at_ms=now_ms,
    )
    try:
        current = archives.get(call.namespace, name)
    except errors.ArchiveDoesNotExist:
        await archives.create(call.namespace, archive)
        return Answer(201, await get_archive(call, name))
    if current.event_bus != settings.bus:
        raise InvalidParameter(f"The archive {name} is one of the bus {current.event_bus}.")
    kept = {"created_at_ms": current.created_at_ms, "tags": current.tags}
    await archives.configure(call.namespace, msgspec.structs.replace(archive, **kept))
    return Answer(200, await get_archive(call, name))


@operations.add(
    "DELETE",
    "/v1/archives/{name}",
    answers={204: None},
    raises=(errors.ArchiveDoesNotExist, errors.StoreFull),
)
async def delete_archive(call: Call, name: str) -> None:
    """Delete an archive with all that it holds."""
    await call.broker.archives.delete(call.namespace, name)


class NewReplay(Shape, frozen=True, kw_only=True):
    """What is to be replayed, and to whom."""

    name: str
    archive: Annotated[
        str | None,
        msgspec.Meta(description="By default the ledger, which has the last days of every bus."),
    ] = None
    bus: Annotated[
        str | None, msgspec.Meta(description="Without an archive; by default the default bus.")
    ] = None
    from_ms: Instant = 0
    until_ms: Annotated[
        Instant | None, msgspec.Meta(description="By default now, which is the latest, too.")
    ] = None
    rules: Annotated[list[str], msgspec.Meta(description="Of the bus; none: all that match.")] = []
    function: Annotated[
        str | None, msgspec.Meta(description="Gets the events, in the rules' place.")
    ] = None
    pattern: PatternText | None = None
    events_per_second: Annotated[int, msgspec.Meta(ge=1, le=REPLAY_RATE_MAX)] | None = None
    description: Description = ""


class ReplayDescription(Result, frozen=True, kw_only=True):
    """A replay, and how far it has come."""

    name: str
    archive: str | None = None  # none: the ledger
    bus: str
    status: Annotated[
        str,
        msgspec.Meta(
            description="STARTING, RUNNING, PAUSED or CANCELLING; CANCELLED, COMPLETED or FAILED"
        ),
    ]
    reason: str = ""
    from_ms: int
    until_ms: int
    rules: tuple[str, ...] = ()
    function: str | None = None
    pattern: str | None = None
    events_per_second: int | None = None
    description: str = ""
    replayed: int
    last_event_ms: int | None = None
    started_at_ms: int
    ended_at_ms: int | None = None


class Replays(Result, frozen=True, kw_only=True, omit_defaults=False):
    """A page of replays; `next` is null after the last one."""

    replays: list[ReplayDescription]
    next: str | None = None


@operations.add("GET", "/v1/replays", query=Page, answers={200: Replays})
async def list_replays(call: Call, query: Page) -> Replays:
    """Replays by name, also those that are over."""
    found, after = page_of(call.broker.event_replays.all(call.namespace), query)
    return Replays(replays=[_replay(each) for each in found], next=after)


@operations.add(
    "POST",
    "/v1/replays",
    body=NewReplay,
    answers={201: ReplayDescription},
    raises=(
        errors.ReplayExists,
        errors.ArchiveDoesNotExist,
        errors.EventBusDoesNotExist,
        InvalidEventPattern,
        errors.StoreFull,
    ),
)
async def start_replay(call: Call, new: NewReplay) -> ReplayDescription:
    """Put what an archive, or the ledger, has of a time on its bus again, marked as replayed."""
    _check_name(REPLAY_NAME, new.name)
    bus = _bus_replayed(call, new)
    until_ms = call.broker.now_ms() if new.until_ms is None else new.until_ms
    if new.from_ms >= until_ms:
        raise InvalidParameter("from_ms must be before until_ms.")
    if new.function is not None and new.rules:
        raise InvalidParameter("A replay goes to rules or to a function.")
    replay = EventReplay(
        name=new.name,
        archive=new.archive or "",
        event_bus=bus,
        from_ms=new.from_ms,
        until_ms=until_ms,
        rules=tuple(new.rules),
        function=new.function,
        event_pattern=_text(new.pattern),
        events_per_second=new.events_per_second,
        description=new.description,
    )
    await call.broker.event_replays.start(call.namespace, replay)
    return _replay(call.broker.event_replays.get(call.namespace, new.name))


def _bus_replayed(call: Call, new: NewReplay) -> str:
    if new.archive is None:
        return call.broker.event_buses.get(call.namespace, new.bus or DEFAULT_BUS).name
    archive = call.broker.archives.get(call.namespace, new.archive)
    if new.bus not in (None, archive.event_bus):
        raise InvalidParameter(f"The archive {archive.name} is one of the bus {archive.event_bus}.")
    return archive.event_bus


@operations.add(
    "GET",
    "/v1/replays/{name}",
    answers={200: ReplayDescription},
    raises=(errors.ReplayDoesNotExist,),
)
async def get_replay(call: Call, name: str) -> ReplayDescription:
    """One replay."""
    return _replay(call.broker.event_replays.get(call.namespace, name))


_TURNED = (errors.ReplayDoesNotExist, errors.ReplayIsOver, errors.StoreFull)


@operations.add(
    "POST", "/v1/replays/{name}/pause", answers={200: ReplayDescription}, raises=_TURNED
)
async def pause_replay(call: Call, name: str) -> ReplayDescription:
    """Halt a replay until it is resumed."""
    return _replay(await call.broker.event_replays.pause(call.namespace, name))


@operations.add(
    "POST", "/v1/replays/{name}/resume", answers={200: ReplayDescription}, raises=_TURNED
)
async def resume_replay(call: Call, name: str) -> ReplayDescription:
    """Have a replay go on where it was halted."""
    return _replay(await call.broker.event_replays.resume(call.namespace, name))


@operations.add(
    "POST", "/v1/replays/{name}/cancel", answers={200: ReplayDescription}, raises=_TURNED
)
async def cancel_replay(call: Call, name: str) -> ReplayDescription:
    """End a replay early; what was replayed stays."""
    return _replay(await call.broker.event_replays.cancel(call.namespace, name))


@operations.add(
    "DELETE",
    "/v1/replays/{name}",
    answers={204: None},
    raises=(errors.ReplayDoesNotExist, errors.StoreFull),
)
async def delete_replay(call: Call, name: str) -> None:
    """Forget a replay that is over."""
    await call.broker.event_replays.delete(call.namespace, name)


def _check_name(allowed: Any, name: str) -> None:
    if not allowed.fullmatch(name):
        raise InvalidParameter(f"The name {name!r} doesn't match {allowed.pattern}.")


def _text(pattern: dict[str, Any] | str | None) -> str | None:
    if pattern is None or isinstance(pattern, str):
        return pattern
    text = msgspec.json.encode(pattern).decode()
    if len(text) > EVENT_PATTERN_CHARS_MAX:
        raise InvalidEventPattern("Event pattern is too long")
    return text


async def _archive(call: Call, archive: Archive) -> ArchiveDescription:
    return ArchiveDescription(
        name=archive.name,
        bus=archive.event_bus,
        pattern=archive.event_pattern,
        retention_days=archive.retention_days,
        description=archive.description,
        events=await call.broker.archives.events_kept(call.namespace, archive.name),
        created_at_ms=archive.created_at_ms,
        modified_at_ms=archive.modified_at_ms,
    )


def _replay(replay: EventReplay) -> ReplayDescription:
    return ReplayDescription(
        name=replay.name,
        archive=replay.archive or None,
        bus=replay.event_bus,
        status=replay.status,
        reason=replay.reason,
        from_ms=replay.from_ms,
        until_ms=replay.until_ms,
        rules=replay.rules,
        function=replay.function,
        pattern=replay.event_pattern,
        events_per_second=replay.events_per_second,
        description=replay.description,
        replayed=replay.replayed,
        last_event_ms=replay.last_event_ms,
        started_at_ms=replay.created_at_ms,
        ended_at_ms=replay.ended_at_ms,
    )
