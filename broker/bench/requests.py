"""requests as an SDK puts them on the wire, whole, so that sending one costs one system call"""

import json

from broker.bench.address import Address

BODY = "".join(chr(97 + n % 26) for n in range(256))  # 256 bytes, as in every comparison

_HEAD = (
    "POST {path} HTTP/1.1\r\n"
    "Host: {address}\r\n"
    "Accept-Encoding: identity\r\n"
    "{special}"
    "Content-Type: {content_type}\r\n"
    "User-Agent: Boto3/1.40.0 md/Botocore#1.40.0 ua/2.1 os/linux#6.1 md/arch#x86_64 "
    "lang/python#3.12.0 md/pyimpl#CPython cfg/retry-mode#standard Botocore/1.40.0\r\n"
    "X-Amz-Date: 20260102T030405Z\r\n"
    "Authorization: AWS4-HMAC-SHA256 Credential=000000000000/20260102/us-east-1/{service}/"
    "aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
    "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7\r\n"
    "amz-sdk-invocation-id: 1f0a9d32-9d5c-4e4e-a2b5-6c1f6c4d8b7e\r\n"
    "amz-sdk-request: attempt=1\r\n"
    "Content-Length: {length}\r\n\r\n"
)


def post(
    address: Address,
    path: str,
    body: bytes,
    content_type: str,
    *,
    special: str = "",
    service: str = "sqs",
) -> bytes:
    """A POST with the headers that botocore sends."""
    head = _HEAD.format(
        address=address,
        path=path,
        special=special,
        content_type=content_type,
        service=service,
        length=len(body),
    )
    return head.encode() + body


def sqs(address: Address, action: str, members: dict[str, object]) -> bytes:
    """An SQS action over the JSON protocol."""
    special = f"X-Amz-Target: AmazonSQS.{action}\r\nx-amzn-query-mode: true\r\n"
    body = json.dumps(members).encode()
    return post(address, "/", body, "application/x-amz-json-1.0", special=special)


def send_message(address: Address, queue_url: str) -> bytes:
    """SendMessage of one body of 256 bytes."""
    return sqs(address, "SendMessage", {"QueueUrl": queue_url, "MessageBody": BODY})


def send_message_batch(address: Address, queue_url: str, count: int = 10) -> bytes:
    """SendMessageBatch of ten such bodies."""
    entries = [{"Id": str(n), "MessageBody": BODY} for n in range(count)]
    return sqs(address, "SendMessageBatch", {"QueueUrl": queue_url, "Entries": entries})
