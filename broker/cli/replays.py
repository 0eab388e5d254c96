"""`broker replays`: put what a bus had on it again, watch that, halt and resume it"""

import time
from datetime import datetime
from typing import Any

import click
import msgspec

from broker.cli.connection import connected, json_option, url_option
from broker.cli.json_option import json_object
from broker.cli.listing_group import ListingGroup
from broker.cli.output import print_json, print_table, time_text
from broker.client import Client, ReplayInfo
from broker.core.limits import REPLAY_RATE_MAX

LOOK_S = 0.5
UNDER_WAY = ("STARTING", "RUNNING", "CANCELLING")


@click.group(cls=ListingGroup)
def replays() -> None:
    """Start, list, pause, resume and cancel replays. Lists them if nothing else is said."""


@replays.command("list")
@click.option("--prefix", default="", help="What the names begin with.")
@url_option
@json_option
def list_replays(prefix: str, url: str | None, as_json: bool) -> None:
    """List replays and how far they have come."""
    found: list[ReplayInfo] = []
    after: str | None = ""
    with connected(url) as client:
        while after is not None:
            page = client.replays(prefix=prefix, after=after)
            found += page.items
            after = page.next
    if as_json:
        print_json({"replays": found})
        return
    now_ms = int(time.time() * 1000)
    print_table(
        ("replay", "from", "status", "replayed", "last event", "until"),
        [
            (
                each.name,
                each.archive or f"ledger of {each.bus}",
                f"{each.status} {each.reason}".rstrip(),
                each.replayed,
                "" if each.last_event_ms is None else time_text(each.last_event_ms, now_ms),
                time_text(each.until_ms, now_ms),
            )
            for each in found
        ],
    )


@replays.command()
@click.argument("replay")
@click.argument("archive", required=False)
@click.option("--bus", help="Without an archive: whose events; by default the default bus.")
@click.option("--event-id", "event_ids", multiple=True, help="Only this one; may be repeated.")
@click.option("--from", "from_", metavar="TIME", help="RFC 3339; by default the beginning.")
@click.option("--until", metavar="TIME", help="RFC 3339; by default now.")
@click.option("--rule", "rules", multiple=True, help="Only to this rule; may be repeated.")
@click.option("--function", help="To a function, in the rules' place.")
@click.option("--pattern", metavar="JSON", help="Only what it matches; @FILE or - reads it.")
@click.option("--rate", type=click.IntRange(1, REPLAY_RATE_MAX), help="Events per second, at most.")
@click.option("--no-wait", is_flag=True, help="Don't wait for the end.")
@url_option
@json_option
def start(
    replay: str,
    archive: str | None,
    bus: str | None,
    event_ids: tuple[str, ...],
    from_: str | None,
    until: str | None,
    rules: tuple[str, ...],
    function: str | None,
    pattern: str | None,
    rate: int | None,
    no_wait: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Put what ARCHIVE holds on its bus again, marked with the name REPLAY, and wait for the end.

    Without ARCHIVE, what the ledger has of a bus: its last days.

    It goes on by itself if the command is interrupted, or the broker restarts.
    """
    settings: dict[str, Any] = {"rules": list(rules), "function": function}
    settings["events_per_second"] = rate
    settings["from_ms"] = _epoch_ms(from_, "--from") if from_ is not None else 0
    settings["until_ms"] = _epoch_ms(until, "--until") if until is not None else None
    if pattern is not None:
        settings["pattern"] = json_object(pattern, "--pattern")
    if event_ids:
        if pattern is not None:
            raise click.UsageError("--event-id and --pattern are two ways of choosing events")
        settings["pattern"] = {"id": list(event_ids)}
    if bus is not None:
        settings["bus"] = bus
    with connected(url) as client:
        found = client.start_replay(replay, archive, **settings)
        if not no_wait:
            found = _watch(client, found)
    _tell(found, as_json)


@replays.command()
@click.argument("replay")
@url_option
@json_option
def pause(replay: str, url: str | None, as_json: bool) -> None:
    """Halt REPLAY until it is resumed."""
    with connected(url) as client:
        found = client.pause_replay(replay)
    _tell(found, as_json)


@replays.command()
@click.argument("replay")
@url_option
@json_option
def resume(replay: str, url: str | None, as_json: bool) -> None:
    """Have REPLAY go on where it was halted."""
    with connected(url) as client:
        found = client.resume_replay(replay)
    _tell(found, as_json)


@replays.command()
@click.argument("replay")
@url_option
@json_option
def cancel(replay: str, url: str | None, as_json: bool) -> None:
    """End REPLAY early; what was replayed stays."""
    with connected(url) as client:
        found = _watch(client, client.cancel_replay(replay))
    _tell(found, as_json)


@replays.command()
@click.argument("replay")
@url_option
def delete(replay: str, url: str | None) -> None:
    """Forget REPLAY, which is over."""
    with connected(url) as client:
        client.delete_replay(replay)
    click.echo(f"{replay} is forgotten.", err=True)


def _watch(client: Client, found: ReplayInfo) -> ReplayInfo:
    while found.status in UNDER_WAY:
        click.echo(f"{found.status}: {found.replayed} events so far", err=True)
        time.sleep(LOOK_S)
        found = client.replay(found.name)
    return found


def _tell(found: ReplayInfo, as_json: bool) -> None:
    if as_json:
        print_json(msgspec.structs.asdict(found))
    else:
        reason = f" ({found.reason})" if found.reason else ""
        click.echo(f"{found.status}{reason}: {found.replayed} events.", err=True)


def _epoch_ms(text: str, option: str) -> int:
    try:
        time_ = datetime.fromisoformat(text)
    except ValueError:
        raise click.UsageError(f"{option} must be a time such as 2026-01-02T03:04:05Z.") from None
    if time_.tzinfo is None:
        raise click.UsageError(f"{option} needs a time zone, such as Z at its end.")
    return int(time_.timestamp() * 1000)
