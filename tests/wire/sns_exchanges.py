"""conversations with SNS that together use all of it, each held by boto3 and as plain forms

`docs/compatibility-sns.md` is generated from these: an action, member, attribute or error is
called supported there if it stands here with its answer. Finer points, limits and HTTP deliveries
have tests of their own beside this. `${endpoint}` is a URL that is listened at, and `${token}` the
token that came there last.
"""

import json
from typing import Any

from tests.wire.exchange import ANY, Error, Exchange

Conversation = list[Exchange]

TOPIC = "${arn}:${name}"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:${name}"
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "all",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "SNS:Publish",
                "Resource": "*",
            }
        ],
    }
)
DELIVERY_POLICY = (
    '{"http":{"defaultHealthyRetryPolicy":{"numRetries":5,"minDelayTarget":1,"maxDelayTarget":9}}}'
)
ENDPOINT_POLICY = '{"healthyRetryPolicy":{"numRetries":5,"minDelayTarget":1,"maxDelayTarget":9}}'
ATTRIBUTES = {
    "kind": {"DataType": "String", "StringValue": "order"},
    "total": {"DataType": "Number", "StringValue": "12.5"},
    "tags": {"DataType": "String.Array", "StringValue": '["a","b"]'},
    "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
}


def invalid(message: str) -> Error:
    return Error("InvalidParameter", f"Invalid parameter: {message}")


NO_TOPIC = Error("NotFound", "Topic does not exist")
NO_SUBSCRIPTION = Error("NotFound", "Subscription does not exist")
NO_RESOURCE = Error("ResourceNotFound", "Resource does not exist")


def made(suffix: str = "", tags: dict[str, str] | None = None, **attributes: str) -> Exchange:
    """A topic named after the conversation."""
    request: dict[str, Any] = {"Name": "${name}" + suffix}
    if attributes:
        request["Attributes"] = attributes
    if tags:
        request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return Exchange("CreateTopic", request, {"TopicArn": TOPIC + suffix})


def on_topic(
    action: str, answer: dict[str, Any] | None = None, suffix: str = "", **request: Any
) -> Exchange:
    return Exchange(action, {"TopicArn": TOPIC + suffix, **request}, answer or {})


def refused(action: str, refusal: Error, suffix: str = "", **request: Any) -> Exchange:
    return Exchange(action, {"TopicArn": TOPIC + suffix, **request}, refusal=refusal)


def set_(name: str, value: str, suffix: str = "") -> Exchange:
    return on_topic("SetTopicAttributes", suffix=suffix, AttributeName=name, AttributeValue=value)


def subscribed(
    label: str, protocol: str, endpoint: str, suffix: str = "", **attributes: str
) -> Exchange:
    """A subscription that needs no confirmation; its ARN is kept."""
    request = {"TopicArn": TOPIC + suffix, "Protocol": protocol, "Endpoint": endpoint}
    if attributes:
        request |= {"Attributes": attributes}  # type: ignore[dict-item]
    return Exchange("Subscribe", request, {"SubscriptionArn": ANY}, keep={label: "SubscriptionArn"})


def set_on(label: str, name: str, value: str) -> Exchange:
    request = {"SubscriptionArn": label, "AttributeName": name, "AttributeValue": value}
    return Exchange("SetSubscriptionAttributes", request)


TOPIC_DEFAULTS = {
    "TopicArn": TOPIC,
    "Owner": "000000000000",
    "DisplayName": "",
    "Policy": ANY,
    "EffectiveDeliveryPolicy": ANY,
    "SubscriptionsConfirmed": "0",
    "SubscriptionsPending": "0",
    "SubscriptionsDeleted": "0",
}
FEEDBACK = {
    f"{protocol}{name}": value
    for protocol in ("HTTP", "Firehose", "Lambda", "Application", "SQS")
    for name, value in (
        ("SuccessFeedbackRoleArn", "arn:aws:iam::000000000000:role/r"),
        ("SuccessFeedbackSampleRate", "50"),
        ("FailureFeedbackRoleArn", "arn:aws:iam::000000000000:role/r"),
    )
}
SETTABLE = {
    "DisplayName": "News",
    "Policy": POLICY,
    "DeliveryPolicy": DELIVERY_POLICY,
    "MaximumMessageSize": "1048576",
    "SignatureVersion": "2",
    "TracingConfig": "Active",
    "KmsMasterKeyId": "alias/aws/sns",
    **FEEDBACK,
}

