"""A daemon for each file of tests, and the command line pointed at it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from broker.client import Client
from tests.daemon import Daemon, running_daemon

CONFIG = """
[[topic]]
name = "news"

[[queue]]
name = "heard"

[[subscription]]
topic = "news"
queue = "heard"
raw_message_delivery = true

[[rule]]
name = "shop"
pattern = {source = ["shop"]}
targets = [{queue = "heard"}]

[[function]]
name = "echo"
invoker = "subprocess"
settings = {command = ["cat"]}

[[function]]
name = "broken"
invoker = "subprocess"
settings = {command = ["false"]}
"""

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    folder: Path = tmp_path_factory.mktemp("cli")
    with running_daemon(folder, CONFIG) as daemon:
        yield daemon


@pytest.fixture
def client(running: Daemon) -> Iterator[Client]:
    with Client(running.url) as client:
        client.put_queue("orders")
        yield client
        client.delete_queue("orders")
        messages = client.receive("heard", count=1_000, wait_time_s=0)
        if messages:
            client.acknowledge("heard", [message.receipt_handle for message in messages])


@pytest.fixture
def run(client: Client, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command with these arguments, and perhaps standard input."""
    monkeypatch.setenv("BROKER_URL", client.url)

    def call(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(main, arguments, input=stdin)

    return call
