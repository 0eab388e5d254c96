"""kill -9 under load: no loss of what was acknowledged, no return of what was deleted"""

import collections
import contextlib
import json
import os
import random
import signal
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from broker.client import BrokerUnanswered
from broker.client import Client as BrokerClient
from tests.crash.processes import Watched, store_pid
from tests.daemon import Daemon, running_daemon
from tests.store.invariants import check_directory

KILLS = 20
ALIVE_S = (0.05, 0.8)  # between a start and the next kill
FANS = ("fan-0", "fan-1", "fan-2")
TOPIC = "arn:aws:sns:us-east-1:000000000000:news"
CONFIG = """
[[queue]]
name = "orders"
visibility_timeout_s = 2
[[queue]]
name = "fan-0"
[[queue]]
name = "fan-1"
[[queue]]
name = "fan-2"
[[topic]]
name = "news"
""" + "".join(
    f'[[subscription]]\ntopic = "news"\nqueue = "{queue}"\nraw_message_delivery = true\n'
    for queue in FANS
)


@dataclass
class Witness:
    """What the clients know. Each list is appended to by one thread at a time."""

    sent: list[str] = field(default_factory=list)  # acknowledged
    published: list[str] = field(default_factory=list)  # acknowledged
    received: list[str] = field(default_factory=list)
    deleted: list[tuple[str, float]] = field(default_factory=list)  # acknowledged, and when
    came_back: list[str] = field(default_factory=list)
    unanswered: int = 0