TOPICS: Conversation = [
    Exchange(
        "CreateTopic",
        {
            "Name": "${name}",
            "Attributes": {"DisplayName": "News"},
            "Tags": [{"Key": "team", "Value": "a"}],
            "DataProtectionPolicy": '{"Name":"p"}',
        },
        {"TopicArn": TOPIC},
    ),
    made(),
    made(tags={"team": "a"}, DisplayName="News"),
    Exchange(
        "CreateTopic",
        {"Name": "${name}", "Attributes": {"DisplayName": "Other"}},
        refusal=invalid("Attributes Reason: Topic already exists with different attributes"),
    ),
    Exchange(
        "CreateTopic",
        {"Name": "${name}", "Tags": [{"Key": "team", "Value": "b"}]},
        refusal=invalid("Tags Reason: Topic already exists with different tags"),
    ),
    Exchange("CreateTopic", {"Name": "a b"}, refusal=invalid("Topic Name")),
    Exchange("CreateTopic", {"Name": "a.fifo"}, refusal=invalid("Topic Name")),
    Exchange("GetDataProtectionPolicy", {"ResourceArn": TOPIC}, {"DataProtectionPolicy": ANY}),
    on_topic("DeleteTopic"),
    on_topic("DeleteTopic"),
    refused("GetTopicAttributes", NO_TOPIC),
    Exchange(
        "GetTopicAttributes",
        {"TopicArn": "nonsense"},
        refusal=invalid("TopicArn Reason: An ARN must have at least 6 elements, not 1"),
    ),
]

TOPIC_ATTRIBUTES: Conversation = [
    made(),
    on_topic("GetTopicAttributes", {"Attributes": TOPIC_DEFAULTS}),
    *(set_(name, value) for name, value in SETTABLE.items()),
    on_topic("GetTopicAttributes", {"Attributes": {**TOPIC_DEFAULTS, **SETTABLE}}),
    set_("MaximumMessageSize", "262144"),
    refused(
        "SetTopicAttributes",
        invalid("AttributeName"),
        AttributeName="FifoTopic",
        AttributeValue="true",
    ),
    refused(
        "SetTopicAttributes", invalid("AttributeName"), AttributeName="Colour", AttributeValue="x"
    ),
    refused(
        "SetTopicAttributes",
        invalid("Policy statement action out of service scope!"),
        AttributeName="Policy",
        AttributeValue=POLICY.replace("SNS:Publish", "SQS:SendMessage"),
    ),
]

TAGS: Conversation = [
    made(),
    Exchange(
        "TagResource",
        {"ResourceArn": TOPIC, "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]},
    ),
    Exchange(
        "ListTagsForResource",
        {"ResourceArn": TOPIC},
        {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]},
    ),
    Exchange("UntagResource", {"ResourceArn": TOPIC, "TagKeys": ["a", "c"]}),
    Exchange("ListTagsForResource", {"ResourceArn": TOPIC}, {"Tags": [{"Key": "b", "Value": ""}]}),
    Exchange(
        "TagResource",
        {"ResourceArn": TOPIC, "Tags": [{"Key": f"k{n}", "Value": ""} for n in range(50)]},
        refusal=Error(
            "TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded"
        ),
    ),
    Exchange("ListTagsForResource", {"ResourceArn": TOPIC + "x"}, refusal=NO_RESOURCE),
]

POLICIES: Conversation = [
    made(),
    on_topic(
        "AddPermission",
        Label="them",
        AWSAccountId=["111111111111", "222222222222"],
        ActionName=["Publish", "Subscribe"],
    ),
    refused(
        "AddPermission",
        invalid("Statement already exists"),
        Label="them",
        AWSAccountId=["111111111111"],
        ActionName=["Publish"],
    ),
    refused(
        "AddPermission",
        invalid("Policy statement action out of service scope!"),
        Label="x",
        AWSAccountId=["111111111111"],
        ActionName=["SendMessage"],
    ),
    on_topic("RemovePermission", Label="them"),
    Exchange(
        "PutDataProtectionPolicy",
        {"ResourceArn": TOPIC, "DataProtectionPolicy": '{"Name":"p"}'},
    ),
    Exchange(
        "GetDataProtectionPolicy",
        {"ResourceArn": TOPIC},
        {"DataProtectionPolicy": '{"Name":"p"}'},
    ),
]

