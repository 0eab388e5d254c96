"""EventBridge through an unmodified boto3"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.daemon import Daemon
from tests.wire.refusals import raises_refusal

MIB = 1_048_576
PATTERN = json.dumps({"source": ["shop"]})


@pytest.fixture
def bus(events: Any, name: str) -> str:
    """The name of an empty bus."""
    events.create_event_bus(Name=name)
    return name


@pytest.fixture
def queue_arn(queue: str) -> str:
    return f"arn:aws:sqs:us-east-1:000000000000:{queue.rpartition('/')[2]}"


def put_rule(events: Any, bus: str, *targets: str, pattern: str = PATTERN) -> str:
    """A rule `r` with these targets; its ARN."""
    arn = events.put_rule(Name="r", EventBusName=bus, EventPattern=pattern)["RuleArn"]
    if targets:
        given = [{"Id": str(n), "Arn": target} for n, target in enumerate(targets)]
        events.put_targets(Rule="r", EventBusName=bus, Targets=given)
    return str(arn)


def entry(bus: str, **changes: Any) -> dict[str, Any]:
    """An event of the shop; a change to None leaves the member out."""
    whole = {"Source": "shop", "DetailType": "sold", "Detail": "{}", "EventBusName": bus}
    return {name: value for name, value in {**whole, **changes}.items() if value is not None}


def receive(sqs: Any, queue: str) -> dict[str, Any]:
    (message,) = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return dict(json.loads(message["Body"]))


# Events


def test_a_matching_event_arrives_whole(
    events: Any, sqs: Any, bus: str, queue: str, queue_arn: str
) -> None:
    put_rule(events, bus, queue_arn)
    detail = {"id": 7, "price": 1.5, "tags": ["ä", None, True], "nested": {"a": {}}}
    sent = events.put_events(
        Entries=[
            entry(
                bus,
                Detail=json.dumps(detail),
                Time=datetime(2026, 1, 2, 3, 4, 5, 999_000, tzinfo=UTC),
                Resources=["arn:one", "two"],
                TraceHeader="Root=1",
            )
        ]
    )
    assert sent["FailedEntryCount"] == 0
    (result,) = sent["Entries"]
    received = receive(sqs, queue)
    assert list(received) == [
        "version",
        "id",
        "detail-type",
        "source",
        "account",
        "time",
        "region",
        "resources",
        "detail",
    ]
    assert received == {
        "version": "0",
        "id": result["EventId"],
        "detail-type": "sold",
        "source": "shop",
        "account": "000000000000",
        "time": "2026-01-02T03:04:05Z",
        "region": "us-east-1",
        "resources": ["arn:one", "two"],
        "detail": detail,
    }


def test_only_events_that_match_arrive(
    events: Any, sqs: Any, bus: str, queue: str, queue_arn: str
) -> None:
    pattern = json.dumps({"detail": {"price": [{"numeric": [">", 10]}]}})
    put_rule(events, bus, queue_arn, pattern=pattern)
    events.put_events(
        Entries=[entry(bus, Detail=json.dumps({"price": price})) for price in (5, 11, 10, 12)]
    )
    assert [receive(sqs, queue)["detail"]["price"] for _ in range(2)] == [11, 12]
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)


def test_the_default_bus_needs_no_name_and_a_bus_may_be_named_by_arn(
    events: Any, sqs: Any, bus: str, queue: str, queue_arn: str, name: str
) -> None:
    pattern = json.dumps({"source": [name]})
    events.put_rule(Name=name, EventPattern=pattern)
    events.put_targets(Rule=name, Targets=[{"Id": "a", "Arn": queue_arn}])
    events.put_events(Entries=[entry("default", Source=name, EventBusName=None)])
    assert receive(sqs, queue)["source"] == name
    put_rule(events, bus, queue_arn)
    arn = events.describe_event_bus(Name=bus)["Arn"]
    events.put_events(Entries=[entry(arn)])
    assert receive(sqs, queue)["source"] == "shop"


def test_a_constant_input_takes_the_events_place(
    events: Any, sqs: Any, bus: str, queue: str, queue_arn: str
) -> None:
    put_rule(events, bus)
    target = {"Id": "a", "Arn": queue_arn, "Input": '{"constant": 1}'}
    events.put_targets(Rule="r", EventBusName=bus, Targets=[target])
    events.put_events(Entries=[entry(bus)])
    assert receive(sqs, queue) == {"constant": 1}


def test_bad_entries_fail_for_themselves_in_order(events: Any, bus: str) -> None:
    required = "is a required argument."
    answer = events.put_events(
        Entries=[
            entry(bus, Source=None),
            entry(bus, DetailType=None),
            entry(bus, Detail=None),
            entry(bus, Detail="no JSON"),
            entry(bus, Detail="[]"),
            entry(bus, Detail='{"a":' + "[" * 50_000),
            entry(bus, Source="aws.ec2"),
            entry(bus),
        ]
    )
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["FailedEntryCount"] == 7
    assert [
        (each["ErrorCode"], each["ErrorMessage"])
        for each in answer["Entries"]
        if "ErrorCode" in each
    ] == [
        ("InvalidArgument", f"Parameter Source is not valid. Reason: Source {required}"),
        ("InvalidArgument", f"Parameter DetailType is not valid. Reason: DetailType {required}"),
        ("InvalidArgument", f"Parameter Detail is not valid. Reason: Detail {required}"),
        ("MalformedDetail", "Detail is malformed."),
        ("MalformedDetail", "Detail is malformed."),
        ("MalformedDetail", "Detail is malformed."),
        ("NotAuthorizedForSourceException", "Not authorized for the source."),
    ]
    assert answer["Entries"][7]["EventId"]


def test_what_is_too_long_in_one_entry_refuses_them_all(events: Any, bus: str) -> None:
    events.put_events(Entries=[entry(bus, Resources=["r" * 2_048], TraceHeader="t" * 500)])
    resource, header = "r" * 2_049, "t" * 501
    message = (
        f"2 validation errors detected: Value '{resource}' at "
        "'entries.2.member.resources.2.member' failed to satisfy constraint: "
        "Member must have length less than or equal to 2048; "
        f"Value '{header}' at 'entries.2.member.traceHeader' failed to satisfy constraint: "
        "Member must have length less than or equal to 500"
    )
    with raises_refusal("ValidationException", message):
        events.put_events(
            Entries=[entry(bus), entry(bus, Resources=["r", resource], TraceHeader=header)]
        )


def test_a_state_that_there_is_not(events: Any) -> None:
    message = (
        "1 validation error detected: Value 'GONE' at 'state' failed to satisfy constraint: Member "
        "must satisfy enum value set: [ENABLED, DISABLED, "
        "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]"
    )
    with raises_refusal("ValidationException", message):
        events.put_rule(Name="r", EventPattern=PATTERN, State="GONE")


@pytest.mark.parametrize("time", [1e300, -1e300, 1e18, -1e18])
def test_a_time_that_no_calendar_has(broker: Daemon, bus: str, time: float) -> None:
    answer = post(broker, "PutEvents", {"Entries": [entry(bus, Time=time), entry(bus)]})
    assert answer.status_code == 200
    bad, good = answer.json()["Entries"]
    assert bad["ErrorCode"] == "InvalidArgument"
    assert good["EventId"]


def post(broker: Daemon, action: str, members: dict[str, Any]) -> httpx.Response:
    headers = {"X-Amz-Target": f"AWSEvents.{action}", "Content-Type": "application/x-amz-json-1.1"}
    return httpx.post(broker.url, headers=headers, json=members)


def test_an_event_on_a_bus_that_is_not_there_is_accepted(events: Any) -> None:
    answer = events.put_events(Entries=[entry("nowhere")])
    assert answer["FailedEntryCount"] == 0
    assert answer["Entries"][0]["EventId"]


def test_ten_entries_and_one_more(events: Any, bus: str) -> None:
    assert events.put_events(Entries=[entry(bus)] * 10)["FailedEntryCount"] == 0
    with pytest.raises(events.exceptions.ClientError, match=r"less than or equal to 10$"):
        events.put_events(Entries=[entry(bus)] * 11)


def test_entries_of_1_mib_and_one_byte_more(events: Any, bus: str) -> None:
    def events_of(size: int) -> list[dict[str, Any]]:
        rest = len("shop") + len("sold") + len('{"a":""}') + len("ä".encode()) + 14
        detail = json.dumps({"a": "x" * (size - rest)}, separators=(",", ":"))
        return [entry(bus, Detail=detail, Resources=["ä"], Time=datetime.now(UTC))]

    assert events.put_events(Entries=events_of(MIB))["FailedEntryCount"] == 0
    with raises_refusal(
        "ValidationException", "Total size of the entries in the request is over the limit."
    ):
        events.put_events(Entries=events_of(MIB + 1))


def test_patterns_are_tried_without_a_rule(events: Any) -> None:
    event = {
        "id": "1",
        "account": "1",
        "source": "shop",
        "time": "2026-01-02T03:04:05Z",
        "region": "us-east-1",
        "resources": [],
        "detail-type": "sold",
        "detail": {"a": [1, 2]},
    }

    def matches(pattern: dict[str, Any], **changes: Any) -> bool:
        given = {**event, **changes}
        answer = events.test_event_pattern(
            EventPattern=json.dumps(pattern), Event=json.dumps(given)
        )
        return bool(answer["Result"])

    assert matches({"source": ["shop"], "detail": {"a": [2]}})
    assert not matches({"source": ["Shop"]})
    for event_text in ('{"id": "1"}', "no JSON", "[]", '{"id":' + "[" * 50_000):
        with raises_refusal("ValidationException", "Parameter Event is not valid."):
            events.test_event_pattern(EventPattern=PATTERN, Event=event_text)


BAD_PATTERNS = [
    ('{"a": "string"}', '"string" must be an object or an array'),
    ('{"a": []}', "Empty arrays are not allowed"),
    ('{"a": [{"EXISTS": true}]}', "Unrecognized match type EXISTS"),
    ('{"a": [{"prefix": 1}]}', "prefix match pattern must be a string"),
    ('{"a": [{"cidr": "10.0.0.0"}]}', "Malformed CIDR, one '/' required"),
    ('{"a": [{"wildcard": "*:*:*:*:*:event-bus/*"}]}', "Rule is too complex - try using fewer"),
]


@pytest.mark.parametrize(("pattern", "reason"), BAD_PATTERNS)
def test_bad_patterns(events: Any, bus: str, pattern: str, reason: str) -> None:
    for call in (
        lambda: events.test_event_pattern(EventPattern=pattern, Event="{}"),
        lambda: events.put_rule(Name="r", EventBusName=bus, EventPattern=pattern),
    ):
        with pytest.raises(events.exceptions.InvalidEventPatternException) as caught:
            call()
        text = caught.value.response["Error"]["Message"]
        assert text.startswith("Event pattern is not valid. Reason: ")
        assert reason.replace('"string"', "") in text


def test_patterns_nested_without_end(events: Any, bus: str) -> None:
    for pattern in ("no JSON", "[]", '{"a":' * 600, '{"a":' * 600 + '["b"]' + "}" * 600):
        with raises_refusal("InvalidEventPatternException"):
            events.put_rule(Name="r", EventBusName=bus, EventPattern=pattern)
        with raises_refusal("InvalidEventPatternException"):
            events.test_event_pattern(EventPattern=pattern, Event="{}")


def test_patterns_of_4096_characters_and_one_more(events: Any, bus: str) -> None:
    def pattern_of(size: int) -> str:
        return '{"a":["' + "x" * (size - len('{"a":[""]}')) + '"]}'

    put_rule(events, bus, pattern=pattern_of(4_096))
    with raises_refusal("ValidationException", "Parameter Event is not valid."):
        events.test_event_pattern(EventPattern=pattern_of(4_096), Event="{}")
    too_long = "Event pattern is not valid. Reason: Event pattern is too long"
    with raises_refusal("InvalidEventPatternException", too_long):
        put_rule(events, bus, pattern=pattern_of(4_097))
    with raises_refusal("InvalidEventPatternException", too_long):
        events.test_event_pattern(EventPattern=pattern_of(4_097), Event="{}")


# Buses


def test_a_bus(events: Any, name: str) -> None:
    arn = f"arn:aws:events:us-east-1:000000000000:event-bus/{name}"
    made = events.create_event_bus(Name=name, Description="d")
    assert (made["EventBusArn"], made["Description"]) == (arn, "d")
    for named in (name, arn):
        found = events.describe_event_bus(Name=named)
        assert (found["Name"], found["Arn"], found["Description"]) == (name, arn, "d")
        assert found["CreationTime"] == found["LastModifiedTime"]
        assert abs((datetime.now(UTC) - found["CreationTime"]).total_seconds()) < 3_600
    with raises_refusal("ResourceAlreadyExistsException", f"Event bus {name} already exists."):
        events.create_event_bus(Name=name)
    for _ in range(2):
        events.delete_event_bus(Name=name)
    with raises_refusal("ResourceNotFoundException", f"Event bus {name} does not exist."):
        events.describe_event_bus(Name=name)


def test_the_default_bus_is_always_there(events: Any) -> None:
    found = events.describe_event_bus()
    assert found["Name"] == "default"
    assert found["Arn"] == "arn:aws:events:us-east-1:000000000000:event-bus/default"
    with raises_refusal("ValidationException", "Cannot delete event bus default."):
        events.delete_event_bus(Name="default")
    with raises_refusal("ResourceAlreadyExistsException", "Event bus default already exists."):
        events.create_event_bus(Name="default")


@pytest.mark.parametrize("good", ["a/b.c-d_E9", "n" * 256])
def test_good_bus_names(events: Any, good: str) -> None:
    events.create_event_bus(Name=good)
    assert events.describe_event_bus(Name=good)["Name"] == good


@pytest.mark.parametrize("bad", ["n" * 257, "a b", "ä", "a:b"])
def test_bad_bus_names(events: Any, bad: str) -> None:
    with raises_refusal("ValidationException"):
        events.create_event_bus(Name=bad)


def test_a_bus_with_rules_stays(events: Any, bus: str) -> None:
    put_rule(events, bus)
    with raises_refusal("ValidationException"):
        events.delete_event_bus(Name=bus)


def test_buses_by_prefix_and_page(broker: Daemon) -> None:
    events = broker.client("events", account="777777777777")
    for name in ("b1", "a2", "a1", "a3"):
        events.create_event_bus(Name=name)
    every = events.list_event_buses()["EventBuses"]
    assert [bus["Name"] for bus in every] == ["a1", "a2", "a3", "b1", "default"]
    first = events.list_event_buses(NamePrefix="a", Limit=2)
    assert [bus["Name"] for bus in first["EventBuses"]] == ["a1", "a2"]
    rest = events.list_event_buses(NamePrefix="a", Limit=2, NextToken=first["NextToken"])
    assert [bus["Name"] for bus in rest["EventBuses"]] == ["a3"]
    assert "NextToken" not in rest


# Rules


def test_a_rule(events: Any, bus: str) -> None:
    arn = f"arn:aws:events:us-east-1:000000000000:rule/{bus}/r"
    made = events.put_rule(
        Name="r",
        EventBusName=bus,
        EventPattern=PATTERN,
        Description="d",
        RoleArn="arn:aws:iam::000000000000:role/x",
        Tags=[{"Key": "a", "Value": "b"}],
    )
    assert made["RuleArn"] == arn
    found = events.describe_rule(Name="r", EventBusName=bus)
    del found["ResponseMetadata"]
    assert found == {
        "Name": "r",
        "Arn": arn,
        "EventPattern": PATTERN,
        "State": "ENABLED",
        "EventBusName": bus,
        "Description": "d",
        "RoleArn": "arn:aws:iam::000000000000:role/x",
    }
    events.disable_rule(Name="r", EventBusName=bus)
    assert events.describe_rule(Name="r", EventBusName=bus)["State"] == "DISABLED"
    events.enable_rule(Name="r", EventBusName=bus)
    assert events.describe_rule(Name="r", EventBusName=bus)["State"] == "ENABLED"
    for _ in range(2):
        events.delete_rule(Name="r", EventBusName=bus, Force=True)
    with raises_refusal("ResourceNotFoundException", f"Rule r does not exist on EventBus {bus}."):
        events.describe_rule(Name="r", EventBusName=bus)


def test_a_rule_of_the_default_bus_has_a_short_arn(events: Any, name: str) -> None:
    made = events.put_rule(Name=name, EventPattern=PATTERN, State="DISABLED")
    assert made["RuleArn"] == f"arn:aws:events:us-east-1:000000000000:rule/{name}"
    assert events.describe_rule(Name=name)["State"] == "DISABLED"
    with raises_refusal(
        "ResourceNotFoundException", "Rule nowhere does not exist on EventBus default."
    ):
        events.describe_rule(Name="nowhere")


def test_putting_a_rule_again_keeps_its_targets(events: Any, bus: str, queue_arn: str) -> None:
    put_rule(events, bus, queue_arn)
    changed = json.dumps({"source": ["other"]})
    put_rule(events, bus, pattern=changed)
    assert events.describe_rule(Name="r", EventBusName=bus)["EventPattern"] == changed
    found = events.list_targets_by_rule(Rule="r", EventBusName=bus)
    assert [target["Arn"] for target in found["Targets"]] == [queue_arn]


def test_a_disabled_rule_matches_nothing(
    events: Any, sqs: Any, bus: str, queue: str, queue_arn: str
) -> None:
    put_rule(events, bus, queue_arn)
    events.disable_rule(Name="r", EventBusName=bus)
    events.put_events(Entries=[entry(bus, DetailType="before")])
    events.enable_rule(Name="r", EventBusName=bus)
    events.put_events(Entries=[entry(bus, DetailType="after")])
    assert receive(sqs, queue)["detail-type"] == "after"


def test_rule_names_up_to_64_characters(events: Any, bus: str) -> None:
    for good in ("a.b-c_D9", "n" * 64):
        events.put_rule(Name=good, EventBusName=bus, EventPattern=PATTERN)
    for bad in ("n" * 65, "a b", "a/b", "ä"):
        with raises_refusal("ValidationException"):
            events.put_rule(Name=bad, EventBusName=bus, EventPattern=PATTERN)


def test_descriptions_and_roles_of_rules_as_long_as_may_be(events: Any, bus: str) -> None:
    given = {"Name": "r", "EventBusName": bus, "EventPattern": PATTERN}
    events.put_rule(**given, Description="d" * 512, RoleArn="r" * 1_600)
    description, role = "d" * 513, "r" * 1_601
    message = (
        f"2 validation errors detected: Value '{description}' at 'description' failed to satisfy "
        "constraint: Member must have length less than or equal to 512; "
        f"Value '{role}' at 'roleArn' failed to satisfy constraint: Member must have length less "
        "than or equal to 1600"
    )
    with raises_refusal("ValidationException", message):
        events.put_rule(**given, Description=description, RoleArn=role)


def test_rules_that_say_nothing(events: Any, bus: str) -> None:
    with raises_refusal("ValidationException"):
        events.put_rule(Name="r", EventBusName=bus)
    with raises_refusal("ValidationException"):
        events.put_rule(
            Name="r",
            EventBusName=bus,
            EventPattern=PATTERN,
            State="ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS",
        )


def test_a_bus_that_is_not_there(events: Any) -> None:
    message = "Event bus nowhere does not exist."
    calls: list[Callable[[], Any]] = [
        lambda: put_rule(events, "nowhere"),
        lambda: events.list_rules(EventBusName="nowhere"),
        lambda: events.describe_rule(Name="r", EventBusName="nowhere"),
        lambda: events.list_targets_by_rule(Rule="r", EventBusName="nowhere"),
    ]
    for call in calls:
        with raises_refusal("ResourceNotFoundException", message):
            call()


def test_rules_by_prefix_and_page(events: Any, bus: str) -> None:
    for name in ("b1", "a2", "a1", "a3"):
        events.put_rule(Name=name, EventBusName=bus, EventPattern=PATTERN)
    every = events.list_rules(EventBusName=bus)["Rules"]
    assert [rule["Name"] for rule in every] == ["a1", "a2", "a3", "b1"]
    assert every[0]["EventPattern"] == PATTERN
    first = events.list_rules(EventBusName=bus, NamePrefix="a", Limit=2)
    assert [rule["Name"] for rule in first["Rules"]] == ["a1", "a2"]
    rest = events.list_rules(
        EventBusName=bus, NamePrefix="a", Limit=2, NextToken=first["NextToken"]
    )
    assert [rule["Name"] for rule in rest["Rules"]] == ["a3"]
    assert "NextToken" not in rest
    with raises_refusal(
        "ValidationException",
        "1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: "
        "Member must have value less than or equal to 100",
    ):
        events.list_rules(EventBusName=bus, Limit=101)


# Targets


def test_targets(events: Any, bus: str, queue_arn: str) -> None:
    put_rule(events, bus)
    targets = [
        {"Id": "b", "Arn": queue_arn, "Input": "[1]"},
        {"Id": "a", "Arn": queue_arn + "x", "RoleArn": "arn:aws:iam::000000000000:role/x"},
    ]
    answer = events.put_targets(Rule="r", EventBusName=bus, Targets=targets)
    assert (answer["FailedEntryCount"], answer["FailedEntries"]) == (0, [])
    first = events.list_targets_by_rule(Rule="r", EventBusName=bus, Limit=1)
    assert first["Targets"] == [targets[1]]
    rest = events.list_targets_by_rule(
        Rule="r", EventBusName=bus, Limit=1, NextToken=first["NextToken"]
    )
    assert rest["Targets"] == [targets[0]]
    assert "NextToken" not in rest
    replaced = {"Id": "a", "Arn": queue_arn}
    events.put_targets(Rule="r", EventBusName=bus, Targets=[replaced])
    names = events.list_rule_names_by_target(TargetArn=queue_arn, EventBusName=bus)
    assert names["RuleNames"] == ["r"]
    with raises_refusal("ValidationException", "Rule can't be deleted since it has targets."):
        events.delete_rule(Name="r", EventBusName=bus)
    answer = events.remove_targets(Rule="r", EventBusName=bus, Ids=["a", "b", "none"])
    assert answer["FailedEntryCount"] == 0
    assert events.list_targets_by_rule(Rule="r", EventBusName=bus)["Targets"] == []
    found = events.list_rule_names_by_target(TargetArn=queue_arn, EventBusName=bus)
    assert found["RuleNames"] == []


def test_five_targets_and_one_more(events: Any, bus: str, queue_arn: str) -> None:
    put_rule(events, bus, *[queue_arn] * 5)
    with raises_refusal(
        "LimitExceededException", "The requested resource exceeds the maximum number allowed."
    ):
        events.put_targets(
            Rule="r", EventBusName=bus, Targets=[{"Id": "one-more", "Arn": queue_arn}]
        )


FORM = "Member must satisfy regular expression pattern: [\\.\\-_A-Za-z0-9]+"
BUS_FORM = FORM.replace("[", "[/")
TOO_SHORT = "Member must have length greater than or equal to 1"


def violations(value: str, path: str, *constraints: str) -> str:
    """The refusal of a value that keeps none of the constraints."""
    each = (f"Value '{value}' at '{path}' failed to satisfy constraint: {c}" for c in constraints)
    plural = "s" if len(constraints) > 1 else ""
    return f"{len(constraints)} validation error{plural} detected: {'; '.join(each)}"


DESTINATION = {
    "ConnectionArn": "arn:aws:events:us-east-1:000000000000:connection/c/1",
    "InvocationEndpoint": "https://api.example",
    "HttpMethod": "POST",
}
KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "secret"}}
CONNECTION = {"AuthorizationType": "API_KEY", "AuthParameters": KEY}
REPLAY = {
    "EventSourceArn": "arn:aws:events:us-east-1:000000000000:archive/a",
    "EventStartTime": 0,
    "EventEndTime": 1,
    "Destination": {"Arn": "arn:aws:events:us-east-1:000000000000:event-bus/default"},
}
NAMED = [
    ("CreateEventBus", "Name", 256, BUS_FORM, {}),
    ("PutRule", "Name", 64, FORM, {"EventPattern": PATTERN}),
    ("CreateArchive", "ArchiveName", 48, FORM, {"EventSourceArn": REPLAY["Destination"]["Arn"]}),
    ("StartReplay", "ReplayName", 64, FORM, REPLAY),
    ("CreateConnection", "Name", 64, FORM, CONNECTION),
    ("CreateApiDestination", "Name", 64, FORM, DESTINATION),
]


@pytest.mark.parametrize(("action", "member", "longest", "form", "others"), NAMED)
def test_names_say_all_that_is_wrong_with_them(
    broker: Daemon, action: str, member: str, longest: int, form: str, others: dict[str, Any]
) -> None:
    too_long = f"Member must have length less than or equal to {longest}"
    path = member[0].lower() + member[1:]
    for bad, constraints in (
        ("", [TOO_SHORT, form]),
        ("a b", [form]),
        ("ä", [form]),
        ("n" * (longest + 1), [too_long]),
        ("ä" * (longest + 1), [too_long, form]),
    ):
        answer = post(broker, action, {member: bad, **others})
        assert (answer.status_code, answer.json()) == (
            400,
            {"__type": "ValidationException", "message": violations(bad, path, *constraints)},
        )


def test_a_name_and_a_description_are_refused_together(broker: Daemon) -> None:
    message = post(broker, "CreateEventBus", {"Name": "", "Description": "d" * 513}).json()[
        "message"
    ]
    assert message.startswith("3 validation errors detected: Value '' at 'name' failed")
    assert message.endswith(
        f"; Value '{'d' * 513}' at 'description' failed to satisfy constraint: "
        "Member must have length less than or equal to 512"
    )


@pytest.mark.parametrize(
    ("bad", "constraints"),
    [
        ("", [TOO_SHORT, FORM]),
        ("a b", [FORM]),
        ("ä", [FORM]),
        ("x" * 65, ["Member must have length less than or equal to 64"]),
    ],
)
def test_bad_target_ids(
    broker: Daemon, events: Any, bus: str, queue_arn: str, bad: str, constraints: list[str]
) -> None:
    put_rule(events, bus)
    targets = [{"Id": "ok", "Arn": queue_arn}, {"Id": bad, "Arn": queue_arn}]
    answer = post(broker, "PutTargets", {"Rule": "r", "EventBusName": bus, "Targets": targets})
    assert answer.status_code == 400
    assert answer.json() == {
        "__type": "ValidationException",
        "message": violations(bad, "targets.2.member.id", *constraints),
    }


def test_no_targets_and_no_ids(broker: Daemon, events: Any, bus: str) -> None:
    put_rule(events, bus)
    for action, member in (("PutTargets", "Targets"), ("RemoveTargets", "Ids")):
        answer = post(broker, action, {"Rule": "r", "EventBusName": bus, member: []})
        assert answer.status_code == 400
        assert answer.json() == {
            "__type": "ValidationException",
            "message": f"1 validation error detected: Value '[]' at '{member.lower()}' failed to "
            "satisfy constraint: Member must have length greater than or equal to 1",
        }


def test_targets_that_could_never_be_delivered_to(events: Any, bus: str, queue_arn: str) -> None:
    put_rule(events, bus)
    for target in (
        {"Arn": "nonsense"},
        {"Arn": "arn:aws:kinesis:us-east-1:000000000000:stream/x"},
        {"Arn": "arn:aws:sqs:us-east-1:000000000000:q.fifo"},
        {"Arn": "arn:aws:sns:us-east-1:000000000000:t.fifo"},
        {"Arn": queue_arn, "SqsParameters": {"MessageGroupId": "g" * 101}},
        {"Arn": queue_arn, "DeadLetterConfig": {"Arn": "nonsense"}},
        {"Arn": queue_arn, "InputPath": "detail"},
        {"Arn": queue_arn, "InputTransformer": {"InputTemplate": "<nowhere>"}},
        {"Arn": queue_arn, "InputPath": "$", "Input": "1"},
        {"Arn": queue_arn, "Input": "no JSON"},
        {"Arn": queue_arn, "Input": '"' + "x" * 8_191 + '"'},
    ):
        with raises_refusal("ValidationException"):
            events.put_targets(Rule="r", EventBusName=bus, Targets=[{"Id": "a", **target}])
    longest = '"' + "x" * 8_190 + '"'
    events.put_targets(
        Rule="r", EventBusName=bus, Targets=[{"Id": "a", "Arn": queue_arn, "Input": longest}]
    )


def test_targets_of_a_rule_that_is_not_there(events: Any, bus: str, queue_arn: str) -> None:
    message = f"Rule r does not exist on EventBus {bus}."
    with raises_refusal("ResourceNotFoundException", message):
        events.put_targets(Rule="r", EventBusName=bus, Targets=[{"Id": "a", "Arn": queue_arn}])
    with raises_refusal("ResourceNotFoundException", message):
        events.remove_targets(Rule="r", EventBusName=bus, Ids=["a"])
    with raises_refusal("ResourceNotFoundException", message):
        events.list_targets_by_rule(Rule="r", EventBusName=bus)


def test_a_target_is_told_as_it_was_given(events: Any, bus: str, queue_arn: str) -> None:
    put_rule(events, bus)
    targets = [
        {
            "Id": "a",
            "Arn": queue_arn + ".fifo",
            "InputTransformer": {
                "InputPathsMap": {"total": "$.detail.total"},
                "InputTemplate": '{"total": <total>, "rule": <aws.events.rule-name>}',
            },
            "SqsParameters": {"MessageGroupId": "walk"},
            "DeadLetterConfig": {"Arn": queue_arn},
            "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
        },
        {"Id": "b", "Arn": queue_arn, "InputPath": "$.detail"},
    ]
    events.put_targets(Rule="r", EventBusName=bus, Targets=targets)
    assert events.list_targets_by_rule(Rule="r", EventBusName=bus)["Targets"] == targets


def test_a_part_of_the_event_and_a_text_made_of_parts(
    events: Any, sqs: Any, bus: str, queue: str, queue_arn: str
) -> None:
    put_rule(events, bus)
    target: dict[str, Any] = {"Id": "a", "Arn": queue_arn, "InputPath": "$.detail"}
    events.put_targets(Rule="r", EventBusName=bus, Targets=[target])
    events.put_events(Entries=[entry(bus, Detail='{"total": 12}')])
    assert receive(sqs, queue) == {"total": 12}
    transformer = {
        "InputPathsMap": {"total": "$.detail.total"},
        "InputTemplate": '{"rule": <aws.events.rule-name>, "text": "costs <total>"}',
    }
    target = {"Id": "a", "Arn": queue_arn, "InputTransformer": transformer}
    events.put_targets(Rule="r", EventBusName=bus, Targets=[target])
    events.put_events(Entries=[entry(bus, Detail='{"total": 12}')])
    assert receive(sqs, queue) == {"rule": "r", "text": "costs 12"}


def test_an_event_that_can_not_take_its_form_is_a_dead_letter(
    events: Any, sqs: Any, bus: str, queue: str, queue_arn: str
) -> None:
    put_rule(events, bus)
    target = {
        "Id": "a",
        "Arn": queue_arn + "-other",
        "InputPath": "$.detail.gone",
        "DeadLetterConfig": {"Arn": queue_arn},
    }
    sqs.create_queue(QueueName=queue_arn.rpartition(":")[2] + "-other")
    events.put_targets(Rule="r", EventBusName=bus, Targets=[target])
    events.put_events(Entries=[entry(bus)])
    (message,) = sqs.receive_message(
        QueueUrl=queue, WaitTimeSeconds=5, MessageAttributeNames=["All"]
    )["Messages"]
    assert json.loads(message["Body"])["source"] == "shop"
    attributes = {name: a["StringValue"] for name, a in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "TRANSFORMATION_FAILED"
    assert attributes["RULE_ARN"].endswith(f":rule/{bus}/r")
    assert attributes["TARGET_ARN"] == target["Arn"]


def test_one_bus_after_the_other(
    events: Any, sqs: Any, bus: str, name: str, queue: str, queue_arn: str
) -> None:
    second = events.create_event_bus(Name=f"{name}-second")["EventBusArn"]
    put_rule(events, bus, second)
    put_rule(events, f"{name}-second", queue_arn)
    event_id = events.put_events(Entries=[entry(bus)])["Entries"][0]["EventId"]
    assert receive(sqs, queue)["id"] == event_id


# A bus's settings


def test_a_bus_can_be_changed(events: Any, bus: str, queue_arn: str) -> None:
    dead_letters = {"Arn": queue_arn}
    changed = events.update_event_bus(Name=bus, Description="all", DeadLetterConfig=dead_letters)
    assert (changed["Name"], changed["Description"]) == (bus, "all")
    assert changed["DeadLetterConfig"] == dead_letters
    events.update_event_bus(Name=bus, Description="all of it")
    described = events.describe_event_bus(Name=bus)
    assert described["Description"] == "all of it"
    assert described["DeadLetterConfig"] == dead_letters
    events.update_event_bus(Name=bus, DeadLetterConfig={})
    assert "DeadLetterConfig" not in events.describe_event_bus(Name=bus)
    with raises_refusal("ResourceNotFoundException", "Event bus nowhere does not exist."):
        events.update_event_bus(Name="nowhere", Description="x")


@pytest.mark.parametrize(
    "elsewhere",
    ["arn:aws:sqs:us-east-1:999999999999:dead", "arn:aws:sqs:eu-west-1:000000000000:dead"],
)
def test_dead_letters_stay_in_their_account_and_region(
    events: Any, bus: str, queue_arn: str, elsewhere: str
) -> None:
    put_rule(events, bus)
    dead_letters = {"Arn": elsewhere}
    target = {"Id": "a", "Arn": queue_arn, "DeadLetterConfig": dead_letters}
    message = (
        f"Parameter {elsewhere} is not valid. Reason: a dead-letter queue is in the event bus's "
        "own account and region."
    )
    for call in (
        lambda: events.create_event_bus(Name=f"{bus}-other", DeadLetterConfig=dead_letters),
        lambda: events.update_event_bus(Name=bus, DeadLetterConfig=dead_letters),
        lambda: events.put_targets(Rule="r", EventBusName=bus, Targets=[target]),
    ):
        with raises_refusal("ValidationException", message):
            call()
    assert "DeadLetterConfig" not in events.describe_event_bus(Name=bus)
    assert events.list_targets_by_rule(Rule="r", EventBusName=bus)["Targets"] == []


def test_permissions_are_statements_of_the_policy(events: Any, bus: str) -> None:
    arn = events.describe_event_bus(Name=bus)["Arn"]
    given = {"EventBusName": bus, "Action": "events:PutEvents"}
    events.put_permission(StatementId="one", Principal="111111111111", **given)
    events.put_permission(
        StatementId="all",
        Principal="*",
        Condition={"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1"},
        **given,
    )
    one = {
        "Sid": "one",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "events:PutEvents",
        "Resource": arn,
    }
    everybody = {
        **one,
        "Sid": "all",
        "Principal": "*",
        "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
    }
    policy = json.loads(events.describe_event_bus(Name=bus)["Policy"])
    assert policy == {"Version": "2012-10-17", "Statement": [one, everybody]}
    events.remove_permission(EventBusName=bus, StatementId="one")
    assert json.loads(events.describe_event_bus(Name=bus)["Policy"])["Statement"] == [everybody]
    with raises_refusal(
        "ResourceNotFoundException", "Statement with the provided id does not exist."
    ):
        events.remove_permission(EventBusName=bus, StatementId="one")
    events.put_permission(EventBusName=bus, Policy=json.dumps({**policy, "Statement": [one]}))
    assert json.loads(events.describe_event_bus(Name=bus)["Policy"])["Statement"] == [one]
    events.remove_permission(EventBusName=bus, RemoveAllPermissions=True)
    assert "Policy" not in events.describe_event_bus(Name=bus)
    with raises_refusal("ResourceNotFoundException", "EventBus does not have a policy."):
        events.remove_permission(EventBusName=bus, StatementId="one")


@pytest.mark.parametrize(
    "given",
    [
        {"StatementId": "a b", "Principal": "*", "Action": "events:PutEvents"},
        {"StatementId": "a", "Principal": "everybody", "Action": "events:PutEvents"},
        {"StatementId": "a", "Principal": "*", "Action": "events:PutRule"},
        {"StatementId": "a", "Policy": "{}"},
        {"Policy": "no JSON"},
        {"Policy": "{}"},
    ],
)
def test_permissions_that_say_nothing(broker: Daemon, bus: str, given: dict[str, Any]) -> None:
    answer = post(broker, "PutPermission", {"EventBusName": bus, **given})
    assert (answer.status_code, answer.json()["__type"]) == (400, "ValidationException")


def test_buses_and_rules_have_tags(events: Any, bus: str) -> None:
    put_rule(events, bus)
    for arn in (
        events.describe_event_bus(Name=bus)["Arn"],
        events.describe_rule(Name="r", EventBusName=bus)["Arn"],
    ):
        events.tag_resource(ResourceARN=arn, Tags=[{"Key": "team", "Value": "a"}])
        events.tag_resource(
            ResourceARN=arn, Tags=[{"Key": "team", "Value": "b"}, {"Key": "cost", "Value": "9"}]
        )
        assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [
            {"Key": "team", "Value": "b"},
            {"Key": "cost", "Value": "9"},
        ]
        events.untag_resource(ResourceARN=arn, TagKeys=["team", "none"])
        assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [
            {"Key": "cost", "Value": "9"}
        ]
        with raises_refusal("ValidationException"):
            events.tag_resource(ResourceARN=arn, Tags=[{"Key": "aws:x", "Value": ""}])
        with raises_refusal("LimitExceededException"):
            many = [{"Key": str(n), "Value": ""} for n in range(51)]
            events.tag_resource(ResourceARN=arn, Tags=many)
    with raises_refusal("ResourceNotFoundException"):
        events.list_tags_for_resource(
            ResourceARN="arn:aws:events:us-east-1:000000000000:event-bus/nowhere"
        )


# Who asks


def test_namespaces_do_not_see_each_other(
    broker: Daemon, events: Any, sqs: Any, bus: str, queue: str, queue_arn: str
) -> None:
    put_rule(events, bus, queue_arn)
    other = broker.client("events", account="888888888888")
    names = [each["Name"] for each in other.list_event_buses()["EventBuses"]]
    assert names == ["default"]
    other.create_event_bus(Name=bus)
    other.put_events(Entries=[entry(bus)])
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)


# What is not here says so


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("KinesisParameters", {"PartitionKeyPath": "$.id"}),
        ("EcsParameters", {"TaskDefinitionArn": "a"}),
    ],
)
def test_members_of_targets_that_are_not_supported(
    events: Any, bus: str, queue_arn: str, member: str, value: Any
) -> None:
    put_rule(events, bus)
    with raises_refusal("ValidationException", f"{member} is not supported by this broker."):
        target = {"Id": "a", "Arn": queue_arn, member: value}
        events.put_targets(Rule="r", EventBusName=bus, Targets=[target])


def test_members_that_are_not_supported_say_so_by_name(
    events: Any, broker: Daemon, bus: str, name: str
) -> None:
    answer = post(broker, "PutEvents", {"Entries": [entry(bus)], "EndpointId": "x.y"})
    assert answer.json()["message"] == "EndpointId is not supported by this broker."
    for member, value in (
        ("EventSourceName", "aws.partner/x"),
        ("KmsKeyIdentifier", "k"),
        ("LogConfig", {"Level": "OFF"}),
    ):
        with raises_refusal("ValidationException", f"{member} is not supported by this broker."):
            events.create_event_bus(Name=f"{name}-2", **{member: value})


def test_actions_that_are_not_supported_say_so_by_name(events: Any) -> None:
    for action, call in (("ListEndpoints", lambda: events.list_endpoints()),):
        with raises_refusal(
            "ValidationException", f"The action {action} is not supported by this broker."
        ):
            call()


def test_an_unknown_action_and_a_malformed_body(broker: Daemon) -> None:
    answer = post(broker, "Frobnicate", {})
    assert answer.status_code == 400
    assert answer.json()["__type"] == "UnknownOperationException"
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert "x-amzn-query-error" not in answer.headers
    answer = post(broker, "PutEvents", {"Entries": 5})
    assert answer.json()["__type"] == "SerializationException"
    assert answer.headers["x-amzn-requestid"]
