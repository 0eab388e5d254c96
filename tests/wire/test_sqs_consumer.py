"""the npm package sqs-consumer, in a process of its own

Its version 15 needs Node.js 22; the one before, which is tested here, is content with 20.
"""

from typing import Any

import pytest

from tests.daemon import Daemon
from tests.wire import node

pytestmark = node.needs_node


@pytest.fixture(scope="module")
def seen(broker: Daemon) -> Any:
    """What the consumers saw."""
    return node.run(broker, "consumer.js")


def test_messages_one_by_one(seen: Any) -> None:
    handled = [["ä", "1"], ["b", "1"], ["c", "1"]]
    assert seen["oneByOne"] == {"handled": handled, "errors": []}


def test_messages_in_batches_of_which_one_is_not_acknowledged(seen: Any, sqs: Any) -> None:
    batches = seen["inBatches"]["batches"]
    assert all(len(batch) <= 10 for batch in batches)
    bodies = [body for batch in batches for body in batch]
    assert sorted(bodies, key=int) == [str(n) for n in range(25)]
    assert seen["inBatches"]["errors"] == []
    url = sqs.get_queue_url(QueueName="in-batches")["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert found["ApproximateNumberOfMessagesNotVisible"] == "1"
    assert found["ApproximateNumberOfMessages"] == "0"


@pytest.mark.parametrize("scenario", ["failing", "terminating", "terminatingLater"])
def test_an_error_leaves_the_message_for_another_receive(seen: Any, scenario: str) -> None:
    """After the visibility timeout; at once or a second later where it is terminated."""
    error = ["processing_error", "Unexpected message handler failure: not yet"]
    assert seen[scenario] == {"handled": [1, 2, 3], "errors": [error, error], "left": []}


def test_an_error_leaves_the_whole_batch(seen: Any) -> None:
    assert seen["failingInBatches"] == {
        "handled": [["a", "b"], ["a", "b"]],
        "errors": [["error", "Unexpected message batch handler failure: not yet"]],
        "left": [],
    }


@pytest.mark.parametrize("scenario", ["beating", "beatingInBatches"])
def test_heartbeats_keep_a_message_beyond_its_visibility_timeout(seen: Any, scenario: str) -> None:
    assert seen[scenario]["beats"] >= 5
    assert seen[scenario]["seenByOthers"] == []
    assert seen[scenario]["errors"] == seen[scenario]["left"] == []


def test_a_long_poll_is_answered_when_a_message_comes(seen: Any) -> None:
    assert seen["longPolling"] == {"polls": 1, "errors": [], "left": []}


def test_a_poll_that_was_aborted_takes_no_message_with_it(seen: Any) -> None:
    assert seen["aborted"] == {
        "handled": [],
        "errors": [["error", "SQS receive message failed: Request aborted"]],
        "left": [["a", "1"]],
        "status": {"isRunning": False, "isPolling": False},
    }


def test_a_stop_lets_the_message_in_hand_be_finished(seen: Any) -> None:
    assert seen["finishing"] == {"handled": ["a"], "errors": [], "left": [["b", "1"]]}
