"""`broker archives`: what is kept of event buses, to be replayed"""

import time
from typing import Any

import click
import msgspec

from broker.cli.confirm import confirm, yes_option
from broker.cli.connection import connected, json_option, url_option
from broker.cli.json_option import json_object
from broker.cli.listing_group import ListingGroup
from broker.cli.output import ago, print_json, print_table
from broker.client import ArchiveInfo
from broker.core.limits import ARCHIVE_DAYS_MAX


@click.group(cls=ListingGroup)
def archives() -> None:
    """Make, list and delete archives of event buses. Lists them if nothing else is said."""


@archives.command("list")
@click.option("--prefix", default="", help="What the names begin with.")
@url_option
@json_option
def list_archives(prefix: str, url: str | None, as_json: bool) -> None:
    """List archives and how many events they hold."""
    found: list[ArchiveInfo] = []
    after: str | None = ""
    with connected(url) as client:
        while after is not None:
            page = client.archives(prefix=prefix, after=after)
            found += page.items
            after = page.next
    if as_json:
        print_json({"archives": found})
        return
    now_ms = int(time.time() * 1000)
    print_table(
        ("archive", "bus", "events", "kept for", "pattern", "made"),
        [
            (
                each.name,
                each.bus,
                each.events,
                f"{each.retention_days} d" if each.retention_days else "ever",
                each.pattern or "",
                ago(each.created_at_ms, now_ms),
            )
            for each in found
        ],
    )


@archives.command()
@click.argument("archive")
@click.option("--bus", default="default", show_default=True)
@click.option("--pattern", metavar="JSON", help="Only what it matches; @FILE or - reads it.")
@click.option(
    "--retention-days",
    type=click.IntRange(0, ARCHIVE_DAYS_MAX),
    default=0,
    help="0, the default, is for ever.",
)
@click.option("--description", default="")
@url_option
@json_option
def create(
    archive: str,
    bus: str,
    pattern: str | None,
    retention_days: int,
    description: str,
    url: str | None,
    as_json: bool,
) -> None:
    """Keep what comes past a bus from now on; or change what is kept from now on."""
    settings: dict[str, Any] = {
        "bus": bus,
        "retention_days": retention_days,
        "description": description,
    }
    if pattern is not None:
        settings["pattern"] = json_object(pattern, "--pattern")
    with connected(url) as client:
        made = client.put_archive(archive, **settings)
    if as_json:
        print_json(msgspec.structs.asdict(made))
    else:
        click.echo(f"{made.name} keeps events of {made.bus}.", err=True)


@archives.command()
@click.argument("archive")
@yes_option
@url_option
def delete(archive: str, yes: bool, url: str | None) -> None:
    """Delete ARCHIVE with all that it holds."""
    with connected(url) as client:
        found = client.archive(archive)
        confirm(f"Delete {found.name} with {found.events} events?", yes)
        client.delete_archive(archive)
    click.echo(f"{archive} is deleted.", err=True)
