"""EventBridge Scheduler by unmodified clients: every action, its settings, its refusals"""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from broker.edge.aws.scheduler import scheduler as service
from broker.edge.aws.scheduler.members import GetScheduleResponse, ScheduleMembers, TargetMember
from tests.daemon import Daemon

ACCOUNT = "000000000000"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/scheduler"
OFF = {"Mode": "OFF"}
NEW_YEAR = "at(2099-01-01T00:00:00)"


@pytest.fixture(scope="module")
def scheduler(broker: Daemon) -> Any:
    return broker.client("scheduler")


@pytest.fixture
def make(scheduler: Any, name: str) -> Callable[..., str]:
    """Makes the test's schedule; what isn't said is at its plainest."""

    def create(**given: Any) -> str:
        members = {
            "Name": name,
            "ScheduleExpression": NEW_YEAR,
            "FlexibleTimeWindow": OFF,
            "Target": target("jobs"),
        } | given
        return str(scheduler.create_schedule(**members)["ScheduleArn"])

    return create


def target(queue: str, **given: Any) -> dict[str, Any]:
    return {"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}", "RoleArn": ROLE} | given


def soon(seconds: float = 0) -> str:
    """One time that has just come, or is about to."""
    return f"at({datetime.now(UTC) + timedelta(seconds=seconds + 1):%Y-%m-%dT%H:%M:%S})"


def refusal(call: Callable[..., Any], **given: Any) -> tuple[int, str, str]:
    """Status, code and message of a call that is refused."""
    with pytest.raises(ClientError) as refused:
        call(**given)
    answer = refused.value.response
    return (
        answer["ResponseMetadata"]["HTTPStatusCode"],
        answer["Error"]["Code"],
        answer["Error"]["Message"] or answer.get("Message", ""),
    )


def receive(sqs: Any, url: str) -> dict[str, Any]:
    answer = sqs.receive_message(
        QueueUrl=url,
        WaitTimeSeconds=10,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    )
    (found,) = answer["Messages"]
    return dict(found)


# Settings


