"""functions that lead to themselves by what their SDK sends: stopped after sixteen, nothing lost"""

import json
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from broker.core.limits import RECURSIONS_MAX
from broker.core.trace_header import passed_on
from tests.daemon import Daemon, running_daemon
from tests.wire.code import ROLE, RUNTIME, zipped

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:"
PATIENCE_S = 60

CONFIG = """
[functions]
allow_upload = true
[[queue]]
name = "stopped"
"""

# Each one runs, says so, and does that once more which it was caused by.
HANDLER = """
import os, boto3

def client(service):
    return boto3.client(service)

def handler(event, context):
    with open(os.environ["RUNS"], "a") as file:
        file.write(os.environ["_X_AMZN_TRACE_ID"] + "\\n")
    with open(os.environ["RUNS"]) as file:
        if len(file.readlines()) < int(os.environ["ENOUGH"]):
            again(context)
"""

AGAIN = {
    "invoke": "client('lambda').invoke(FunctionName=context.function_name, InvocationType='Event')",
    "queue": "client('sqs').send_message(QueueUrl=os.environ['NAME'], MessageBody='again')",
    "batch": (
        "client('sqs').send_message_batch(QueueUrl=os.environ['NAME'], "
        "Entries=[{'Id': '1', 'MessageBody': 'again'}])"
    ),
    "topic": "client('sns').publish(TopicArn=os.environ['TOPIC'], Message='again')",
    "rule": (
        "client('events').put_events(Entries=[{'Source': os.environ['NAME'], "
        "'DetailType': 'again', 'Detail': '{}'}])"
    ),
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with running_daemon(tmp_path_factory.mktemp("recursion"), CONFIG) as running:
        yield running


class Loop:
    """A function that causes itself in one way."""

    def __init__(self, broker: Daemon, directory: Path, way: str, enough: int) -> None:
        self.broker = broker
        self.name = f"loop-{uuid4().hex[:8]}"
        self.runs_file = directory / "runs"
        self.client: Callable[[str], Any] = broker.client
        self._make(way, enough)
        begin = {"queue": self._map_queue, "batch": self._map_queue}
        begin |= {"topic": self._subscribe, "rule": self._add_rule}
        begin.get(way, lambda: None)()

    def _make(self, way: str, enough: int) -> None:
        self.client("lambda").create_function(
            FunctionName=self.name,
            Role=ROLE,
            Runtime=RUNTIME,
            Handler="app.handler",
            Timeout=10,
            MemorySize=512,
            Code={"ZipFile": zipped(app__py=f"{HANDLER}\ndef again(context):\n    {AGAIN[way]}\n")},
            DeadLetterConfig={"TargetArn": f"{QUEUE}stopped"},
            Environment={
                "Variables": {
                    "PYTHONPATH": sysconfig.get_path("purelib"),
                    "RUNS": str(self.runs_file),
                    "ENOUGH": str(enough),
                    "NAME": self.name,
                    "TOPIC": f"arn:aws:sns:us-east-1:000000000000:{self.name}",
                }
            },
        )

    def _map_queue(self) -> None:
        policy = {"deadLetterTargetArn": f"{QUEUE}stopped", "maxReceiveCount": 1}
        attributes = {"VisibilityTimeout": "10", "RedrivePolicy": json.dumps(policy)}
        self.client("sqs").create_queue(QueueName=self.name, Attributes=attributes)
        self.client("lambda").create_event_source_mapping(
            FunctionName=self.name, EventSourceArn=QUEUE + self.name
        )

    def _subscribe(self) -> None:
        topic = self.client("sns").create_topic(Name=self.name)["TopicArn"]
        self.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=ARN + self.name)

    def _add_rule(self) -> None:
        pattern = json.dumps({"source": [self.name]})
        self.client("events").put_rule(Name=self.name, EventPattern=pattern)
        target = {"Id": "1", "Arn": ARN + self.name}
        self.client("events").put_targets(Rule=self.name, Targets=[target])

    @property
    def runs(self) -> list[str]:
        """The trace headers that it ran with."""
        return self.runs_file.read_text().splitlines() if self.runs_file.exists() else []

    def begin(self) -> None:
        self.client("lambda").invoke(FunctionName=self.name, InvocationType="Event")

    def wait_runs(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while len(self.runs) < count:
            assert time.monotonic() < deadline, f"{len(self.runs)} runs"
            time.sleep(0.05)


@pytest.fixture
def loop(broker: Daemon, tmp_path: Path) -> Iterator[Callable[..., Loop]]:
    made: list[Loop] = []

    def make(way: str, enough: int = 100) -> Loop:
        made.append(Loop(broker, tmp_path, way, enough))
        return made[-1]

    yield make
    for each in made:
        broker.client("lambda").delete_function(FunctionName=each.name)


def stopped(broker: Daemon) -> Any:
    """The next dead letter."""
    sqs = broker.client("sqs")
    received = sqs.receive_message(
        QueueUrl="stopped", WaitTimeSeconds=20, MessageAttributeNames=["All"]
    )
    (message,) = received["Messages"]
    sqs.delete_message(QueueUrl="stopped", ReceiptHandle=message["ReceiptHandle"])
    return message


def stopped_now(broker: Daemon) -> list[Any]:
    """Dead letters that are there already, or come at once."""
    received = broker.client("sqs").receive_message(QueueUrl="stopped", WaitTimeSeconds=1)
    return list(received.get("Messages", []))


@pytest.mark.parametrize("way", ["invoke", "topic", "rule"])
def test_the_invocation_after_the_sixteenth_is_a_dead_letter(
    broker: Daemon, loop: Callable[..., Loop], way: str
) -> None:
    looping = loop(way)
    looping.begin()
    letter = stopped(broker)
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "RecursiveInvocation"
    assert len(looping.runs) == RECURSIONS_MAX
    counted = f'broker_recursive_invocations_total{{function="{looping.name}"}} 1.0'
    assert counted in httpx.get(f"{broker.url}/metrics").text


@pytest.mark.parametrize("way", ["queue", "batch"])
def test_a_message_of_the_seventeenth_run_goes_where_the_queue_puts_failures(
    broker: Daemon, loop: Callable[..., Loop], way: str
) -> None:
    looping = loop(way)
    looping.begin()
    looping.wait_runs(RECURSIONS_MAX)
    assert stopped(broker)["Body"] == "again"
    assert len(looping.runs) == RECURSIONS_MAX


def test_all_of_a_loop_is_one_trace(broker: Daemon, loop: Callable[..., Loop]) -> None:
    looping = loop("invoke")
    looping.begin()
    stopped(broker)
    roots = {header.partition(";")[0] for header in looping.runs}
    assert len(roots) == 1
    assert roots.pop().startswith("Root=1-")
    counts = [int(header.rpartition(":")[2]) for header in looping.runs]
    assert counts == list(range(1, RECURSIONS_MAX + 1))


def test_what_is_allowed_to_goes_on(broker: Daemon, loop: Callable[..., Loop]) -> None:
    looping = loop("invoke", enough=RECURSIONS_MAX + 4)
    broker.client("lambda").put_function_recursion_config(
        FunctionName=looping.name, RecursiveLoop="Allow"
    )
    looping.begin()
    looping.wait_runs(RECURSIONS_MAX + 4)


def test_another_function_in_the_same_trace_is_not_stopped(
    broker: Daemon, loop: Callable[..., Loop]
) -> None:
    looping, other = loop("invoke"), loop("invoke", enough=0)
    looping.begin()
    stopped(broker)
    header = looping.runs[-1]
    answer = invoke_with(broker, other, header)
    assert answer["StatusCode"] == 200


def test_who_waits_for_it_is_told(broker: Daemon, loop: Callable[..., Loop]) -> None:
    looping = loop("invoke")
    looping.begin()
    stopped(broker)
    functions = broker.client("lambda")
    with pytest.raises(functions.exceptions.RecursiveInvocationException) as refusal:
        invoke_with(broker, looping, looping.runs[-1])
    assert refusal.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert refusal.value.response["Error"]["Message"].startswith("The function was invoked recur")


def invoke_with(broker: Daemon, looping: Loop, header: str) -> Any:
    """Invoke it and wait, as code would that runs in an invocation with this header."""
    functions = broker.client("lambda")

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Amzn-Trace-Id"] = header

    functions.meta.events.register("before-send.lambda.Invoke", add)
    return functions.invoke(FunctionName=looping.name)


def test_two_that_lead_to_each_other_by_destinations_are_stopped(
    broker: Daemon, loop: Callable[..., Loop]
) -> None:
    first, second = loop("invoke", enough=0), loop("invoke", enough=0)
    functions = broker.client("lambda")
    for each, other in ((first, second), (second, first)):
        functions.put_function_event_invoke_config(
            FunctionName=each.name,
            DestinationConfig={"OnSuccess": {"Destination": ARN + other.name}},
        )
    first.begin()
    letter = stopped(broker)
    assert letter["MessageAttributes"]["ErrorMessage"]["StringValue"] == "RecursiveInvocation"
    assert len(first.runs) == 2 * RECURSIONS_MAX  # they share the file


def test_what_is_told_of_the_end_does_not_begin_it_anew(
    broker: Daemon, loop: Callable[..., Loop]
) -> None:
    looping = loop("topic")
    broker.client("lambda").put_function_event_invoke_config(
        FunctionName=looping.name,
        DestinationConfig={
            "OnFailure": {"Destination": f"arn:aws:sns:us-east-1:000000000000:{looping.name}"}
        },
    )
    looping.begin()
    first, second = (json.loads(stopped(broker)["Body"])["Records"][0]["Sns"] for _ in range(2))
    assert first["Message"] == "again"
    told = json.loads(second["Message"])["requestContext"]
    assert told["condition"] == "RecursiveInvocation"
    assert stopped_now(broker) == []
    assert len(looping.runs) == RECURSIONS_MAX


KEEPS_BODIES = """
import os
def handler(event, context):
    records = event if isinstance(event, list) else event.get("Records", [event])
    with open(os.environ["RUNS"], "a") as file:
        file.write(" ".join(record["body"] for record in records) + "\\n")
"""


def make_keeping(broker: Daemon, name: str, runs: Path) -> dict[str, Any]:
    """A function that writes down what bodies it runs with; of a message in a loop of it."""
    broker.client("lambda").create_function(
        FunctionName=name,
        Role=ROLE,
        Runtime=RUNTIME,
        Handler="app.handler",
        Timeout=3,
        Code={"ZipFile": zipped(app__py=KEEPS_BODIES)},
        Environment={"Variables": {"RUNS": str(runs)}},
        DeadLetterConfig={"TargetArn": f"{QUEUE}stopped"},
    )
    header: str | None = None
    for _ in range(RECURSIONS_MAX):
        header = passed_on(header, ARN + name, str(uuid4()), 0)
    return {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}


def wait_bodies(runs: Path, count: int) -> list[str]:
    """By run."""
    deadline = time.monotonic() + PATIENCE_S
    while not runs.exists() or len(runs.read_text().split()) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return runs.read_text().splitlines()


def test_what_comes_behind_a_loop_in_its_group_waits_for_the_end_of_that(
    broker: Daemon, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    looping = make_keeping(broker, "ordered", runs)
    sqs = broker.client("sqs")
    fifo = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    sqs.create_queue(QueueName="stopped.fifo", Attributes=fifo)
    policy = {"deadLetterTargetArn": f"{QUEUE}stopped.fifo", "maxReceiveCount": 1}
    limits = {"VisibilityTimeout": "3", "RedrivePolicy": json.dumps(policy)}
    sqs.create_queue(QueueName="ordered.fifo", Attributes=fifo | limits)
    entries: list[dict[str, Any]] = [
        {"Id": body, "MessageBody": body, "MessageGroupId": group}
        for body, group in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")]
    ]
    entries[1]["MessageSystemAttributes"] = looping
    sqs.send_message_batch(QueueUrl="ordered.fifo", Entries=entries)
    broker.client("lambda").create_event_source_mapping(
        FunctionName="ordered", EventSourceArn=f"{QUEUE}ordered.fifo"
    )
    received = sqs.receive_message(QueueUrl="stopped.fifo", WaitTimeSeconds=20)
    assert [each["Body"] for each in received["Messages"]] == ["a2"]
    assert wait_bodies(runs, 3) == ["a1 b1", "a3"]


@pytest.mark.parametrize("invocation_type", ["FIRE_AND_FORGET", "REQUEST_RESPONSE"])
def test_one_in_a_loop_takes_no_other_of_a_pipes_batch_along(
    broker: Daemon, tmp_path: Path, invocation_type: str
) -> None:
    runs, name = tmp_path / "runs", f"piped-{invocation_type}"
    looping = make_keeping(broker, name, runs)
    sqs = broker.client("sqs")
    policy = {"deadLetterTargetArn": f"{QUEUE}stopped", "maxReceiveCount": 1}
    limits = {"VisibilityTimeout": "3", "RedrivePolicy": json.dumps(policy)}
    sqs.create_queue(QueueName=name, Attributes=limits)
    entries: list[dict[str, Any]] = [{"Id": body, "MessageBody": body} for body in "abc"]
    entries[1]["MessageSystemAttributes"] = looping
    sqs.send_message_batch(QueueUrl=name, Entries=entries)
    broker.client("pipes").create_pipe(
        Name=name,
        RoleArn=ROLE,
        Source=QUEUE + name,
        Target=ARN + name,
        TargetParameters={"LambdaFunctionParameters": {"InvocationType": invocation_type}},
    )
    letter = stopped(broker)["Body"]
    assert letter == "b" or json.loads(letter)["body"] == "b"
    assert sorted(" ".join(wait_bodies(runs, 2)).split()) == ["a", "c"]
    assert stopped_now(broker) == []
