"""a walk through a queue by peeks: the options that say what is wanted, and the pages"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from broker.cli.messages import parse_attributes
from broker.client import Client, PeekPage
from broker.core.limits import PEEK_COUNT_MAX

F = TypeVar("F", bound=Callable[..., Any])


def wanted_options(command: F) -> F:
    """--text, --attribute, --json-path: messages that satisfy all that is given."""
    command = click.option(
        "--json-path",
        default="",
        metavar="PATH",
        help="The body is JSON in which this selects something (RFC 9535), for instance "
        "'$.detail[?@.total > 100]'.",
    )(command)
    command = click.option(
        "--attribute",
        multiple=True,
        metavar="NAME=VALUE",
        help="A message attribute or system attribute; may be repeated.",
    )(command)
    return click.option("--text", default="", help="What the body contains, as it is.")(command)


def wanted(text: str, attribute: tuple[str, ...], json_path: str) -> dict[str, Any]:
    """What these options mean to `Client.peek`; empty if all messages are wanted."""
    parse_attributes(attribute)  # refuses what is wrong
    given = {"text": text, "attributes": list(attribute), "json_path": json_path}
    return {name: value for name, value in given.items() if value}


def scan(
    client: Client, queue: str, after: str = "", limit: int | None = None, **wanted: Any
) -> Iterator[PeekPage]:
    """Pages of what is wanted, until so many messages or the queue's end."""
    left = limit
    while True:
        count = PEEK_COUNT_MAX if left is None else min(left, PEEK_COUNT_MAX)
        page = client.peek(queue, count=count, after=after, **wanted)
        yield page
        if left is not None:
            left -= len(page.items)
        if page.next is None or left == 0:
            return
        after = page.next


def depth(client: Client, queue: str) -> int:
    """How many messages there are to walk through, about."""
    found = client.queue(queue)
    return (found.visible or 0) + (found.in_flight or 0) + (found.delayed or 0)
