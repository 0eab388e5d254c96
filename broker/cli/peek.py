"""`broker peek` and `show`: look at messages without receiving them"""

import sys
from typing import Any

import click
import msgspec

from broker.cli.connection import EXIT_REFUSED, connected, json_option, url_option
from broker.cli.output import (
    ago,
    print_json,
    print_json_line,
    print_table,
    printable,
    shortened,
    time_text,
)
from broker.cli.progress import progress
from broker.cli.scan import depth, scan, wanted_options
from broker.client import PeekedMessage

TABLE_ROWS = 1_000  # of one table: --all may find millions


@click.command()
@click.argument("queue")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True)
@click.option("--all", "everything", is_flag=True, help="No limit.")
@click.option("--after", default="", metavar="CURSOR", help="Go on behind this message.")
@wanted_options
@url_option
@json_option
def peek(
    queue: str,
    limit: int,
    everything: bool,
    after: str,
    filters: dict[str, Any],
    url: str | None,
    as_json: bool,
) -> None:
    """Look at messages of QUEUE without receiving them, in the order they become visible.

    With --json, each message is a line, with its cursor.
    """
    found: list[PeekedMessage] = []
    count, following = 0, None
    with connected(url) as client:
        now_ms = client.status().now_ms
        total = depth(client, queue) if filters or everything else None
        # What is found is printed at once then, and perhaps where the bar would be.
        printed = (everything or as_json) and sys.stdout.isatty()
        with progress("looking", total, shown=not printed and total is not None) as advance:
            pages = scan(client, queue, after, None if everything else limit, **filters)
            for page in pages:
                count += len(page.items)
                following = page.next
                advance(page.scanned, note=f"({count:,} found)")
                if as_json:
                    for message in page.items:
                        print_json_line(message)
                    continue
                found += page.items
                if len(found) >= TABLE_ROWS:
                    _print_table(found, now_ms)
                    found = []
    if as_json:
        return
    if found or not count:
        _print_table(found, now_ms)
    if following is not None:
        click.echo(f"There may be more: --all, or --after {following}", err=True)


def _print_table(found: list[PeekedMessage], now_ms: int) -> None:
    print_table(
        ("message id", "state", "age", "receives", "body"),
        [
            (m.message_id, m.state, ago(m.sent_at_ms, now_ms), m.receive_count, shortened(m.body))
            for m in found
        ],
    )


@click.command()
@click.argument("queue")
@click.argument("message_id")
@url_option
@json_option
def show(queue: str, message_id: str, url: str | None, as_json: bool) -> None:
    """Show one message of QUEUE with all that is known of it, without receiving it.

    A queue has no index by message id: a large one is searched for a while.
    """
    with connected(url) as client:
        now_ms = client.status().now_ms
        with progress("looking", depth(client, queue)) as advance:
            message = None
            for page in scan(client, queue, limit=1, message_ids=[message_id]):
                advance(page.scanned)
                message = next(iter(page.items), None)
    if message is None:
        click.echo(f"broker: there is no message {message_id} in {queue}.", err=True)
        sys.exit(EXIT_REFUSED)
    if as_json:
        print_json(message)
    else:
        _print_message(message, now_ms)


def _print_message(message: PeekedMessage, now_ms: int) -> None:
    rows = [
        ("message id", message.message_id),
        ("state", message.state.replace("_", " ")),
        ("sent", time_text(message.sent_at_ms, now_ms)),
        ("visible", time_text(message.visible_at_ms, now_ms)),
        ("receives", message.receive_count),
        ("came from", message.dead_letter_source_arn),
        ("cursor", message.cursor),
        *((name, value) for name, value in message.system_attributes.items()),
    ]
    for name, value in rows:
        if value is not None:
            click.echo(f"{name:<16} {printable(str(value))}")
    for name, attribute in message.attributes.items():
        shown = attribute.string_value
        if attribute.binary_value is not None:
            shown = f"{len(attribute.binary_value):,} bytes: {attribute.binary_value[:32].hex(' ')}"
        click.echo(printable(f"attribute        {name} ({attribute.data_type}) = {shown}"))
    click.echo(f"body             {len(message.body.encode()):,} bytes\n")
    for line in _readable(message.body).split("\n"):
        click.echo(printable(line))


def _readable(body: str) -> str:
    """A body that is JSON with one member a line."""
    try:
        msgspec.json.decode(body)
        return msgspec.json.format(body, indent=2)
    except (msgspec.DecodeError, RecursionError):
        return body