SUBSCRIPTION = {
    "SubscriptionArn": "${subscription}",
    "TopicArn": TOPIC,
    "Owner": "000000000000",
    "Protocol": "sqs",
    "Endpoint": QUEUE,
    "PendingConfirmation": "false",
    "ConfirmationWasAuthenticated": "true",
    "SubscriptionPrincipal": "arn:aws:iam::000000000000:root",
    "RawMessageDelivery": "false",
}
LISTED = {
    "SubscriptionArn": "${subscription}",
    "Owner": "000000000000",
    "Protocol": "sqs",
    "Endpoint": QUEUE,
    "TopicArn": TOPIC,
}
REDRIVE = '{"deadLetterTargetArn":"' + QUEUE + '-dead"}'

SUBSCRIPTIONS: Conversation = [
    made(),
    subscribed("subscription", "sqs", QUEUE),
    subscribed("again", "sqs", QUEUE),
    Exchange(
        "GetSubscriptionAttributes",
        {"SubscriptionArn": "${again}"},
        {"Attributes": SUBSCRIPTION},
    ),
    on_topic("ListSubscriptionsByTopic", {"Subscriptions": [LISTED]}),
    Exchange("ListSubscriptions", {}, {"Subscriptions": ANY}),
    Exchange("ListTopics", {}, {"Topics": ANY}),
    set_on("${subscription}", "RawMessageDelivery", "true"),
    set_on("${subscription}", "FilterPolicy", '{"kind":["order"]}'),
    set_on("${subscription}", "FilterPolicyScope", "MessageBody"),
    set_on("${subscription}", "RedrivePolicy", REDRIVE),
    Exchange(
        "GetSubscriptionAttributes",
        {"SubscriptionArn": "${subscription}"},
        {
            "Attributes": {
                **SUBSCRIPTION,
                "RawMessageDelivery": "true",
                "FilterPolicy": '{"kind":["order"]}',
                "FilterPolicyScope": "MessageBody",
                "RedrivePolicy": REDRIVE,
            }
        },
    ),
    refused(
        "Subscribe",
        invalid("Attributes Reason: Subscription already exists with different attributes"),
        Protocol="sqs",
        Endpoint=QUEUE,
        Attributes={"RawMessageDelivery": "false"},
    ),
    set_on("${subscription}", "FilterPolicy", "{}"),
    set_on("${subscription}", "RedrivePolicy", ""),
    refused(
        "Subscribe",
        invalid(
            'Attributes Reason: FilterPolicy: "a" must be an object or an array\\n at [Source: '
            '(String)"{"a":"b"}"; line: 1, column: 7]'.replace("\\n", "\n")
        ),
        Protocol="sqs",
        Endpoint=QUEUE + "-other",
        Attributes={"FilterPolicy": '{"a":"b"}'},
    ),
    refused(
        "Subscribe",
        invalid("Amazon SNS does not support this protocol string: pigeon"),
        Protocol="pigeon",
        Endpoint="x",
    ),
    refused("Subscribe", invalid("SQS endpoint ARN"), Protocol="sqs", Endpoint="x"),
    Exchange("Unsubscribe", {"SubscriptionArn": "${subscription}"}),
    Exchange("Unsubscribe", {"SubscriptionArn": "${subscription}"}),
    Exchange(
        "GetSubscriptionAttributes",
        {"SubscriptionArn": "${subscription}"},
        refusal=NO_SUBSCRIPTION,
    ),
    Exchange("Unsubscribe", {"SubscriptionArn": "${arn}:x"}, refusal=invalid("SubscriptionId")),
]

