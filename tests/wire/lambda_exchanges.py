"""conversations with Lambda that together use all of it

`docs/compatibility-lambda.md` is generated from these: an action, member or error is called
supported there if it stands here with its answer. What functions do with events has tests of its
own, and so have function URLs and what an invocation answers.
Each conversation has a queue of its name.
"""

import base64
import hashlib
from typing import Any

from tests.daemon import Daemon
from tests.wire.code import ROLE, RUNTIME, answering
from tests.wire.exchange import ANY, Error, Exchange, refused

Conversation = list[Exchange]

ARN = "arn:aws:lambda:us-east-1:000000000000:function:${name}"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:${name}"
OTHER_QUEUE = "arn:aws:sqs:us-east-1:000000000000:other"
FUNCTION = {"FunctionName": "${name}"}
ONE, TWO = answering("one"), answering("two")
UNSUPPORTED = "InvalidParameterValueException"


def prepare(broker: Daemon, name: str) -> dict[str, str]:
    """Makes what conversations need."""
    broker.client("sqs").create_queue(QueueName=name)
    return {}


def sha256(archive: bytes) -> str:
    return base64.b64encode(hashlib.sha256(archive).digest()).decode()


def unsupported(member: str) -> Error:
    return Error(UNSUPPORTED, f"{member} is not supported by this broker.")


def configuration(
    archive: bytes = ONE, qualifier: str = "", version: str = "$LATEST", **changes: Any
) -> dict[str, Any]:
    """What is answered of a function that was made by `MADE`."""
    return {
        "FunctionName": "${name}",
        "FunctionArn": f"{ARN}:{qualifier}" if qualifier else ARN,
        "Runtime": RUNTIME,
        "Role": ROLE,
        "Handler": "app.handler",
        "CodeSize": len(archive),
        "CodeSha256": sha256(archive),
        "Description": "says one",
        "Timeout": 5,
        "MemorySize": 256,
        "EphemeralStorage": {"Size": 1_024},
        "LastModified": ANY,
        "Version": version,
        "RevisionId": ANY,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": ["arm64"],
        "TracingConfig": {"Mode": "PassThrough"},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/${name}"},
        "Environment": {"Variables": {"STAGE": "test"}},
        "DeadLetterConfig": {"TargetArn": QUEUE},
        **changes,
    }


SETTINGS: dict[str, Any] = {
    "Role": ROLE,
    "Runtime": RUNTIME,
    "Handler": "app.handler",
    "Description": "says one",
    "Timeout": 5,
    "MemorySize": 256,
    "EphemeralStorage": {"Size": 1_024},
    "Environment": {"Variables": {"STAGE": "test"}},
    "DeadLetterConfig": {"TargetArn": QUEUE},
    "TracingConfig": {"Mode": "PassThrough"},
    "SnapStart": {"ApplyOn": "None"},
    "LoggingConfig": {"LogFormat": "Text"},
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": [], "Ipv6AllowedForDualStack": False},
}
CREATE: dict[str, Any] = {
    **FUNCTION,
    **SETTINGS,
    "Code": {"ZipFile": ONE},
    "PackageType": "Zip",
    "Architectures": ["arm64"],
    "Tags": {"team": "a"},
}
MADE = Exchange("CreateFunction", CREATE, configuration())
NO_FUNCTION = Error(
    "ResourceNotFoundException",
    "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nothing",
)
CHANGED = Error(
    "PreconditionFailedException",
    "The Revision Id provided does not match the latest Revision Id. Call the "
    "GetFunction/GetAlias API to retrieve the latest Revision Id",
)

