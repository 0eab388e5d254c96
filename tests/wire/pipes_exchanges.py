"""conversations with EventBridge Pipes that together use all of it

`docs/compatibility-pipes.md` is generated from these: an action, member or error is called
supported there if it stands here with its answer. What pipes do with messages has tests of its own.
Each conversation has a queue and an API destination, `${destination}`.
"""

from typing import Any

from tests.daemon import Daemon
from tests.wire.exchange import ANY, Error, Exchange, invalid, refused, unsupported

Conversation = list[Exchange]

PIPE = "arn:aws:pipes:us-east-1:000000000000:pipe/${name}"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:${name}"
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/default"
ROLE = "arn:aws:iam::000000000000:role/r"
OTHER_ROLE = "arn:aws:iam::000000000000:role/other"
TAGS = {"team": "a"}
SAME = {"Name": "${name}"}
PLAIN = {**SAME, "Source": QUEUE, "Target": BUS, "RoleArn": ROLE, "DesiredState": "STOPPED"}
TIMES = {"CreationTime": ANY, "LastModifiedTime": ANY}
NO_PIPE = Error("NotFoundException", "Pipe nothing does not exist.")


def prepare(broker: Daemon, name: str) -> dict[str, str]:
    """Makes what conversations need, and what texts may name of it."""
    broker.client("sqs").create_queue(QueueName=name)
    events = broker.client("events")
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "v"}}
    connection = events.create_connection(
        Name=name, AuthorizationType="API_KEY", AuthParameters=key
    )
    destination = events.create_api_destination(
        Name=name,
        ConnectionArn=connection["ConnectionArn"],
        InvocationEndpoint="http://127.0.0.1:9/*",
        HttpMethod="POST",
    )
    return {"destination": destination["ApiDestinationArn"]}


def state(desired: str, current: str = "") -> dict[str, Any]:
    return {
        **SAME,
        **TIMES,
        "Arn": PIPE,
        "DesiredState": desired,
        "CurrentState": current or desired,
    }


BATCHES = {"BatchSize": 50, "MaximumBatchingWindowInSeconds": 5}
FILTERS = {"Filters": [{"Pattern": '{"body":{"total":[{"numeric":[">",10]}]}}'}]}
SOURCE = {"FilterCriteria": FILTERS, "SqsQueueParameters": BATCHES}
HTTP = {
    "PathParameterValues": ["$.body.id"],
    "HeaderParameters": {"x-shop": "a"},
    "QueryStringParameters": {"total": "$.body.total"},
}
ENRICHMENT = {"InputTemplate": '{"id": <$.body.id>}', "HttpParameters": HTTP}
ON_BUS = {
    "DetailType": "sold",
    "Source": "orders",
    "Resources": ["$.eventSourceARN"],
    "Time": "$.body.at",
}
TO_BUS = {"InputTemplate": "<$.body>", "EventBridgeEventBusParameters": ON_BUS}
TO_QUEUE = {"SqsQueueParameters": {"MessageGroupId": "g", "MessageDeduplicationId": "$.messageId"}}
FULL = {
    **PLAIN,
    "Description": "orders to the bus",
    "SourceParameters": SOURCE,
    "Enrichment": "${destination}",
    "EnrichmentParameters": ENRICHMENT,
    "TargetParameters": TO_BUS,
    "Tags": TAGS,
    "KmsKeyIdentifier": "alias/k",
}
SUMMARY = {**state("STOPPED"), "Source": QUEUE, "Target": BUS, "Enrichment": "${destination}"}

