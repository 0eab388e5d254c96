"""conversations with SQS that together use all of it, each held over JSON and over Query alike

`docs/compatibility-sqs.md` is generated from these: an action, member, attribute or error is
called supported there if it stands here with its answer. Finer points, limits and races have tests
of their own beside this.
"""

import hashlib
import json
from typing import Any

from tests.wire.exchange import ANY, Error, Exchange

Conversation = list[Exchange]

_SQS = "AWS.SimpleQueueService."
MD5_OF_A = hashlib.md5(b"a").hexdigest()
MD5_OF_FOO_BAR = "ae7155c6026991b6d54b11589678bf9c"  # recorded from the live service
FOO_BAR = {"Foo": {"DataType": "String", "StringValue": "Bar"}}
TRACE = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}
TRACE_MD5 = "d6619b3d47b81d3fc72c0db005a70eda"

NO_QUEUE = Error(
    "QueueDoesNotExist",
    "The specified queue does not exist.",
    _SQS + "NonExistentQueue",
    "The specified queue does not exist for this wsdl version.",
)


def invalid(message: str) -> Error:
    return Error("InvalidParameterValueException", message, "InvalidParameterValue")


def missing(parameter: str) -> Error:
    return Error(
        "MissingRequiredParameterException",
        f"The request must contain the parameter {parameter}.",
        "MissingParameter",
    )


def of_batch(shape: str, message: str) -> Error:
    return Error(shape, message, _SQS + shape)


def made(suffix: str = "", **attributes: str) -> Exchange:
    """A queue named after the conversation; its URL is kept as `queue` and the suffix."""
    request: dict[str, Any] = {"QueueName": "${name}" + suffix}
    if attributes:
        request["Attributes"] = attributes
    label = "queue" + suffix.strip("-").replace(".", "_")
    return Exchange(
        "CreateQueue", request, {"QueueUrl": "${url}/${name}" + suffix}, keep={label: "QueueUrl"}
    )


def on_queue(action: str, answer: dict[str, Any] | None = None, **request: Any) -> Exchange:
    return Exchange(action, {"QueueUrl": "${queue}", **request}, answer or {})


def refused(action: str, refusal: Error, **request: Any) -> Exchange:
    return Exchange(action, {"QueueUrl": "${queue}", **request}, refusal=refusal)


def entry(id: str, **members: Any) -> dict[str, Any]:
    return {"Id": id, "MessageBody": "a", **members}


def ids(*given: str, **members: Any) -> list[dict[str, Any]]:
    return [{"Id": each, **members} for each in given]


DEFAULTS = {
    "QueueArn": "${arn}:${name}",
    "ApproximateNumberOfMessages": "0",
    "ApproximateNumberOfMessagesNotVisible": "0",
    "ApproximateNumberOfMessagesDelayed": "0",
    "CreatedTimestamp": ANY,
    "LastModifiedTimestamp": ANY,
    "DelaySeconds": "0",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "VisibilityTimeout": "30",
    "SqsManagedSseEnabled": "true",
}
NUMBERS = {
    "DelaySeconds": "1",
    "MaximumMessageSize": "2048",
    "MessageRetentionPeriod": "60",
    "ReceiveMessageWaitTimeSeconds": "2",
    "VisibilityTimeout": "3",
}

