"""a lean load generator: raw sockets, one epoll, requests made in advance

A connection follows a script: a generator that yields a request's bytes and gets the response's
body back, and says what it has done by adding to `Tally.done`. Whatever isn't a success is an
error. Each of `processes` drives its share of the connections.
"""

import contextlib
import multiprocessing
import select
import signal
import socket
import statistics
import sys
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from broker.bench.address import Address

Script = Generator[bytes, bytes, None]
MakeScript = Callable[["Tally"], Script]


class MeasurementFailed(Exception):
    """There is no figure; the text says why."""


@dataclass
class Sample:
    """One run: how much a second (or how many MB, ms), and how long single requests took."""

    value: float
    p50_ms: float | None = None
    p99_ms: float | None = None
    ratio: float | None = None  # to a ceiling that was measured right beside it
    errors: int = 0


@dataclass
class Tally:
    """What one process's connections came to within the measured time."""

    done: int = 0  # messages, deliveries: what the script counts
    errors: int = 0
    latencies_s: list[float] = field(default_factory=list)

    @contextlib.contextmanager
    def timed(self) -> Iterator[None]:
        """Notes how long the block took."""
        started = time.perf_counter()
        yield
        self.latencies_s.append(time.perf_counter() - started)


def constant(
    request: bytes, counts: int = 1, expected: bytes = b"", occurrences: int = 1
) -> MakeScript:
    """Always the same request, which does `counts` things; what its answer has, and how often."""

    def script(tally: Tally) -> Script:
        while True:
            with tally.timed():
                answer = yield request
            if expected and answer.count(expected) != occurrences:
                tally.errors += 1
            else:
                tally.done += counts

    return script


def times(request: bytes, count: int) -> MakeScript:
    """The same request so often, and then nothing more."""

    def script(tally: Tally) -> Script:
        for _ in range(count):
            yield request
        tally.done += count

    return script


def run_load(
    address: Address,
    make_script: MakeScript,
    connections: int,
    seconds: float,
    *,
    warm_up_s: float = 0.5,
    processes: int = 1,
) -> Sample:
    """The rate of what the scripts count, over `seconds` after a warm-up."""
    # Forked, so that scripts need not be pickled; no thread runs here.
    context = multiprocessing.get_context("fork")
    shares = [connections // processes + (n < connections % processes) for n in range(processes)]
    children = []
    for share in shares:
        ours, theirs = context.Pipe()
        child = context.Process(
            target=_drive, args=(address, make_script, share, warm_up_s, seconds, theirs)
        )
        child.start()
        theirs.close()
        children.append((child, ours))
    tallies = []
    try:
        for child, pipe in children:
            with contextlib.suppress(EOFError):
                tallies.append(pipe.recv())
            child.join()
            if child.exitcode:
                raise MeasurementFailed("a load process failed; see its traceback above")
    finally:
        for child, _ in children:
            child.kill()
    latencies = sorted(latency for tally in tallies for latency in tally.latencies_s)
    return Sample(
        sum(tally.done for tally in tallies) / seconds,
        *percentiles_ms(latencies),
        errors=sum(tally.errors for tally in tallies),
    )


def percentiles_ms(ordered_s: list[float]) -> tuple[float | None, float | None]:
    """The median and the 99th percentile of sorted times."""
    if not ordered_s:
        return None, None
    return (
        statistics.median(ordered_s) * 1000,
        ordered_s[min(len(ordered_s) - 1, len(ordered_s) * 99 // 100)] * 1000,
    )


class _Client:
    """One connection: the bytes of the response under way."""

    def __init__(self, address: Address, script: Script) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.script = script
        self.data = b""

    def response(self) -> bytes | None:
        """The body, when it is whole. Raises: ValueError, if the status is no success."""
        head_end = self.data.find(b"\r\n\r\n")
        if head_end < 0:
            return None
        head = self.data[:head_end].lower()
        at = head.index(b"content-length:") + 15
        length = int(head[at:].split(b"\r\n", 1)[0])
        end = head_end + 4 + length
        if len(self.data) < end:
            return None
        body, self.data = self.data[head_end + 4 : end], self.data[end:]
        if not head.startswith(b"http/1.1 2"):
            raise ValueError(f"{head[:80]!r} {body[:200]!r}")
        return body


def _drive(
    address: Address,
    make_script: MakeScript,
    connections: int,
    warm_up_s: float,
    seconds: float,
    result: Connection,
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is for the parent, which ends this
    tally = Tally()
    epoll = select.epoll()
    clients: dict[int, _Client] = {}
    complained = False
    for _ in range(connections):
        client = _Client(address, make_script(tally))
        clients[client.socket.fileno()] = client
        epoll.register(client.socket, select.EPOLLIN)
        client.socket.sendall(next(client.script))
    begin = time.perf_counter() + warm_up_s
    warm = False
    running = connections
    while running and (now := time.perf_counter()) < begin + seconds:
        if not warm and now >= begin:
            warm = True
            tally.done = tally.errors = 0
            tally.latencies_s.clear()
        for number, _ in epoll.poll(0.1):
            client = clients[number]
            data = client.socket.recv(1 << 20)
            if not data:
                raise ConnectionError("the server hung up")
            client.data = client.data + data if client.data else data
            try:
                body = client.response()
            except ValueError as error:
                tally.errors += 1
                body = b""
                if not complained:
                    complained = True
                    print(f"error: {error}", file=sys.stderr, flush=True)
            if body is None:
                continue
            try:
                client.socket.sendall(client.script.send(body))
            except StopIteration:
                epoll.unregister(client.socket)
                running -= 1
    result.send(tally)
    for client in clients.values():
        client.socket.close()
