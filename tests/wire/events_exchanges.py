"""conversations with EventBridge that together use all of it, each held by clients of every kind

`docs/compatibility-eventbridge.md` is generated from these: an action, member or error is called
supported there if it stands here with its answer. What matching, transforming and delivering come
to have tests of their own.
"""

import json
from typing import Any

from tests.wire.exchange import ANY, Error, Exchange, invalid, refused, unsupported

Conversation = list[Exchange]

ARN = "arn:aws:events:us-east-1:000000000000:"
BUS = ARN + "event-bus/${name}"
RULE = ARN + "rule/${name}/r"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:${name}"
PATTERN = '{"source":["shop"]}'
OTHER_PATTERN = '{"source":["web"]}'
ROLE = "arn:aws:iam::000000000000:role/r"
TAGS = [{"Key": "team", "Value": "a"}]
ON_BUS = {"EventBusName": "${name}"}
DEAD = {"Arn": QUEUE}
LONG_AGO, NEVER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"

NO_BUS = Error("ResourceNotFoundException", "Event bus nowhere does not exist.")
NO_RULE = Error("ResourceNotFoundException", "Rule nothing does not exist on EventBus ${name}.")


def none_of(member: str, choices: str) -> Error:
    """A member says GONE, which the service doesn't know."""
    return invalid(
        f"1 validation error detected: Value 'GONE' at '{member}' failed to satisfy constraint: "
        f"Member must satisfy enum value set: [{choices}]"
    )


def made(**settings: Any) -> Exchange:
    """A bus named after the conversation."""
    answer = {"EventBusArn": BUS}
    answer |= {k: v for k, v in settings.items() if k in ("Description", "DeadLetterConfig")}
    return Exchange("CreateEventBus", {"Name": "${name}", **settings}, answer)


BUS_MEMBER = {"Name": "${name}", "Arn": BUS, "CreationTime": ANY, "LastModifiedTime": ANY}
BUSES: Conversation = [
    made(Description="of the shop", DeadLetterConfig=DEAD, Tags=TAGS),
    refused(
        "CreateEventBus",
        Error("ResourceAlreadyExistsException", "Event bus ${name} already exists."),
        Name="${name}",
    ),
    refused(
        "CreateEventBus",
        unsupported("EventSourceName"),
        Name="x",
        EventSourceName="aws.partner/a/b",
    ),
    refused("CreateEventBus", unsupported("KmsKeyIdentifier"), Name="x", KmsKeyIdentifier="k"),
    refused("CreateEventBus", unsupported("LogConfig"), Name="x", LogConfig={"Level": "OFF"}),
    Exchange(
        "DescribeEventBus",
        {"Name": "${name}"},
        {**BUS_MEMBER, "Description": "of the shop", "DeadLetterConfig": DEAD},
    ),
    Exchange(
        "UpdateEventBus",
        {"Name": "${name}", "Description": "of the web", "DeadLetterConfig": DEAD},
        {"Arn": BUS, "Name": "${name}", "Description": "of the web", "DeadLetterConfig": DEAD},
    ),
    refused("UpdateEventBus", unsupported("KmsKeyIdentifier"), Name="x", KmsKeyIdentifier="k"),
    refused("UpdateEventBus", unsupported("LogConfig"), Name="x", LogConfig={"Level": "OFF"}),
    refused("UpdateEventBus", NO_BUS, Name="nowhere", Description="x"),
    Exchange(
        "PutPermission",
        {
            **ON_BUS,
            "Action": "events:PutEvents",
            "Principal": "111111111111",
            "StatementId": "one",
            "Condition": {"Type": "StringEquals", "Key": "aws:PrincipalOrgID", "Value": "o-1"},
        },
    ),
    Exchange(
        "ListEventBuses",
        {"NamePrefix": "${name}", "Limit": 1},
        {
            "EventBuses": [{**BUS_MEMBER, "Description": "of the web", "Policy": ANY}],
        },
    ),
    Exchange(
        "DescribeEventBus",
        {"Name": "${name}"},
        {
            **BUS_MEMBER,
            "Description": "of the web",
            "Policy": ANY,
            "DeadLetterConfig": DEAD,
        },
    ),
    Exchange("RemovePermission", {**ON_BUS, "StatementId": "one"}),
    refused(
        "RemovePermission",
        Error("ResourceNotFoundException", "EventBus does not have a policy."),
        **ON_BUS,
        StatementId="one",
    ),
    Exchange(
        "PutPermission",
        {
            **ON_BUS,
            "Policy": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "all",
                            "Effect": "Allow",
                            "Principal": "*",
                            "Action": "events:PutEvents",
                            "Resource": "*",
                        }
                    ],
                }
            ),
        },
    ),
    refused(
        "PutPermission",
        Error("PolicyLengthExceededException", "The policy of the event bus is too long."),
        **ON_BUS,
        Policy=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": "1" * 11_000},
                        "Action": "events:PutEvents",
                        "Resource": "*",
                    }
                ],
            }
        ),
    ),
    Exchange("RemovePermission", {**ON_BUS, "RemoveAllPermissions": True}),
    Exchange("TagResource", {"ResourceARN": BUS, "Tags": [{"Key": "cost", "Value": "9"}]}),
    Exchange("UntagResource", {"ResourceARN": BUS, "TagKeys": ["team"]}),
    Exchange(
        "ListTagsForResource", {"ResourceARN": BUS}, {"Tags": [{"Key": "cost", "Value": "9"}]}
    ),
    refused("DeleteEventBus", invalid("Cannot delete event bus default."), Name="default"),
    Exchange("DeleteEventBus", {"Name": "${name}"}),
]