def test_a_schedule_is_answered_as_it_was_made(
    scheduler: Any, make: Callable[..., str], name: str
) -> None:
    start, end = datetime(2090, 1, 1, tzinfo=UTC), datetime(2091, 1, 1, tzinfo=UTC)
    settings = {
        "ScheduleExpression": "cron(0/15 8-17 ? * MON-FRI *)",
        "ScheduleExpressionTimezone": "Europe/Berlin",
        "StartDate": start,
        "EndDate": end,
        "Description": "at work",
        "State": "DISABLED",
        "KmsKeyArn": f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k",
        "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
        "ActionAfterCompletion": "DELETE",
        "Target": target(
            "jobs.fifo",
            Input='{"a":1}',
            SqsParameters={"MessageGroupId": "g"},
            DeadLetterConfig={"Arn": f"arn:aws:sqs:us-east-1:{ACCOUNT}:dead"},
            RetryPolicy={"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0},
        ),
    }
    arn = make(**settings)
    assert arn == f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule/default/{name}"
    found = scheduler.get_schedule(Name=name)
    created, modified = found.pop("CreationDate"), found.pop("LastModificationDate")
    del found["ResponseMetadata"]
    assert found == settings | {"Arn": arn, "Name": name, "GroupName": "default"}
    assert created == modified
    assert abs(created - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_update_replaces_all_settings(
    scheduler: Any, make: Callable[..., str], name: str
) -> None:
    arn = make(Description="first", State="DISABLED", ScheduleExpressionTimezone="Asia/Tokyo")
    before = scheduler.get_schedule(Name=name)
    answer = scheduler.update_schedule(
        Name=name,
        ScheduleExpression="rate(5 days)",
        FlexibleTimeWindow=OFF,
        Target=target("other"),
        State="DISABLED",
    )
    assert answer["ScheduleArn"] == arn
    found = scheduler.get_schedule(Name=name)
    assert found["ScheduleExpression"] == "rate(5 days)"
    assert found["ScheduleExpressionTimezone"] == "UTC"
    assert found["Target"]["Arn"].endswith(":other")
    assert found["Target"]["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 86_400,
        "MaximumRetryAttempts": 185,
    }
    assert "Description" not in found
    assert found["CreationDate"] == before["CreationDate"]


def test_a_deleted_schedule_is_gone(scheduler: Any, make: Callable[..., str], name: str) -> None:
    make()
    scheduler.delete_schedule(Name=name, ClientToken="once")
    scheduler.delete_schedule(Name=name, ClientToken="once")
    for call in (scheduler.get_schedule, scheduler.delete_schedule):
        assert refusal(call, Name=name) == (
            404,
            "ResourceNotFoundException",
            f"Schedule {name} does not exist.",
        )
    update = {
        "ScheduleExpression": NEW_YEAR,
        "FlexibleTimeWindow": OFF,
        "Target": target("jobs"),
    }
    assert refusal(scheduler.update_schedule, Name=name, **update)[:2] == (
        404,
        "ResourceNotFoundException",
    )


def test_the_same_request_again_is_answered_alike(make: Callable[..., str], name: str) -> None:
    assert make(ClientToken="t") == make(ClientToken="t")
    refused = 409, "ConflictException", f"Schedule {name} already exists."
    assert refusal(make, ClientToken="t", Description="another") == refused
    assert refusal(make, ClientToken="u") == refused


# Groups and lists


def test_groups_hold_schedules_and_go_with_them(scheduler: Any, name: str) -> None:
    answer = scheduler.create_schedule_group(Name=name, Tags=[{"Key": "team", "Value": "a"}])
    arn = answer["ScheduleGroupArn"]
    assert arn == f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/{name}"
    assert refusal(scheduler.create_schedule_group, Name=name) == (
        409,
        "ConflictException",
        f"Schedule group {name} already exists.",
    )
    group = scheduler.get_schedule_group(Name=name)
    assert (group["Arn"], group["Name"], group["State"]) == (arn, name, "ACTIVE")
    made = scheduler.create_schedule(
        Name="s",
        GroupName=name,
        ScheduleExpression=NEW_YEAR,
        FlexibleTimeWindow=OFF,
        Target=target("jobs"),
    )
    assert made["ScheduleArn"].endswith(f":schedule/{name}/s")
    assert scheduler.get_schedule(Name="s", GroupName=name)["GroupName"] == name
    listed = [each["Name"] for each in scheduler.list_schedules(GroupName=name)["Schedules"]]
    assert listed == ["s"]
    scheduler.delete_schedule_group(Name=name)
    assert refusal(scheduler.get_schedule_group, Name=name) == (
        404,
        "ResourceNotFoundException",
        f"Schedule group {name} does not exist.",
    )
    for call in (
        lambda: scheduler.get_schedule(Name="s", GroupName=name),
        lambda: scheduler.list_schedules(GroupName=name),
    ):
        assert refusal(call)[:2] == (404, "ResourceNotFoundException")


def test_the_default_group_stays(scheduler: Any) -> None:
    assert scheduler.get_schedule_group(Name="default")["State"] == "ACTIVE"
    assert refusal(scheduler.delete_schedule_group, Name="default")[:2] == (
        400,
        "ValidationException",
    )


def test_a_schedule_needs_its_group(make: Callable[..., str]) -> None:
    assert refusal(make, GroupName="nowhere") == (
        404,
        "ResourceNotFoundException",
        "Schedule group nowhere does not exist.",
    )


def test_lists_come_in_pages_and_by_prefix_group_and_state(scheduler: Any, name: str) -> None:
    scheduler.create_schedule_group(Name=name)
    for number in range(7):
        scheduler.create_schedule(
            Name=f"{'even' if number % 2 == 0 else 'odd'}-{number}",
            GroupName=name,
            ScheduleExpression=NEW_YEAR,
            FlexibleTimeWindow=OFF,
            Target=target("jobs"),
            State="ENABLED" if number < 5 else "DISABLED",
        )
    pages = scheduler.get_paginator("list_schedules").paginate(
        GroupName=name, PaginationConfig={"PageSize": 2}
    )
    found = [each for page in pages for each in page["Schedules"]]
    assert [each["Name"] for each in found] == [
        "even-0",
        "even-2",
        "even-4",
        "even-6",
        "odd-1",
        "odd-3",
        "odd-5",
    ]
    assert found[0]["GroupName"] == name
    assert found[0]["State"] == "ENABLED"
    assert found[0]["Target"] == {"Arn": target("jobs")["Arn"]}

    def names(**given: Any) -> list[str]:
        answer = scheduler.list_schedules(GroupName=name, **given)
        return [each["Name"] for each in answer["Schedules"]]

    assert names(NamePrefix="odd") == ["odd-1", "odd-3", "odd-5"]
    assert names(State="DISABLED") == ["even-6", "odd-5"]
    groups = scheduler.get_paginator("list_schedule_groups").paginate(
        PaginationConfig={"PageSize": 1}
    )
    listed = [each["Name"] for page in groups for each in page["ScheduleGroups"]]
    assert {"default", name} <= set(listed)
    assert listed == sorted(listed)
    only = scheduler.list_schedule_groups(NamePrefix=name)["ScheduleGroups"]
    assert name in [each["Name"] for each in only]
    assert refusal(scheduler.list_schedules, State="OFF")[1] == "ValidationException"


def test_groups_have_tags(scheduler: Any, name: str) -> None:
    arn = scheduler.create_schedule_group(Name=name, Tags=[{"Key": "a", "Value": "1"}])[
        "ScheduleGroupArn"
    ]
    scheduler.tag_resource(
        ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "3"}]
    )
    scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "c", "Value": "4"}])
    scheduler.untag_resource(ResourceArn=arn, TagKeys=["b", "c"])
    assert scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": "2"}]
    gone = arn.replace(name, "nowhere")
    assert refusal(scheduler.list_tags_for_resource, ResourceArn=gone)[:2] == (
        404,
        "ResourceNotFoundException",
    )
    assert refusal(scheduler.list_tags_for_resource, ResourceArn="arn:aws:x")[1] == (
        "ValidationException"
    )