CONFIRMATION: Conversation = [
    made(),
    on_topic(
        "Subscribe",
        {"SubscriptionArn": "pending confirmation"},
        Protocol="http",
        Endpoint="${endpoint}",
        Attributes={"DeliveryPolicy": ENDPOINT_POLICY},
    ),
    on_topic(
        "ListSubscriptionsByTopic",
        {
            "Subscriptions": [
                {
                    **LISTED,
                    "SubscriptionArn": "PendingConfirmation",
                    "Protocol": "http",
                    "Endpoint": "${endpoint}",
                }
            ]
        },
    ),
    refused("ConfirmSubscription", invalid("Token"), Token="nonsense"),
    Exchange(
        "ConfirmSubscription",
        {"TopicArn": TOPIC, "Token": "${token}", "AuthenticateOnUnsubscribe": "true"},
        {"SubscriptionArn": ANY},
        keep={"subscription": "SubscriptionArn"},
    ),
    Exchange(
        "GetSubscriptionAttributes",
        {"SubscriptionArn": "${subscription}"},
        {
            "Attributes": {
                **SUBSCRIPTION,
                "Protocol": "http",
                "Endpoint": "${endpoint}",
                "DeliveryPolicy": ENDPOINT_POLICY,
                "EffectiveDeliveryPolicy": ANY,
                "ConfirmationWasAuthenticated": ANY,
            }
        },
    ),
    on_topic(
        "Subscribe",
        {"SubscriptionArn": "${subscription}"},
        Protocol="http",
        Endpoint="${endpoint}",
        ReturnSubscriptionArn=True,
    ),
]

NO_PHONE = Error("InvalidParameter", "PhoneNumber is not supported by this broker.")
PUBLISHED = {"MessageId": ANY}

PUBLISH: Conversation = [
    made(),
    on_topic(
        "Publish",
        PUBLISHED,
        Message='{"default":"for all","sqs":"for queues"}',
        MessageStructure="json",
        Subject="news",
        MessageAttributes=ATTRIBUTES,
        MessageGroupId="tenant",
    ),
    Exchange("Publish", {"TargetArn": TOPIC, "Message": "a"}, PUBLISHED),
    Exchange("Publish", {"PhoneNumber": "+123", "Message": "a"}, refusal=NO_PHONE),
    refused("Publish", NO_TOPIC, "-gone", Message="a"),
    refused("Publish", invalid("Empty message"), Message=""),
    refused("Publish", invalid("Subject"), Message="a", Subject="x" * 100),
    refused("Publish", invalid("Message too long"), Message="x" * 262_145),
    refused(
        "Publish",
        invalid("Message Structure - No default entry in JSON message body"),
        Message='{"sqs":"a"}',
        MessageStructure="json",
    ),
    refused(
        "Publish",
        Error(
            "ParameterValueInvalid",
            "The message attribute 'a' must contain non-empty message attribute value for message "
            "attribute type 'String'.",
        ),
        Message="a",
        MessageAttributes={"a": {"DataType": "String"}},
    ),
    on_topic(
        "PublishBatch",
        {
            "Successful": [{"Id": "1", "MessageId": ANY}],
            "Failed": [
                {
                    "Id": "2",
                    "Code": "InvalidParameter",
                    "Message": "Invalid parameter: Empty message",
                    "SenderFault": True,
                }
            ],
        },
        PublishBatchRequestEntries=[
            {
                "Id": "1",
                "Message": '{"default":"a"}',
                "MessageStructure": "json",
                "Subject": "news",
                "MessageAttributes": ATTRIBUTES,
                "MessageGroupId": "tenant",
            },
            {"Id": "2", "Message": ""},
        ],
    ),
    refused(
        "PublishBatch",
        Error("EmptyBatchRequest", "The batch request doesn't contain any entries."),
        PublishBatchRequestEntries=[],
    ),
    refused(
        "PublishBatch",
        Error(
            "TooManyEntriesInBatchRequest",
            "The batch request contains more entries than permissible.",
        ),
        PublishBatchRequestEntries=[{"Id": str(n), "Message": "a"} for n in range(11)],
    ),
    refused(
        "PublishBatch",
        Error(
            "BatchEntryIdsNotDistinct",
            "Two or more batch entries in the request have the same Id.",
        ),
        PublishBatchRequestEntries=[{"Id": "1", "Message": "a"}] * 2,
    ),
    refused(
        "PublishBatch",
        Error(
            "InvalidBatchEntryId",
            "The Id of a batch entry in the batch request contains an impermissible character: a b",
        ),
        PublishBatchRequestEntries=[{"Id": "a b", "Message": "a"}],
    ),
    refused(
        "PublishBatch",
        Error(
            "BatchRequestTooLong",
            "The length of all the messages put together is more than the limit.",
        ),
        PublishBatchRequestEntries=[{"Id": str(n), "Message": "x" * 200_000} for n in range(2)],
    ),
    Exchange(
        "Publish",
        {"TopicArn": TOPIC, "TargetArn": TOPIC, "Message": "a"},
        refusal=invalid("TopicArn or TargetArn Reason: only one may be given"),
    ),
]

