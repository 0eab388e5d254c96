"""replay policies: which part of a FIFO topic's archive a subscription wants again"""

from datetime import UTC, datetime
from typing import Any

from broker.core.errors import InvalidParameter
from broker.core.json_text import InvalidJson, parse_json
from broker.core.resources import Replay, Topic

__all__ = ["ACTIVE", "archive_begins_ms", "parse_replay_policy"]

ACTIVE = ("Pending", "In progress")
DAY_MS = 86_400_000


def archive_begins_ms(topic: Topic, now_ms: int) -> int | None:
    """The time from which on messages are there; None if the topic has no archive."""
    if topic.archive_retention_days is None:
        return None
    return max(topic.archive_began_ms, now_ms - topic.archive_retention_days * DAY_MS)


def parse_replay_policy(topic: Topic, text: str, now_ms: int) -> Replay | None:
    """A replay that is to begin; None if the text is empty: none is wanted, or no longer.

    It ends with what was published before it began, or at its EndingPoint. Newer messages are
    delivered all the while. Raises: InvalidParameter, whose text goes on behind `ReplayPolicy: `.
    Source: SNS developer guide, message archiving and replay.
    """
    policy = _parsed(text)
    if not policy:
        return None
    begins_ms = archive_begins_ms(topic, now_ms)
    if begins_ms is None:
        raise InvalidParameter("the topic has no ArchivePolicy.")
    unknown = set(policy) - {"PointType", "StartingPoint", "EndingPoint"}
    if unknown:
        raise InvalidParameter(f"{min(unknown)} is not known.")
    if policy.get("PointType") != "Timestamp":
        raise InvalidParameter("PointType must be Timestamp.")
    from_ms = _time_ms("StartingPoint", policy.get("StartingPoint"))
    until_ms = now_ms
    if "EndingPoint" in policy:
        until_ms = min(_time_ms("EndingPoint", policy["EndingPoint"]), now_ms)
    if from_ms > until_ms:
        raise InvalidParameter("StartingPoint must be before EndingPoint, and in the past.")
    return Replay(policy=text, from_ms=max(from_ms, begins_ms), until_ms=until_ms)


def _parsed(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        policy = parse_json(text)
    except InvalidJson:
        policy = None
    if not isinstance(policy, dict):
        raise InvalidParameter("failed to parse JSON.")
    return policy


def _time_ms(member: str, value: object) -> int:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        raise InvalidParameter(
            f"{member} must be a time such as 2026-01-02T03:04:05.678Z."
        ) from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return int(at.timestamp() * 1000)
