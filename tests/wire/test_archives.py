"""archives and replays, by boto3"""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.wire.refusals import raises_refusal

PATTERN = json.dumps({"source": ["shop"]})
PATIENCE_S = 20.0


@pytest.fixture
def bus(events: Any, name: str) -> str:
    events.create_event_bus(Name=name)
    return name


@pytest.fixture
def bus_arn(bus: str) -> str:
    return f"arn:aws:events:us-east-1:000000000000:event-bus/{bus}"


@pytest.fixture
def queue_arn(queue: str) -> str:
    return f"arn:aws:sqs:us-east-1:000000000000:{queue.rpartition('/')[2]}"


def put(events: Any, bus: str, *totals: int) -> None:
    entries = [
        {
            "Source": "shop",
            "DetailType": "sold",
            "Detail": json.dumps({"total": total}),
            "EventBusName": bus,
        }
        for total in totals
    ]
    assert events.put_events(Entries=entries)["FailedEntryCount"] == 0


def rule(events: Any, bus: str, name: str, queue_arn: str) -> str:
    arn = events.put_rule(Name=name, EventBusName=bus, EventPattern=PATTERN)["RuleArn"]
    events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "1", "Arn": queue_arn}])
    return str(arn)


def receive_all(sqs: Any, queue: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            found.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return found


def replayed(events: Any, name: str) -> dict[str, Any]:
    """The replay, once it is over."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        described: dict[str, Any] = events.describe_replay(ReplayName=name)
        if described["State"] in ("COMPLETED", "CANCELLED", "FAILED"):
            return described
        assert time.monotonic() < deadline, described
        time.sleep(0.02)


def test_an_archive_is_made_described_changed_listed_and_deleted(
    events: Any, bus: str, bus_arn: str, name: str
) -> None:
    made = events.create_archive(
        ArchiveName=name,
        EventSourceArn=bus_arn,
        Description="all sales",
        EventPattern=PATTERN,
        RetentionDays=7,
    )
    assert made["State"] == "ENABLED"
    assert made["ArchiveArn"] == f"arn:aws:events:us-east-1:000000000000:archive/{name}"
    put(events, bus, 1, 2)
    described = events.describe_archive(ArchiveName=name)
    del described["ResponseMetadata"]
    assert described == {
        "ArchiveArn": made["ArchiveArn"],
        "ArchiveName": name,
        "EventSourceArn": bus_arn,
        "Description": "all sales",
        "EventPattern": PATTERN,
        "State": "ENABLED",
        "RetentionDays": 7,
        "EventCount": 2,
        "CreationTime": made["CreationTime"],
    }
    events.update_archive(ArchiveName=name, RetentionDays=0, Description="for ever")
    changed = events.describe_archive(ArchiveName=name)
    assert (changed["RetentionDays"], changed["Description"]) == (0, "for ever")
    assert changed["EventPattern"] == PATTERN
    events.update_archive(ArchiveName=name, EventPattern="")
    assert "EventPattern" not in events.describe_archive(ArchiveName=name)
    (listed,) = events.list_archives(EventSourceArn=bus_arn)["Archives"]
    assert (listed["ArchiveName"], listed["EventCount"]) == (name, 2)
    events.delete_archive(ArchiveName=name)
    with raises_refusal("ResourceNotFoundException", f"Archive {name} does not exist."):
        events.describe_archive(ArchiveName=name)


def test_archives_that_can_not_be(events: Any, bus: str, bus_arn: str, name: str) -> None:
    events.create_archive(ArchiveName=name, EventSourceArn=bus_arn)
    with raises_refusal("ResourceAlreadyExistsException", f"Archive {name} already exists."):
        events.create_archive(ArchiveName=name, EventSourceArn=bus_arn)
    with raises_refusal("ResourceNotFoundException", "Event bus nowhere does not exist."):
        events.create_archive(
            ArchiveName="a", EventSourceArn=bus_arn.replace(f"/{bus}", "/nowhere")
        )
    with raises_refusal("InvalidEventPatternException"):
        events.create_archive(ArchiveName="a", EventSourceArn=bus_arn, EventPattern='{"a": 1}')
    with raises_refusal("ValidationException"):
        events.list_archives(EventSourceArn=bus_arn, NamePrefix="a")
    # What a replay shows that was halted natively can be asked for.
    assert events.list_replays(State="PAUSED")["Replays"] == []
    for action in (events.update_archive, events.delete_archive):
        with raises_refusal("ResourceNotFoundException", "Archive nothing does not exist."):
            action(ArchiveName="nothing")


def test_a_replay_brings_what_was_archived_in_its_time_once_more(
    events: Any, sqs: Any, bus: str, bus_arn: str, name: str, queue: str, queue_arn: str
) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)
    archive = events.create_archive(ArchiveName=name, EventSourceArn=bus_arn)["ArchiveArn"]
    rule(events, bus, "r", queue_arn)
    for batch in range(3):
        put(events, bus, *range(batch * 10, batch * 10 + 10))
    first = receive_all(sqs, queue, 30)
    assert sorted(event["detail"]["total"] for event in first) == list(range(30))
    started = events.start_replay(
        ReplayName=name,
        EventSourceArn=archive,
        EventStartTime=began,
        EventEndTime=datetime.now(UTC) + timedelta(hours=1),
        Destination={"Arn": bus_arn},
    )
    assert started["State"] == "STARTING"
    again = receive_all(sqs, queue, 30)
    assert {event["id"] for event in again} == {event["id"] for event in first}
    assert {event["replay-name"] for event in again} == {name}
    assert list(again[0])[6:8] == ["region", "replay-name"]
    over = replayed(events, name)
    assert (over["State"], over["Destination"]) == ("COMPLETED", {"Arn": bus_arn})
    assert over["ReplayEndTime"] >= over["ReplayStartTime"] >= over["EventLastReplayedTime"]
    assert events.describe_archive(ArchiveName=name)["EventCount"] == 30
    (listed,) = events.list_replays(EventSourceArn=archive)["Replays"]
    assert (listed["ReplayName"], listed["State"]) == (name, "COMPLETED")
    with raises_refusal("IllegalStatusException"):
        events.cancel_replay(ReplayName=name)


def test_a_replay_to_chosen_rules(
    events: Any, sqs: Any, bus: str, bus_arn: str, name: str, make_queue: Any
) -> None:
    began = datetime.now(UTC) - timedelta(seconds=1)
    archive = events.create_archive(ArchiveName=name, EventSourceArn=bus_arn)["ArchiveArn"]
    put(events, bus, 1)
    wanted, other = make_queue(), make_queue()
    arns = [url.replace(url.rpartition("/")[0] + "/", "") for url in (wanted, other)]
    start = "arn:aws:sqs:us-east-1:000000000000:"
    chosen = rule(events, bus, "chosen", start + arns[0])
    rule(events, bus, "other", start + arns[1])
    given = {
        "EventSourceArn": archive,
        "EventStartTime": began,
        "EventEndTime": datetime.now(UTC),
    }
    destination = {"Arn": bus_arn, "FilterArns": [chosen]}
    events.start_replay(ReplayName=name, Destination=destination, **given)
    assert replayed(events, name)["Destination"] == destination
    assert len(receive_all(sqs, wanted, 1)) == 1
    assert "Messages" not in sqs.receive_message(QueueUrl=other)

    invalid = "Parameter {} is not valid. Reason: {}".format
    with raises_refusal("ResourceAlreadyExistsException", f"Replay {name} already exists."):
        events.start_replay(ReplayName=name, Destination=destination, **given)
    for changes, message in (
        (
            {"EventSourceArn": archive + "x"},
            invalid("EventSourceArn", f"Archive {name}x does not exist."),
        ),
        (
            {"Destination": {"Arn": bus_arn + "x"}},
            invalid("Destination.Arn", "Cross event bus replay is not permitted."),
        ),
        (
            {"EventEndTime": began},
            invalid("EventEndTime", "EventStartTime must be before EventEndTime."),
        ),
    ):
        with raises_refusal("ValidationException", message):
            events.start_replay(
                **{"ReplayName": "r", "Destination": destination, **given, **changes}
            )
    with raises_refusal("ResourceNotFoundException", "Replay nothing does not exist."):
        events.describe_replay(ReplayName="nothing")