FUNCTIONS: Conversation = [
    MADE,
    refused(
        "CreateFunction",
        Error("ResourceConflictException", "Function already exist: ${name}"),
        **CREATE,
    ),
    Exchange(
        "GetFunction",
        {**FUNCTION, "Qualifier": "$LATEST"},
        {
            "Configuration": configuration(qualifier="$LATEST"),
            "Code": {"RepositoryType": "local", "Location": ANY},
            "Tags": {"team": "a"},
        },
    ),
    Exchange(
        "GetFunctionConfiguration", FUNCTION, configuration(), keep={"revision": "RevisionId"}
    ),
    refused("GetFunctionConfiguration", NO_FUNCTION, FunctionName="nothing"),
    Exchange(
        "UpdateFunctionConfiguration",
        {**FUNCTION, **SETTINGS, "Timeout": 6, "RevisionId": "${revision}"},
        configuration(Timeout=6),
    ),
    refused(
        "UpdateFunctionConfiguration", CHANGED, **FUNCTION, Timeout=7, RevisionId="${revision}"
    ),
    Exchange(
        "UpdateFunctionCode",
        {**FUNCTION, "ZipFile": TWO, "Architectures": ["x86_64"], "DryRun": True},
        configuration(TWO, Timeout=6),
        keep={"revision": "RevisionId"},
    ),
    Exchange(
        "UpdateFunctionCode",
        {
            **FUNCTION,
            "ZipFile": TWO,
            "Architectures": ["arm64"],
            "Publish": True,
            "RevisionId": "${revision}",
        },
        configuration(TWO, qualifier="1", version="1", Timeout=6),
        keep={"revision": "RevisionId"},
    ),
    refused("UpdateFunctionCode", CHANGED, **FUNCTION, ZipFile=ONE, RevisionId="wrong"),
    refused(
        "UpdateFunctionCode",
        Error("RequestEntityTooLargeException", "Zipped size must be smaller than 52428800 bytes"),
        **FUNCTION,
        ZipFile=bytes(52_428_801),
    ),
    Exchange(
        "ListFunctions",
        {"FunctionVersion": "ALL", "MaxItems": 1, "Marker": "${name}:0"},
        {"Functions": [configuration(TWO, qualifier="1", version="1", Timeout=6)]},
    ),
    Exchange(
        "PutFunctionRecursionConfig",
        {**FUNCTION, "RecursiveLoop": "Allow"},
        {"RecursiveLoop": "Allow"},
    ),
    Exchange("GetFunctionRecursionConfig", FUNCTION, {"RecursiveLoop": "Allow"}),
    Exchange("DeleteFunction", {**FUNCTION, "Qualifier": "1"}, {"StatusCode": 204}),
    Exchange("DeleteFunction", FUNCTION, {"StatusCode": 204}),
    refused("DeleteFunction", NO_FUNCTION, FunctionName="nothing"),
]

ALIAS: dict[str, Any] = {**FUNCTION, "Name": "live"}
SHARED: dict[str, Any] = {
    "FunctionVersion": "1",
    "Description": "mostly one",
    "RoutingConfig": {"AdditionalVersionWeights": {"2": 0.25}},
}
SHOWN = {**SHARED, "AliasArn": f"{ARN}:live", "Name": "live", "RevisionId": ANY}
VERSIONS: Conversation = [
    MADE,
    Exchange(
        "GetFunctionConfiguration", FUNCTION, configuration(), keep={"revision": "RevisionId"}
    ),
    Exchange(
        "PublishVersion",
        {
            **FUNCTION,
            "CodeSha256": sha256(ONE),
            "Description": "the first",
            "RevisionId": "${revision}",
        },
        configuration(qualifier="1", version="1", Description="the first"),
    ),
    Exchange(
        "UpdateFunctionCode",
        {**FUNCTION, "ZipFile": TWO, "Publish": True},
        configuration(TWO, qualifier="2", version="2"),
    ),
    Exchange(
        "ListVersionsByFunction",
        {**FUNCTION, "MaxItems": 1, "Marker": "1"},
        {"Versions": [configuration(TWO, qualifier="2", version="2")]},
    ),
    Exchange(
        "ListVersionsByFunction",
        {**FUNCTION, "MaxItems": 1},
        {"Versions": [configuration(TWO, qualifier="$LATEST")], "NextMarker": "0"},
    ),
    Exchange("CreateAlias", {**ALIAS, **SHARED}, SHOWN, keep={"revision": "RevisionId"}),
    refused(
        "CreateAlias",
        Error("ResourceConflictException", f"Alias already exists: {ARN}:live"),
        **ALIAS,
        **SHARED,
    ),
    Exchange("GetAlias", ALIAS, SHOWN),
    refused(
        "GetAlias",
        Error("ResourceNotFoundException", f"Cannot find alias arn: {ARN}:nothing"),
        **FUNCTION,
        Name="nothing",
    ),
    Exchange("UpdateAlias", {**ALIAS, **SHARED, "RevisionId": "${revision}"}, SHOWN),
    refused("UpdateAlias", CHANGED, **ALIAS, RevisionId="${revision}"),
    Exchange(
        "ListAliases",
        {**FUNCTION, "FunctionVersion": "2", "MaxItems": 1, "Marker": "a"},
        {"Aliases": [SHOWN]},
    ),
    Exchange(
        "CreateAlias",
        {**FUNCTION, "Name": "m", "FunctionVersion": "1"},
        {
            "AliasArn": f"{ARN}:m",
            "Name": "m",
            "FunctionVersion": "1",
            "Description": "",
            "RevisionId": ANY,
        },
    ),
    Exchange(
        "ListAliases", {**FUNCTION, "MaxItems": 1}, {"Aliases": [SHOWN], "NextMarker": "live"}
    ),
    refused(
        "DeleteFunction",
        Error(
            "ResourceConflictException",
            "Version 1 cannot be deleted: aliases point to it: live, m",
        ),
        **FUNCTION,
        Qualifier="1",
    ),
    Exchange("DeleteAlias", ALIAS),
]