# Refusals


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"ScheduleExpression": "rate(10 years)"},
            "Invalid Schedule Expression rate(10 years).",
        ),
        (
            {"ScheduleExpression": "cron(0 1 * * * *)"},
            "Invalid Schedule Expression cron(0 1 * * * *).",
        ),
        (
            {"ScheduleExpression": "at(2026-11-23T14:00:00Z)"},
            "Invalid Schedule Expression at(2026-11-23T14:00:00Z).",
        ),
        (
            {"Name": "not/valid"},
            "1 validation error detected: Value 'not/valid' at 'name' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: [0-9a-zA-Z-_.]+",
        ),
        (
            {"State": "ON", "ActionAfterCompletion": "X"},
            "2 validation errors detected: Value 'ON' at 'state' failed to satisfy constraint: "
            "Member must satisfy enum value set: [ENABLED, DISABLED]; Value 'X' at "
            "'actionAfterCompletion' failed to satisfy constraint: Member must satisfy enum value "
            "set: [NONE, DELETE]",
        ),
        (
            {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1441}},
            "1 validation error detected: Value '1441' at "
            "'flexibleTimeWindow.maximumWindowInMinutes' failed to satisfy constraint: Member must "
            "have value less than or equal to 1440",
        ),
        (
            {"Target": target("jobs", RetryPolicy={"MaximumRetryAttempts": 186})},
            "1 validation error detected: Value '186' at "
            "'target.retryPolicy.maximumRetryAttempts' failed to satisfy constraint: Member must "
            "have value less than or equal to 185",
        ),
        (
            {"Target": {"Arn": "arn:aws:sqs:us-east-1:1:x", "RoleArn": ROLE}},
            "Provided Arn is not in correct format.",
        ),
        (
            {
                "ScheduleExpression": "rate(1 day)",
                "StartDate": datetime(2020, 1, 1, tzinfo=UTC),
            },
            "The StartDate you specify cannot be earlier than 5 minutes ago.",
        ),
        (
            {
                "ScheduleExpression": "rate(1 day)",
                "StartDate": datetime(2091, 1, 1, tzinfo=UTC),
                "EndDate": datetime(2090, 1, 1, tzinfo=UTC),
            },
            "The StartDate you specify must come before the EndDate.",
        ),
    ],
)
def test_what_is_not_valid_is_refused_with_its_reason(
    make: Callable[..., str], given: dict[str, Any], message: str
) -> None:
    assert refusal(make, **given) == (400, "ValidationException", message)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ({"ScheduleExpressionTimezone": "Mars/Olympus"}, "Mars/Olympus"),
        ({"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}}, "MaximumWindowInMinutes"),
        ({"FlexibleTimeWindow": {"Mode": "OFF", "MaximumWindowInMinutes": 5}}, "Maximum"),
        ({"Target": target("jobs.fifo")}, "MessageGroupId"),
        ({"Target": {"Arn": "arn:aws:states:us-east-1:0:x", "RoleArn": ROLE}}, "Arn"),
        (
            {
                "Target": {
                    "Arn": f"arn:aws:states:us-east-1:{ACCOUNT}:stateMachine:x",
                    "RoleArn": ROLE,
                }
            },
            "not supported",
        ),
        (
            {"Target": target("jobs", KinesisParameters={"PartitionKey": "k"})},
            "KinesisParameters is not supported",
        ),
        (
            {
                "Target": {
                    "Arn": "arn:aws:scheduler:::aws-sdk:ec2:stopInstances",
                    "RoleArn": ROLE,
                    "Input": "{}",
                }
            },
            "ec2:stopInstances",
        ),
        (
            {
                "Target": {
                    "Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
                    "RoleArn": ROLE,
                    "Input": '{"QueueUrl": "http://x/jobs", "MessageBody": "m", "Colour": "red"}',
                }
            },
            "Colour",
        ),
        (
            {
                "Target": {
                    "Arn": f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default",
                    "RoleArn": ROLE,
                }
            },
            "EventBridgeParameters",
        ),
    ],
)
def test_what_can_never_work_is_refused_by_name(
    make: Callable[..., str], given: dict[str, Any], part: str
) -> None:
    status, code, message = refusal(make, **given)
    assert (status, code) == (400, "ValidationException")
    assert part in message


