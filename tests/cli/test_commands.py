"""The command line against a running daemon: what it prints, and how it exits."""

import json
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from broker.cli import main
from broker.client import Client
from tests.cli.conftest import Run
from tests.daemon import Daemon


def peeked(client: Client, queue: str) -> list[str]:
    return [message.body for message in client.peek(queue).items]


def test_send_prints_the_id_of_a_message_that_is_there(run: Run, client: Client) -> None:
    result = run("send", "orders", "ten ducks", "--attribute", "shop=Berlin")

    (message,) = client.peek("orders").items
    assert result.exit_code == 0
    assert result.stdout.strip() == message.message_id
    assert message.body == "ten ducks"
    assert message.attributes["shop"].string_value == "Berlin"


@pytest.mark.parametrize("arguments", [(), ("-",)])
def test_send_reads_standard_input_without_its_last_line_break(
    run: Run, client: Client, arguments: tuple[str, ...]
) -> None:
    run("send", "orders", *arguments, stdin="two\nlines\n")

    assert peeked(client, "orders") == ["two\nlines"]


def test_send_reads_a_file(run: Run, client: Client, tmp_path: Path) -> None:
    (tmp_path / "body").write_text("from a file")

    run("send", "orders", f"@{tmp_path / 'body'}")

    assert peeked(client, "orders") == ["from a file"]


def test_send_to_a_fifo_queue_names_group_and_deduplication_id(run: Run, client: Client) -> None:
    client.put_queue("orders.fifo")
    refused = run("send", "orders.fifo", "a")
    sent = [
        run("send", "orders.fifo", "a", "--group", "g", "--deduplication-id", "d") for _ in range(2)
    ]

    (message,) = client.peek("orders.fifo").items
    assert (refused.exit_code, "MessageGroupId" in refused.stderr) == (1, True)
    assert [each.stdout.strip() for each in sent] == [message.message_id] * 2
    assert message.system_attributes["MessageGroupId"] == "g"
    assert message.system_attributes["MessageDeduplicationId"] == "d"
    client.delete_queue("orders.fifo")


def test_send_for_a_time_that_is_past_or_too_far(run: Run, client: Client) -> None:
    run("send", "orders", "a", "--deliver-at", "2020-01-02T03:04:05Z")
    refused = run("send", "orders", "b", "--deliver-at", "2999-01-02T03:04:05Z")
    wrong = run("send", "orders", "c", "--deliver-at", "tomorrow")

    assert peeked(client, "orders") == ["a"]
    assert (refused.exit_code, "delay_s_max" in refused.stderr) == (1, True)
    assert wrong.exit_code == 2


def test_line_ends_are_sent_as_they_are(run: Run, client: Client, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"a\r\nb\rc")

    run("send", "orders", f"@{tmp_path / 'body'}")
    run("send", "orders", stdin=b"d\r\ne")

    assert peeked(client, "orders") == ["a\r\nb\rc", "d\r\ne"]


def test_what_is_not_utf_8_is_a_wrong_command_line(
    run: Run, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "body").write_bytes(b"ab\xff")

    from_file = run("send", "orders", f"@{tmp_path / 'body'}")
    piped = run("send", "orders", stdin=b"\xff")
    argument = run("send", "orders", "\udcff")

    assert (from_file.exit_code, piped.exit_code, argument.exit_code) == (2, 2, 2)
    assert "this is not UTF-8 (byte 2)" in from_file.stderr
    assert "standard input: this is not UTF-8 (byte 0)" in piped.stderr
    assert "BODY: this is not UTF-8 (byte 0)" in argument.stderr
    assert peeked(client, "orders") == []


def test_receive_keeps_what_it_prints_and_says_so(run: Run, client: Client) -> None:
    client.send("orders", "a")

    result = run("receive", "orders")

    assert (result.exit_code, result.stdout) == (0, "a\n")
    assert "not deleted" in result.stderr
    assert peeked(client, "orders") == ["a"]


def test_receive_deletes_what_it_prints_if_told_to(run: Run, client: Client) -> None:
    client.send_many("orders", ["a", "b"])

    result = run("receive", "orders", "--count", "10", "--ack")

    assert (result.exit_code, result.stdout) == (0, "a\nb\n")
    assert peeked(client, "orders") == []


def test_receive_follows_a_queue_and_deletes_what_it_prints(run: Run, client: Client) -> None:
    client.send_many("orders", ["a", "b", "c", "d"])

    result = run("receive", "orders", "--follow", "--count", "3")

    assert (result.exit_code, result.stdout) == (0, "a\nb\nc\n")
    assert client.queue("orders").in_flight == 0
    (left,) = client.receive("orders", count=10)
    assert (left.body, left.receive_count) == ("d", 1)


def test_receive_follows_a_queue_and_keeps_what_it_prints_if_told_to(
    run: Run, client: Client
) -> None:
    client.send_many("orders", ["a", "b"])

    result = run("receive", "orders", "--follow", "--no-ack", "--count", "2", "--json")

    assert [json.loads(line)["body"] for line in result.stdout.splitlines()] == ["a", "b"]
    again = client.receive("orders", count=10, wait_time_s=20)
    assert {message.receive_count for message in again} == {2}