DESTINATIONS = {"OnSuccess": {"Destination": QUEUE}, "OnFailure": {"Destination": QUEUE}}
CONFIG = {
    "MaximumRetryAttempts": 1,
    "MaximumEventAgeInSeconds": 600,
    "DestinationConfig": DESTINATIONS,
}
CONFIGURED = {**CONFIG, "FunctionArn": f"{ARN}:live", "LastModified": ANY}
LIVE = {**FUNCTION, "Qualifier": "live"}
ASYNCHRONOUS: Conversation = [
    MADE,
    Exchange("PublishVersion", FUNCTION, configuration(qualifier="1", version="1")),
    Exchange(
        "CreateAlias",
        {**ALIAS, "FunctionVersion": "1"},
        {
            "AliasArn": f"{ARN}:live",
            "Name": "live",
            "FunctionVersion": "1",
            "Description": "",
            "RevisionId": ANY,
        },
    ),
    Exchange("PutFunctionEventInvokeConfig", {**LIVE, **CONFIG}, CONFIGURED),
    Exchange("UpdateFunctionEventInvokeConfig", {**LIVE, **CONFIG}, CONFIGURED),
    Exchange("GetFunctionEventInvokeConfig", LIVE, CONFIGURED),
    refused(
        "GetFunctionEventInvokeConfig",
        Error(
            "ResourceNotFoundException",
            f"The function {ARN}:$LATEST doesn't have an EventInvokeConfig",
        ),
        **FUNCTION,
    ),
    Exchange(
        "ListFunctionEventInvokeConfigs",
        {**FUNCTION, "MaxItems": 5, "Marker": "${name}"},
        {"FunctionEventInvokeConfigs": [CONFIGURED]},
    ),
    Exchange("DeleteFunctionEventInvokeConfig", LIVE),
    Exchange(
        "PutFunctionConcurrency",
        {**FUNCTION, "ReservedConcurrentExecutions": 2},
        {"ReservedConcurrentExecutions": 2},
    ),
    Exchange("GetFunctionConcurrency", FUNCTION, {"ReservedConcurrentExecutions": 2}),
    Exchange(
        "GetFunction",
        FUNCTION,
        {
            "Configuration": configuration(),
            "Code": {"RepositoryType": "local", "Location": ANY},
            "Tags": {"team": "a"},
            "Concurrency": {"ReservedConcurrentExecutions": 2},
        },
    ),
    refused(
        "PutFunctionConcurrency",
        Error(
            UNSUPPORTED,
            "Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of [100].",
        ),
        **FUNCTION,
        ReservedConcurrentExecutions=901,
    ),
    Exchange(
        "PutFunctionConcurrency",
        {**FUNCTION, "ReservedConcurrentExecutions": 0},
        {"ReservedConcurrentExecutions": 0},
    ),
    refused("Invoke", Error("TooManyRequestsException", "Rate Exceeded."), **FUNCTION),
    Exchange("DeleteFunctionConcurrency", FUNCTION),
    Exchange(
        "GetAccountSettings",
        {},
        {
            "AccountLimit": {
                "TotalCodeSize": ANY,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": 1_000,
                "UnreservedConcurrentExecutions": ANY,
            },
            "AccountUsage": {"TotalCodeSize": ANY, "FunctionCount": ANY},
        },
    ),
]

