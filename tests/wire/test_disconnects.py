"""Thousands of waiting receivers on real sockets, of whom many hang up: nobody takes a message."""

import json
import random
import resource
import select
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.daemon import running_daemon

QUEUES, EACH = 200, 10  # receivers of each queue, on a socket each
LEAVING, SENT = 6, 4  # of each queue: receivers that hang up, messages that the others wait for
PATIENCE_S = 60.0  # far below the visibility timeout, at which a lost message would come back
CONFIG = "".join(
    f'[[queue]]\nname = "queue-{n}"\nvisibility_timeout_s = 3600\n' for n in range(QUEUES)
)


def request(action: str, queue: int, **members: object) -> bytes:
    members["QueueUrl"] = f"http://localhost/000000000000/queue-{queue}"
    body = json.dumps(members).encode()
    head = (
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"X-Amz-Target: AmazonSQS.{action}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass
class Receiver:
    """One socket with a receive that waits on it."""

    socket: socket.socket
    queue: int
    data: bytes = b""
    bodies: list[str] = field(default_factory=list)

    def poll(self) -> None:
        self.data = b""
        self.socket.sendall(request("ReceiveMessage", self.queue, WaitTimeSeconds=20))

    def read(self) -> bool:
        """Take in what has come; whether an answer is whole, or there will be none."""
        data = self.socket.recv(65_536)
        self.data += data
        head, blank, body = self.data.partition(b"\r\n\r\n")
        if not blank or len(body) < int(head.lower().partition(b"content-length: ")[2].split()[0]):
            return not data
        assert head.startswith(b"HTTP/1.1 200")
        self.bodies += [message["Body"] for message in json.loads(body).get("Messages", [])]
        return True

    def leave(self) -> None:
        """Hang up; an answer that was on its way has been received all the same."""
        self.socket.shutdown(socket.SHUT_WR)
        self.socket.settimeout(PATIENCE_S)
        while not self.read():
            pass
        self.socket.close()


@contextmanager
def open_files(count: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        if hard != resource.RLIM_INFINITY and hard < count:
            pytest.skip(f"only {hard} open files are allowed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.slow
def test_receivers_that_hang_up_at_random_take_nothing_with_them(tmp_path: Path) -> None:
    chance = random.Random(11)
    with open_files(QUEUES * EACH + 256), running_daemon(tmp_path, CONFIG) as daemon:
        host, _, port = daemon.listen.rpartition(":")
        address = (host, int(port))
        receivers = [
            Receiver(socket.create_connection(address), number % QUEUES)
            for number in range(QUEUES * EACH)
        ]
        for receiver in receivers:
            receiver.poll()
        leaving = [each for n, each in enumerate(receivers) if n // QUEUES < LEAVING]
        staying = {each.socket.fileno(): each for each in receivers[len(leaving) :]}
        chance.shuffle(leaving)
        sends = [(queue, f"{queue}/{n}") for queue in range(QUEUES) for n in range(SENT)]
        chance.shuffle(sends)

        with socket.create_connection(address) as sender:
            for queue, body in sends:
                sender.sendall(request("SendMessage", queue, MessageBody=body))
                if leaving and chance.random() < 0.7:
                    leaving.pop().leave()
                if leaving and chance.random() < 0.7:
                    leaving.pop().leave()
                assert sender.recv(65_536).startswith(b"HTTP/1.1 200")
        for receiver in leaving:
            receiver.leave()

        epoll = select.epoll()
        for number in staying:
            epoll.register(number, select.EPOLLIN)
        missing = len(sends) - sum(len(each.bodies) for each in receivers)
        while missing:
            ready = epoll.poll(PATIENCE_S)
            assert ready, f"{missing} messages are hidden from those who wait for them"
            for number, _ in ready:
                receiver = staying[number]
                before = len(receiver.bodies)
                if receiver.read():
                    missing -= len(receiver.bodies) - before
                    receiver.poll()
        for receiver in staying.values():
            receiver.socket.close()
        counts = Counter(body for receiver in receivers for body in receiver.bodies)
    assert counts == Counter(body for _, body in sends)
