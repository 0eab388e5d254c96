"""the store's own process: drain the socket, apply in one transaction, sync, answer all

Started by the daemon with one end of a socket pair and the data directory's lock. It ends when the
daemon's end of the socket closes, however that came about; and if a sync fails, at once.
"""

import logging
import os
import signal
import socket
import sys
from collections import deque
from pathlib import Path

import lmdb

from broker.core.limits import COMMIT_BYTES_MAX, COMMIT_ENTRIES_MAX
from broker.store.clock import Clock
from broker.store.engine import Engine, NewerFormat
from broker.store.frames import Call, FrameBuffer, Ready, Reply, decode_call, encode_outcome, frame

READ_BYTES = 1 << 20
EXIT_SYNC_FAILED = 74  # EX_IOERR


def main(socket_fd: int, directory: Path, quota_bytes: int, clock: Clock | None = None) -> None:
    """Serve until the daemon is gone."""
    # The daemon decides when to stop; a Ctrl-C reaches the whole foreground group.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    connection = socket.socket(fileno=socket_fd)
    try:
        engine = Engine(directory, clock or Clock(), quota_bytes)
    except (NewerFormat, OSError, lmdb.Error) as refusal:
        connection.sendall(frame(Ready(str(refusal))))
        return
    connection.sendall(frame(Ready(None)))
    try:
        _serve(connection, engine)
    finally:
        engine.close()


def _serve(connection: socket.socket, engine: Engine) -> None:
    buffer = FrameBuffer()
    waiting: deque[tuple[Call, int]] = deque()
    # One for good: malloc would map and unmap a new one at every read.
    space = memoryview(bytearray(READ_BYTES))
    while True:
        # Sleep only when there is nothing to do; else take what has come in meanwhile.
        flags = socket.MSG_DONTWAIT if waiting else 0
        try:
            size = connection.recv_into(space, READ_BYTES, flags)
        except BlockingIOError:
            pass
        except ConnectionResetError:
            return
        else:
            if not size:
                return
            buffer.feed(space[:size])
            waiting.extend((decode_call(raw), len(raw)) for raw in buffer.frames())
        calls = _next_commit(waiting)
        if calls:
            reply = _apply(engine, calls)
            try:
                connection.sendall(reply)
            except (BrokenPipeError, ConnectionResetError):
                return


def _next_commit(waiting: deque[tuple[Call, int]]) -> list[Call]:
    """What fits into one commit, in the order in which it came; never nothing of something."""
    calls: list[Call] = []
    entries = size = 0
    while waiting:
        call, call_bytes = waiting[0]
        weight = sum(command.weight for command in call.commands)
        full = entries + weight > COMMIT_ENTRIES_MAX or size + call_bytes > COMMIT_BYTES_MAX
        if calls and full:
            break
        waiting.popleft()
        calls.append(call)
        entries += weight
        size += call_bytes
    return calls


def _apply(engine: Engine, calls: list[Call]) -> bytes:
    batch = [(call.namespace, command) for call in calls for command in call.commands]
    committed = engine.apply(batch)
    outcomes = iter(committed.outcomes)
    answers = [
        (call.call_id, [encode_outcome(next(outcomes)) for _ in call.commands]) for call in calls
    ]
    return frame(Reply(committed.status, committed.wakeups, answers))


def run(clock: Clock | None = None) -> None:
    """As a program of its own, with its arguments on the command line."""
    logging.basicConfig(format="store: %(levelname)s %(message)s", level=logging.WARNING)
    try:
        main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), clock)
    except Exception:
        # Whatever it was, nothing more can be promised: the daemon sees the socket close.
        logging.getLogger(__name__).critical("the store process ends", exc_info=True)
        os._exit(EXIT_SYNC_FAILED)


if __name__ == "__main__":
    run()