QUEUES: Conversation = [
    Exchange(
        "CreateQueue",
        {"QueueName": "${name}", "Attributes": {"DelaySeconds": "7"}, "tags": {"team": "a"}},
        {"QueueUrl": "${url}/${name}"},
        keep={"queue": "QueueUrl"},
    ),
    on_queue("ListQueueTags", {"Tags": {"team": "a"}}),
    Exchange(
        "CreateQueue",
        {"QueueName": "${name}", "Attributes": {"DelaySeconds": "8"}},
        refusal=Error(
            "QueueNameExists",
            "A queue already exists with the same name and a different value for attribute "
            "DelaySeconds",
            "QueueAlreadyExists",
        ),
    ),
    Exchange(
        "CreateQueue",
        {"QueueName": "a b"},
        refusal=invalid(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        ),
    ),
    made("-2"),
    Exchange("GetQueueUrl", {"QueueName": "${name}"}, {"QueueUrl": "${queue}"}),
    Exchange(
        "GetQueueUrl",
        {"QueueName": "${name}", "QueueOwnerAWSAccountId": "000000000000"},
        {"QueueUrl": "${queue}"},
    ),
    Exchange("GetQueueUrl", {"QueueName": "${name}-none"}, refusal=NO_QUEUE),
    Exchange(
        "ListQueues",
        {"QueueNamePrefix": "${name}", "MaxResults": 1},
        {"QueueUrls": ["${queue}"], "NextToken": ANY},
        keep={"token": "NextToken"},
    ),
    Exchange(
        "ListQueues",
        {"QueueNamePrefix": "${name}", "MaxResults": 1, "NextToken": "${token}"},
        {"QueueUrls": ["${queue2}"]},
    ),
    on_queue("PurgeQueue"),
    refused(
        "PurgeQueue",
        of_batch(
            "PurgeQueueInProgress",
            "Only one PurgeQueue operation on ${name} is allowed every 60 seconds.",
        ),
    ),
    on_queue("DeleteQueue"),
    refused("DeleteQueue", NO_QUEUE),
    Exchange(
        "CreateQueue",
        {"QueueName": "${name}"},
        refusal=of_batch(
            "QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with "
            "the same name.",
        ),
    ),
    Exchange(
        "DeleteQueue",
        {"QueueUrl": "http://sqs/000000000000/a b"},
        refusal=Error(
            "InvalidAddress",
            "The address http://sqs/000000000000/a b is not valid for this endpoint.",
        ),
    ),
]

POLICY = json.dumps(
    {"Statement": {"Effect": "Deny", "Principal": "*", "Action": "SQS:*", "Resource": "*"}}
)
ALLOW = json.dumps({"redrivePermission": "denyAll"})
REDRIVE = '{"deadLetterTargetArn":"${arn}:${name}-dead","maxReceiveCount":5}'

