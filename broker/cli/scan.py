"""a walk through a queue by peeks: the options that say what is wanted, and the pages"""

from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import click

from broker.cli.messages import parse_attributes
from broker.client import Client, PeekPage
from broker.core.limits import PEEK_COUNT_MAX


def wanted_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say which messages are wanted, which the command gets as `filters`.

    Messages that satisfy all that is given; `filters` is empty if all are wanted.
    """

    @wraps(command)
    def collected(
        *arguments: Any,
        text: str,
        attribute: tuple[str, ...],
        json_path: str,
        source: str,
        cause: str,
        **others: Any,
    ) -> Any:
        parse_attributes(attribute)  # refuses what is wrong
        given = {
            "text": text,
            "attributes": list(attribute),
            "json_path": json_path,
            "source": source,
            "cause": cause,
        }
        filters = {name: value for name, value in given.items() if value}
        return command(*arguments, filters=filters, **others)

    options = (
        click.option("--text", default="", help="What the body contains, as it is."),
        click.option(
            "--attribute",
            multiple=True,
            metavar="NAME=VALUE",
            help="A message attribute or system attribute; may be repeated.",
        ),
        click.option(
            "--json-path",
            default="",
            metavar="PATH",
            help="The body is JSON in which this selects something (RFC 9535), for instance "
            "'$.detail[?@.total > 100]'.",
        ),
        click.option(
            "--source", default="", help="Of dead letters: the queue or rule that gave them up."
        ),
        click.option("--cause", default="", help="Of dead letters: part of the cause."),
    )
    for option in reversed(options):
        collected = option(collected)
    return collected


def scan(
    client: Client, queue: str, after: str = "", limit: int | None = None, **filters: Any
) -> Iterator[PeekPage]:
    """Pages of what is wanted, until so many messages or the queue's end."""
    left = limit
    while True:
        count = PEEK_COUNT_MAX if left is None else min(left, PEEK_COUNT_MAX)
        page = client.peek(queue, count=count, after=after, **filters)
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
