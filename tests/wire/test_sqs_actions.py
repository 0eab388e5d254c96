"""every action of SQS, by clients of every kind: boto3, raw Query, JavaScript, the AWS CLI"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from broker.edge.aws.sqs import sqs as service
from tests.daemon import Daemon
from tests.wire import node
from tests.wire.service_clients import (
    Boto3Client,
    CliClient,
    JavaScriptClient,
    QueryClient,
    Refusal,
    ServiceClient,
)

CLIENTS: dict[str, Callable[[Daemon], ServiceClient]] = {
    "boto3": Boto3Client,
    "GET": lambda broker: QueryClient(broker, "GET"),
    "POST": lambda broker: QueryClient(broker, "POST"),
    "JavaScript": JavaScriptClient,
    "CLI": CliClient,
}


@pytest.fixture(
    params=[
        pytest.param(name, marks=node.needs_node if name == "JavaScript" else ())
        for name in CLIENTS
    ]
)
def client(request: pytest.FixtureRequest, broker: Daemon) -> Iterator[ServiceClient]:
    made = CLIENTS[request.param](broker)
    yield made
    made.close()


def test_every_action(client: ServiceClient, broker: Daemon, name: str) -> None:
    called = set()

    def call(action: str, **members: Any) -> dict[str, Any]:
        called.add(action)
        return client.call(action, **members)

    url = f"{broker.url}/000000000000/{name}"
    given = {"VisibilityTimeout": "600", "DelaySeconds": "0"}
    made = call("CreateQueue", QueueName=name, Attributes=given, tags={"team": "a"})
    assert made == {"QueueUrl": url}
    assert call("GetQueueUrl", QueueName=name) == {"QueueUrl": url}
    assert call("ListQueues", QueueNamePrefix=name, MaxResults=10) == {"QueueUrls": [url]}
    assert call("SetQueueAttributes", QueueUrl=url, Attributes={"VisibilityTimeout": "60"}) == {}
    found = call("GetQueueAttributes", QueueUrl=url, AttributeNames=list(given))
    assert found == {"Attributes": {"VisibilityTimeout": "60", "DelaySeconds": "0"}}

    body = 'Grüße 🦉 <&> "a b"'
    attributes = {
        "name": {"DataType": "String", "StringValue": "ä=&"},
        "size.bytes": {"DataType": "Number.int", "StringValue": "12"},
        "blob": {"DataType": "Binary", "BinaryValue": b"\x00\x7f"},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988-bd862e3f"}}
    sent = call(
        "SendMessage",
        QueueUrl=url,
        MessageBody=body,
        DelaySeconds=0,
        MessageAttributes=attributes,
        MessageSystemAttributes=trace,
    )
    assert sent["MD5OfMessageBody"] == hashlib.md5(body.encode()).hexdigest()
    assert "MD5OfMessageSystemAttributes" in sent
    receive = {"QueueUrl": url, "WaitTimeSeconds": 20, "MaxNumberOfMessages": 10}
    (message,) = call(
        "ReceiveMessage",
        **receive,
        VisibilityTimeout=600,
        MessageAttributeNames=["name", "size.*", "blob"],
        MessageSystemAttributeNames=["AWSTraceHeader", "ApproximateReceiveCount"],
    )["Messages"]
    handle = message.pop("ReceiptHandle")
    assert message == {
        "MessageId": sent["MessageId"],
        "MD5OfBody": sent["MD5OfMessageBody"],
        "Body": body,
        "Attributes": {
            "AWSTraceHeader": trace["AWSTraceHeader"]["StringValue"],
            "ApproximateReceiveCount": "1",
        },
        "MD5OfMessageAttributes": sent["MD5OfMessageAttributes"],
        "MessageAttributes": attributes,
    }
    of_message = {"QueueUrl": url, "ReceiptHandle": handle}
    assert call("ChangeMessageVisibility", **of_message, VisibilityTimeout=0) == {}
    (again,) = call("ReceiveMessage", **receive)["Messages"]
    assert again["MessageId"] == sent["MessageId"]
    assert call("DeleteMessage", QueueUrl=url, ReceiptHandle=again["ReceiptHandle"]) == {}

    entries = [
        {"Id": "a", "MessageBody": "a", "MessageAttributes": attributes, "DelaySeconds": 0},
        {"Id": "b", "MessageBody": "b", "MessageSystemAttributes": trace},
        {"Id": "c", "MessageBody": "c", "DelaySeconds": 901},
    ]
    batch = call("SendMessageBatch", QueueUrl=url, Entries=entries)
    assert [sorted(each) for each in batch["Successful"]] == [
        ["Id", "MD5OfMessageAttributes", "MD5OfMessageBody", "MessageId"],
        ["Id", "MD5OfMessageBody", "MD5OfMessageSystemAttributes", "MessageId"],
    ]
    assert [(each["Id"], each["SenderFault"]) for each in batch["Failed"]] == [("c", True)]
    handles = [each["ReceiptHandle"] for each in call("ReceiveMessage", **receive)["Messages"]] + [
        "garbage"
    ]
    failed = {
        "Id": "2",
        "SenderFault": True,
        "Code": "ReceiptHandleIsInvalid",
        "Message": 'The input receipt handle "garbage" is not a valid receipt handle.',
    }
    outcome = {"Successful": [{"Id": "0"}, {"Id": "1"}], "Failed": [failed]}
    entries = [{"Id": str(n), "ReceiptHandle": each} for n, each in enumerate(handles)]
    changes = [{**entry, "VisibilityTimeout": 600} for entry in entries]
    assert call("ChangeMessageVisibilityBatch", QueueUrl=url, Entries=changes) == outcome
    assert call("DeleteMessageBatch", QueueUrl=url, Entries=entries) == outcome

    assert call("ListQueueTags", QueueUrl=url) == {"Tags": {"team": "a"}}
    assert call("TagQueue", QueueUrl=url, Tags={"cost center": "ä"}) == {}
    assert call("UntagQueue", QueueUrl=url, TagKeys=["team"]) == {}
    assert call("ListQueueTags", QueueUrl=url) == {"Tags": {"cost center": "ä"}}

    share = {"AWSAccountIds": ["111111111111"], "Actions": ["SendMessage"]}
    assert call("AddPermission", QueueUrl=url, Label="l", **share) == {}
    assert call("RemovePermission", QueueUrl=url, Label="l") == {}

    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    policy = f'{{"deadLetterTargetArn":"{arn}","maxReceiveCount":1}}'
    source = call("CreateQueue", QueueName=f"{name}-2", Attributes={"RedrivePolicy": policy})
    found = call("ListDeadLetterSourceQueues", QueueUrl=url)
    assert found == {"queueUrls": [source["QueueUrl"]]}
    call("SendMessageBatch", QueueUrl=url, Entries=[{"Id": "a", "MessageBody": "a"}])
    slowly = {"DestinationArn": f"{arn}-2", "MaxNumberOfMessagesPerSecond": 1}
    for body in "bc":
        call("SendMessage", QueueUrl=url, MessageBody=body)
    started = call("StartMessageMoveTask", SourceArn=arn, **slowly)
    (task,) = call("ListMessageMoveTasks", SourceArn=arn, MaxResults=10)["Results"]
    assert task.items() >= {**started, **slowly, "SourceArn": arn, "Status": "RUNNING"}.items()
    assert "ApproximateNumberOfMessagesMoved" in call("CancelMessageMoveTask", **started)

    assert call("PurgeQueue", QueueUrl=url) == {}
    assert call("DeleteQueue", QueueUrl=url) == {}
    with pytest.raises(Refusal) as refused:
        call("GetQueueUrl", QueueName=name)
    code, message_text = refused.value.args
    assert code == "AWS.SimpleQueueService.NonExistentQueue"
    assert message_text.startswith("The specified queue does not exist")
    assert called == set(service.actions)
