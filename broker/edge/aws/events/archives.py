"""EventBridge actions on archives: create, describe, list, update, delete"""

from typing import Any

import msgspec

from broker.core.errors import InvalidParameter
from broker.core.limits import ARCHIVE_NAME_CHARS_MAX, LIST_PAGE
from broker.core.names import Namespace
from broker.core.resources import Archive
from broker.edge.aws.events.buses import checked_description, limited_page_of
from broker.edge.aws.events.service import (
    bus_arn,
    check_pattern_length,
    events,
    locate_bus,
    naming,
)
from broker.edge.aws.service import Call, Members, Refused
from broker.edge.aws.validation import Violations


class CreateArchiveRequest(Members, kw_only=True):
    archive_name: str
    event_source_arn: str
    description: str = ""
    event_pattern: str | None = None
    retention_days: int = 0
    kms_key_identifier: Refused = None


class ArchiveState(Members, kw_only=True):
    archive_arn: str
    state: str
    creation_time: float


@events.action("CreateArchive", CreateArchiveRequest)
async def create_archive(call: Call, request: CreateArchiveRequest) -> ArchiveState:
    """Keep what comes past a bus from now on, or what of it the pattern matches."""
    name = request.archive_name
    naming("archiveName", name, ARCHIVE_NAME_CHARS_MAX, request.description).check()
    namespace, bus = locate_bus(call, request.event_source_arn)
    now_ms = call.broker.now_ms()
    archive = Archive(
        name=name,
        event_bus=bus,
        event_pattern=_checked_pattern(request.event_pattern),
        retention_days=request.retention_days,
        description=request.description,
        created_at_ms=now_ms,
        modified_at_ms=now_ms,
    )
    await call.broker.archives.create(namespace, archive)
    return _state(namespace, archive)


class UpdateArchiveRequest(Members, kw_only=True):
    archive_name: str
    description: str | None = None
    event_pattern: str | None = None
    retention_days: int | None = None
    kms_key_identifier: Refused = None


@events.action("UpdateArchive", UpdateArchiveRequest)
async def update_archive(call: Call, request: UpdateArchiveRequest) -> ArchiveState:
    """Change an archive's settings; what isn't given stays. An empty pattern removes it."""
    archive = call.broker.archives.get(call.namespace, request.archive_name)
    given: dict[str, Any] = {
        "description": request.description and checked_description(request.description),
        "retention_days": request.retention_days,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if request.event_pattern is not None:
        changes["event_pattern"] = _checked_pattern(request.event_pattern)
    changed = msgspec.structs.replace(archive, **changes)
    await call.broker.archives.configure(call.namespace, changed)
    return _state(call.namespace, changed)


class ArchiveRequest(Members, kw_only=True):
    archive_name: str


class ArchiveMember(Members, kw_only=True):
    archive_name: str
    event_source_arn: str
    state: str
    retention_days: int
    event_count: int
    creation_time: float


class ArchiveDescription(ArchiveMember, kw_only=True):
    archive_arn: str
    description: str | None = None
    event_pattern: str | None = None


@events.action("DescribeArchive", ArchiveRequest)
async def describe_archive(call: Call, request: ArchiveRequest) -> ArchiveDescription:
    """One archive."""
    archive = call.broker.archives.get(call.namespace, request.archive_name)
    count = await call.broker.archives.events_kept(call.namespace, archive.name)
    return ArchiveDescription(
        archive_arn=archive_arn(call.namespace, archive.name),
        description=archive.description or None,
        event_pattern=archive.event_pattern,
        **_shared(call.namespace, archive, count),
    )


class ListArchivesRequest(Members, kw_only=True):
    name_prefix: str = ""
    event_source_arn: str | None = None
    state: str | None = None
    next_token: str | None = None
    limit: int = LIST_PAGE


class ListArchivesResponse(Members, kw_only=True):
    archives: list[ArchiveMember]
    next_token: str | None = None


@events.action("ListArchives", ListArchivesRequest)
async def list_archives(call: Call, request: ListArchivesRequest) -> ListArchivesResponse:
    """Archives by name: all, those of a bus, or those in a state."""
    v = Violations()
    v.choice("state", request.state, _STATES)
    v.check()
    check_one_filter(request.name_prefix, request.event_source_arn, request.state)
    found = {
        archive.name: archive
        for archive in call.broker.archives.all(call.namespace, request.name_prefix)
        if request.event_source_arn in (None, bus_arn(call.namespace, archive.event_bus))
        and request.state in (None, _ENABLED)
    }
    names, token = limited_page_of(list(found), request.next_token, request.limit)
    members = [
        ArchiveMember(
            **_shared(
                call.namespace,
                found[name],
                await call.broker.archives.events_kept(call.namespace, name),
            )
        )
        for name in names
    ]
    return ListArchivesResponse(archives=members, next_token=token)


@events.action("DeleteArchive", ArchiveRequest)
async def delete_archive(call: Call, request: ArchiveRequest) -> None:
    """Delete an archive with all that it holds."""
    await call.broker.archives.delete(call.namespace, request.archive_name)


_ENABLED = "ENABLED"
# An archive here has only the first; the others can be asked for.
_STATES = (_ENABLED, "DISABLED", "CREATING", "UPDATING", "CREATE_FAILED", "UPDATE_FAILED")


def archive_arn(namespace: Namespace, name: str) -> str:
    """`…:archive/NAME`"""
    return namespace.arn("events", f"archive/{name}")


def check_one_filter(*filters: str | None) -> None:
    """Raises: InvalidParameter, if a list is asked for by several things."""
    if sum(bool(each) for each in filters) > 1:
        raise InvalidParameter(
            "At most one filter is allowed for this operation. Use one of: EventSourceArn, "
            "NamePrefix, State."
        )


def _checked_pattern(text: str | None) -> str | None:
    """The text; an empty one is none."""
    check_pattern_length(text)
    return text or None


def _shared(namespace: Namespace, archive: Archive, count: int) -> dict[str, Any]:
    return {
        "archive_name": archive.name,
        "event_source_arn": bus_arn(namespace, archive.event_bus),
        "state": _ENABLED,
        "retention_days": archive.retention_days,
        "event_count": count,
        "creation_time": archive.created_at_ms / 1000,
    }


def _state(namespace: Namespace, archive: Archive) -> ArchiveState:
    return ArchiveState(
        archive_arn=archive_arn(namespace, archive.name),
        state=_ENABLED,
        creation_time=archive.created_at_ms / 1000,
    )