FIFO_DEFAULTS = {
    **TOPIC_DEFAULTS,
    "TopicArn": TOPIC + ".fifo",
    "FifoTopic": "true",
    "ContentBasedDeduplication": "true",
    "FifoThroughputScope": "MessageGroup",
    "ArchivePolicy": '{"MessageRetentionPeriod":"3"}',
    "BeginningArchiveTime": ANY,
}
NUMBERED = {"MessageId": ANY, "SequenceNumber": ANY}
REPLAY = '{"PointType":"Timestamp","StartingPoint":"2020-01-01T00:00:00.000Z"}'

FIFO: Conversation = [
    made(
        ".fifo",
        FifoTopic="true",
        ContentBasedDeduplication="true",
        FifoThroughputScope="MessageGroup",
        ArchivePolicy='{"MessageRetentionPeriod":"3"}',
    ),
    on_topic("GetTopicAttributes", {"Attributes": FIFO_DEFAULTS}, ".fifo"),
    subscribed("subscription", "sqs", QUEUE + ".fifo", ".fifo"),
    Exchange(
        "Publish",
        {
            "TopicArn": TOPIC + ".fifo",
            "Message": "a",
            "MessageGroupId": "g",
            "MessageDeduplicationId": "1",
        },
        NUMBERED,
        keep={"first": "MessageId", "number": "SequenceNumber"},
    ),
    on_topic(
        "Publish",
        {"MessageId": "${first}", "SequenceNumber": "${number}"},
        ".fifo",
        Message="again",
        MessageGroupId="g",
        MessageDeduplicationId="1",
    ),
    on_topic(
        "PublishBatch",
        {"Successful": [{"Id": "1", **NUMBERED}]},
        ".fifo",
        PublishBatchRequestEntries=[
            {"Id": "1", "Message": "b", "MessageGroupId": "g", "MessageDeduplicationId": "2"}
        ],
    ),
    refused(
        "Publish",
        invalid("The MessageGroupId parameter is required for FIFO topics"),
        ".fifo",
        Message="a",
    ),
    set_on("${subscription}", "ReplayPolicy", REPLAY),
    Exchange(
        "GetSubscriptionAttributes",
        {"SubscriptionArn": "${subscription}"},
        {
            "Attributes": {
                **SUBSCRIPTION,
                "TopicArn": TOPIC + ".fifo",
                "Endpoint": QUEUE + ".fifo",
                "ReplayPolicy": REPLAY,
                "ReplayStatus": "Completed",
            }
        },
        eventually=True,
    ),
    refused(
        "DeleteTopic",
        Error("InvalidState", "Cannot delete a topic with an ArchivePolicy"),
        ".fifo",
    ),
    set_("ArchivePolicy", "", ".fifo"),
    set_("ContentBasedDeduplication", "false", ".fifo"),
    set_("FifoThroughputScope", "Topic", ".fifo"),
    on_topic("DeleteTopic", suffix=".fifo"),
]

CONVERSATIONS: dict[str, Conversation] = {
    "topics": TOPICS,
    "topic-attributes": TOPIC_ATTRIBUTES,
    "tags": TAGS,
    "policies": POLICIES,
    "subscriptions": SUBSCRIPTIONS,
    "confirmation": CONFIRMATION,
    "publish": PUBLISH,
    "fifo": FIFO,
}