PIPES: Conversation = [
    Exchange("CreatePipe", FULL, state("STOPPED")),
    refused("CreatePipe", Error("ConflictException", "Pipe ${name} already exists."), **PLAIN),
    Exchange("DescribePipe", SAME, {**FULL, **state("STOPPED")}),
    Exchange(
        "ListPipes",
        {
            "NamePrefix": "${name}",
            "DesiredState": "STOPPED",
            "CurrentState": "STOPPED",
            "SourcePrefix": QUEUE,
            "TargetPrefix": BUS,
        },
        {"Pipes": [SUMMARY]},
    ),
    Exchange("ListPipes", {"NamePrefix": "${name}", "DesiredState": "RUNNING"}),
    Exchange("ListPipes", {"NamePrefix": "${name}", "CurrentState": "STOP_FAILED"}),
    refused(
        "ListPipes",
        invalid(
            "2 validation errors detected: Value 'GONE' at 'desiredState' failed to satisfy "
            "constraint: Member must satisfy enum value set: [RUNNING, STOPPED]; "
            "Value 'GONE' at 'currentState' failed to satisfy constraint: Member must satisfy "
            "enum value set: [RUNNING, STOPPED, CREATING, UPDATING, DELETING, STARTING, STOPPING, "
            "CREATE_FAILED, UPDATE_FAILED, START_FAILED, STOP_FAILED, DELETE_FAILED, "
            "CREATE_ROLLBACK_FAILED, DELETE_ROLLBACK_FAILED, UPDATE_ROLLBACK_FAILED]"
        ),
        DesiredState="GONE",
        CurrentState="GONE",
    ),
    Exchange("StartPipe", SAME, state("RUNNING")),
    Exchange("StopPipe", SAME, state("STOPPED")),
    Exchange("ListTagsForResource", {"resourceArn": PIPE}, {"tags": TAGS}),
    Exchange("TagResource", {"resourceArn": PIPE, "tags": {"k": "v"}}),
    Exchange("UntagResource", {"resourceArn": PIPE, "tagKeys": ["team", "other"]}),
    Exchange("ListTagsForResource", {"resourceArn": PIPE}, {"tags": {"k": "v"}}),
    # What isn't given stays.
    Exchange("UpdatePipe", {**SAME, "RoleArn": OTHER_ROLE}, state("STOPPED")),
    Exchange(
        "DescribePipe",
        SAME,
        {**FULL, **state("STOPPED"), "RoleArn": OTHER_ROLE, "Tags": {"k": "v"}},
    ),
    Exchange(
        "UpdatePipe",
        {
            **SAME,
            "RoleArn": ROLE,
            "Description": "by hand",
            "DesiredState": "STOPPED",
            "SourceParameters": SOURCE,
            "Enrichment": "${destination}",
            "EnrichmentParameters": ENRICHMENT,
            "TargetParameters": TO_BUS,
            "KmsKeyIdentifier": "alias/other",
        },
        state("STOPPED"),
    ),
    # An empty text takes away.
    Exchange(
        "UpdatePipe",
        {**SAME, "RoleArn": ROLE, "Description": "", "Enrichment": ""},
        state("STOPPED"),
    ),
    refused(
        "UpdatePipe",
        invalid("TargetParameters.EventBridgeEventBusParameters does not apply to ${destination}."),
        **SAME,
        RoleArn=ROLE,
        Target="${destination}",
    ),
    Exchange("DeletePipe", SAME, state("DELETED", "DELETING")),
    refused("DescribePipe", NO_PIPE, Name="nothing"),
    refused("UpdatePipe", NO_PIPE, Name="nothing", RoleArn=ROLE),
    refused("StartPipe", NO_PIPE, Name="nothing"),
    refused("StopPipe", NO_PIPE, Name="nothing"),
    refused("DeletePipe", NO_PIPE, Name="nothing"),
]

