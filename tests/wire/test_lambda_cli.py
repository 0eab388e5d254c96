"""The life of a function by the AWS CLI: from a zip file to what it has logged."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon import Daemon, running_daemon
from tests.wire.code import ROLE, RUNTIME, answering
from tests.wire.service_clients import CliClient


class Cli(CliClient):
    """Commands with their arguments written out."""

    def run(self, *arguments: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([*self._command, *arguments]) + "\n")
        self._process.stdin.flush()
        code, out, err = json.loads(self._process.stdout.readline())
        assert code == 0, err
        return json.loads(out) if out else None


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    with running_daemon(tmp_path, "[functions]\nallow_upload = true\n") as running:
        yield running


@pytest.fixture
def cli(daemon: Daemon) -> Iterator[Cli]:
    client = Cli(daemon, "lambda")
    yield client
    client.close()


def test_a_function_from_its_beginning_to_its_end(cli: Cli, tmp_path: Path) -> None:
    one, two, answer = tmp_path / "one.zip", tmp_path / "two.zip", tmp_path / "answer"
    one.write_bytes(answering("one"))
    two.write_bytes(answering("two"))
    of_it = ("--function-name", "hello")

    def invoke(*more: str) -> tuple[Any, Any]:
        told = cli.run("invoke", *of_it, *more, str(answer))
        return told, json.loads(answer.read_text())

    made = cli.run(
        "create-function",
        *of_it,
        *("--runtime", RUNTIME, "--role", ROLE, "--handler", "app.handler"),
        *("--zip-file", f"fileb://{one}", "--environment", "Variables={STAGE=test}"),
    )
    assert made["FunctionName"] == "hello"
    told, payload = invoke("--log-type", "Tail")
    assert (told["StatusCode"], payload) == (200, "one")
    log = base64.b64decode(told["LogResult"]).decode()
    assert log.startswith("START RequestId: ")
    assert "Init Duration: " in log

    cli.run("publish-version", *of_it)
    cli.run("create-alias", *of_it, "--name", "live", "--function-version", "1")
    cli.run("update-function-code", *of_it, "--zip-file", f"fileb://{two}", "--publish")
    assert invoke("--qualifier", "live")[1] == "one"
    assert invoke()[1] == "two"
    routing = '{"AdditionalVersionWeights": {"2": 1.0}}'
    cli.run("update-alias", *of_it, "--name", "live", "--routing-config", routing)
    told, payload = invoke("--qualifier", "live")
    assert (told["ExecutedVersion"], payload) == ("2", "two")
    cli.run("update-function-configuration", *of_it, "--timeout", "7")
    assert cli.run("get-function", *of_it)["Configuration"]["Timeout"] == 7
    cli.run("put-function-concurrency", *of_it, "--reserved-concurrent-executions", "3")
    accepted = cli.run("invoke", *of_it, "--invocation-type", "Event", str(answer))
    assert accepted["StatusCode"] == 202

    cli.run("delete-alias", *of_it, "--name", "live")
    cli.run("delete-function", *of_it)
    assert cli.run("list-functions")["Functions"] == []


def test_a_queue_is_mapped_to_a_function(cli: Cli, daemon: Daemon, tmp_path: Path) -> None:
    archive = tmp_path / "code.zip"
    archive.write_bytes(answering("done"))
    sqs = CliClient(daemon, "sqs")
    queue = sqs.call("CreateQueue", QueueName="orders")["QueueUrl"]
    cli.run(
        "create-function",
        *("--function-name", "drain", "--runtime", RUNTIME, "--role", ROLE),
        *("--handler", "app.handler", "--zip-file", f"fileb://{archive}"),
    )
    mapping = cli.run(
        "create-event-source-mapping",
        *("--function-name", "drain", "--batch-size", "5"),
        *("--event-source-arn", "arn:aws:sqs:us-east-1:000000000000:orders"),
    )
    sqs.call("SendMessage", QueueUrl=queue, MessageBody="one")
    state = {}
    while state.get("LastProcessingResult") != "OK":
        state = cli.run("get-event-source-mapping", "--uuid", mapping["UUID"])
    sqs.close()
