"""a real file system that is full: publishes answer a retryable error, the rest goes on"""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.daemon import Daemon

SIZE_MB = 112
BODY = 200_000 * "x"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if done.returncode:
        pytest.skip(f"mounting a tmpfs is refused: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


class Queue:
    """One queue of a daemon, by plain HTTP."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.http = httpx.Client(timeout=30)
        self.call("CreateQueue", QueueName="orders")

    def call(self, action: str, **members: Any) -> httpx.Response:
        if action != "CreateQueue":
            members["QueueUrl"] = f"{self.daemon.url}/000000000000/orders"
        headers = {
            "X-Amz-Target": f"AmazonSQS.{action}",
            "Content-Type": "application/x-amz-json-1.0",
        }
        return self.http.post(self.daemon.url, content=json.dumps(members), headers=headers)

    def fill(self) -> int:
        """Send until it is refused, which must be with a retryable error."""
        for sent in range(2_000):
            answer = self.call("SendMessage", MessageBody=BODY)
            if answer.status_code != 200:
                assert answer.status_code == 503, answer.text
                assert "RequestThrottled" in answer.text
                return sent
        raise AssertionError("the disk never gets full")

    def consume(self) -> int:
        answer = self.call("ReceiveMessage", MaxNumberOfMessages=10)
        assert answer.status_code == 200, answer.text
        messages = answer.json().get("Messages", [])
        for message in messages:
            deleted = self.call("DeleteMessage", ReceiptHandle=message["ReceiptHandle"])
            assert deleted.status_code == 200, deleted.text
        return len(messages)


def test_a_full_disk_refuses_publishes_and_recovers_without_a_restart(small_disk: Path) -> None:
    filler = small_disk / "filler"
    daemon = Daemon(small_disk / "data").start()
    try:
        assert daemon.process is not None
        queue = Queue(daemon)
        assert queue.call("SendMessage", MessageBody=BODY).status_code == 200
        _take_all_room(filler)
        sent = queue.fill() + 1
        consumed = queue.consume()
        assert consumed > 0
        filler.unlink()
        # It asks the disk at most once a second, when something is sent.
        assert _send_until_accepted(queue)
        sent += 1 + queue.fill()  # now the disk is full of messages
        while count := queue.consume():
            consumed += count
        assert consumed == sent, "an accepted message is missing"
        assert queue.fill() > 10, "deleted messages made no room"
        assert daemon.process.poll() is None
        daemon.kill()
        daemon.start()  # also on a full disk
        assert queue.consume() > 0
        assert daemon.stop() == 0
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()


def _take_all_room(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    os.write(file.fileno(), bytes(size))
            except OSError:
                continue


def _send_until_accepted(queue: Queue) -> bool:
    for _ in range(200):
        if queue.call("SendMessage", MessageBody=BODY).status_code == 200:
            return True
        time.sleep(0.05)
    return False
