"""Why is the store a process of its own, and not a thread beside the event loop?

Estimate: py-lmdb gives the GIL up on every call, and a thread that gives it up beside a busy event
loop gets it back after the switch interval of 5 ms: 200 records/s for one put each. A process has
its own GIL and shares nothing but a socket: what LMDB does alone, less the core it has to share.
The event loop hands over one batch and waits for it; other tasks keep it busy meanwhile.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb
import msgspec
import trio

from bench.daemon import parent
from bench.disk import RECORD
from bench.report import Row, repeat
from bench.settings import Settings
from broker.bench.disk import empty_folder
from broker.bench.load import Sample
from broker.store.engine import open_environment
from broker.store.frames import FrameBuffer, frame
from broker.store.keys import body

RECORDS = 64  # a commit's worth, as 64 connections give it
Batch = list[tuple[int, bytes]]
Commit = Callable[[Batch], Awaitable[None]]


def measure(settings: Settings) -> list[Row]:
    """Each way beside an idle and a busy event loop."""
    rows = []
    for name, opened in (("thread", _thread), ("process", _process)):
        for busy in (False, True):
            row = Row(f"store {name}, event loop {'busy' if busy else 'idle'}", "records/s")

            def run(
                opened: Callable[[Path], Iterator[Commit]] = opened, busy: bool = busy
            ) -> Sample:
                with (
                    empty_folder(parent()) as folder,
                    contextmanager(opened)(folder) as commit,
                ):
                    return trio.run(_rate, commit, busy, settings.seconds)

            rows.append(repeat(row, settings.repeats, run))
    return rows


async def _rate(commit: Commit, busy: bool, seconds: float) -> Sample:
    done = 0
    async with trio.open_nursery() as nursery:
        if busy:
            nursery.start_soon(_parse_requests)
        started = time.perf_counter()
        while time.perf_counter() < started + seconds:
            await commit([(record_id, RECORD) for record_id in range(done, done + RECORDS)])
            done += RECORDS
        took_s = time.perf_counter() - started
        nursery.cancel_scope.cancel()
    return Sample(done / took_s)


async def _parse_requests() -> None:
    request = msgspec.json.encode(
        {"QueueUrl": "http://127.0.0.1/0/orders", "MessageBody": "a" * 256}
    )
    while True:
        for _ in range(20):
            msgspec.json.decode(request)
        await trio.lowlevel.checkpoint()


def _apply(environment: lmdb.Environment, batch: Batch) -> None:
    with environment.begin(write=True) as transaction:
        for record_id, record in batch:
            transaction.put(body(record_id), record, append=True)


def _thread(folder: Path) -> Iterator[Commit]:
    with open_environment(folder) as environment:

        async def commit(batch: Batch) -> None:
            await trio.to_thread.run_sync(_apply, environment, batch)

        yield commit


def _process(folder: Path) -> Iterator[Commit]:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.store_process", str(theirs.fileno()), str(folder)],
            pass_fds=(theirs.fileno(),),
        )
    ours.recv(1)  # ready

    async def commit(batch: Batch) -> None:
        ours.sendall(frame(batch))
        await trio.lowlevel.wait_readable(ours)
        ours.recv(1)

    try:
        yield commit
    finally:
        ours.close()
        process.wait()


def _serve(connection: socket.socket, folder: Path) -> None:
    decode = msgspec.msgpack.Decoder(list[tuple[int, bytes]]).decode
    buffer = FrameBuffer()
    with open_environment(folder) as environment:
        connection.sendall(b"\0")
        while data := connection.recv(1 << 20):
            buffer.feed(data)
            for raw in buffer.frames():
                _apply(environment, decode(raw))
                connection.sendall(b"\0")


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), Path(sys.argv[2]))