def test_a_member_that_is_missing_is_named(broker: Daemon) -> None:
    import httpx

    answer = httpx.post(f"{broker.url}/schedules/x", json={"ScheduleExpression": NEW_YEAR})
    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == "ValidationException"
    assert answer.json() == {
        "Message": "1 validation error detected: Value null at 'target' failed to satisfy "
        "constraint: Member must not be null"
    }


# Runs


def test_a_queue_gets_the_input_filled_in(
    sqs: Any, queue: str, make: Callable[..., str], name: str
) -> None:
    arn = make(
        ScheduleExpression=soon(),
        Target=target(
            queue.rpartition("/")[2],
            Input='["<aws.scheduler.schedule-arn>","<aws.scheduler.scheduled-time>",'
            '"<aws.scheduler.execution-id>","<aws.scheduler.attempt-number>"]',
        ),
    )
    found_arn, scheduled, execution_id, attempt = json.loads(receive(sqs, queue)["Body"])
    assert found_arn == arn
    assert datetime.fromisoformat(scheduled) <= datetime.now(UTC)
    assert len(execution_id) == 36
    assert attempt == "1"


def test_without_input_a_target_gets_scheduler_s_own_event(
    sqs: Any, queue: str, make: Callable[..., str]
) -> None:
    arn = make(ScheduleExpression=soon(), Target=target(queue.rpartition("/")[2]))
    event = json.loads(receive(sqs, queue)["Body"])
    assert event["source"] == "aws.scheduler"
    assert event["detail-type"] == "Scheduled Event"
    assert event["resources"] == [arn]
    assert event["detail"] == "{}"


def test_a_rate_runs_at_once(sqs: Any, queue: str, make: Callable[..., str]) -> None:
    make(
        ScheduleExpression="rate(1 hour)",
        Target=target(queue.rpartition("/")[2], Input="now"),
    )
    assert receive(sqs, queue)["Body"] == "now"


def test_one_that_is_to_go_after_its_run_is_gone(
    scheduler: Any, sqs: Any, queue: str, make: Callable[..., str], name: str
) -> None:
    make(
        ScheduleExpression=soon(),
        ActionAfterCompletion="DELETE",
        Target=target(queue.rpartition("/")[2], Input="once"),
    )
    assert receive(sqs, queue)["Body"] == "once"
    deadline = time.monotonic() + 20
    names = [name]
    while name in names and time.monotonic() < deadline:
        names = [each["Name"] for each in scheduler.list_schedules(NamePrefix=name)["Schedules"]]
    assert name not in names


def test_universal_targets_take_the_parameters_of_their_actions(
    sqs: Any, sns: Any, events: Any, queue: str, make: Callable[..., str], scheduler: Any, name: str
) -> None:
    queue_name = queue.rpartition("/")[2]
    queue_arn = target(queue_name)["Arn"]
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=queue_arn,
        Attributes={"RawMessageDelivery": "true"},
    )
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [f"clock.{name}"]}))
    events.put_targets(
        Rule=name, Targets=[{"Id": "1", "Arn": queue_arn, "InputPath": "$.detail.by"}]
    )
    actions: dict[str, dict[str, Any]] = {
        "sqs:sendMessage": {
            "QueueUrl": queue,
            "MessageBody": "by sendMessage",
            "MessageAttributes": {"colour": {"DataType": "String", "StringValue": "red"}},
        },
        "sns:publish": {"TopicArn": topic, "Message": "by publish"},
        "eventbridge:putEvents": {
            "Entries": [
                {
                    "Source": f"clock.{name}",
                    "DetailType": "t",
                    "Detail": '{"by":"by putEvents"}',
                }
            ]
        },
    }
    for number, (action, parameters) in enumerate(actions.items()):
        make(
            Name=f"{name}-{number}",
            ScheduleExpression=soon(),
            Target={
                "Arn": f"arn:aws:scheduler:::aws-sdk:{action}",
                "RoleArn": ROLE,
                "Input": json.dumps(parameters),
            },
        )
    bodies = set()
    for _ in actions:
        found = receive(sqs, queue)
        bodies.add(found["Body"])
        if found["Body"] == "by sendMessage":
            assert found["MessageAttributes"]["colour"]["StringValue"] == "red"
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=found["ReceiptHandle"])
    assert bodies == {"by sendMessage", "by publish", '"by putEvents"'}


