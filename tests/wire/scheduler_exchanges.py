"""conversations with EventBridge Scheduler that together use all of it

`docs/compatibility-scheduler.md` is generated from these: an action, member or error is called
supported there if it stands here with its answer. When schedules run has tests of its own.
"""

from typing import Any

from tests.wire.exchange import ANY, Error, Exchange, refused, unsupported

Conversation = list[Exchange]

ARN = "arn:aws:scheduler:us-east-1:000000000000:"
GROUP = ARN + "schedule-group/${name}"
SCHEDULE = ARN + "schedule/${name}/s"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:${name}"
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"
ROLE = "arn:aws:iam::000000000000:role/r"
KEY = "arn:aws:kms:us-east-1:000000000000:key/k"
TAGS = [{"Key": "team", "Value": "a"}]
NEW_YEAR = "at(2099-01-01T00:00:00)"
OFF = {"Mode": "OFF"}
SAME = {"Name": "s", "GroupName": "${name}"}
TARGET = {"Arn": QUEUE, "RoleArn": ROLE}
RETRY = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}

NO_GROUP = Error("ResourceNotFoundException", "Schedule group nowhere does not exist.")
NO_SCHEDULE = Error("ResourceNotFoundException", "Schedule nothing does not exist.")


def plain(**settings: Any) -> dict[str, Any]:
    """What a schedule must have, and what a test gives it."""
    required = {"ScheduleExpression": NEW_YEAR, "FlexibleTimeWindow": OFF, "Target": TARGET}
    return {**SAME, **required, **settings}


GROUPS: Conversation = [
    Exchange(
        "CreateScheduleGroup",
        {"Name": "${name}", "Tags": TAGS, "ClientToken": "t-1"},
        {"ScheduleGroupArn": GROUP},
    ),
    refused(
        "CreateScheduleGroup",
        Error("ConflictException", "Schedule group ${name} already exists."),
        Name="${name}",
    ),
    Exchange(
        "GetScheduleGroup",
        {"Name": "${name}"},
        {
            "Arn": GROUP,
            "Name": "${name}",
            "State": "ACTIVE",
            "CreationDate": ANY,
            "LastModificationDate": ANY,
        },
    ),
    Exchange("CreateScheduleGroup", {"Name": "${name}-2"}, {"ScheduleGroupArn": GROUP + "-2"}),
    Exchange("ListTagsForResource", {"ResourceArn": GROUP}, {"Tags": TAGS}),
    Exchange("TagResource", {"ResourceArn": GROUP, "Tags": [{"Key": "k", "Value": "v"}]}),
    Exchange("UntagResource", {"ResourceArn": GROUP, "TagKeys": ["team", "other"]}),
    Exchange("ListTagsForResource", {"ResourceArn": GROUP}, {"Tags": [{"Key": "k", "Value": "v"}]}),
    refused("GetScheduleGroup", NO_GROUP, Name="nowhere"),
    Exchange("DeleteScheduleGroup", {"Name": "${name}-2", "ClientToken": "t-2"}),
    refused("DeleteScheduleGroup", NO_GROUP, Name="nowhere"),
]

# The CLI follows the pages by itself.
PAGES: Conversation = [
    Exchange("CreateScheduleGroup", {"Name": "${name}"}, {"ScheduleGroupArn": GROUP}),
    Exchange(
        "ListScheduleGroups",
        {"NamePrefix": "${name}"},
        {
            "ScheduleGroups": [
                {
                    "Arn": GROUP,
                    "Name": "${name}",
                    "State": "ACTIVE",
                    "CreationDate": ANY,
                    "LastModificationDate": ANY,
                }
            ]
        },
    ),
    Exchange("CreateSchedule", plain(), {"ScheduleArn": SCHEDULE}),
    Exchange(
        "ListSchedules",
        {"GroupName": "${name}", "NamePrefix": "s", "State": "ENABLED"},
        {
            "Schedules": [
                {
                    "Arn": SCHEDULE,
                    "Name": "s",
                    "GroupName": "${name}",
                    "State": "ENABLED",
                    "CreationDate": ANY,
                    "LastModificationDate": ANY,
                    "Target": {"Arn": QUEUE},
                }
            ]
        },
    ),
    Exchange("ListSchedules", {"GroupName": "${name}", "State": "DISABLED"}),
]

