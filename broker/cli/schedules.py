"""`broker schedules`: make, list, look at, pause, resume, run and delete schedules"""

import time
from typing import Any

import click
import msgspec

from broker.cli.confirm import confirm, yes_option
from broker.cli.connection import connected, json_option, url_option
from broker.cli.listing_group import ListingGroup
from broker.cli.output import print_json, print_table, time_text
from broker.client import BrokerRefused, ScheduleInfo
from broker.core.limits import SCHEDULE_WINDOW_MINUTES_MAX

group_option = click.option(
    "--group", default="default", show_default=True, help="The schedule's group."
)


@click.group(cls=ListingGroup)
def schedules() -> None:
    """Make, list, pause, run and delete schedules. Lists them if nothing else is said."""


@schedules.command("list")
@click.option("--group", default="", help="Of one group only.")
@click.option("--prefix", default="", help="What the names begin with.")
@url_option
@json_option
def list_schedules(group: str, prefix: str, url: str | None, as_json: bool) -> None:
    """List schedules with their next runs."""
    found: list[ScheduleInfo] = []
    after: str | None = ""
    with connected(url) as client:
        while after is not None:
            page = client.schedules(group, prefix=prefix, after=after)
            found += page.items
            after = page.next
    if as_json:
        print_json({"schedules": [_described(each) for each in found]})
        return
    print_table(
        ("schedule", "group", "expression", "time zone", "next run", "target"),
        [
            (
                each.name,
                each.group,
                each.expression,
                each.time_zone,
                _next(each),
                _target(each),
            )
            for each in found
        ],
    )


@schedules.command()
@click.argument("schedule")
@group_option
@url_option
def show(schedule: str, group: str, url: str | None) -> None:
    """Show all settings of SCHEDULE and its next run, as JSON."""
    with connected(url) as client:
        print_json(_described(client.schedule(schedule, group=group)))


@schedules.command()
@click.argument("schedule")
@click.argument("expression")
@click.option("--to-queue", "queue", metavar="NAME")
@click.option("--to-topic", "topic", metavar="NAME")
@click.option("--to-function", "function", metavar="NAME")
@click.option("--to-event-bus", "event_bus", metavar="NAME")
@click.option("--to", "target_arn", metavar="ARN", help="An ARN, or a universal target's.")
@click.option("--input", "input", help="What is sent; by default a scheduled event.")
@click.option("--time-zone", help="An IANA name, such as Europe/Berlin; by default UTC.")
@click.option(
    "--window-minutes",
    type=click.IntRange(1, SCHEDULE_WINDOW_MINUTES_MAX),
    help="Run at some time within so long.",
)
@click.option("--message-group-id", help="For a FIFO queue.")
@click.option("--source", help="For an event bus.")
@click.option("--detail-type", help="For an event bus.")
@click.option("--dead-letter-queue", metavar="NAME")
@click.option("--delete-after-completion", is_flag=True, default=None)
@click.option("--description")
@group_option
@url_option
@json_option
def create(
    schedule: str, expression: str, group: str, url: str | None, as_json: bool, **options: Any
) -> None:
    """Make SCHEDULE, which runs at the times of EXPRESSION.

    That is at(2026-11-23T14:00:00), rate(5 minutes) or cron(30 2 * * ? *). A schedule that is there
    is refused, and keeps its settings.
    """
    given = {name: value for name, value in options.items() if value is not None}
    with connected(url) as client:
        try:
            client.schedule(schedule, group=group)
        except BrokerRefused as refused:
            if refused.status != 404:
                raise
        else:
            raise click.UsageError(f"There is a schedule {schedule}; delete it first.")
        made = client.put_schedule(schedule, group=group, expression=expression, **given)
    if as_json:
        print_json(_described(made))
    else:
        click.echo(f"{made.name} is made; {_told(made)}.", err=True)


@schedules.command()
@click.argument("schedule")
@group_option
@url_option
def pause(schedule: str, group: str, url: str | None) -> None:
    """Have SCHEDULE run no more until it is resumed."""
    with connected(url) as client:
        client.pause_schedule(schedule, group=group)
    click.echo(f"{schedule} is paused.", err=True)


@schedules.command()
@click.argument("schedule")
@group_option
@url_option
def resume(schedule: str, group: str, url: str | None) -> None:
    """Have SCHEDULE run again; what it has missed stays missed."""
    with connected(url) as client:
        resumed = client.resume_schedule(schedule, group=group)
    click.echo(f"{schedule} is resumed; {_told(resumed)}.", err=True)


@schedules.command()
@click.argument("schedule")
@group_option
@url_option
def run(schedule: str, group: str, url: str | None) -> None:
    """Have SCHEDULE run once more, now, even if it is paused."""
    with connected(url) as client:
        client.run_schedule(schedule, group=group)
    click.echo(f"{schedule} runs.", err=True)


@schedules.command()
@click.argument("schedule")
@group_option
@yes_option
@url_option
def delete(schedule: str, group: str, yes: bool, url: str | None) -> None:
    """Delete SCHEDULE with its next run."""
    with connected(url) as client:
        client.schedule(schedule, group=group)
        confirm(f"Delete {schedule}?", yes)
        client.delete_schedule(schedule, group=group)
    click.echo(f"{schedule} is deleted.", err=True)


def _next(schedule: ScheduleInfo) -> str:
    if not schedule.enabled:
        return "paused"
    return _time(schedule.next_run_ms) if schedule.next_run_ms is not None else "never"


def _told(schedule: ScheduleInfo) -> str:
    if schedule.next_run_ms is None:
        return "it will not run"
    return f"it runs next at {_time(schedule.next_run_ms)}"


def _time(at_ms: int) -> str:
    return time_text(at_ms, time.time_ns() // 1_000_000)


def _target(schedule: ScheduleInfo) -> str:
    """The ARN without what is the same for all: `sqs:orders`."""
    service, _, _, resource = schedule.target_arn.split(":", 5)[2:]
    return f"{service}:{resource}"


def _described(schedule: ScheduleInfo) -> dict[str, Any]:
    told = msgspec.structs.asdict(schedule)
    return {name: value for name, value in told.items() if value is not None}