class Client:
    """One program that talks to the daemon, over one connection at a time, whatever befalls it."""

    def __init__(self, daemon: Daemon, witness: Witness, stop: threading.Event) -> None:
        self.daemon = daemon
        self.witness = witness
        self.stop = stop
        self.http = httpx.Client(timeout=30)

    def sqs(self, action: str, **members: Any) -> dict[str, Any] | None:
        """An SQS call's answer; None if there was none."""
        members["QueueUrl"] = f"{self.daemon.url}/000000000000/{members.pop('queue')}"
        headers = {
            "X-Amz-Target": f"AmazonSQS.{action}",
            "Content-Type": "application/x-amz-json-1.0",
        }
        answer = self._post(json.dumps(members), headers)
        return None if answer is None else json.loads(answer)

    def publish(self, text: str) -> bool:
        """Whether a publish was acknowledged."""
        form = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": TOPIC, "Message": text}
        body = str(httpx.QueryParams(form))
        headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        return self._post(body, headers) is not None

    def _post(self, body: str, headers: dict[str, str]) -> bytes | None:
        try:
            answer = self.http.post(self.daemon.url, content=body, headers=headers)
        except httpx.TransportError:
            self.witness.unanswered += 1
            self.stop.wait(0.02)  # it is being restarted
            return None
        if answer.status_code >= 500:  # it goes down with this request in hand
            self.witness.unanswered += 1
            return None
        assert answer.status_code == 200, answer.text
        return answer.content

    # What the threads do

    def send(self) -> None:
        while not self.stop.is_set():
            text = uuid.uuid4().hex
            if self.sqs("SendMessage", queue="orders", MessageBody=text):
                self.witness.sent.append(text)

    def send_batches(self) -> None:
        while not self.stop.is_set():
            texts = [uuid.uuid4().hex for _ in range(10)]
            entries = [{"Id": str(n), "MessageBody": text} for n, text in enumerate(texts)]
            if answer := self.sqs("SendMessageBatch", queue="orders", Entries=entries):
                self.witness.sent.extend(texts[int(done["Id"])] for done in answer["Successful"])

    def publish_all(self) -> None:
        while not self.stop.is_set():
            text = uuid.uuid4().hex
            if self.publish(text):
                self.witness.published.append(text)

    def consume(self) -> None:
        while not self.stop.is_set():
            self.consume_some()

    def consume_some(self, wait_s: int = 1) -> int:
        asked = time.monotonic()
        answer = self.sqs(
            "ReceiveMessage", queue="orders", MaxNumberOfMessages=10, WaitTimeSeconds=wait_s
        )
        messages = (answer or {}).get("Messages", [])
        gone = {text for text, when in list(self.witness.deleted) if when < asked}
        self.witness.came_back.extend(m["Body"] for m in messages if m["Body"] in gone)
        self.witness.received.extend(message["Body"] for message in messages)
        if not messages:
            return 0
        entries = [
            {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
            for n, message in enumerate(messages)
        ]
        if answer := self.sqs("DeleteMessageBatch", queue="orders", Entries=entries):
            now = time.monotonic()
            for done in answer["Successful"]:
                self.witness.deleted.append((messages[int(done["Id"])]["Body"], now))
        return len(messages)

    def drain(self, queue: str) -> collections.Counter[str]:
        """Everything that is in a queue."""
        found: collections.Counter[str] = collections.Counter()
        while True:
            answer = self.sqs("ReceiveMessage", queue=queue, MaxNumberOfMessages=10)
            assert answer is not None
            messages = answer.get("Messages", [])
            if not messages:
                return found
            found.update(message["Body"] for message in messages)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    witness, stop = Witness(), threading.Event()
    failures: list[BaseException] = []
    with running_daemon(tmp_path, CONFIG) as daemon:
        clients = [Client(daemon, witness, stop) for _ in range(6)]
        tasks = [
            clients[0].send,
            clients[1].send_batches,
            clients[2].publish_all,
            clients[3].publish_all,
            clients[4].consume,
            clients[5].consume,
        ]
        threads = [threading.Thread(target=_run, args=(task, stop, failures)) for task in tasks]
        for thread in threads:
            thread.start()
        try:
            for _ in range(KILLS):
                stop.wait(dice.uniform(*ALIVE_S))
                assert daemon.process is not None
                if dice.random() < 0.3:
                    _kill_store(daemon)
                else:
                    daemon.kill()
                daemon.start()
            stop.wait(0.5)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert not failures, failures
        client = Client(daemon, witness, threading.Event())
        _drain_orders(client)
        fans = [client.drain(queue) for queue in FANS]
    check_directory(tmp_path / "data")
    print(
        f"{len(witness.sent)} sent, {len(witness.published)} published, "
        f"{len(witness.deleted)} deleted, {witness.unanswered} requests unanswered"
    )
    assert len(witness.sent) > 100
    assert len(witness.published) > 100
    lost = set(witness.sent) - set(witness.received)
    assert not lost, "acknowledged messages were never delivered"
    assert not witness.came_back, "deleted messages came back"
    assert fans[0] == fans[1] == fans[2], "a publish reached some queues and not others"
    assert set(witness.published) <= fans[0].keys(), "an acknowledged publish is lost"
    assert set(fans[0].values()) == {1}, "a publish was stored twice"


def _run(task: Any, stop: threading.Event, failures: list[BaseException]) -> None:
    try:
        task()
    except BaseException as failure:
        failures.append(failure)
        stop.set()


def _kill_store(daemon: Daemon) -> None:
    """Only the store: the daemon must follow it."""
    assert daemon.process is not None
    pid = store_pid(daemon.process.pid)
    watched = Watched(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        assert watched.wait(30)
        assert daemon.process.wait(30) != 0
    finally:
        watched.close()
    daemon.kill()


def _drain_orders(client: Client) -> None:
    """Until nothing has come for longer than a visibility timeout."""
    while client.consume_some(wait_s=3):
        pass


def test_what_a_stream_confirmed_is_never_delivered_again(tmp_path: Path) -> None:
    chance = random.Random(5)
    bodies = [f"{n}" for n in range(2_000)]
    confirmed: list[str] = []
    unconfirmed: set[str] = set()  # acknowledged, and the daemon was killed
    delivered_after: list[str] = []
    with running_daemon(tmp_path) as daemon:
        with BrokerClient(daemon.url) as client:
            client.put_queue("orders", visibility_timeout_s=1)
            client.send_many("orders", bodies)
        for _ in range(10):
            known = set(confirmed)
            killed_after = chance.randrange(1, 30)
            with (
                contextlib.suppress(BrokerUnanswered),
                BrokerClient(daemon.url) as client,
                client.stream("orders", credit=50, batch=7) as stream,
            ):
                for count, batch in enumerate(stream):
                    delivered_after += [each.body for each in batch if each.body in known]
                    stream.acknowledge(batch)
                    if count == killed_after:
                        unconfirmed.update(each.body for each in batch)
                        daemon.kill()
                    if stream.confirm() == []:
                        confirmed += [each.body for each in batch]
            daemon.start()
        known = set(confirmed)
        left: list[str] = []
        with BrokerClient(daemon.url) as client:
            # What was held when the daemon was killed comes back when its time is up.
            while (info := client.queue("orders")).visible or info.in_flight:
                received = client.receive("orders", count=1_000, wait_time_s=20)
                left += [each.body for each in received]
                client.acknowledge("orders", [each.receipt_handle for each in received])
    assert confirmed
    assert not known & {*delivered_after, *left}
    # The last acknowledgement before a kill may have been done, and its confirmation lost.
    assert set(bodies) - known - unconfirmed == set(left) - unconfirmed
