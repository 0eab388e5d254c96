"""the AWS CLI, as a process of its own that finds the broker by AWS_ENDPOINT_URL"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon
from tests.wire.functions import daemon_with_functions

ACCOUNT = "000000000000"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with daemon_with_functions(tmp_path_factory.mktemp("functions")) as running:
        yield running


class Cli:
    """Runs `aws SERVICE ACTION …`."""

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "any",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_DEFAULT_OUTPUT": "json",
        }

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # Version 1 has an endpoint of its own for SQS, which nothing but the option overrides.
        url = self.environment["AWS_ENDPOINT_URL"]
        option = ("--endpoint-url", url) if arguments[0] == "sqs" else ()
        return subprocess.run(
            [sys.executable, "-m", "awscli", *option, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env=self.environment,
            cwd=self.folder,
        )

    def answer(self, *arguments: str) -> Any:
        """The command's output as JSON."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None


@pytest.fixture
def aws(broker: Daemon, tmp_path: Path) -> Cli:
    return Cli(broker.url, tmp_path)


def test_an_event_from_the_command_line_to_a_queue(aws: Cli, broker: Daemon) -> None:
    queue = aws.answer("sqs", "create-queue", "--queue-name", "orders")["QueueUrl"]
    assert queue == f"{broker.url}/{ACCOUNT}/orders"
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:orders"
    topic = aws.answer("sns", "create-topic", "--name", "sales")["TopicArn"]
    subscribe = ("--topic-arn", topic, "--protocol", "sqs", "--notification-endpoint", arn)
    aws.answer("sns", "subscribe", *subscribe)
    rule = ("--name", "sold", "--event-pattern", '{"source": ["shop"]}')
    aws.answer("events", "put-rule", *rule)
    aws.answer("events", "put-targets", "--rule", "sold", "--targets", f"Id=1,Arn={arn}")

    sent = aws.answer("sqs", "send-message", "--queue-url", queue, "--message-body", "ä")
    published = aws.answer("sns", "publish", "--topic-arn", topic, "--message", "hello")
    entry = {"Source": "shop", "DetailType": "t", "Detail": "{}"}
    put = aws.answer("events", "put-events", "--entries", json.dumps([entry]))
    assert put["FailedEntryCount"] == 0

    receive = ("--queue-url", queue, "--max-number-of-messages", "10", "--wait-time-seconds", "10")
    received = aws.answer("sqs", "receive-message", *receive)["Messages"]
    assert received[0]["Body"] == "ä"
    assert received[0]["MessageId"] == sent["MessageId"]
    assert json.loads(received[1]["Body"])["MessageId"] == published["MessageId"]
    assert json.loads(received[2]["Body"])["id"] == put["Entries"][0]["EventId"]


def test_a_function_from_the_command_line(aws: Cli) -> None:
    (aws.folder / "payload.json").write_text('{"a": 1}')
    arguments = ("--function-name", "echo", "--payload", "fileb://payload.json", "answer.json")
    answer = aws.answer("lambda", "invoke", *arguments)
    assert answer == {"StatusCode": 200, "ExecutedVersion": "$LATEST"}
    assert json.loads((aws.folder / "answer.json").read_text())["event"] == {"a": 1}


def test_an_error_on_the_command_line(aws: Cli) -> None:
    done = aws.run("sqs", "get-queue-url", "--queue-name", "nowhere")
    assert done.returncode != 0
    assert "(AWS.SimpleQueueService.NonExistentQueue)" in done.stderr
    assert "The specified queue does not exist." in done.stderr
    assert aws.answer("sts", "get-caller-identity")["Account"] == ACCOUNT
