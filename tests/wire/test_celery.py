"""Celery with its SQS transport: producers and workers as processes of their own"""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon

ROOT = Path(__file__).parents[2]
CELERY = (sys.executable, "-m", "celery", "-A", "tests.wire.celery_app")
ARN = "arn:aws:sqs:us-east-1"
SILENCE_S = 60  # after which a worker that should have told something is given up


class Celery:
    """Runs producers and workers on one queue, and hears what their tasks tell."""

    def __init__(self, broker: Daemon, folder: Path, queue: str, **transport_options: Any) -> None:
        self._sqs = broker.client("sqs")
        self.queue = queue
        self.log = folder / "celery.log"
        reports, gate = folder / "reports", folder / "gate"
        os.mkfifo(reports)
        os.mkfifo(gate)
        # Open at both ends: no task waits for the test to come, and no end of file is ever seen.
        self._reports = os.open(reports, os.O_RDWR)
        self._gate = os.open(gate, os.O_RDWR)
        self._told = b""
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "CELERY_BROKER": f"sqs://any:any@{broker.url.removeprefix('http://')}",
            "CELERY_QUEUE": queue,
            "CELERY_TRANSPORT_OPTIONS": repr(  # not JSON: the keys of a backoff policy are numbers
                {
                    "region": "us-east-1",
                    "wait_time_seconds": 20,
                    # Its pause between two polls, also of a worker that has no room for more.
                    "polling_interval": 0.05,
                    **transport_options,
                }
            ),
            "CELERY_REPORTS": str(reports),
            "CELERY_GATE": str(gate),
        }

    def close(self) -> None:
        os.close(self._reports)
        os.close(self._gate)

    def send(self, name: str, *values: Any, **options: Any) -> None:
        """A producer, of a task for each value."""
        subprocess.run(
            [sys.executable, "-m", "tests.wire.celery_app"],
            input="".join(json.dumps([name, value, options]) + "\n" for value in values),
            env=self._environment,
            cwd=ROOT,
            text=True,
            timeout=60,
            check=True,
        )

    @contextmanager
    def worker(self, name: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
        """A worker, which is stopped at the end if it has not ended before."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [*CELERY, "worker", "-n", name, "-Q", self.queue, *options],
                stdout=log,
                stderr=log,
                env=self._environment,
                cwd=ROOT,
                start_new_session=True,  # and so a process group, which can be killed as one
            )
        try:
            yield process
            if process.poll() is None:
                self.stop(process)
        finally:
            if process.poll() is None:
                self.kill(process)

    def stop(self, process: subprocess.Popen[bytes]) -> None:
        """Warm shutdown: what runs is finished, the rest goes back."""
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=SILENCE_S) == 0, self.log.read_text()

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL to the worker and all its processes."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def told(self) -> dict[str, Any]:
        """What a task tells next; waits for it."""
        while b"\n" not in self._told:
            ready, _, _ = select.select([self._reports], [], [], SILENCE_S)
            assert ready, f"no task told anything: {self.log.read_text()}"
            self._told += os.read(self._reports, 65_536)
        line, _, self._told = self._told.partition(b"\n")
        return dict(json.loads(line))

    def open_gate(self, count: int = 1) -> None:
        """Let so many tasks go on."""
        os.write(self._gate, b"." * count)

    def counts(self) -> tuple[int, int]:
        """Messages of the queue that wait, and that are in flight."""
        url = self._sqs.get_queue_url(QueueName=self.queue)["QueueUrl"]
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert found["ApproximateNumberOfMessagesDelayed"] == "0"
        return (
            int(found["ApproximateNumberOfMessages"]),
            int(found["ApproximateNumberOfMessagesNotVisible"]),
        )

    def wait_empty(self) -> None:
        """Until all messages are acknowledged, which a task can't tell: it is done after its end.

        A worker that is stopped before gives the message back, for another worker.
        """
        self._wait_until(lambda: self.counts() == (0, 0))

    def wait_logged(self, text: str) -> None:
        self._wait_until(lambda: text in self.log.read_text())

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        patience = time.monotonic() + SILENCE_S
        while not condition():
            assert time.monotonic() < patience, (self.counts(), self.log.read_text())
            time.sleep(0.05)


@contextmanager
def celery(broker: Daemon, folder: Path, queue: str, **transport_options: Any) -> Iterator[Celery]:
    peer = Celery(broker, folder, queue, **transport_options)
    try:
        yield peer
    finally:
        peer.close()


@pytest.fixture(scope="module")
def ordinary(broker: Daemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Celery]:
    """A worker with two processes, on a queue that it makes itself."""
    folder = tmp_path_factory.mktemp("celery")
    with (
        celery(broker, folder, "ordinary") as peer,
        peer.worker("ordinary", "--concurrency", "2"),
    ):
        yield peer
        peer.wait_empty()


def test_many_tasks_are_executed_once_each(ordinary: Celery) -> None:
    ordinary.send("note", *range(500))
    assert sorted(ordinary.told()["value"] for _ in range(500)) == list(range(500))


def test_arguments_of_any_kind_arrive_as_they_are(ordinary: Celery) -> None:
    values = [{"text": "Grüße 🦉\n<&>\0"}, ["x" * 200_000]]
    ordinary.send("note", *values)
    told = [ordinary.told()["value"] for _ in values]
    assert sorted(told, key=str) == sorted(values, key=str)


def test_a_task_for_later_is_not_executed_before(ordinary: Celery) -> None:
    ordinary.send("note", "late", countdown=1)
    told = ordinary.told()
    assert told["at"] >= datetime.fromisoformat(told["eta"]).timestamp()


def test_a_task_that_the_queue_delays(ordinary: Celery) -> None:
    sent_at = time.time()
    ordinary.send("note", "delayed", delay_seconds=1)
    assert ordinary.told()["at"] >= sent_at + 1


def test_retries_after_a_countdown(ordinary: Celery) -> None:
    ordinary.send("fail_twice", "x")
    told = [ordinary.told() for _ in range(3)]
    assert told == [{"value": "x", "retries": n} for n in range(3)]


def test_a_task_that_is_rejected_is_gone(ordinary: Celery) -> None:
    ordinary.send("reject", "x")
    assert ordinary.told() == {"value": "x"}


def test_the_task_of_a_killed_worker_is_executed_after_the_visibility_timeout(
    broker: Daemon, tmp_path: Path
) -> None:
    with celery(broker, tmp_path, "killed", visibility_timeout=3) as peer:
        with peer.worker("first", "--concurrency", "1") as first:
            peer.send("stop_at_the_gate", "a")
            assert peer.told() == {"value": "a", "state": "begun", "worker": "first"}
            peer.kill(first)
        with peer.worker("second", "--concurrency", "1"):
            assert peer.told() == {"value": "a", "state": "begun", "worker": "second"}
            peer.open_gate()
            assert peer.told() == {"value": "a", "state": "ended", "worker": "second"}
            peer.wait_empty()


def test_a_worker_takes_no_more_than_it_may_prefetch_and_gives_back_what_it_has_not_begun(
    broker: Daemon, tmp_path: Path
) -> None:
    one_by_one = ("--concurrency", "1", "--prefetch-multiplier", "1")
    with celery(broker, tmp_path, "prefetch") as peer:
        with peer.worker("first", *one_by_one) as first:
            peer.send("stop_at_the_gate", "a", "b", "c")
            begun = peer.told()
            assert peer.counts() == (2, 1)
            first.send_signal(signal.SIGTERM)
            peer.wait_logged("Warm shutdown")
            peer.open_gate()
            assert peer.told() == {**begun, "state": "ended"}
            assert first.wait(timeout=SILENCE_S) == 0
        # A worker that is told to stop may end between its task's end and the acknowledgement.
        visible, unacknowledged = peer.counts()
        assert visible == 2
        ended = [begun["value"]]
        with peer.worker("second", *one_by_one):
            for _ in range(2):
                begun = peer.told()
                peer.open_gate()
                assert peer.told() == {**begun, "state": "ended"}
                ended.append(begun["value"])
            if not unacknowledged:
                peer.wait_empty()
        assert sorted(ended) == ["a", "b", "c"]


def test_predefined_queues_each_with_an_account_and_what_is_to_become_of_failed_tasks(
    broker: Daemon, tmp_path: Path
) -> None:
    """Every failure is tried again after the backoff; the redrive policy ends that."""
    sqs = broker.client("sqs", account="222222222222")
    letters = sqs.create_queue(QueueName="failed")["QueueUrl"]
    policy = {"deadLetterTargetArn": f"{ARN}:222222222222:failed", "maxReceiveCount": 2}
    jobs = sqs.create_queue(QueueName="jobs", Attributes={"RedrivePolicy": json.dumps(policy)})[
        "QueueUrl"
    ]
    notes = broker.client("sqs", account="111111111111").create_queue(QueueName="notes")["QueueUrl"]
    predefined = {
        "jobs": {
            "url": jobs,
            "access_key_id": "222222222222",
            "secret_access_key": "any",
            "backoff_policy": {1: 1, 2: 1},
            "backoff_tasks": ["reject"],
        },
        "notes": {"url": notes, "access_key_id": "111111111111", "secret_access_key": "any"},
    }
    with (
        celery(broker, tmp_path, "jobs", predefined_queues=predefined) as peer,
        peer.worker("predefined", "-Q", "jobs,notes", "--concurrency", "1"),
    ):
        peer.send("note", "a", queue="notes")
        assert peer.told()["value"] == "a"
        peer.send("reject", "b")
        assert [peer.told() for _ in range(2)] == [{"value": "b"}, {"value": "b"}]
        received = sqs.receive_message(
            QueueUrl=letters, WaitTimeSeconds=20, MessageSystemAttributeNames=["All"]
        )
        (letter,) = received["Messages"]
        source = letter["Attributes"]["DeadLetterQueueSourceArn"]
        assert source == policy["deadLetterTargetArn"].replace("failed", "jobs")
