"""the whole cycle of a message over SQS, by tens: send, receive, delete"""

import msgspec

from broker.bench import requests
from broker.bench.address import Address
from broker.bench.load import MakeScript, Script, Tally


class _Message(msgspec.Struct):
    receipt_handle: str = msgspec.field(name="ReceiptHandle")


class _Received(msgspec.Struct):
    messages: list[_Message] = msgspec.field(name="Messages", default_factory=list)


_decode = msgspec.json.Decoder(_Received).decode


def cycle(address: Address, queue_url: str) -> MakeScript:
    """Send ten, receive up to ten, delete what came; counts what was deleted."""
    send = requests.send_message_batch(address, queue_url)

    def script(tally: Tally) -> Script:
        while True:
            with tally.timed():
                yield send
                yield from receive_and_delete(address, queue_url, tally)

    return script


def receive_and_delete(address: Address, queue_url: str, tally: Tally) -> Script:
    """Receive up to ten and delete what came."""
    members: dict[str, object] = {"QueueUrl": queue_url, "MaxNumberOfMessages": 10}
    messages = _decode((yield requests.sqs(address, "ReceiveMessage", members))).messages
    if not messages:
        return
    answer = yield _delete(address, queue_url, messages)
    if b'"Failed"' in answer:
        tally.errors += 1
    else:
        tally.done += len(messages)


def _delete(address: Address, queue_url: str, messages: list[_Message]) -> bytes:
    entries = [
        {"Id": str(n), "ReceiptHandle": message.receipt_handle}
        for n, message in enumerate(messages)
    ]
    return requests.sqs(address, "DeleteMessageBatch", {"QueueUrl": queue_url, "Entries": entries})
