"""messages of a queue that are chosen by id or filter, to be moved or deleted in bulks"""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import click

from broker.cli.connection import EXIT_REFUSED
from broker.cli.pace import Pace
from broker.cli.progress import progress
from broker.cli.scan import depth, scan
from broker.client import Client, EntryError, PeekedMessage
from broker.core.limits import MESSAGE_IDS_MAX

BULK = 500  # messages of one request


def chosen_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--id and --all, beside the filters."""
    command = click.option(
        "--id",
        "message_ids",
        multiple=True,
        metavar="MESSAGE-ID",
        help=f"One message; may be repeated, up to {MESSAGE_IDS_MAX} times.",
    )(command)
    return click.option("--all", "everything", is_flag=True, help="All that is visible.")(command)


def check_choice(message_ids: tuple[str, ...], filters: dict[str, Any], everything: bool) -> None:
    """Nothing is moved or deleted without having been chosen. Raises: UsageError."""
    if everything == bool(message_ids or filters):
        raise click.UsageError("Say which messages: --all, or --id or a filter.")
    if len(message_ids) > MESSAGE_IDS_MAX:
        raise click.UsageError(f"At most {MESSAGE_IDS_MAX} ids at a time.")


def chosen(client: Client, queue: str, **wanted: Any) -> Iterator[list[PeekedMessage]]:
    """Pages of the messages that were chosen, but for those in flight."""
    with progress("looking", depth(client, queue)) as advance:
        for page in scan(client, queue, **wanted):
            advance(page.scanned)
            yield [message for message in page.items if message.state != "in_flight"]


def in_bulks(
    messages: list[PeekedMessage],
    act: Callable[[list[str]], list[EntryError]],
    what: str,
    pace: Pace,
) -> int:
    """Do something to messages by their cursors, with a bar; how many it was done to.

    Messages that it can't be done to are named on stderr; then the exit code says so too.
    """
    done = 0
    with progress(what, len(messages)) as advance:
        refused: list[tuple[PeekedMessage, str]] = []
        start = 0
        while start < len(messages):
            bulk = messages[start : start + pace.bulk(BULK)]
            pace.wait(len(bulk))
            errors = act([message.cursor for message in bulk])
            refused += [(bulk[error.index], error.detail) for error in errors]
            done += len(bulk) - len(errors)
            start += len(bulk)
            advance(len(bulk))
    for message, why in refused:
        click.echo(f"broker: {message.message_id}: {why}", err=True)
    click.echo(f"{done:,} of {len(messages):,} messages.", err=True)
    if refused:
        sys.exit(EXIT_REFUSED)
    return done
