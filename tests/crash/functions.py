"""Functions that note what they have seen, and find out how many run at once."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broker.client import Client
from broker_subprocess.guardian_process import marked_processes
from tests.daemon import Daemon
from tests.store.invariants import check_directory


def handler_source(at_once: int, body: str) -> str:
    """A handler that does what `body` says, indented, and marks it if too many run at once.

    How many is seen by locks, which end with their process: who finds all of them taken is one too
    many. FOLDER is where it leaves its marks, SEEN a file there.
    """
    return f"""
import fcntl, os, time
FOLDER = os.environ["FOLDER"]
SLOTS = [open(os.path.join(FOLDER, "slot%d" % n), "w") for n in range({at_once})]
SEEN = open(os.path.join(FOLDER, "seen"), "a", buffering=1)

def handler(event, context):
    for slot in SLOTS:
        try:
            fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        break
    else:
        open(os.path.join(FOLDER, "too-many"), "w").close()
    try:
        return work(event)
    finally:
        fcntl.flock(slot, fcntl.LOCK_UN)

def work(event):
{body}
"""


@contextmanager
def crashing_daemon(directory: Path, source: str, configuration: str) -> Iterator[Daemon]:
    """A daemon to be killed; afterwards it has left no process behind, and its data is sound.

    `configuration` is what the function's code and folder are put into, by name.
    """
    code, folder = directory / "code", directory / "folder"
    code.mkdir()
    folder.mkdir()
    (code / "app.py").write_text(source)
    config = directory / "broker.toml"
    runtime = f"python3.{sys.version_info.minor}"
    config.write_text(configuration.format(code=code, folder=folder, runtime=runtime))
    daemon = Daemon(directory / "data", config).start()
    try:
        yield daemon
    finally:
        daemon.stop()
    state = directory / "data" / "invokers" / "subprocess"
    assert marked_processes(f"BROKER_STATE_DIRECTORY={state}".encode()) == []
    check_directory(directory / "data")


def waiting(url: str, queue: str) -> int:
    """Messages in the queue, and those that are being worked at."""
    with Client(url) as client:
        found = {each.name: each for each in client.status().queues}[queue]
    return found.visible + found.in_flight + found.delayed
