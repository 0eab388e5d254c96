"""`broker status`: the daemon at a glance"""

import click

from broker.cli.connection import connected, json_option, url_option
from broker.cli.output import ago, print_json, print_table, size_text
from broker.client import Status


@click.command()
@url_option
@json_option
def status(url: str | None, as_json: bool) -> None:
    """Show the daemon, its store, and how full its queues are."""
    with connected(url) as client:
        found = client.status()
        if as_json:
            print_json(found)
            return
        _print(client.url, found)


def _print(url: str, found: Status) -> None:
    store = found.store
    full = "  FULL: publishes are refused" if store.full else ""
    click.echo(f"broker {found.version} at {url}, {found.account} in {found.region}")
    click.echo(f"store  {size_text(store.used_bytes)} of {size_text(store.quota_bytes)}{full}")
    kinds = ((kind.replace("_", " "), count) for kind, count in found.resources.items())
    click.echo("has    " + ", ".join(f"{count} {kind}" for kind, count in kinds))
    if found.queues:
        click.echo()
        print_table(
            ("queue", "visible", "in flight", "delayed", "oldest"),
            [
                (q.name, q.visible, q.in_flight, q.delayed, ago(q.oldest_sent_at_ms, found.now_ms))
                for q in found.queues
            ],
        )