TARGETS = [
    {
        "Id": "a",
        "Arn": QUEUE + ".fifo",
        "RoleArn": ROLE,
        "InputTransformer": {
            "InputPathsMap": {"total": "$.detail.total"},
            "InputTemplate": '{"total": <total>}',
        },
        "SqsParameters": {"MessageGroupId": "g"},
        "DeadLetterConfig": DEAD,
        "RetryPolicy": {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 60},
    },
    {"Id": "b", "Arn": QUEUE, "Input": '{"constant":1}'},
    {"Id": "c", "Arn": QUEUE, "InputPath": "$.detail"},
]
NO_FAILURES = {"FailedEntryCount": 0}
RULE_MEMBER = {
    "Name": "r",
    "Arn": RULE,
    "EventPattern": PATTERN,
    "State": "ENABLED",
    "Description": "of the shop",
    "RoleArn": ROLE,
    "EventBusName": "${name}",
}
_OTHER_TARGETS = {
    "KinesisParameters": {"PartitionKeyPath": "$.id"},
    "RunCommandParameters": {"RunCommandTargets": [{"Key": "a", "Values": ["b"]}]},
    "EcsParameters": {"TaskDefinitionArn": "a"},
    "BatchParameters": {"JobDefinition": "a", "JobName": "b"},
    "RedshiftDataParameters": {"Database": "a"},
    "SageMakerPipelineParameters": {"PipelineParameterList": [{"Name": "a", "Value": "b"}]},
    "AppSyncParameters": {"GraphQLOperation": "a"},
}