PERMISSION: dict[str, Any] = {
    "StatementId": "s1",
    "Action": "lambda:InvokeFunction",
    "Principal": "sns.amazonaws.com",
    "SourceArn": "arn:aws:sns:us-east-1:000000000000:news",
    "SourceAccount": "000000000000",
    "EventSourceToken": "t",
    "PrincipalOrgID": "o-abcdefghij",
    "FunctionUrlAuthType": "NONE",
    "InvokedViaFunctionUrl": True,
}
POLICIES: Conversation = [
    MADE,
    Exchange(
        "AddPermission", {**FUNCTION, **PERMISSION, "Qualifier": "$LATEST"}, {"Statement": ANY}
    ),
    refused(
        "AddPermission",
        Error(
            "ResourceConflictException",
            "The statement id (s1) provided already exists. Please provide a new statement id, or "
            "remove the existing statement.",
        ),
        **FUNCTION,
        **PERMISSION,
    ),
    Exchange(
        "GetPolicy",
        {**FUNCTION, "Qualifier": "$LATEST"},
        {"Policy": ANY, "RevisionId": ANY},
        keep={"revision": "RevisionId"},
    ),
    Exchange(
        "AddPermission",
        {**FUNCTION, **PERMISSION, "StatementId": "s2", "RevisionId": "${revision}"},
        {"Statement": ANY},
    ),
    Exchange(
        "GetPolicy", FUNCTION, {"Policy": ANY, "RevisionId": ANY}, keep={"revision": "RevisionId"}
    ),
    Exchange(
        "RemovePermission",
        {**FUNCTION, "StatementId": "s1", "Qualifier": "$LATEST", "RevisionId": "${revision}"},
    ),
    Exchange("TagResource", {"Resource": ARN, "Tags": {"stage": "test"}}),
    Exchange("ListTags", {"Resource": ARN}, {"Tags": {"team": "a", "stage": "test"}}),
    Exchange("UntagResource", {"Resource": ARN, "TagKeys": ["team"]}),
]

CORS = {
    "AllowCredentials": True,
    "AllowHeaders": ["x-shop"],
    "AllowMethods": ["GET"],
    "AllowOrigins": ["http://shop.test"],
    "ExposeHeaders": ["x-order"],
    "MaxAge": 60,
}
URL = {"AuthType": "NONE", "Cors": CORS, "InvokeMode": "BUFFERED"}
AT_URL = {**URL, "FunctionUrl": ANY, "FunctionArn": ARN, "CreationTime": ANY}
SHOWN_URL = {**AT_URL, "LastModifiedTime": ANY}
ON_LATEST = {**FUNCTION, "Qualifier": "$LATEST"}
URLS: Conversation = [
    Exchange(
        "CreateFunction", {**CREATE, "Publish": True}, configuration(qualifier="1", version="1")
    ),
    Exchange("CreateFunctionUrlConfig", {**FUNCTION, **URL}, AT_URL),
    Exchange("UpdateFunctionUrlConfig", {**FUNCTION, **URL}, SHOWN_URL),
    Exchange("GetFunctionUrlConfig", FUNCTION, SHOWN_URL),
    Exchange(
        "ListFunctionUrlConfigs",
        {**FUNCTION, "MaxItems": 5, "Marker": "a"},
        {"FunctionUrlConfigs": [SHOWN_URL]},
    ),
    Exchange("DeleteFunctionUrlConfig", FUNCTION),
]

