"""`broker deliveries`: how deliveries to HTTP endpoints go, and what can be done about them"""

import time

import click
import msgspec

from broker.cli.connection import connected, json_option, url_option
from broker.cli.listing_group import ListingGroup
from broker.cli.output import ago, print_json, print_json_line, print_table, time_text
from broker.cli.subscriptions import name_of
from broker.client import Client, EndpointDeliveries


@click.group(cls=ListingGroup)
def deliveries() -> None:
    """See how HTTP endpoints are, retry now, pause, resume. Lists if nothing else is said."""


@deliveries.command("list")
@click.option("--watch", is_flag=True, help="Again and again, until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks, with --watch.",
)
@url_option
@json_option
def list_deliveries(watch: bool, interval: float, url: str | None, as_json: bool) -> None:
    """List all HTTP endpoints: how they are, what waits, the next attempt, the last answer."""
    with connected(url) as client:
        if not watch:
            found = _look(client)
            if as_json:
                print_json({"endpoints": found})
            else:
                _print(found)
            return
        try:
            while True:
                found = _look(client)
                if as_json:
                    print_json_line({"endpoints": found})
                else:
                    click.clear()  # does nothing unless stdout is a terminal
                    _print(found)
                time.sleep(interval)
        except KeyboardInterrupt:
            return


def _look(client: Client) -> list[EndpointDeliveries]:
    found: list[EndpointDeliveries] = []
    after: str | None = ""
    while after is not None:
        page = client.deliveries(after=after)
        found += page.items
        after = page.next
    return found


def _print(found: list[EndpointDeliveries]) -> None:
    now_ms = int(time.time() * 1000)
    print_table(
        ("subscription", "endpoint", "state", "waiting", "delayed", "next", "last answer"),
        [
            (
                f"{each.topic}:{each.subscription}",
                each.endpoint,
                _state(each, now_ms),
                each.waiting + each.under_way,
                each.delayed,
                _when(each.next_attempt_ms, now_ms),
                each.attempts[0].answer if each.attempts else "",
            )
            for each in found
        ],
    )


def _state(found: EndpointDeliveries, now_ms: int) -> str:
    if found.status == "pending":
        return "asked to confirm"
    if found.paused is not None:
        return f"paused: {found.paused}"
    if found.failing_since_ms is not None:
        return f"failing for {ago(found.failing_since_ms, now_ms)}"
    return "ok"


def _when(at_ms: int | None, now_ms: int) -> str:
    if at_ms is None:
        return ""
    return "now" if at_ms <= now_ms else f"in {ago(now_ms, at_ms)}"


@deliveries.command()
@click.argument("subscription")
@url_option
@json_option
def show(subscription: str, url: str | None, as_json: bool) -> None:
    """Show the last attempts at SUBSCRIPTION, named TOPIC:ID or by its ARN."""
    with connected(url) as client:
        found = client.endpoint_deliveries(*name_of(subscription))
    if as_json:
        print_json(msgspec.structs.asdict(found))
        return
    _print([found])
    now_ms = int(time.time() * 1000)
    click.echo()
    print_table(
        ("attempt", "message", "outcome", "answer", "took"),
        [
            (
                time_text(each.at_ms, now_ms),
                each.message_id,
                each.outcome,
                each.answer,
                f"{each.duration_ms:.0f} ms",
            )
            for each in found.attempts
        ],
    )


@deliveries.command()
@click.argument("subscription")
@url_option
def retry(subscription: str, url: str | None) -> None:
    """Make the next attempts at SUBSCRIPTION now instead of when they are due."""
    with connected(url) as client:
        messages = client.retry_deliveries(*name_of(subscription))
    click.echo(f"{messages} messages are tried now.", err=True)


@deliveries.command()
@click.argument("subscription")
@click.option("--reason", help="For others to read.")
@url_option
def pause(subscription: str, reason: str | None, url: str | None) -> None:
    """Send nothing to SUBSCRIPTION until it is resumed; its messages wait."""
    with connected(url) as client:
        found = client.pause_deliveries(*name_of(subscription), reason=reason)
    click.echo(f"{found.endpoint} is paused: {found.paused}", err=True)


@deliveries.command()
@click.argument("subscription")
@url_option
def resume(subscription: str, url: str | None) -> None:
    """Send to SUBSCRIPTION again, whoever has paused it."""
    with connected(url) as client:
        found = client.resume_deliveries(*name_of(subscription))
    click.echo(f"{found.endpoint} is resumed; {found.waiting + found.delayed} wait.", err=True)
