"""kill -9 of the daemon while pipes run: what stays within the broker goes through once"""

import json
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon
from tests.store.invariants import check_directory

QUEUE = "arn:aws:sqs:us-east-1:000000000000:"
ROLE = "arn:aws:iam::000000000000:role/r"
MESSAGES, BATCH = 3_000, 10
KILLS = 5


@pytest.mark.slow
def test_every_message_goes_through_a_pipe_once_across_kill_9(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    daemon = Daemon(tmp_path / "data").start()
    try:
        sqs, pipes = daemon.client("sqs"), daemon.client("pipes")
        # What a killed daemon had received comes again when its visibility timeout has ended.
        attributes = {"VisibilityTimeout": "2"}
        sqs.create_queue(QueueName="orders", Attributes=attributes)
        done = sqs.create_queue(QueueName="done")["QueueUrl"]
        pipes.create_pipe(
            Name="p",
            RoleArn=ROLE,
            Source=QUEUE + "orders",
            Target=QUEUE + "done",
            DesiredState="STOPPED",
        )
        sent = send_all(sqs)
        pipes.start_pipe(Name="p")
        for _ in range(KILLS):
            time.sleep(dice.uniform(0, 0.3))
            daemon.kill()
            daemon.start()
        assert receive_all(daemon.client("sqs"), done, len(sent)) == sent
    finally:
        daemon.kill()
    check_directory(tmp_path / "data")


def send_all(sqs: Any) -> Counter[str]:
    sent: Counter[str] = Counter()
    url = sqs.get_queue_url(QueueName="orders")["QueueUrl"]
    for start in range(0, MESSAGES, BATCH):
        bodies = [f"m{n}" for n in range(start, start + BATCH)]
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
        sent.update(bodies)
    return sent


def receive_all(sqs: Any, url: str, expected: int) -> Counter[str]:
    """The bodies that came through, once no more come."""
    found: Counter[str] = Counter()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = answer.get("Messages", [])
        found.update(json.loads(each["Body"])["body"] for each in messages)
        if messages:
            entries = [
                {"Id": str(n), "ReceiptHandle": each["ReceiptHandle"]}
                for n, each in enumerate(messages)
            ]
            sqs.delete_message_batch(QueueUrl=url, Entries=entries)
        elif found.total() >= expected:
            break
    return found
