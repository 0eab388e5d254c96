from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

from tests.daemon import Daemon, running_daemon

pytest.register_assert_rewrite("tests.wire.refusals")

_numbers = count(1)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """One daemon without configuration for all tests of a module; they use names of their own."""
    with running_daemon(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"n{next(_numbers)}"


@pytest.fixture(scope="module")
def sqs(broker: Daemon) -> Any:
    return broker.client("sqs")


@pytest.fixture(scope="module")
def sns(broker: Daemon) -> Any:
    return broker.client("sns")


@pytest.fixture(scope="module")
def events(broker: Daemon) -> Any:
    return broker.client("events")


@pytest.fixture
def make_queue(sqs: Any) -> Callable[..., str]:
    """Makes a queue with these attributes; its URL."""

    def make(**attributes: str) -> str:
        made = sqs.create_queue(QueueName=f"q{next(_numbers)}", Attributes=attributes)
        return str(made["QueueUrl"])

    return make


@pytest.fixture
def queue(make_queue: Callable[..., str]) -> str:
    """The URL of an empty queue."""
    return make_queue()