FULL_TARGET = {
    **TARGET,
    "Input": "{}",
    "DeadLetterConfig": {"Arn": QUEUE},
    "RetryPolicy": {"MaximumEventAgeInSeconds": 600, "MaximumRetryAttempts": 3},
}
FULL = {
    "ScheduleExpression": "cron(0 9 ? * MON *)",
    "ScheduleExpressionTimezone": "Europe/Berlin",
    "StartDate": "2090-01-01T00:00:00Z",
    "EndDate": "2091-01-01T00:00:00Z",
    "Description": "weekly",
    "State": "DISABLED",
    "KmsKeyArn": KEY,
    "Target": FULL_TARGET,
    "FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
    "ActionAfterCompletion": "DELETE",
}
TO_BUS = {**TARGET, "Arn": BUS, "EventBridgeParameters": {"DetailType": "tick", "Source": "clock"}}
TO_FIFO = {**TARGET, "Arn": QUEUE + ".fifo", "SqsParameters": {"MessageGroupId": "g"}}


def described(**settings: Any) -> Exchange:
    """What GetSchedule answers of a schedule that was made with these settings."""
    answer = {
        **plain(),
        "Arn": SCHEDULE,
        "State": "ENABLED",
        "ScheduleExpressionTimezone": "UTC",
        "ActionAfterCompletion": "NONE",
        "CreationDate": ANY,
        "LastModificationDate": ANY,
        **settings,
    }
    return Exchange("GetSchedule", SAME, answer)


SCHEDULES: Conversation = [
    refused("CreateSchedule", NO_GROUP, **{**plain(), "GroupName": "nowhere"}),
    Exchange("CreateScheduleGroup", {"Name": "${name}"}, {"ScheduleGroupArn": GROUP}),
    Exchange("CreateSchedule", {**SAME, **FULL, "ClientToken": "t-3"}, {"ScheduleArn": SCHEDULE}),
    described(**{**FULL, "StartDate": ANY, "EndDate": ANY}),
    refused("CreateSchedule", Error("ConflictException", "Schedule s already exists."), **plain()),
    Exchange("UpdateSchedule", plain(Target=TO_BUS), {"ScheduleArn": SCHEDULE}),
    described(Target={**TO_BUS, "RetryPolicy": RETRY}),
    Exchange(
        "UpdateSchedule",
        {**SAME, **FULL, "Target": FULL_TARGET, "ClientToken": "t-4"},
        {"ScheduleArn": SCHEDULE},
    ),
    Exchange("UpdateSchedule", plain(Target=TO_FIFO), {"ScheduleArn": SCHEDULE}),
    described(Target={**TO_FIFO, "RetryPolicy": RETRY}),
    Exchange("DeleteSchedule", {**SAME, "ClientToken": "t-5"}),
    Exchange("CreateSchedule", plain(Target=TO_BUS), {"ScheduleArn": SCHEDULE}),
    Exchange("DeleteSchedule", SAME),
    Exchange("CreateSchedule", plain(Target=TO_FIFO), {"ScheduleArn": SCHEDULE}),
    refused("DeleteSchedule", NO_SCHEDULE, Name="nothing"),
    refused("GetSchedule", NO_SCHEDULE, Name="nothing"),
]

OTHER_TARGETS: dict[str, dict[str, Any]] = {
    "EcsParameters": {"TaskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task-definition/t"},
    "KinesisParameters": {"PartitionKey": "k"},
    "SageMakerPipelineParameters": {},
}
NEWER_TARGETS: dict[str, dict[str, Any]] = {  # than the CLI's models
    "EventBridgePutEventsV2Parameters": {"DetailType": "x", "Source": "x"},
    "EventBridgePutRawEventsParameters": {},
}


def others(targets: dict[str, dict[str, Any]]) -> Conversation:
    """Each is refused by name."""
    return [
        refused(action, unsupported(member), **plain(Target={**TARGET, member: parameters}))
        for action in ("CreateSchedule", "UpdateSchedule")
        for member, parameters in targets.items()
    ]


CONVERSATIONS: dict[str, Conversation] = {
    "groups": GROUPS,
    "pages": PAGES,
    "schedules": SCHEDULES,
    "others": others(OTHER_TARGETS),
    "newer": others(NEWER_TARGETS),
}