MAPPING: dict[str, Any] = {
    "Enabled": False,
    "BatchSize": 50,
    "MaximumBatchingWindowInSeconds": 5,
    "FilterCriteria": {"Filters": [{"Pattern": '{"body":{"total":[{"numeric":[">",10]}]}}'}]},
    "ScalingConfig": {"MaximumConcurrency": 2},
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
}
SHOWN_MAPPING = {
    "UUID": ANY,
    "EventSourceMappingArn": ANY,
    "EventSourceArn": QUEUE,
    "FunctionArn": ARN,
    "BatchSize": 50,
    "MaximumBatchingWindowInSeconds": 5,
    "FilterCriteria": MAPPING["FilterCriteria"],
    "ScalingConfig": MAPPING["ScalingConfig"],
    "FunctionResponseTypes": MAPPING["FunctionResponseTypes"],
    "LastModified": ANY,
    "LastProcessingResult": "No records processed",
    "State": "Disabled",
    "StateTransitionReason": "USER_INITIATED",
}
ONE_MAPPING = {"UUID": "${uuid}"}
MAPPINGS: Conversation = [
    MADE,
    Exchange(
        "CreateEventSourceMapping",
        {**FUNCTION, "EventSourceArn": QUEUE, **MAPPING, "Tags": {"a": "b"}},
        {**SHOWN_MAPPING, "State": "Creating"},
        keep={"uuid": "UUID"},
    ),
    Exchange("GetEventSourceMapping", ONE_MAPPING, SHOWN_MAPPING),
    Exchange(
        "UpdateEventSourceMapping",
        {**ONE_MAPPING, **FUNCTION, **MAPPING},
        {**SHOWN_MAPPING, "State": "Updating"},
    ),
    Exchange(
        "ListEventSourceMappings",
        {**FUNCTION, "EventSourceArn": QUEUE, "MaxItems": 5, "Marker": "0"},
        {"EventSourceMappings": [SHOWN_MAPPING]},
    ),
    Exchange("DeleteEventSourceMapping", ONE_MAPPING, {**SHOWN_MAPPING, "State": "Deleting"}),
    refused(
        "GetEventSourceMapping",
        Error("ResourceNotFoundException", "The resource you requested does not exist."),
        **ONE_MAPPING,
    ),
]

_KAFKA = "arn:aws:kafka:us-east-1:000000000000:cluster/c"
CREATED_FROM: dict[str, Any] = {
    "StartingPosition": "LATEST",
    "StartingPositionTimestamp": 1_700_000_000,
    "Topics": ["t"],
    "Queues": ["q"],
    "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["a:1"]}},
}
OF_STREAMS: dict[str, Any] = {
    "KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k",
    "MetricsConfig": {"Metrics": ["EventCount"]},
    "LoggingConfig": {"SystemLogLevel": "INFO"},
    "ParallelizationFactor": 1,
    "DestinationConfig": {"OnFailure": {"Destination": QUEUE}},
    "MaximumRecordAgeInSeconds": 60,
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": 1,
    "TumblingWindowInSeconds": 1,
    "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "arn:aws:a:b:c:d:e"}],
    "AmazonManagedKafkaEventSourceConfig": {"ConsumerGroupId": "g"},
    "SelfManagedKafkaEventSourceConfig": {"ConsumerGroupId": "g"},
    "DocumentDBEventSourceConfig": {"DatabaseName": "d"},
    "ProvisionedPollerConfig": {"MinimumPollers": 2},
}
FOREIGN_SETTINGS: dict[str, Any] = {
    "ImageConfig": {"Command": ["a"]},
    "FileSystemConfigs": [
        {
            "Arn": "arn:aws:elasticfilesystem:us-east-1:000000000000:access-point/"
            "fsap-00000000000000000",
            "LocalMountPath": "/mnt/a",
        }
    ],
    "KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k",
    "Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:a:1"],
    "DurableConfig": {"RetentionPeriodInDays": 1},
    "CapacityProviderConfig": {
        "LambdaManagedInstancesCapacityProviderConfig": {
            "CapacityProviderArn": "arn:aws:lambda:us-east-1:000000000000:capacity-provider:a"
        }
    },
}
NEWER_SETTINGS: dict[str, Any] = {  # than the models of the AWS SDK for JavaScript
    "RuntimeConfig": {
        "RuntimeArn": "arn:aws:lambda:us-east-1::runtime:" + "0" * 24,
        "RuntimeAlias": "a",
    },
    "AcceleratorConfig": {"AcceleratorMemorySize": 1},
}
FOREIGN_LOGGING: dict[str, Any] = {
    "ApplicationLogLevel": "INFO",
    "SystemLogLevel": "INFO",
    "LogGroup": "/mine",
}
FOREIGN_CODE: dict[str, Any] = {
    "S3Bucket": "abc",
    "S3Key": "k",
    "S3ObjectVersion": "1",
    "S3ObjectStorageMode": "COPY",
    "ImageUri": "i",
    "SourceKMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k",
}