RULES: Conversation = [
    made(),
    Exchange(
        "PutRule",
        {
            **ON_BUS,
            "Name": "r",
            "EventPattern": PATTERN,
            "State": "ENABLED",
            "Description": "of the shop",
            "RoleArn": ROLE,
            "Tags": TAGS,
        },
        {"RuleArn": RULE},
    ),
    refused("PutRule", NO_BUS, Name="r", EventBusName="nowhere", EventPattern=PATTERN),
    refused(
        "PutRule",
        Error(
            "InvalidEventPatternException",
            'Event pattern is not valid. Reason: "a" must be an object or an array',
        ),
        **ON_BUS,
        Name="r",
        EventPattern='{"a":1}',
    ),
    Exchange("DescribeRule", {**ON_BUS, "Name": "r"}, RULE_MEMBER),
    refused("DescribeRule", NO_RULE, **ON_BUS, Name="nothing"),
    Exchange("ListRules", {**ON_BUS, "NamePrefix": "r", "Limit": 10}, {"Rules": [RULE_MEMBER]}),
    Exchange("DisableRule", {**ON_BUS, "Name": "r"}),
    Exchange("DescribeRule", {**ON_BUS, "Name": "r"}, {**RULE_MEMBER, "State": "DISABLED"}),
    Exchange("EnableRule", {**ON_BUS, "Name": "r"}),
    Exchange("PutTargets", {**ON_BUS, "Rule": "r", "Targets": TARGETS}, NO_FAILURES),
    refused(
        "PutTargets",
        Error(
            "LimitExceededException", "The requested resource exceeds the maximum number allowed."
        ),
        **ON_BUS,
        Rule="r",
        Targets=[{"Id": str(n), "Arn": QUEUE} for n in range(6)],
    ),
    *(
        refused(
            "PutTargets",
            unsupported(member),
            **ON_BUS,
            Rule="r",
            Targets=[{"Id": "x", "Arn": QUEUE, member: value}],
        )
        for member, value in _OTHER_TARGETS.items()
    ),
    Exchange(
        "ListTargetsByRule",
        {**ON_BUS, "Rule": "r", "Limit": 2},
        {"Targets": TARGETS[:2], "NextToken": ANY},
        keep={"token": "NextToken"},
    ),
    Exchange(
        "ListTargetsByRule",
        {**ON_BUS, "Rule": "r", "NextToken": "${token}"},
        {"Targets": TARGETS[2:]},
    ),
    Exchange(
        "ListRuleNamesByTarget", {**ON_BUS, "TargetArn": QUEUE, "Limit": 10}, {"RuleNames": ["r"]}
    ),
    refused(
        "DeleteRule",
        invalid("Rule can't be deleted since it has targets."),
        **ON_BUS,
        Name="r",
    ),
    Exchange(
        "RemoveTargets",
        {**ON_BUS, "Rule": "r", "Ids": ["a", "b", "c"], "Force": True},
        NO_FAILURES,
    ),
    Exchange("DeleteRule", {**ON_BUS, "Name": "r", "Force": True}),
    Exchange(
        "PutRule",
        {"Name": "${name}", "ScheduleExpression": "rate(5 minutes)", "State": "DISABLED"},
        {"RuleArn": ARN + "rule/${name}"},
    ),
    Exchange(
        "ListRules",
        {"NamePrefix": "${name}"},
        {
            "Rules": [
                {
                    "Name": "${name}",
                    "Arn": ARN + "rule/${name}",
                    "ScheduleExpression": "rate(5 minutes)",
                    "State": "DISABLED",
                    "EventBusName": "default",
                }
            ]
        },
    ),
    Exchange(
        "DescribeRule",
        {"Name": "${name}"},
        {
            "Name": "${name}",
            "Arn": ARN + "rule/${name}",
            "ScheduleExpression": "rate(5 minutes)",
            "State": "DISABLED",
            "EventBusName": "default",
        },
    ),
    Exchange("DeleteRule", {"Name": "${name}"}),
]

