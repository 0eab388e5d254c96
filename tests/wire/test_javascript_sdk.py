"""the AWS SDK for JavaScript v3, as a process of its own"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.daemon import Daemon
from tests.wire import node
from tests.wire.functions import daemon_with_functions

pytestmark = node.needs_node


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with daemon_with_functions(tmp_path_factory.mktemp("functions")) as running:
        yield running


@pytest.fixture(scope="module")
def seen(broker: Daemon) -> Any:
    """What the program saw."""
    return node.run(broker, "tour.js")


def test_queues(broker: Daemon, seen: Any) -> None:
    assert seen["queueUrl"] == f"{broker.url}/000000000000/javascript"
    assert seen["visibilityTimeout"] == "60"
    assert seen["bodies"] == ["Grüße 🦉", "one", "two"]
    assert (seen["attribute"], seen["blob"]) == ("ä", [0, 255])
    assert seen["receiveCount"] == "1"


def test_topics(seen: Any) -> None:
    assert seen["batch"] == [["a"], ["InvalidParameter"]]
    assert seen["published"] == ["published", "batched"]


def test_events(seen: Any) -> None:
    assert seen["failedEntries"] == 1
    event = seen["event"]
    assert event["id"] == seen["eventId"]
    assert (event["detail"], event["time"]) == ({"a": 1}, "2026-01-02T03:04:05Z")


def test_functions(seen: Any) -> None:
    assert seen["invoked"] == [200, None, {"a": "ä"}]
    assert seen["failed"] == [200, "Unhandled", "Runtime.ExitError"]
    assert seen["handler"] == "echo"


def test_errors_are_of_the_classes_that_the_sdk_has_for_them(seen: Any) -> None:
    errors = seen["errors"]
    assert all(error["isItsClass"] and error["fault"] == "client" for error in errors.values())
    texts = {key: (error["status"], error["message"]) for key, error in errors.items()}
    assert texts == {
        "queue": (400, "The specified queue does not exist."),
        "unsupported": (400, "StringListValues is not supported by this broker."),
        "topic": (404, "Topic does not exist"),
        "function": (
            404,
            "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nowhere:$LATEST",
        ),
    }
    assert errors["queue"]["name"] == "QueueDoesNotExist"


def test_a_throttled_invocation_says_why_and_until_when(seen: Any) -> None:
    throttled = seen["throttled"]
    assert throttled["name"] == "TooManyRequestsException"
    assert throttled["isItsClass"]
    assert throttled["status"] == 429
    assert throttled["reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert throttled["retryAfterSeconds"] == "1"
