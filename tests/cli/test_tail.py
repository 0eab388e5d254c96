import json
import select
import signal
import subprocess
import sys
from typing import Any

from broker.client import Client
from tests.daemon import Daemon


def tailing(running: Daemon, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "broker.cli", "tail", *arguments, "--url", running.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background have it ignored, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def first_line(process: "subprocess.Popen[str]", client: Client, source: str) -> str:
    """The first line, with an event put again and again until there is one."""
    assert process.stdout is not None
    for _ in range(300):
        ready, _, _ = select.select([process.stdout], [], [], 0.1)
        if ready:
            return process.stdout.readline()
        client.put_event("other", "ignored", {})
        client.put_event(source, "sold", {"ducks": 10})
    raise AssertionError("nothing was printed")


def test_events_come_with_the_rules_that_match(running: Daemon, client: Client) -> None:
    process = tailing(running, "--filter", '{"source":["shop","web"]}', "--json")
    try:
        seen: dict[str, Any] = json.loads(first_line(process, client, "shop"))
        assert seen["event"]["detail"] == {"ducks": 10}
        assert seen["rules"] == ["shop"]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.communicate()


def test_people_see_that_no_rule_matched(running: Daemon, client: Client) -> None:
    process = tailing(running, "--filter", '{"source":["web"]}')
    try:
        assert first_line(process, client, "web").endswith("sold from web\n")
        assert process.stdout is not None
        assert process.stdout.readline() == "  rules: none\n"
    finally:
        process.kill()
        process.communicate()