ENTRY = {"Source": "shop", "DetailType": "sold", "Detail": "{}"}
EVENTS: Conversation = [
    Exchange(
        "PutEvents",
        {
            "Entries": [
                {
                    **ENTRY,
                    "Time": LONG_AGO,
                    "Resources": ["r"],
                    "EventBusName": "default",
                    "TraceHeader": "Root=1-5759e988-bd862e3fe1be46a994272793",
                },
                {"Source": "shop", "DetailType": "sold"},
            ]
        },
        {
            "FailedEntryCount": 1,
            "Entries": [
                {"EventId": ANY},
                {
                    "ErrorCode": "InvalidArgument",
                    "ErrorMessage": "Parameter Detail is not valid. Reason: Detail is a required "
                    "argument.",
                },
            ],
        },
    ),
    Exchange(
        "TestEventPattern",
        {
            "EventPattern": PATTERN,
            "Event": json.dumps(
                {
                    "id": "1",
                    "account": "1",
                    "source": "shop",
                    "time": LONG_AGO,
                    "region": "us-east-1",
                    "resources": [],
                    "detail-type": "sold",
                    "detail": {},
                }
            ),
        },
        {"Result": True},
    ),
    refused(
        "TestEventPattern",
        invalid("Parameter Event is not valid."),
        EventPattern=PATTERN,
        Event="{}",
    ),
]

ARCHIVE = ARN + "archive/${name}"
ARCHIVE_MEMBER = {
    "ArchiveName": "${name}",
    "EventSourceArn": BUS,
    "State": "ENABLED",
    "RetentionDays": 7,
    "EventCount": 0,
    "CreationTime": ANY,
}
ARCHIVE_STATE = {"ArchiveArn": ARCHIVE, "State": "ENABLED", "CreationTime": ANY}
NO_ARCHIVE = Error("ResourceNotFoundException", "Archive nothing does not exist.")
REPLAY = {
    "ReplayName": "${name}",
    "Description": "once more",
    "EventSourceArn": ARCHIVE,
    "EventStartTime": LONG_AGO,
    "EventEndTime": NEVER,
    "Destination": {"Arn": BUS, "FilterArns": [RULE]},
}
REPLAY_MEMBER = {
    "ReplayName": "${name}",
    "EventSourceArn": ARCHIVE,
    "State": "COMPLETED",
    "EventStartTime": ANY,
    "EventEndTime": ANY,
    "ReplayStartTime": ANY,
    "ReplayEndTime": ANY,
}
ARCHIVES: Conversation = [
    made(),
    Exchange("PutRule", {**ON_BUS, "Name": "r", "EventPattern": PATTERN}, {"RuleArn": RULE}),
    Exchange(
        "CreateArchive",
        {
            "ArchiveName": "${name}",
            "EventSourceArn": BUS,
            "Description": "all",
            "EventPattern": PATTERN,
            "RetentionDays": 30,
        },
        ARCHIVE_STATE,
    ),
    refused(
        "CreateArchive",
        Error("ResourceAlreadyExistsException", "Archive ${name} already exists."),
        ArchiveName="${name}",
        EventSourceArn=BUS,
    ),
    refused(
        "CreateArchive",
        unsupported("KmsKeyIdentifier"),
        ArchiveName="x",
        EventSourceArn=BUS,
        KmsKeyIdentifier="k",
    ),
    Exchange(
        "UpdateArchive",
        {
            "ArchiveName": "${name}",
            "Description": "some",
            "EventPattern": OTHER_PATTERN,
            "RetentionDays": 7,
        },
        ARCHIVE_STATE,
    ),
    refused("UpdateArchive", NO_ARCHIVE, ArchiveName="nothing", RetentionDays=1),
    refused(
        "UpdateArchive",
        unsupported("KmsKeyIdentifier"),
        ArchiveName="x",
        KmsKeyIdentifier="k",
    ),
    Exchange(
        "DescribeArchive",
        {"ArchiveName": "${name}"},
        {
            **ARCHIVE_MEMBER,
            "ArchiveArn": ARCHIVE,
            "Description": "some",
            "EventPattern": OTHER_PATTERN,
        },
    ),
    Exchange("ListArchives", {"EventSourceArn": BUS, "Limit": 5}, {"Archives": [ARCHIVE_MEMBER]}),
    Exchange("ListArchives", {"State": "DISABLED"}),
    Exchange("ListReplays", {"State": "FAILED"}),
    refused(
        "ListArchives",
        none_of("state", "ENABLED, DISABLED, CREATING, UPDATING, CREATE_FAILED, UPDATE_FAILED"),
        State="GONE",
    ),
    refused(
        "ListReplays",
        none_of("state", "STARTING, RUNNING, CANCELLING, COMPLETED, CANCELLED, FAILED"),
        State="GONE",
    ),
    Exchange("ListArchives", {"NamePrefix": "${name}"}, {"Archives": [ARCHIVE_MEMBER]}),
    Exchange(
        "StartReplay",
        REPLAY,
        {"ReplayArn": ARN + "replay/${name}", "State": "STARTING", "ReplayStartTime": ANY},
    ),
    refused(
        "StartReplay",
        Error("ResourceAlreadyExistsException", "Replay ${name} already exists."),
        **REPLAY,
    ),
    Exchange(
        "DescribeReplay",
        {"ReplayName": "${name}"},
        {
            **REPLAY_MEMBER,
            "ReplayArn": ARN + "replay/${name}",
            "Description": "once more",
            "Destination": REPLAY["Destination"],
        },
        eventually=True,
    ),
    Exchange("ListReplays", {"EventSourceArn": ARCHIVE, "Limit": 5}, {"Replays": [REPLAY_MEMBER]}),
    Exchange("ListReplays", {"NamePrefix": "${name}"}, {"Replays": [REPLAY_MEMBER]}),
    refused(
        "CancelReplay",
        Error(
            "IllegalStatusException",
            "Replay ${name} is not in a valid state for this operation.",
        ),
        ReplayName="${name}",
    ),
    Exchange("DeleteArchive", {"ArchiveName": "${name}"}),
    Exchange("DeleteRule", {**ON_BUS, "Name": "r"}),
]

