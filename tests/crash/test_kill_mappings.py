"""kill -9 of the daemon while a function takes its batches from queues: nothing lost, order kept"""

import random
import time
from pathlib import Path

import pytest

from tests.crash.functions import crashing_daemon, handler_source, waiting
from tests.daemon import Daemon

MESSAGES, BATCH, GROUPS = 6_000, 10, 7
CONCURRENCY, KILLS = 3, 4
PATIENCE_S = 90

# A message whose number 300 divides fails at its first visit, and in a group what follows it.
HANDLER = handler_source(
    CONCURRENCY,
    """\
    time.sleep(0.002)
    failures = []
    for record in event["Records"]:
        attributes = record["attributes"]
        group = attributes.get("MessageGroupId", "")
        again = int(attributes["ApproximateReceiveCount"]) > 1
        if failures and group or int(record["body"]) % 300 == 0 and not again:
            failures.append({"itemIdentifier": record["messageId"]})
        else:
            SEEN.write("%s %s\\n" % (group, record["body"]))
    return {"batchItemFailures": failures}""",
)


def configuration(queue: str) -> str:
    """The queue's visibility timeout is short: after a kill, what was received comes again soon."""
    dead = "dead.fifo" if queue.endswith(".fifo") else "dead"
    return f"""
[[function]]
name = "work"
invoker = "subprocess"
handler = "app.handler"
settings = {{{{ runtime = "{{runtime}}", code = "{{code}}" }}}}
environment = {{{{ FOLDER = "{{folder}}" }}}}
timeout_s = 2
[[queue]]
name = "{dead}"
[[queue]]
name = "{queue}"
visibility_timeout_s = 2
max_receive_count = {KILLS + 3}
dead_letter_queue = "{dead}"
[[event_source_mapping]]
queue = "{queue}"
function = "work"
batch_size = {BATCH}
maximum_concurrency = {CONCURRENCY}
report_batch_item_failures = true
"""


@pytest.mark.slow
@pytest.mark.parametrize("queue", ["orders", "orders.fifo"])
def test_every_message_reaches_the_function_across_kill_9(tmp_path: Path, queue: str) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    folder = tmp_path / "folder"
    fifo = queue.endswith(".fifo")
    with crashing_daemon(tmp_path, HANDLER, configuration(queue)) as daemon:
        send_all(daemon, queue, fifo)
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.1, 0.8))
            daemon.kill()
            daemon.start()
        deadline = time.monotonic() + PATIENCE_S
        while waiting(daemon.url, queue) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert waiting(daemon.url, queue) == 0
        assert waiting(daemon.url, "dead.fifo" if fifo else "dead") == 0
        seen = [line.split(" ") for line in (folder / "seen").read_text().splitlines()]
        # Each once, but for the batches that ran when the daemon was killed.
        assert {int(body) for _, body in seen} == set(range(MESSAGES))
        assert len(seen) - MESSAGES <= KILLS * CONCURRENCY * BATCH
        assert not (folder / "too-many").exists()
        if fifo:
            for group in range(GROUPS):
                bodies = [int(body) for name, body in seen if name == f"g{group}"]
                first_visits = list(dict.fromkeys(bodies))
                assert first_visits == sorted(first_visits)


def send_all(daemon: Daemon, queue: str, fifo: bool) -> None:
    sqs = daemon.client("sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    for start in range(0, MESSAGES, BATCH):
        entries = [
            {"Id": str(n), "MessageBody": str(n)}
            | (
                {"MessageGroupId": f"g{n % GROUPS}", "MessageDeduplicationId": str(n)}
                if fifo
                else {}
            )
            for n in range(start, start + BATCH)
        ]
        assert "Failed" not in sqs.send_message_batch(QueueUrl=url, Entries=entries)