def test_a_topic_and_a_fifo_queue_are_targets(
    sqs: Any, sns: Any, queue: str, make: Callable[..., str], name: str
) -> None:
    topic = sns.create_topic(Name=name)["TopicArn"]
    sns.subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=target(queue.rpartition("/")[2])["Arn"],
        Attributes={"RawMessageDelivery": "true"},
    )
    fifo = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    make(
        Name=f"{name}-topic",
        ScheduleExpression=soon(),
        Target={"Arn": topic, "RoleArn": ROLE, "Input": "published"},
    )
    make(
        Name=f"{name}-fifo",
        ScheduleExpression=soon(),
        Target=target(f"{name}.fifo", Input="in order", SqsParameters={"MessageGroupId": "g"}),
    )
    assert receive(sqs, queue)["Body"] == "published"
    found = receive(sqs, fifo)
    assert found["Body"] == "in order"
    assert found["Attributes"]["MessageGroupId"] == "g"


def test_a_target_that_is_gone_makes_a_dead_letter(
    sqs: Any, queue: str, make: Callable[..., str]
) -> None:
    dead = target(queue.rpartition("/")[2])["Arn"]
    arn = make(
        ScheduleExpression=soon(),
        Target=target("nowhere", Input="work", DeadLetterConfig={"Arn": dead}),
    )
    letter = receive(sqs, queue)
    assert letter["Body"] == "work"
    attributes = letter["MessageAttributes"]
    assert attributes["SCHEDULE_ARN"]["StringValue"] == arn
    assert attributes["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


# Rules with a schedule


def test_a_rule_has_a_schedule_in_place_of_a_pattern(events: Any, name: str) -> None:
    events.put_rule(Name=name, ScheduleExpression="cron(0 12 * * ? *)")
    found = events.describe_rule(Name=name)
    assert found["ScheduleExpression"] == "cron(0 12 * * ? *)"
    assert "EventPattern" not in found
    (listed,) = events.list_rules(NamePrefix=name)["Rules"]
    assert listed["ScheduleExpression"] == "cron(0 12 * * ? *)"
    events.disable_rule(Name=name)
    events.enable_rule(Name=name)
    assert events.describe_rule(Name=name)["State"] == "ENABLED"


def test_a_rule_s_schedule_is_checked(events: Any, name: str) -> None:
    refused = 400, "ValidationException", "Parameter ScheduleExpression is not valid."
    for text in ("rate(1 minutes)", "rate(5 minute)", NEW_YEAR, "cron(0 1 * * * *)"):
        assert refusal(events.put_rule, Name=name, ScheduleExpression=text) == refused
    events.create_event_bus(Name=name)
    assert refusal(
        events.put_rule, Name="r", EventBusName=name, ScheduleExpression="rate(1 minute)"
    ) == (
        400,
        "ValidationException",
        "ScheduleExpression is supported only on the default event bus.",
    )
    assert refusal(events.put_rule, Name=name)[2] == (
        "Parameter(s) EventPattern or ScheduleExpression must be specified."
    )


# The model


def test_every_action_has_its_path_and_every_member_is_known_or_refused(scheduler: Any) -> None:
    model = scheduler.meta.service_model
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = re.sub(r"\{\w+\}", "x", http["requestUri"]).encode()
        assert any(
            method == http["method"] and pattern.fullmatch(path)
            for method, pattern, _ in service.routes
        ), name
    for action in ("CreateSchedule", "UpdateSchedule"):
        members = set(model.operation_model(action).input_shape.members)
        assert members - {"Name"} == set(ScheduleMembers.__struct_encode_fields__)
    target_members = set(model.shape_for("Target").members)
    assert target_members == set(TargetMember.__struct_encode_fields__)
    answered = set(model.operation_model("GetSchedule").output_shape.members)
    assert answered == set(GetScheduleResponse.__struct_encode_fields__)