TARGETS: Conversation = [
    Exchange(
        "CreatePipe",
        {**PLAIN, "Target": QUEUE, "TargetParameters": TO_QUEUE},
        state("STOPPED"),
    ),
    Exchange(
        "DescribePipe",
        SAME,
        {
            **PLAIN,
            **state("STOPPED"),
            "Target": QUEUE,
            "TargetParameters": TO_QUEUE,
            "SourceParameters": {"SqsQueueParameters": {"BatchSize": 10}},
        },
    ),
    Exchange(
        "UpdatePipe", {**SAME, "RoleArn": ROLE, "TargetParameters": TO_QUEUE}, state("STOPPED")
    ),
    Exchange("DeletePipe", SAME, state("DELETED", "DELETING")),
    Exchange(
        "CreatePipe",
        {**PLAIN, "Target": "${destination}", "TargetParameters": {"HttpParameters": HTTP}},
        state("STOPPED"),
    ),
    Exchange(
        "DescribePipe",
        SAME,
        {
            **PLAIN,
            **state("STOPPED"),
            "Target": "${destination}",
            "TargetParameters": {"HttpParameters": HTTP},
            "SourceParameters": {"SqsQueueParameters": {"BatchSize": 10}},
        },
    ),
    Exchange(
        "UpdatePipe",
        {
            **SAME,
            "RoleArn": ROLE,
            "Target": "${destination}",
            "TargetParameters": {"HttpParameters": HTTP},
        },
        state("STOPPED"),
    ),
]

_SECRET = {"BasicAuth": "arn:aws:secretsmanager:us-east-1:000000000000:secret:s"}
OTHER_SOURCES: dict[str, dict[str, Any]] = {
    "KinesisStreamParameters": {"StartingPosition": "LATEST"},
    "DynamoDBStreamParameters": {"StartingPosition": "LATEST"},
    "ActiveMQBrokerParameters": {"Credentials": _SECRET, "QueueName": "q"},
    "RabbitMQBrokerParameters": {"Credentials": _SECRET, "QueueName": "q"},
    "ManagedStreamingKafkaParameters": {"TopicName": "topic"},
    "SelfManagedKafkaParameters": {"TopicName": "topic"},
}
UPDATED_SOURCES: dict[str, dict[str, Any]] = {
    "KinesisStreamParameters": {},
    "DynamoDBStreamParameters": {},
    "ActiveMQBrokerParameters": {"Credentials": _SECRET},
    "RabbitMQBrokerParameters": {"Credentials": _SECRET},
    "ManagedStreamingKafkaParameters": {},
    "SelfManagedKafkaParameters": {},
}
OTHER_TARGETS: dict[str, dict[str, Any]] = {
    "StepFunctionStateMachineParameters": {},
    "KinesisStreamParameters": {"PartitionKey": "k"},
    "EcsTaskParameters": {"TaskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task/t"},
    "BatchJobParameters": {"JobDefinition": "j", "JobName": "j"},
    "RedshiftDataParameters": {"Database": "d", "Sqls": ["select 1"]},
    "SageMakerPipelineParameters": {},
    "CloudWatchLogsParameters": {},
    "TimestreamParameters": {
        "TimeValue": "$.at",
        "VersionValue": "1",
        "DimensionMappings": [
            {"DimensionValue": "$.a", "DimensionValueType": "VARCHAR", "DimensionName": "a"}
        ],
    },
}
ENDPOINT = {"EventBridgeEventBusParameters": {"EndpointId": "abc.def"}}
UPDATE = {**SAME, "RoleArn": ROLE}
OTHERS: Conversation = [
    Exchange("CreatePipe", PLAIN, state("STOPPED")),
    *(
        refused(action, unsupported(member), **request, SourceParameters={member: parameters})
        for action, request, sources in (
            ("CreatePipe", PLAIN, OTHER_SOURCES),
            ("UpdatePipe", UPDATE, UPDATED_SOURCES),
        )
        for member, parameters in sources.items()
    ),
    *(
        refused(action, unsupported(member), **request, TargetParameters={member: parameters})
        for action, request in (("CreatePipe", PLAIN), ("UpdatePipe", UPDATE))
        for member, parameters in OTHER_TARGETS.items()
    ),
    *(
        exchange
        for action, request in (("CreatePipe", PLAIN), ("UpdatePipe", UPDATE))
        for exchange in (
            refused(action, unsupported("EndpointId"), **request, TargetParameters=ENDPOINT),
            refused(
                action,
                unsupported("LogConfiguration"),
                **request,
                LogConfiguration={"Level": "OFF"},
            ),
        )
    ),
]

CONVERSATIONS: dict[str, Conversation] = {"pipes": PIPES, "targets": TARGETS, "others": OTHERS}
