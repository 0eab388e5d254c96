"""EventBridge actions on replays: start, describe, list, cancel"""

from typing import Any

from broker.core.errors import ArchiveDoesNotExist, InvalidParameter
from broker.core.limits import LIST_PAGE, RULE_NAME_CHARS_MAX
from broker.core.names import Arn, Namespace
from broker.core.resources import EventReplay
from broker.edge.aws.events.archives import archive_arn, check_one_filter
from broker.edge.aws.events.buses import limited_page_of
from broker.edge.aws.events.service import bus_arn, events, naming
from broker.edge.aws.service import Call, Members
from broker.edge.aws.validation import Violations

_STATES = ("STARTING", "RUNNING", "CANCELLING", "COMPLETED", "CANCELLED", "FAILED")
_PAUSED = "PAUSED"  # which the service hasn't: a replay that was halted natively shows it


class ReplayDestination(Members, kw_only=True):
    arn: str
    filter_arns: list[str] | None = None


class StartReplayRequest(Members, kw_only=True):
    replay_name: str
    description: str = ""
    event_source_arn: str
    event_start_time: float  # seconds since the epoch
    event_end_time: float
    destination: ReplayDestination


class StartReplayResponse(Members, kw_only=True):
    replay_arn: str
    state: str
    replay_start_time: float


@events.action("StartReplay", StartReplayRequest)
async def start_replay(call: Call, request: StartReplayRequest) -> StartReplayResponse:
    """Put the events of an archive that came in a time on their bus again."""
    naming("replayName", request.replay_name, RULE_NAME_CHARS_MAX, request.description).check()
    arn = Arn.parse(request.event_source_arn)
    kind, _, name = arn.resource.partition("/") if arn is not None else ("", "", "")
    if arn is None or kind != "archive" or not name:
        raise _invalid("EventSourceArn", "It must be the ARN of an archive.")
    namespace = arn.namespace
    try:
        archive = call.broker.archives.get(namespace, name)
    except ArchiveDoesNotExist as error:
        raise _invalid("EventSourceArn", error.message) from None
    bus = bus_arn(namespace, archive.event_bus)
    if request.destination.arn != bus:
        raise _invalid("Destination.Arn", "Cross event bus replay is not permitted.")
    if request.event_start_time >= request.event_end_time:
        raise _invalid("EventEndTime", "EventStartTime must be before EventEndTime.")
    replay = EventReplay(
        name=request.replay_name,
        archive=name,
        event_bus=archive.event_bus,
        from_ms=int(request.event_start_time * 1000),
        until_ms=int(request.event_end_time * 1000),
        rules=_rules(namespace, archive.event_bus, request.destination.filter_arns or []),
        description=request.description,
    )
    await call.broker.event_replays.start(namespace, replay)
    begun = call.broker.event_replays.get(namespace, replay.name)
    return StartReplayResponse(
        replay_arn=_arn(namespace, replay.name),
        state="STARTING",
        replay_start_time=begun.created_at_ms / 1000,
    )


class ReplayRequest(Members, kw_only=True):
    replay_name: str


class ReplayMember(Members, kw_only=True):
    replay_name: str
    event_source_arn: str
    state: str
    state_reason: str | None = None
    event_start_time: float
    event_end_time: float
    event_last_replayed_time: float | None = None
    replay_start_time: float
    replay_end_time: float | None = None


class ReplayDescription(ReplayMember, kw_only=True):
    replay_arn: str
    description: str | None = None
    destination: ReplayDestination


@events.action("DescribeReplay", ReplayRequest)
async def describe_replay(call: Call, request: ReplayRequest) -> ReplayDescription:
    """One replay, and how far it has come."""
    replay = call.broker.event_replays.get(call.namespace, request.replay_name)
    bus = bus_arn(call.namespace, replay.event_bus)
    start = bus.replace(":event-bus/", ":rule/").removesuffix("/default")
    return ReplayDescription(
        replay_arn=_arn(call.namespace, replay.name),
        description=replay.description or None,
        destination=ReplayDestination(
            arn=bus, filter_arns=[f"{start}/{rule}" for rule in replay.rules] or None
        ),
        **_shared(call.namespace, replay),
    )


class ListReplaysRequest(Members, kw_only=True):
    name_prefix: str = ""
    state: str | None = None
    event_source_arn: str | None = None
    next_token: str | None = None
    limit: int = LIST_PAGE


class ListReplaysResponse(Members, kw_only=True):
    replays: list[ReplayMember]
    next_token: str | None = None


@events.action("ListReplays", ListReplaysRequest)
async def list_replays(call: Call, request: ListReplaysRequest) -> ListReplaysResponse:
    """Replays by name: all, those of an archive, or those in a state."""
    v = Violations()
    if request.state != _PAUSED:
        v.choice("state", request.state, _STATES)
    v.check()
    check_one_filter(request.name_prefix, request.event_source_arn, request.state)
    found = {
        replay.name: replay
        for replay in call.broker.event_replays.all(call.namespace, request.name_prefix)
        if request.event_source_arn in (None, archive_arn(call.namespace, replay.archive))
        and request.state in (None, replay.status)
    }
    names, token = limited_page_of(list(found), request.next_token, request.limit)
    members = [ReplayMember(**_shared(call.namespace, found[name])) for name in names]
    return ListReplaysResponse(replays=members, next_token=token)


class CancelReplayResponse(Members, kw_only=True):
    replay_arn: str
    state: str


@events.action("CancelReplay", ReplayRequest)
async def cancel_replay(call: Call, request: ReplayRequest) -> CancelReplayResponse:
    """End a replay early."""
    replay = await call.broker.event_replays.cancel(call.namespace, request.replay_name)
    return CancelReplayResponse(replay_arn=_arn(call.namespace, replay.name), state=replay.status)


def _rules(namespace: Namespace, bus: str, arns: list[str]) -> tuple[str, ...]:
    """The names of the rules, which are all of that bus. Raises: InvalidParameter."""
    start = namespace.arn("events", "rule/" if bus == "default" else f"rule/{bus}/")
    for arn in arns:
        if not arn.startswith(start) or "/" in arn.removeprefix(start):
            raise _invalid("Destination.FilterArns", f"{arn} is no rule of the event bus.")
    return tuple(arn.removeprefix(start) for arn in arns)


def _shared(namespace: Namespace, replay: EventReplay) -> dict[str, Any]:
    last_ms, ended_ms = replay.last_event_ms, replay.ended_at_ms
    return {
        "replay_name": replay.name,
        "event_source_arn": (
            archive_arn(namespace, replay.archive)
            if replay.archive
            else bus_arn(namespace, replay.event_bus)  # a native replay of the ledger
        ),
        "state": replay.status,
        "state_reason": replay.reason or None,
        "event_start_time": replay.from_ms / 1000,
        "event_end_time": replay.until_ms / 1000,
        "event_last_replayed_time": last_ms / 1000 if last_ms is not None else None,
        "replay_start_time": replay.created_at_ms / 1000,
        "replay_end_time": ended_ms / 1000 if ended_ms is not None else None,
    }


def _arn(namespace: Namespace, name: str) -> str:
    return namespace.arn("events", f"replay/{name}")


def _invalid(parameter: str, reason: str) -> InvalidParameter:
    return InvalidParameter(f"Parameter {parameter} is not valid. Reason: {reason}")
