"""kill -9 of the daemon while a function drains its queue: nothing lost, never more at once"""

import random
import time
from pathlib import Path

import pytest

from broker.client import Client
from tests.crash.functions import crashing_daemon, handler_source, waiting

EVENTS, RESERVED = 10_000, 5
KILLS = 3
PATIENCE_S = 90

HANDLER = handler_source(RESERVED, '    SEEN.write("%d\\n" % event["n"])')

CONFIGURATION = f"""
[[function]]
name = "drain"
invoker = "subprocess"
handler = "app.handler"
settings = {{{{ runtime = "{{runtime}}", code = "{{code}}" }}}}
environment = {{{{ FOLDER = "{{folder}}" }}}}
reserved_concurrency = {RESERVED}
retry_attempts = 0
dead_letter_queue = "dead"
timeout_s = 60
[[queue]]
name = "dead"
[[rule]]
name = "all"
pattern = {{{{ source = ["test"] }}}}
targets = [{{{{ function = "drain", input_path = "$.detail" }}}}]
"""


@pytest.mark.slow
def test_ten_thousand_events_under_a_reserved_concurrency_of_five(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    folder = tmp_path / "folder"
    with crashing_daemon(tmp_path, HANDLER, CONFIGURATION) as daemon:
        put_all(daemon.url)
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.3, 1.5))
            daemon.kill()
            daemon.start()
        deadline = time.monotonic() + PATIENCE_S
        while waiting(daemon.url, "function/drain") and time.monotonic() < deadline:
            time.sleep(0.2)
        assert waiting(daemon.url, "function/drain") == 0
        seen = [int(line) for line in (folder / "seen").read_text().split()]
        assert set(seen) == set(range(EVENTS))
        # An event is handled twice only if it was being handled when the daemon was killed.
        assert len(seen) - EVENTS <= KILLS * RESERVED * 20
        assert not (folder / "too-many").exists()
        with Client(daemon.url) as client:
            assert client.peek("dead").items == []


def put_all(url: str) -> None:
    with Client(url) as client:
        for start in range(0, EVENTS, 5_000):
            events = [
                {"source": "test", "detail_type": "t", "detail": {"n": n}}
                for n in range(start, start + 5_000)
            ]
            assert not client.put_events(events).errors
