"""the way from a command to the broker: its address, and what its refusals are as exit codes"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from broker.client import BrokerClientError, BrokerNotRunning, BrokerRefused, Client

EXIT_REFUSED, EXIT_NOT_RUNNING, EXIT_UNANSWERED = 1, 3, 4

F = TypeVar("F", bound=Callable[..., Any])


def url_option(command: F) -> F:
    """--url, or BROKER_URL."""
    return click.option(
        "--url",
        envvar="BROKER_URL",
        metavar="URL",
        help="The broker's address; http://127.0.0.1:4566 by default.",
    )(command)


def json_option(command: F) -> F:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(
        command
    )


@contextmanager
def connected(url: str | None) -> Iterator[Client]:
    """A client; what goes wrong with it ends the command with a message and an exit code."""
    try:
        with Client(url) as client:
            yield client
    except BrokerRefused as refused:
        _fail(f"refused: {refused}", EXIT_REFUSED)
    except BrokerNotRunning as error:
        _fail(str(error), EXIT_NOT_RUNNING)
    except BrokerClientError as error:
        _fail(str(error), EXIT_UNANSWERED)


def _fail(text: str, code: int) -> None:
    click.echo(f"broker: {text}", err=True)
    sys.exit(code)