ATTRIBUTES: Conversation = [
    made(),
    on_queue("GetQueueAttributes"),
    on_queue("GetQueueAttributes", {"Attributes": DEFAULTS}, AttributeNames=["All"]),
    on_queue("SetQueueAttributes", Attributes=NUMBERS),
    on_queue("GetQueueAttributes", {"Attributes": NUMBERS}, AttributeNames=list(NUMBERS)),
    made("-dead"),
    on_queue(
        "SetQueueAttributes",
        Attributes={"Policy": POLICY, "RedriveAllowPolicy": ALLOW, "RedrivePolicy": REDRIVE},
    ),
    on_queue(
        "GetQueueAttributes",
        {"Attributes": {"Policy": POLICY, "RedriveAllowPolicy": ALLOW, "RedrivePolicy": REDRIVE}},
        AttributeNames=["Policy", "RedriveAllowPolicy", "RedrivePolicy"],
    ),
    on_queue("SetQueueAttributes", Attributes={"SqsManagedSseEnabled": "false"}),
    on_queue(
        "SetQueueAttributes",
        Attributes={"KmsMasterKeyId": "alias/k", "KmsDataKeyReusePeriodSeconds": "60"},
    ),
    on_queue(
        "GetQueueAttributes",
        {
            "Attributes": {
                "SqsManagedSseEnabled": "false",
                "KmsMasterKeyId": "alias/k",
                "KmsDataKeyReusePeriodSeconds": "60",
            }
        },
        AttributeNames=["SqsManagedSseEnabled", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"],
    ),
    refused(
        "SetQueueAttributes",
        Error("InvalidAttributeName", "Unknown Attribute Foobar."),
        Attributes={"Foobar": "1"},
    ),
    refused(
        "SetQueueAttributes",
        Error("InvalidAttributeValue", "Invalid value for the parameter DelaySeconds."),
        Attributes={"DelaySeconds": "901"},
    ),
]

TAGS: Conversation = [
    made(),
    on_queue("ListQueueTags"),
    on_queue("TagQueue", Tags={"a": "1", "b": ""}),
    on_queue("UntagQueue", TagKeys=["a"]),
    on_queue("ListQueueTags", {"Tags": {"b": ""}}),
    refused(
        "UntagQueue",
        invalid("Tag keys must be between 1 and 128 characters in length."),
        TagKeys=["k" * 129],
    ),
]

PERMISSIONS: Conversation = [
    made(),
    on_queue(
        "AddPermission", Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage", "*"]
    ),
    on_queue("GetQueueAttributes", {"Attributes": {"Policy": ANY}}, AttributeNames=["Policy"]),
    refused(
        "AddPermission",
        Error("OverLimit", "8 Actions were found, maximum allowed is 7."),
        Label="m",
        AWSAccountIds=["111111111111"],
        Actions=["SendMessage"] * 8,
    ),
    on_queue("RemovePermission", Label="l"),
    on_queue("GetQueueAttributes", AttributeNames=["Policy"]),
    refused(
        "RemovePermission",
        invalid("Value l for parameter Label is invalid. Reason: can't find label."),
        Label="l",
    ),
]

ATTRIBUTES_OF_A_MESSAGE = {
    **FOO_BAR,
    "blob": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"},
}

MESSAGES: Conversation = [
    made(),
    on_queue("ReceiveMessage"),
    on_queue(
        "SendMessage",
        {
            "MessageId": ANY,
            "MD5OfMessageBody": MD5_OF_A,
            "MD5OfMessageAttributes": ANY,
            "MD5OfMessageSystemAttributes": TRACE_MD5,
        },
        MessageBody="a",
        DelaySeconds=0,
        MessageAttributes=ATTRIBUTES_OF_A_MESSAGE,
        MessageSystemAttributes=TRACE,
        MessageGroupId="tenant",
    ),
    Exchange(
        "ReceiveMessage",
        {
            "QueueUrl": "${queue}",
            "AttributeNames": ["SenderId", "SentTimestamp", "DeadLetterQueueSourceArn"],
            "MessageSystemAttributeNames": [
                "ApproximateReceiveCount",
                "ApproximateFirstReceiveTimestamp",
                "MessageGroupId",
                "AWSTraceHeader",
            ],
            "MessageAttributeNames": ["All"],
            "MaxNumberOfMessages": 10,
            "VisibilityTimeout": 600,
            "WaitTimeSeconds": 10,
        },
        {
            "Messages": [
                {
                    "MessageId": ANY,
                    "ReceiptHandle": ANY,
                    "Body": "a",
                    "MD5OfBody": MD5_OF_A,
                    "MD5OfMessageAttributes": ANY,
                    "MessageAttributes": ATTRIBUTES_OF_A_MESSAGE,
                    "Attributes": {
                        "SenderId": "000000000000",
                        "SentTimestamp": ANY,
                        "ApproximateReceiveCount": "1",
                        "ApproximateFirstReceiveTimestamp": ANY,
                        "MessageGroupId": "tenant",
                        "AWSTraceHeader": "Root=1",
                    },
                }
            ]
        },
        keep={"handle": "Messages[0].ReceiptHandle"},
    ),
    on_queue("ChangeMessageVisibility", ReceiptHandle="${handle}", VisibilityTimeout=60),
    on_queue("DeleteMessage", ReceiptHandle="${handle}"),
    refused(
        "ChangeMessageVisibility",
        invalid(
            "Value ${handle} for parameter ReceiptHandle is invalid. Reason: Message does not "
            "exist or is not available for visibility timeout change."
        ),
        ReceiptHandle="${handle}",
        VisibilityTimeout=60,
    ),
    refused(
        "DeleteMessage",
        Error(
            "ReceiptHandleIsInvalid",
            'The input receipt handle "garbage" is not a valid receipt handle.',
        ),
        ReceiptHandle="garbage",
    ),
    refused("SendMessage", missing("MessageBody"), MessageBody=""),
    refused(
        "ReceiveMessage",
        invalid(
            "Value 11 for parameter MaxNumberOfMessages is invalid. "
            "Reason: Must be between 1 and 10, if provided."
        ),
        MaxNumberOfMessages=11,
    ),
    refused(
        "SendMessage",
        Error(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to "
            "#xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        ),
        MessageBody="\uffff",
    ),
]


def with_list(member: str, value: Any) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": "a", member: [value]}


def lists_refused(place: str, name: str) -> Conversation:
    """Neither SQS nor this broker takes an attribute that is a list."""
    return [
        exchange
        for member, value in (("StringListValues", "b"), ("BinaryListValues", b"b"))
        for refusal in [
            of_batch("UnsupportedOperation", f"{member} is not supported by this broker.")
        ]
        for given in [{place: {name: with_list(member, value)}}]
        for exchange in (
            refused("SendMessage", refusal, MessageBody="a", **given),
            refused("SendMessageBatch", refusal, Entries=[entry("a", **given)]),
        )
    ]


LISTS: Conversation = [
    made(),
    *lists_refused("MessageAttributes", "Foo"),
    *lists_refused("MessageSystemAttributes", "AWSTraceHeader"),
    refused(
        "SendMessage",
        invalid("Message system attribute name 'AWSTraceHeader' is invalid."),
        MessageBody="a",
        MessageSystemAttributes={
            "AWSTraceHeader": {"DataType": "Binary", "BinaryValue": b"Root=1"}
        },
    ),
    refused(
        "SendMessageBatch",
        of_batch(
            "BatchRequestTooLong",
            "Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.",
        ),
        Entries=[entry("a", MessageBody="x" * 1_048_576), entry("b")],
    ),
]

BAD = {
    "Id": "bad",
    "SenderFault": True,
    "Code": "ReceiptHandleIsInvalid",
    "Message": 'The input receipt handle "garbage" is not a valid receipt handle.',
}

BATCHES: Conversation = [
    made(),
    on_queue(
        "SendMessageBatch",
        {
            "Successful": [
                {
                    "Id": "good",
                    "MessageId": ANY,
                    "MD5OfMessageBody": MD5_OF_A,
                    "MD5OfMessageAttributes": ANY,
                    "MD5OfMessageSystemAttributes": TRACE_MD5,
                }
            ],
            "Failed": [
                {
                    "Id": "bad",
                    "SenderFault": True,
                    "Code": "InvalidParameterValue",
                    "Message": "Value 901 for parameter DelaySeconds is invalid. "
                    "Reason: DelaySeconds must be >= 0 and <= 900.",
                }
            ],
        },
        Entries=[
            entry(
                "good",
                DelaySeconds=0,
                MessageAttributes=ATTRIBUTES_OF_A_MESSAGE,
                MessageSystemAttributes=TRACE,
                MessageGroupId="tenant",
            ),
            entry("bad", DelaySeconds=901),
        ],
    ),
    Exchange(
        "ReceiveMessage",
        {"QueueUrl": "${queue}", "WaitTimeSeconds": 10},
        {
            "Messages": [
                {"MessageId": ANY, "ReceiptHandle": ANY, "Body": "a", "MD5OfBody": MD5_OF_A}
            ]
        },
        keep={"handle": "Messages[0].ReceiptHandle"},
    ),
    on_queue(
        "ChangeMessageVisibilityBatch",
        {"Successful": [{"Id": "good"}], "Failed": [BAD]},
        Entries=[
            {"Id": "good", "ReceiptHandle": "${handle}", "VisibilityTimeout": 60},
            {"Id": "bad", "ReceiptHandle": "garbage", "VisibilityTimeout": 60},
        ],
    ),
    on_queue(
        "DeleteMessageBatch",
        {"Successful": [{"Id": "good"}], "Failed": [BAD]},
        Entries=[
            {"Id": "good", "ReceiptHandle": "${handle}"},
            {"Id": "bad", "ReceiptHandle": "garbage"},
        ],
    ),
    refused(
        "DeleteMessageBatch",
        of_batch(
            "TooManyEntriesInBatchRequest",
            "Maximum number of entries per request are 10. You have sent 11.",
        ),
        Entries=ids(*"abcdefghijk", ReceiptHandle="h"),
    ),
    refused(
        "DeleteMessageBatch",
        of_batch("BatchEntryIdsNotDistinct", "Id a repeated."),
        Entries=ids("a", "a", ReceiptHandle="h"),
    ),
    refused(
        "DeleteMessageBatch",
        of_batch(
            "InvalidBatchEntryId",
            "A batch entry id can only contain alphanumeric characters, hyphens and underscores. "
            "It can be at most 80 letters long.",
        ),
        Entries=ids("a b", ReceiptHandle="h"),
    ),
    *(
        refused(
            action,
            of_batch(
                "EmptyBatchRequest",
                f"There should be at least one {action}RequestEntry in the request.",
            ),
            Entries=[],
        )
        for action in ("SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch")
    ),
]

FIFO_ATTRIBUTES = {
    "FifoQueue": "true",
    "ContentBasedDeduplication": "true",
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
}
SENT_TO_FIFO = {"MessageId": ANY, "MD5OfMessageBody": MD5_OF_A, "SequenceNumber": ANY}

FIFO: Conversation = [
    Exchange(
        "CreateQueue",
        {"QueueName": "${name}.fifo", "Attributes": FIFO_ATTRIBUTES},
        {"QueueUrl": "${url}/${name}.fifo"},
        keep={"queue": "QueueUrl"},
    ),
    on_queue(
        "GetQueueAttributes",
        {"Attributes": {**DEFAULTS, **FIFO_ATTRIBUTES, "QueueArn": "${arn}:${name}.fifo"}},
        AttributeNames=["All"],
    ),
    on_queue(
        "SetQueueAttributes",
        Attributes={"FifoThroughputLimit": "perQueue", "ContentBasedDeduplication": "false"},
    ),
    on_queue("SetQueueAttributes", Attributes={"DeduplicationScope": "queue"}),
    on_queue(
        "GetQueueAttributes",
        {
            "Attributes": {
                "FifoQueue": "true",
                "ContentBasedDeduplication": "false",
                "DeduplicationScope": "queue",
                "FifoThroughputLimit": "perQueue",
            }
        },
        AttributeNames=list(FIFO_ATTRIBUTES),
    ),
    Exchange(
        "SendMessage",
        {
            "QueueUrl": "${queue}",
            "MessageBody": "a",
            "MessageGroupId": "g",
            "MessageDeduplicationId": "d",
        },
        SENT_TO_FIFO,
        keep={"first": "MessageId", "number": "SequenceNumber"},
    ),
    on_queue(
        "SendMessageBatch",
        {
            "Successful": [
                {
                    "Id": "again",
                    "MessageId": "${first}",
                    "MD5OfMessageBody": MD5_OF_A,
                    "SequenceNumber": "${number}",
                },
                {"Id": "next", **SENT_TO_FIFO},
            ]
        },
        Entries=[
            entry("again", MessageGroupId="g", MessageDeduplicationId="d"),
            entry("next", MessageGroupId="g", MessageDeduplicationId="e"),
        ],
    ),
    Exchange(
        "ReceiveMessage",
        {
            "QueueUrl": "${queue}",
            "ReceiveRequestAttemptId": "attempt",
            "VisibilityTimeout": 600,
            "MessageSystemAttributeNames": [
                "MessageGroupId",
                "MessageDeduplicationId",
                "SequenceNumber",
            ],
        },
        {
            "Messages": [
                {
                    "MessageId": "${first}",
                    "ReceiptHandle": ANY,
                    "Body": "a",
                    "MD5OfBody": MD5_OF_A,
                    "Attributes": {
                        "MessageGroupId": "g",
                        "MessageDeduplicationId": "d",
                        "SequenceNumber": "${number}",
                    },
                }
            ]
        },
        keep={"handle": "Messages[0].ReceiptHandle"},
    ),
    on_queue(
        "ReceiveMessage",
        {
            "Messages": [
                {
                    "MessageId": "${first}",
                    "ReceiptHandle": "${handle}",
                    "Body": "a",
                    "MD5OfBody": MD5_OF_A,
                }
            ]
        },
        ReceiveRequestAttemptId="attempt",
        VisibilityTimeout=600,
    ),
    on_queue("ReceiveMessage"),
    on_queue("DeleteMessage", ReceiptHandle="${handle}"),
    refused("SendMessage", missing("MessageGroupId"), MessageBody="a"),
    refused(
        "SendMessage",
        invalid(
            "The queue should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        ),
        MessageBody="a",
        MessageGroupId="g",
    ),
]

ONE_LETTER: dict[str, Any] = {
    "Messages": [
        {
            "MessageId": "${letter}",
            "ReceiptHandle": ANY,
            "Body": "a",
            "MD5OfBody": MD5_OF_A,
        }
    ]
}


def dead_letter(name: str) -> Conversation:
    """A message of `${queue}` dies: it is received once, and then once too often."""
    sent = {"MessageId": ANY, "MD5OfMessageBody": MD5_OF_A}
    return [
        Exchange(
            "SendMessage",
            {"QueueUrl": "${queue}", "MessageBody": "a"},
            sent,
            keep={name: "MessageId"},
        ),
        Exchange(
            "ReceiveMessage",
            {"QueueUrl": "${queue}", "WaitTimeSeconds": 10, "VisibilityTimeout": 0},
            {
                "Messages": [
                    {"MessageId": ANY, "ReceiptHandle": ANY, "Body": "a", "MD5OfBody": MD5_OF_A}
                ]
            },
        ),
        on_queue("ReceiveMessage"),
    ]


TASK = {
    "Status": "RUNNING",
    "SourceArn": "${arn}:${name}-dead",
    "StartedTimestamp": ANY,
    "ApproximateNumberOfMessagesMoved": ANY,
    "ApproximateNumberOfMessagesToMove": ANY,
}


def listed(count: int, *tasks: dict[str, Any]) -> Exchange:
    """The latest tasks, once they are as they are to be."""
    return Exchange(
        "ListMessageMoveTasks",
        {"SourceArn": "${arn}:${name}-dead", "MaxResults": count},
        {"Results": list(tasks)},
        eventually=True,
    )


def no_resource(parameter: str) -> Error:
    return Error(
        "ResourceNotFoundException",
        f"The resource that you specified for the {parameter} parameter doesn't exist.",
    )


DEAD_LETTERS: Conversation = [
    made("-dead"),
    made("-attic"),
    made(
        RedrivePolicy='{"deadLetterTargetArn":"${arn}:${name}-dead","maxReceiveCount":1}',
    ),
    Exchange(
        "ListDeadLetterSourceQueues", {"QueueUrl": "${queuedead}"}, {"queueUrls": ["${queue}"]}
    ),
    made(
        "-z",
        RedrivePolicy='{"deadLetterTargetArn":"${arn}:${name}-dead","maxReceiveCount":1}',
    ),
    Exchange(
        "ListDeadLetterSourceQueues",
        {"QueueUrl": "${queuedead}", "MaxResults": 1},
        {"queueUrls": ["${queue}"], "NextToken": ANY},
        keep={"token": "NextToken"},
    ),
    Exchange(
        "ListDeadLetterSourceQueues",
        {"QueueUrl": "${queuedead}", "MaxResults": 1, "NextToken": "${token}"},
        {"queueUrls": ["${queuez}"]},
    ),
    Exchange("DeleteQueue", {"QueueUrl": "${queuez}"}),
    *dead_letter("letter"),
    Exchange(
        "ReceiveMessage",
        {
            "QueueUrl": "${queuedead}",
            "VisibilityTimeout": 0,
            "WaitTimeSeconds": 10,
            "MessageSystemAttributeNames": ["DeadLetterQueueSourceArn"],
        },
        {
            "Messages": [
                {
                    **ONE_LETTER["Messages"][0],
                    "Attributes": {"DeadLetterQueueSourceArn": "${arn}:${name}"},
                }
            ]
        },
    ),
    Exchange(
        "StartMessageMoveTask",
        {"SourceArn": "${arn}:${name}-dead"},
        {"TaskHandle": ANY},
    ),
    listed(1, {**TASK, "Status": "COMPLETED"}),
    Exchange("ListMessageMoveTasks", {"SourceArn": "${arn}:${name}-attic"}),
    on_queue(
        "ReceiveMessage",
        {
            "Messages": [
                {"MessageId": ANY, "ReceiptHandle": ANY, "Body": "a", "MD5OfBody": MD5_OF_A}
            ]
        },
        WaitTimeSeconds=10,
        VisibilityTimeout=600,
    ),
    *(exchange for _ in range(30) for exchange in dead_letter("letter")),
    Exchange(
        "StartMessageMoveTask",
        {
            "SourceArn": "${arn}:${name}-dead",
            "DestinationArn": "${arn}:${name}-attic",
            "MaxNumberOfMessagesPerSecond": 1,
        },
        {"TaskHandle": ANY},
        keep={"task": "TaskHandle"},
    ),
    Exchange(
        "StartMessageMoveTask",
        {"SourceArn": "${arn}:${name}-dead"},
        refusal=invalid(
            "There is already a task running. Only one active task is allowed for a source queue "
            "arn at a given time."
        ),
    ),
    listed(
        1,
        {
            **TASK,
            "TaskHandle": "${task}",
            "DestinationArn": "${arn}:${name}-attic",
            "MaxNumberOfMessagesPerSecond": 1,
        },
    ),
    Exchange(
        "CancelMessageMoveTask",
        {"TaskHandle": "${task}"},
        {"ApproximateNumberOfMessagesMoved": ANY},
    ),
    Exchange(
        "CancelMessageMoveTask",
        {"TaskHandle": "${task}"},
        refusal=Error("ResourceNotFoundException", "Task does not exist."),
    ),
    listed(
        2,
        {
            **TASK,
            "Status": "CANCELLED",
            "DestinationArn": "${arn}:${name}-attic",
            "MaxNumberOfMessagesPerSecond": 1,
        },
        {**TASK, "Status": "COMPLETED"},
    ),
    Exchange("DeleteQueue", {"QueueUrl": "${queue}"}),
    Exchange(
        "StartMessageMoveTask",
        {"SourceArn": "${arn}:${name}-dead"},
        refusal=invalid("Source queue must be configured as a Dead Letter Queue."),
    ),
    made("-y", RedrivePolicy='{"deadLetterTargetArn":"${arn}:${name}-dead","maxReceiveCount":1}'),
    Exchange("StartMessageMoveTask", {"SourceArn": "${arn}:${name}-dead"}, {"TaskHandle": ANY}),
    listed(
        1,
        {**TASK, "Status": "FAILED", "FailureReason": "AWS.SimpleQueueService.NonExistentQueue"},
    ),
    Exchange(
        "CancelMessageMoveTask",
        {"TaskHandle": "nonsense"},
        refusal=invalid("Value for parameter TaskHandle is invalid."),
    ),
    Exchange(
        "StartMessageMoveTask",
        {"SourceArn": "${arn}:${name}-none"},
        refusal=no_resource("SourceArn"),
    ),
    Exchange(
        "StartMessageMoveTask",
        {"SourceArn": "${arn}:${name}-dead", "DestinationArn": "${arn}:${name}-none"},
        refusal=no_resource("DestinationArn"),
    ),
    Exchange(
        "ListMessageMoveTasks",
        {"SourceArn": "${arn}:${name}-none"},
        refusal=no_resource("SourceArn"),
    ),
]

CONVERSATIONS: dict[str, Conversation] = {
    "queues": QUEUES,
    "attributes": ATTRIBUTES,
    "tags": TAGS,
    "permissions": PERMISSIONS,
    "messages": MESSAGES,
    "lists": LISTS,
    "batches": BATCHES,
    "fifo": FIFO,
    "dead-letters": DEAD_LETTERS,
}
