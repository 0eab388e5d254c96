"""`broker subscribe`: what is published to a topic, or put on an event bus, as it happens"""

import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any

import click
import msgspec

from broker.cli.connection import connected, json_option, url_option
from broker.cli.output import print_json_line, printable, read_text
from broker.client import (
    BrokerNotRunning,
    BrokerUnanswered,
    Client,
    Following,
    StreamEnded,
    TopicMessage,
)
from broker.core.json_text import InvalidJson, parse_json
from broker.core.message import iso_time

RETRY_S = 0.5

Event = TopicMessage | dict[str, Any]


@click.command()
@click.argument("topic", required=False)
@click.option("--bus", help="An event bus, in place of a topic.")
@click.option(
    "--filter",
    "filter_text",
    metavar="JSON",
    help="An event pattern: print only what it matches; @FILE or - reads it.",
)
@url_option
@json_option
def subscribe(
    topic: str | None,
    bus: str | None,
    filter_text: str | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Print what is published to TOPIC, or put on a bus, as it happens, until interrupted.

    No queue is made and nothing is kept: what happened before is not shown, and what comes faster
    than it can be printed is counted on standard error. If the broker restarts, it goes on when the
    broker is back. With --json, one event on each line.
    """
    if (topic is None) == (bus is None):
        raise click.UsageError("Name a TOPIC, or a bus with --bus: one of them.")
    pattern = None if filter_text is None else read_text(filter_text, "--filter")
    printed = print_json_line if as_json else print_block
    with connected(url) as client:

        def follow() -> Following[Any]:
            if topic is not None:
                return client.follow_topic(topic, pattern)
            return client.follow_bus(bus or "", pattern)

        with contextlib.suppress(KeyboardInterrupt):  # as one ends it
            follow_printing(client, follow, printed)


def follow_printing(
    client: Client, follow: Callable[[], Following[Any]], printed: Callable[[Event], None]
) -> None:
    """Print events; raises what ends it for good, which a restart of the broker isn't."""
    began = lost = False
    while True:
        try:
            with follow() as following:
                if lost:
                    _note("following again; events may have been missed in between")
                began, lost = True, False
                for batch in following:
                    if batch.missed:
                        _note(f"{batch.missed} events were missed here: they came too fast")
                    for event in batch.events:
                        printed(event)
                    sys.stdout.flush()
        except (BrokerNotRunning, BrokerUnanswered, StreamEnded) as error:
            if not began or (isinstance(error, StreamEnded) and error.code != "ShuttingDown"):
                raise
            if not lost:
                _note(f"no broker at {client.url} any more; waiting for it")
            lost = True
        time.sleep(RETRY_S)


def _note(text: str) -> None:
    click.echo(f"broker: {text}", err=True)


def print_block(event: Event, rules: str | None = None) -> None:
    """An event for people; `rules` says which rules of its bus matched."""
    if isinstance(event, TopicMessage):
        head = [iso_time(event.published_at_ms), event.message_id, event.subject or ""]
        attributes = {
            name: each.string_value if each.string_value is not None else "(binary)"
            for name, each in event.attributes.items()
        }
        lines = [f"{name}={value}" for name, value in attributes.items()]
        body = _pretty(event.message)
    else:
        what = f"{event['detail-type']} from {event['source']}"
        head = [event["time"], event["id"], what]
        lines = list(event["resources"])
        if rules is not None:
            lines.append(f"rules: {rules}")
        body = _indented(msgspec.json.encode(event["detail"]))
    click.echo(click.style(printable("  ".join(head).rstrip()), bold=True))
    for line in (*lines, *body.split("\n")):
        click.echo(f"  {printable(line)}")
    click.echo()


def _pretty(text: str) -> str:
    """JSON with an element on each line; any other text as it is."""
    try:
        parse_json(text)
    except InvalidJson:
        return text
    return _indented(text.encode())


def _indented(document: bytes) -> str:
    return msgspec.json.format(document, indent=2).decode()
