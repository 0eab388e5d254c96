"""How many messages a second go through the whole cycle of send, receive and delete, by tens?

Estimate: a receive and a delete each cost about what a send does (a receive moves an entry and
makes a handle, a delete checks it and drops two records), so a third of the rate of batches:
20,000 to 40,000 messages/s.
"""

from collections.abc import Callable

import msgspec

from bench import wire
from bench.daemon import Daemon, running
from bench.load import MakeScript, Script, Tally, run_load
from bench.report import Row, Sample, repeat
from bench.settings import Settings

CONNECTIONS = 16


class _Message(msgspec.Struct):
    receipt_handle: str = msgspec.field(name="ReceiptHandle")


class _Received(msgspec.Struct):
    messages: list[_Message] = msgspec.field(name="Messages", default_factory=list)


_decode = msgspec.json.Decoder(_Received).decode


def cycle(port: int, queue_url: str) -> MakeScript:
    """Send ten, receive up to ten, delete what came; counts what was deleted."""
    send = wire.send_message_batch(port, queue_url)
    receive = wire.sqs(port, "ReceiveMessage", {"QueueUrl": queue_url, "MaxNumberOfMessages": 10})

    def script(tally: Tally) -> Script:
        while True:
            with tally.timed():
                yield send
                messages = _decode((yield receive)).messages
                if not messages:
                    continue
                answer = yield _delete(port, queue_url, messages)
            if b'"Failed"' in answer:
                tally.errors += 1
            else:
                tally.done += len(messages)

    return script


def _delete(port: int, queue_url: str, messages: list[_Message]) -> bytes:
    entries = [
        {"Id": str(n), "ReceiptHandle": message.receipt_handle}
        for n, message in enumerate(messages)
    ]
    return wire.sqs(port, "DeleteMessageBatch", {"QueueUrl": queue_url, "Entries": entries})


def runner(daemon: Daemon, queue_url: str, settings: Settings) -> Callable[[], Sample]:
    """One run over that queue."""
    script = cycle(daemon.port, queue_url)
    return lambda: run_load(daemon.port, script, CONNECTIONS, settings.seconds)


def measure(settings: Settings) -> list[Row]:
    """One row; the latency is that of a whole cycle."""
    row = Row(
        f"full cycle by tens, {CONNECTIONS} connections",
        "messages/s",
        accepted=20_000,
        target=40_000,
    )
    with running() as daemon:
        run = runner(daemon, daemon.create_queue("orders"), settings)
        return [repeat(row, settings.repeats, run)]
