"""`broker tail`: events of a bus as they come, with the rules that match them"""

import contextlib
from collections.abc import Callable
from typing import Any

import click

from broker.cli.connection import connected, json_option, url_option
from broker.cli.output import print_json_line, read_text
from broker.cli.subscribe import Event, follow_printing, print_block
from broker.client import BrokerRefused, Client, Following


@click.command()
@click.option("--bus", default="default", show_default=True)
@click.option(
    "--filter",
    "filter_text",
    metavar="JSON",
    help="An event pattern: print only what it matches; @FILE or - reads it.",
)
@url_option
@json_option
def tail(bus: str, filter_text: str | None, url: str | None, as_json: bool) -> None:
    """Print what is put on a bus as it happens, with the rules that match, until interrupted.

    The rules come from the ledger. With --json, one event on each line, with `rules` beside it.
    """
    pattern = None if filter_text is None else read_text(filter_text, "--filter")
    with connected(url) as client:

        def follow() -> Following[Any]:
            return client.follow_bus(bus, pattern)

        with contextlib.suppress(KeyboardInterrupt):  # as one ends it
            follow_printing(client, follow, _printing(client, as_json))


def _printing(client: Client, as_json: bool) -> Callable[[Event], None]:
    def printed(event: Event) -> None:
        assert isinstance(event, dict)
        rules = _rules(client, event["id"], event.get("replay-name"))
        if as_json:
            print_json_line({"event": event, "rules": rules})
        else:
            print_block(event, "not recorded" if rules is None else ", ".join(rules) or "none")

    return printed


def _rules(client: Client, event_id: str, replay: str | None) -> list[str] | None:
    """The rules that matched, as `<name>` or `<bus>/<name>`; None if the ledger doesn't know."""
    try:
        trace = client.trace_event(event_id)
    except BrokerRefused as refused:
        if refused.status != 404:
            raise
        return None
    made = [each for each in trace.replays if each.replay == replay]
    if not made and (replay is not None or trace.put_at_ms is None):
        return None
    rules = made[0].rules if made else trace.rules
    return [arn.partition(":rule/")[2] for arn in rules]
