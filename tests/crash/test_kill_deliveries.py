"""kill -9 during HTTP deliveries: what was acknowledged is delivered, or is a dead letter"""

import itertools
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.daemon import Daemon, running_daemon
from tests.http_endpoint import Posted, http_endpoint
from tests.store.invariants import check_directory

KILLS = 8
ALIVE_S = (0.3, 1.0)  # between a start and the next kill
TOPIC = "arn:aws:sns:us-east-1:000000000000:news"
POLICY = (
    "{ healthyRetryPolicy = { numRetries = 50, numNoDelayRetries = 50, minDelayTarget = 1, "
    "maxDelayTarget = 1 } }"
)
CONFIG = """
[[queue]]
name = "dead"
[[topic]]
name = "news"
[[subscription]]
topic = "news"
url = "{flaky}"
raw_message_delivery = true
delivery_policy = {policy}
dead_letter_queue = "dead"
[[subscription]]
topic = "news"
url = "{refusing}"
raw_message_delivery = true
dead_letter_queue = "dead"
"""


def publish_until(stop: threading.Event, daemon: Daemon, numbers: Iterator[int]) -> list[str]:
    """The messages that were acknowledged."""
    acknowledged: list[str] = []
    with httpx.Client(timeout=30) as http:
        while not stop.is_set():
            text = f"message {next(numbers)}"
            form = {
                "Action": "Publish",
                "Version": "2010-03-31",
                "TopicArn": TOPIC,
                "Message": text,
            }
            try:
                answer = http.post(daemon.url, data=form)
            except httpx.TransportError:
                stop.wait(0.02)  # it is being restarted
                continue
            if answer.status_code == 200:
                acknowledged.append(text)
    return acknowledged


def drained(daemon: Daemon) -> bool:
    endpoints = httpx.get(f"{daemon.url}/v1/deliveries").json()["endpoints"]
    return not any(each["waiting"] + each["under_way"] + each["delayed"] for each in endpoints)


@pytest.mark.slow
def test_every_acknowledged_publish_is_delivered_or_dead_lettered_with_its_cause(
    tmp_path: Path,
) -> None:
    seeded = random.Random(7)

    def flaky(_: Posted) -> int:
        return 500 if seeded.random() < 0.2 else 200

    with http_endpoint(flaky) as live, http_endpoint(lambda _: 410) as refusing:
        config = CONFIG.format(flaky=live.url, refusing=refusing.url, policy=POLICY)
        with running_daemon(tmp_path, config) as daemon:
            stop = threading.Event()
            acknowledged: list[str] = []
            numbers = itertools.count()
            publisher = threading.Thread(
                target=lambda: acknowledged.extend(publish_until(stop, daemon, numbers))
            )
            publisher.start()
            for _ in range(KILLS):
                time.sleep(seeded.uniform(*ALIVE_S))
                daemon.kill()
                daemon.start()
            stop.set()
            publisher.join()
            for _ in range(600):
                if drained(daemon):
                    break
                time.sleep(0.1)
            assert drained(daemon)
            letters = dead_letters(daemon)
        check_directory(daemon.data_dir)
    assert len(acknowledged) > 100
    delivered = {each.body.decode() for each in live.posted}
    assert [text for text in acknowledged if text not in delivered] == []
    assert [text for text in acknowledged if text not in letters] == []
    assert set(letters.values()) == {"HttpStatus410: # Gone"}


def dead_letters(daemon: Daemon) -> dict[str, str]:
    """The cause of each message in the dead-letter queue."""
    found: dict[str, str] = {}
    cursor = ""
    while True:
        query = {"count": "1000", **({"after": cursor} if cursor else {})}
        page = httpx.get(f"{daemon.url}/v1/queues/dead/messages", params=query).json()
        for one in page["messages"]:
            found[one["body"]] = one["cause"]
        cursor = page.get("next") or ""
        if not cursor:
            return found