def foreign(settings: dict[str, Any]) -> Conversation:
    """Each is refused by name."""
    return [
        refused(action, unsupported(member), **request, **{member: value})
        for action, request in (
            ("CreateFunction", CREATE),
            ("UpdateFunctionConfiguration", FUNCTION),
        )
        for member, value in settings.items()
    ]


OTHERS: Conversation = [
    MADE,
    *foreign(FOREIGN_SETTINGS),
    *(
        refused(action, unsupported(member), **request, LoggingConfig={member: value})
        for action, request in (
            ("CreateFunction", {k: v for k, v in CREATE.items() if k != "LoggingConfig"}),
            ("UpdateFunctionConfiguration", FUNCTION),
        )
        for member, value in FOREIGN_LOGGING.items()
    ),
    *(
        refused(
            "CreateFunction",
            unsupported(member),
            **{**CREATE, "Code": {"ZipFile": ONE, member: value}},
        )
        for member, value in FOREIGN_CODE.items()
    ),
    *(
        refused(
            "UpdateFunctionCode", unsupported(member), **FUNCTION, ZipFile=ONE, **{member: value}
        )
        for member, value in FOREIGN_CODE.items()
    ),
    *(
        refused("CreateFunction", unsupported(member), **CREATE, **{member: value})
        for member, value in (
            (
                "CodeSigningConfigArn",
                "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-00000000000000000",
            ),
            ("TenancyConfig", {"TenantIsolationMode": "PER_TENANT"}),
            ("PublishTo", "LATEST_PUBLISHED"),
        )
    ),
    refused(
        "UpdateFunctionCode",
        unsupported("PublishTo"),
        **FUNCTION,
        ZipFile=ONE,
        PublishTo="LATEST_PUBLISHED",
    ),
    refused("PublishVersion", unsupported("PublishTo"), **FUNCTION, PublishTo="LATEST_PUBLISHED"),
    refused("ListFunctions", unsupported("MasterRegion"), MasterRegion="ALL"),
    Exchange(
        "CreateEventSourceMapping",
        {**FUNCTION, "EventSourceArn": QUEUE, **MAPPING},
        {**SHOWN_MAPPING, "State": "Creating"},
        keep={"uuid": "UUID"},
    ),
    *(
        refused(
            "CreateEventSourceMapping",
            unsupported(member),
            **FUNCTION,
            EventSourceArn=QUEUE,
            **{member: value},
        )
        for member, value in (CREATED_FROM | OF_STREAMS).items()
    ),
    *(
        refused("UpdateEventSourceMapping", unsupported(member), **ONE_MAPPING, **{member: value})
        for member, value in OF_STREAMS.items()
    ),
    refused("Invoke", unsupported("TenantId"), **FUNCTION, TenantId="t"),
    refused("Invoke", unsupported("DurableExecutionName"), **FUNCTION, DurableExecutionName="d"),
    refused(
        "Invoke",
        Error("InvalidRequestContentException", ANY),
        **FUNCTION,
        Payload=b"no JSON",
    ),
]

CONVERSATIONS: dict[str, Conversation] = {
    "functions": FUNCTIONS,
    "versions": VERSIONS,
    "asynchronous": ASYNCHRONOUS,
    "policies": POLICIES,
    "urls": URLS,
    "mappings": MAPPINGS,
    "others": OTHERS,
    "newer": [MADE, *foreign(NEWER_SETTINGS)],
}
