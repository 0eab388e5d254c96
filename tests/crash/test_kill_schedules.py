"""kill -9 of the daemon while schedules run: each runs once, however it is killed

Schedules of one time each, spread over the seconds of the test. What was due while the daemon was
down is run at the next start; so in the end every run is there, and none is there twice.
"""

import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon
from tests.store.invariants import check_directory

ROLE = "arn:aws:iam::000000000000:role/scheduler"
SCHEDULES = 300
KILLS = 6
FIRST_S, SPREAD_S = 8, 14  # when the first of them runs, and for how long others do


@pytest.mark.slow
def test_every_schedule_runs_once_across_kill_9(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    daemon = Daemon(tmp_path / "data").start()
    try:
        sqs = daemon.client("sqs")
        url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
        made, runs = make_schedules(daemon.client("scheduler"))
        end = time.monotonic() + FIRST_S + SPREAD_S
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.5, (FIRST_S + SPREAD_S) / KILLS))
            daemon.kill()
            time.sleep(dice.uniform(0, 1))
            daemon.start()
        time.sleep(max(0.0, end - time.monotonic()))
        found = receive_all(daemon.client("sqs"), url, len(runs))
        assert found == Counter(runs)
        left = daemon.client("scheduler").list_schedules(NamePrefix="gone-")["Schedules"]
        assert left == []
        assert len(made) == SCHEDULES
    finally:
        daemon.kill()
    check_directory(tmp_path / "data")


def make_schedules(scheduler: Any) -> tuple[list[str], list[str]]:
    """Schedules that run once each; half of them are to go then. Their names, and what they say."""
    start = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=FIRST_S)
    names, runs = [], []
    for number in range(SCHEDULES):
        at = start + timedelta(seconds=number * SPREAD_S // SCHEDULES)
        goes = number % 2 == 0
        name = f"{'gone' if goes else 'stays'}-{number}"
        scheduler.create_schedule(
            Name=name,
            ScheduleExpression=f"at({at:%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE" if goes else "NONE",
            Target={
                "Arn": "arn:aws:sqs:us-east-1:000000000000:jobs",
                "RoleArn": ROLE,
                "Input": f"{name} <aws.scheduler.scheduled-time>",
            },
        )
        assert at > datetime.now(UTC), "one time that has passed when it is made never comes"
        runs.append(f"{name} {at:%Y-%m-%dT%H:%M:%SZ}")
        names.append(name)
    return names, runs


def receive_all(sqs: Any, url: str, expected: int) -> Counter[str]:
    """All messages of the queue, once no more come."""
    found: Counter[str] = Counter()
    deadline = time.monotonic() + 60
    empty = 0
    while time.monotonic() < deadline and (found.total() < expected or empty < 2):
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        messages = answer.get("Messages", [])
        empty = 0 if messages else empty + 1
        for message in messages:
            found[message["Body"]] += 1
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found
