import json
import select
import signal
import subprocess
import sys

from broker.client import Client
from tests.cli.conftest import Run
from tests.daemon import Daemon


def follower(running: Daemon, *arguments: str) -> "subprocess.Popen[str]":
    """The command, following: it prints what a probe publishes, until the probe was seen."""
    return subprocess.Popen(
        [sys.executable, "-m", "broker.cli", "subscribe", *arguments, "--url", running.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background have it ignored, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def test_a_topic_is_printed_as_it_is_published_until_interrupted(
    running: Daemon, client: Client
) -> None:
    process = follower(running, "news", "--json", "--filter", '{"message":{"n":[{"exists":true}]}}')
    try:
        client.publish("news", "not for it")
        seen = first_line(process, client)
        assert "n" in json.loads(seen["message"])
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.communicate()


def first_line(process: "subprocess.Popen[str]", client: Client) -> dict[str, str]:
    """The first line, with a message published again and again until there is one."""
    assert process.stdout is not None
    for n in range(1, 300):
        ready, _, _ = select.select([process.stdout], [], [], 0.1)
        if ready:
            line: dict[str, str] = json.loads(process.stdout.readline())
            return line
        client.publish("news", json.dumps({"n": n}))
    raise AssertionError("nothing was printed")


def test_one_of_topic_and_bus_is_to_be_named(run: Run) -> None:
    for arguments in ((), ("news", "--bus", "default")):
        result = run("subscribe", *arguments)
        assert result.exit_code == 2
        assert "Name a TOPIC, or a bus with --bus" in result.output


def test_a_bad_filter_is_refused_with_its_reason(run: Run) -> None:
    result = run("subscribe", "news", "--filter", '{"a":1}')
    assert result.exit_code == 1
    assert '"a" must be an object or an array' in result.output