def test_receive_follows_until_it_is_interrupted(running: Daemon, client: Client) -> None:
    client.send("orders", "a")
    follower = subprocess.Popen(
        [sys.executable, "-m", "broker.cli", "receive", "orders", "--follow", "--url", running.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background have it ignored, which children inherit.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert follower.stdout is not None
    assert follower.stdout.readline() == "a\n"
    client.send("orders", "b")
    assert follower.stdout.readline() == "b\n"
    follower.send_signal(signal.SIGINT)
    _, errors = follower.communicate(timeout=30)
    assert (follower.returncode, errors) == (0, "")
    counts = client.queue("orders")
    assert (counts.visible, counts.in_flight) == (0, 0)


def test_receive_says_what_it_cannot_follow(run: Run) -> None:
    unknown = run("receive", "none", "--follow")
    assert (unknown.exit_code, "QueueDoesNotExist" in unknown.stderr) == (1, True)
    waiting = run("receive", "orders", "--follow", "--wait", "5")
    assert (waiting.exit_code, "--wait" in waiting.stderr) == (2, True)


def test_receive_prints_nothing_if_there_is_nothing(run: Run) -> None:
    result = run("receive", "orders", "--wait", "0")

    assert (result.exit_code, result.output) == (0, "")


def test_peek_shows_messages_and_takes_none(run: Run, client: Client) -> None:
    client.send("orders", "ducks\x85and\ngeese")

    result = run("peek", "orders")

    assert "visible" in result.stdout
    assert "ducks" in result.stdout
    assert "\x85" not in result.stdout
    assert len(peeked(client, "orders")) == 1


def test_publish_and_put_event_reach_their_queue(run: Run, client: Client) -> None:
    run("publish", "news", "hear")
    event = run(
        "put-event", "--source", "shop", "--detail-type", "sold", "--detail", '{"ducks": 10}'
    )

    first, second = peeked(client, "heard")
    assert first == "hear"
    assert json.loads(second)["id"] == event.stdout.strip()
    assert json.loads(second)["detail"] == {"ducks": 10}


def test_invoke_prints_what_the_function_answers(run: Run) -> None:
    result = run("invoke", "echo", "--payload", '{"ducks": 10}')

    assert (result.exit_code, json.loads(result.stdout)) == (0, {"ducks": 10})


def test_a_function_that_fails_ends_invoke_with_1(run: Run) -> None:
    result = run("invoke", "broken")

    assert result.exit_code == 1
    assert "errorType" in result.stdout
    assert "the function failed" in result.stderr


def test_an_asynchronous_invocation_prints_its_request_id(run: Run) -> None:
    result = run("invoke", "echo", "--async", "--json")

    assert list(json.loads(result.stdout)) == ["request_id"]


def test_status_shows_how_full_queues_are(run: Run, client: Client) -> None:
    client.send("orders", "a")

    table, document = run("status"), run("status", "--json")

    assert "orders" in table.stdout
    depths = {each["name"]: each["visible"] for each in json.loads(document.stdout)["queues"]}
    assert depths["orders"] == 1
    assert "function/echo" in depths


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("env",),
        ("queues", "list"),
        ("stats", "orders"),
        ("receive", "orders", "--wait", "0"),
        ("send", "orders", "a"),
        ("publish", "news", "a"),
        ("invoke", "echo"),
    ],
)
def test_json_is_one_document(run: Run, arguments: tuple[str, ...]) -> None:
    assert isinstance(json.loads(run(*arguments, "--json").stdout), dict)


def test_env_prints_what_a_shell_can_evaluate(
    run: Run, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)

    script = run("env").stdout + '\necho "$AWS_ENDPOINT_URL $AWS_REGION $AWS_ACCESS_KEY_ID"'

    printed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert printed.stdout.split() == [client.url, "us-east-1", "000000000000"]


def test_env_leaves_what_is_set(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")

    lines = run("env").stdout.splitlines()
    exports = [shlex.split(line) for line in lines if not line.startswith("#")]

    assert [export[1].partition("=")[0] for export in exports] == ["AWS_ENDPOINT_URL"]
    assert "# your region is eu-west-1; what the configuration declares is in us-east-1" in lines


def test_a_refusal_ends_with_1_and_says_why(run: Run) -> None:
    result = run("send", "nowhere", "a")

    assert result.exit_code == 1
    assert "QueueDoesNotExist" in result.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("receive", "orders", "--wait", "21"),
        ("send", "orders", "a", "--attribute", "nonsense"),
        ("put-event", "--source", "s", "--detail-type", "t", "--detail", "[]"),
        ("invoke", "echo", "--payload", "{"),
        ("send", "orders", "@/nowhere/to/be/found"),
        ("nonsense",),
    ],
)
def test_a_wrong_command_line_ends_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_output_that_cannot_be_written_ends_with_1_and_says_why(running: Daemon) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "broker.cli", "stats", "--url", running.url],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stderr == "Error: the output can't be written: No space left on device\n"


def test_no_broker_ends_with_3_and_says_how_to_start_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]

    result = CliRunner().invoke(main, ["status", "--url", f"http://127.0.0.1:{port}"])

    assert result.exit_code == 3
    assert "broker start" in result.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_for_the_shell(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])

    assert result.exit_code == 0
    assert "_BROKER_COMPLETE" in result.stdout


def test_the_help_tells_the_exit_codes() -> None:
    assert "Exit codes" in CliRunner().invoke(main, ["--help"]).stdout
