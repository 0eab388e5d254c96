"""kill -9 of the daemon while a function drains its queue: nothing lost, never more at once"""

import random
import sys
import time
from pathlib import Path

import pytest

from broker.client import Client
from broker_subprocess.leftovers import marked_processes
from tests.daemon import Daemon
from tests.store.invariants import check_directory

EVENTS, RESERVED = 10_000, 5
KILLS = 3
PATIENCE_S = 90

# How many run at once is seen by locks, which end with their process: who finds all five taken is
# the sixth.
HANDLER = f"""
import fcntl, os
FOLDER = os.environ["FOLDER"]
SLOTS = [open(os.path.join(FOLDER, "slot%d" % n), "w") for n in range({RESERVED})]
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
    SEEN.write("%d\\n" % event["n"])
    fcntl.flock(slot, fcntl.LOCK_UN)
"""


def configuration(code: Path, folder: Path) -> str:
    return f"""
[[function]]
name = "drain"
invoker = "subprocess"
handler = "app.handler"
settings = {{ runtime = "python3.{sys.version_info.minor}", code = "{code}" }}
environment = {{ FOLDER = "{folder}" }}
reserved_concurrency = {RESERVED}
retry_attempts = 0
dead_letter_queue = "dead"
timeout_s = 60
[[queue]]
name = "dead"
[[rule]]
name = "all"
pattern = {{ source = ["test"] }}
targets = [{{ function = "drain", input_path = "$.detail" }}]
"""


@pytest.mark.slow
def test_ten_thousand_events_under_a_reserved_concurrency_of_five(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    code, folder = tmp_path / "code", tmp_path / "folder"
    code.mkdir()
    folder.mkdir()
    (code / "app.py").write_text(HANDLER)
    config = tmp_path / "broker.toml"
    config.write_text(configuration(code, folder))
    daemon = Daemon(tmp_path / "data", config).start()
    try:
        put_all(daemon.url)
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.3, 1.5))
            daemon.kill()
            daemon.start()
        deadline = time.monotonic() + PATIENCE_S
        while waiting(daemon.url) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert waiting(daemon.url) == 0
        seen = [int(line) for line in (folder / "seen").read_text().split()]
        assert set(seen) == set(range(EVENTS))
        # An event is handled twice only if it was being handled when the daemon was killed.
        assert len(seen) - EVENTS <= KILLS * RESERVED * 20
        assert not (folder / "too-many").exists()
        with Client(daemon.url) as client:
            assert client.peek("dead").items == []
    finally:
        daemon.stop()
    state = tmp_path / "data" / "invokers" / "subprocess"
    assert marked_processes(f"BROKER_STATE_DIRECTORY={state}".encode()) == []
    check_directory(tmp_path / "data")


def put_all(url: str) -> None:
    with Client(url) as client:
        for start in range(0, EVENTS, 5_000):
            events = [
                {"source": "test", "detail_type": "t", "detail": {"n": n}}
                for n in range(start, start + 5_000)
            ]
            assert not client.put_events(events).errors


def waiting(url: str) -> int:
    """Messages in the function's queue, and those that are being worked at."""
    with Client(url) as client:
        queues = {queue.name: queue for queue in client.status().queues}
    found = queues["function/drain"]
    return found.visible + found.in_flight + found.delayed
