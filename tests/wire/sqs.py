"""what the tests of SQS share: names of errors, and the calls that most of them make"""

from typing import Any

NON_EXISTENT = "AWS.SimpleQueueService.NonExistentQueue"
BATCH = "AWS.SimpleQueueService."
MIB = 1_048_576


def bodies(received: dict[str, Any]) -> list[str]:
    return [message["Body"] for message in received.get("Messages", [])]


def receive(sqs: Any, queue: str, **options: Any) -> dict[str, Any]:
    """One message, by long poll."""
    options = {"WaitTimeSeconds": 10, "QueueUrl": queue, **options}
    (message,) = sqs.receive_message(**options)["Messages"]
    return dict(message)


def attribute(sqs: Any, queue: str, name: str) -> str:
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=[name])
    return str(found["Attributes"][name])


def name_of(queue: str) -> str:
    return queue.rpartition("/")[2]


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


def entries(count: int) -> list[dict[str, Any]]:
    return [{"Id": f"id-{n}", "MessageBody": str(n)} for n in range(count)]