PARTS = {
    "HeaderParameters": [{"Key": "x", "Value": "1", "IsValueSecret": False}],
    "QueryStringParameters": [{"Key": "q", "Value": "2", "IsValueSecret": False}],
    "BodyParameters": [{"Key": "b", "Value": "3", "IsValueSecret": False}],
}
OAUTH = {
    "AuthorizationEndpoint": "https://tokens.example",
    "HttpMethod": "POST",
    "OAuthHttpParameters": PARTS,
}
AS_CLIENT = {
    "OAuthParameters": {
        **OAUTH,
        "ClientParameters": {"ClientID": "me", "ClientSecret": "secret"},
    },
    "InvocationHttpParameters": PARTS,
}
CONNECTIVITY = {
    "ResourceParameters": {
        "ResourceConfigurationArn": "arn:aws:vpc-lattice:us-east-1:000000000000:"
        "resourceconfiguration/rcfg-0123456789abcdefg"
    }
}
KEY = {"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "secret"}}
STATE = {
    "ConnectionArn": ANY,
    "ConnectionState": "AUTHORIZED",
    "CreationTime": ANY,
    "LastModifiedTime": ANY,
}
CONNECTION_MEMBER = {**STATE, "Name": "${name}", "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS"}
CONNECTIONS: Conversation = [
    Exchange(
        "CreateConnection",
        {
            "Name": "${name}",
            "Description": "to the shop",
            "AuthorizationType": "API_KEY",
            "AuthParameters": KEY,
        },
        STATE,
    ),
    refused(
        "CreateConnection",
        unsupported("KmsKeyIdentifier"),
        Name="x",
        AuthorizationType="API_KEY",
        AuthParameters=KEY,
        KmsKeyIdentifier="k",
    ),
    Exchange(
        "DescribeConnection",
        {"Name": "${name}"},
        {
            **CONNECTION_MEMBER,
            "AuthorizationType": "API_KEY",
            "Description": "to the shop",
            "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "x-key"}},
        },
    ),
    Exchange(
        "UpdateConnection",
        {
            "Name": "${name}",
            "Description": "of ann",
            "AuthorizationType": "BASIC",
            "AuthParameters": {"BasicAuthParameters": {"Username": "ann", "Password": "secret"}},
        },
        STATE,
    ),
    Exchange(
        "DescribeConnection",
        {"Name": "${name}"},
        {
            **CONNECTION_MEMBER,
            "AuthorizationType": "BASIC",
            "Description": "of ann",
            "AuthParameters": {"BasicAuthParameters": {"Username": "ann"}},
        },
    ),
    Exchange(
        "UpdateConnection",
        {
            "Name": "${name}",
            "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS",
            "AuthParameters": {
                "OAuthParameters": {
                    **OAUTH,
                    "ClientParameters": {"ClientID": "me", "ClientSecret": "secret"},
                },
                "InvocationHttpParameters": PARTS,
            },
        },
        STATE,
    ),
    Exchange(
        "DescribeConnection",
        {"Name": "${name}"},
        {
            **CONNECTION_MEMBER,
            "Description": "of ann",
            "AuthParameters": {
                "OAuthParameters": {**OAUTH, "ClientParameters": {"ClientID": "me"}},
                "InvocationHttpParameters": PARTS,
            },
        },
    ),
    Exchange(
        "ListConnections",
        {"NamePrefix": "${name}", "ConnectionState": "AUTHORIZED", "Limit": 5},
        {"Connections": [CONNECTION_MEMBER]},
        keep={"connection": "Connections[0].ConnectionArn"},
    ),
    refused(
        "ListConnections",
        none_of(
            "connectionState",
            "CREATING, UPDATING, DELETING, AUTHORIZED, DEAUTHORIZED, AUTHORIZING, DEAUTHORIZING, "
            "ACTIVE, FAILED_CONNECTIVITY",
        ),
        ConnectionState="GONE",
    ),
    Exchange(
        "CreateApiDestination",
        {
            "Name": "${name}",
            "Description": "orders",
            "ConnectionArn": "${connection}",
            "InvocationEndpoint": "https://api.example/*",
            "HttpMethod": "PUT",
            "InvocationRateLimitPerSecond": 5,
        },
        {
            "ApiDestinationArn": ANY,
            "ApiDestinationState": "ACTIVE",
            "CreationTime": ANY,
            "LastModifiedTime": ANY,
        },
        keep={"destination": "ApiDestinationArn"},
    ),
    Exchange(
        "UpdateApiDestination",
        {
            "Name": "${name}",
            "Description": "bills",
            "ConnectionArn": "${connection}",
            "InvocationEndpoint": "https://api.example/bills/*",
            "HttpMethod": "POST",
            "InvocationRateLimitPerSecond": 7,
        },
        {
            "ApiDestinationArn": "${destination}",
            "ApiDestinationState": "ACTIVE",
            "CreationTime": ANY,
            "LastModifiedTime": ANY,
        },
    ),
]
CONNECTIONS += [
    Exchange(
        "UpdateConnection",
        {"Name": "${name}", "AuthorizationType": "API_KEY", "AuthParameters": KEY},
        STATE,
    ),
    Exchange(
        "UpdateConnection",
        {
            "Name": "${name}",
            "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS",
            "AuthParameters": AS_CLIENT,
        },
        STATE,
    ),
    Exchange(
        "CreateConnection",
        {
            "Name": "${name}-basic",
            "AuthorizationType": "BASIC",
            "AuthParameters": {"BasicAuthParameters": {"Username": "ann", "Password": "secret"}},
        },
        STATE,
    ),
    Exchange(
        "CreateConnection",
        {
            "Name": "${name}-oauth",
            "AuthorizationType": "OAUTH_CLIENT_CREDENTIALS",
            "AuthParameters": AS_CLIENT,
        },
        STATE,
    ),
    *(
        Exchange(
            "DeleteConnection",
            {"Name": f"${{name}}-{kind}"},
            {**STATE, "ConnectionState": "DELETING"},
        )
        for kind in ("basic", "oauth")
    ),
    *(
        refused(action, unsupported(member), Name="${name}", **request, **{member: value})
        for action, request in (
            ("CreateConnection", {"AuthorizationType": "API_KEY", "AuthParameters": KEY}),
            ("UpdateConnection", {}),
        )
        for member, value in (
            ("InvocationConnectivityParameters", CONNECTIVITY),
            ("KmsKeyIdentifier", "k"),
        )
    ),
    *(
        refused(
            action,
            unsupported("ConnectivityParameters"),
            Name="${name}",
            AuthorizationType="API_KEY",
            AuthParameters={**KEY, "ConnectivityParameters": CONNECTIVITY},
        )
        for action in ("CreateConnection", "UpdateConnection")
    ),
]
DESTINATION_MEMBER = {
    "ApiDestinationArn": "${destination}",
    "Name": "${name}",
    "ApiDestinationState": "ACTIVE",
    "ConnectionArn": "${connection}",
    "InvocationEndpoint": "https://api.example/bills/*",
    "HttpMethod": "POST",
    "InvocationRateLimitPerSecond": 7,
    "CreationTime": ANY,
    "LastModifiedTime": ANY,
}
TO_DESTINATION = {
    "Id": "a",
    "Arn": "${destination}",
    "HttpParameters": {
        "PathParameterValues": ["$.detail.id"],
        "HeaderParameters": {"x-total": "$.detail.total"},
        "QueryStringParameters": {"source": "$.source"},
    },
}
CONNECTIONS += [
    Exchange(
        "DescribeApiDestination",
        {"Name": "${name}"},
        {**DESTINATION_MEMBER, "Description": "bills"},
    ),
    Exchange(
        "ListApiDestinations",
        {"NamePrefix": "${name}", "Limit": 5},
        {"ApiDestinations": [DESTINATION_MEMBER]},
    ),
    Exchange(
        "ListApiDestinations",
        {"ConnectionArn": "${connection}"},
        {"ApiDestinations": [DESTINATION_MEMBER]},
    ),
    Exchange(
        "PutRule",
        {"Name": "${name}", "EventPattern": '{"source":["${name}"]}'},
        {"RuleArn": ARN + "rule/${name}"},
    ),
    Exchange("PutTargets", {"Rule": "${name}", "Targets": [TO_DESTINATION]}, NO_FAILURES),
    Exchange("ListTargetsByRule", {"Rule": "${name}"}, {"Targets": [TO_DESTINATION]}),
    Exchange("RemoveTargets", {"Rule": "${name}", "Ids": ["a"]}, NO_FAILURES),
    Exchange("DeleteRule", {"Name": "${name}"}),
    refused(
        "DeleteConnection",
        invalid("Connection ${name} can't be deleted since API destinations use it."),
        Name="${name}",
    ),
    Exchange("DeleteApiDestination", {"Name": "${name}"}),
    Exchange(
        "DeauthorizeConnection",
        {"Name": "${name}"},
        {**STATE, "ConnectionState": "DEAUTHORIZED"},
    ),
    Exchange(
        "ListConnections",
        {"ConnectionState": "DEAUTHORIZED", "NamePrefix": "${name}"},
        {
            "Connections": [
                {**CONNECTION_MEMBER, "ConnectionState": "DEAUTHORIZED", "StateReason": ANY}
            ],
        },
    ),
    Exchange(
        "DescribeConnection",
        {"Name": "${name}"},
        {
            **CONNECTION_MEMBER,
            "Description": "of ann",
            "ConnectionState": "DEAUTHORIZED",
            "StateReason": ANY,
        },
    ),
    Exchange("DeleteConnection", {"Name": "${name}"}, {**STATE, "ConnectionState": "DELETING"}),
]

CONVERSATIONS: dict[str, Conversation] = {
    "buses": BUSES,
    "rules": RULES,
    "events": EVENTS,
    "archives": ARCHIVES,
    "connections": CONNECTIONS,
}
