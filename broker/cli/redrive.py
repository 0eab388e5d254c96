"""`broker redrive` and `discard`: have dead letters processed again, or let them go"""

import sys
import time
from collections import Counter
from typing import Any

import click

from broker.cli.chosen import check_choice, chosen, chosen_options, in_bulks
from broker.cli.confirm import confirm, yes_option
from broker.cli.connection import EXIT_REFUSED, connected, json_option, url_option
from broker.cli.output import ago, print_json, print_table
from broker.cli.pace import Pace
from broker.cli.progress import progress
from broker.cli.scan import wanted_options
from broker.client import BrokerRefused, Client, EntryError, PeekedMessage, Redrive
from broker.core.limits import MOVE_RATE_MAX

LOOK_S = 0.25  # between two looks at how far a task has come


@click.command()
@click.argument("queue")
@chosen_options
@wanted_options
@click.option("--to", "destination", metavar="QUEUE", help="Default: where each one came from.")
@click.option("--rate", type=click.IntRange(1, MOVE_RATE_MAX), help="Messages a second.")
@click.option("--dry-run", is_flag=True, help="Say what would go where, and leave it.")
@click.option("--status", is_flag=True, help="Show the latest redrives of QUEUE.")
@click.option("--cancel", is_flag=True, help="End the redrive that is under way.")
@yes_option
@url_option
@json_option
def redrive(
    queue: str,
    message_ids: tuple[str, ...],
    everything: bool,
    filters: dict[str, Any],
    destination: str | None,
    rate: int | None,
    dry_run: bool,
    status: bool,
    cancel: bool,
    yes: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Move messages of QUEUE back to the queues they were dead-lettered from, or to another one.

    With --all it is a task of the broker: it moves what is visible when it begins and goes on
    after Ctrl-C and after a restart. Moved messages are sent as new ones, with new ids. What is in
    flight or delayed stays.
    """
    if status and cancel:
        raise click.UsageError("Either --status or --cancel.")
    with connected(url) as client:
        if status:
            _print_tasks(client.redrives(queue), client.status().now_ms, as_json)
            return
        if cancel:
            _cancel(client, queue, as_json)
            return
        check_choice(message_ids, filters, everything)
        wanted = {"message_ids": list(message_ids), **filters}
        where = f"to {destination}" if destination else "to where they came from"
        if dry_run:
            _say_what_would_be(client, queue, wanted, destination, as_json)
        elif everything:
            visible = client.queue(queue).visible or 0
            confirm(f"Move the {visible:,} visible messages of {queue} {where}?", yes)
            _follow(
                client,
                client.start_redrive(queue, destination=destination, messages_per_second=rate),
                as_json,
            )
        else:
            found = [message for page in chosen(client, queue, **wanted) for message in page]
            confirm(f"Move {len(found):,} messages of {queue} {where}?", yes)

            def move(cursors: list[str]) -> list[EntryError]:
                return client.redrive_messages(queue, cursors, destination=destination).errors

            moved = in_bulks(found, move, "moving", Pace(rate))
            if as_json:
                print_json({"moved": moved})


@click.command()
@click.argument("queue")
@chosen_options
@wanted_options
@yes_option
@url_option
@json_option
def discard(
    queue: str,
    message_ids: tuple[str, ...],
    everything: bool,
    filters: dict[str, Any],
    yes: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Delete chosen messages of QUEUE for good, without receiving them.

    What is in flight stays. `broker purge` empties a queue faster.
    """
    check_choice(message_ids, filters, everything)
    with connected(url) as client:
        wanted = {"message_ids": list(message_ids), **filters}
        found = [message for page in chosen(client, queue, **wanted) for message in page]
        confirm(f"Delete {len(found):,} messages of {queue}?", yes)

        def delete(cursors: list[str]) -> list[EntryError]:
            return client.discard_messages(queue, cursors).errors

        deleted = in_bulks(found, delete, "deleting", Pace(None))
    if as_json:
        print_json({"deleted": deleted})


def _follow(client: Client, task: Redrive, as_json: bool) -> None:
    """Show a task's progress until it ends; an interrupt leaves the task alone."""
    try:
        with progress("moving", task.to_move) as advance:
            shown = 0
            while not task.ended:
                time.sleep(LOOK_S)
                task = client.redrive(task.source, task.id)
                of_all = f"of {task.to_move:,}" if task.to_move is not None else ""
                advance(task.moved - shown, note=of_all)
                shown = task.moved
    except KeyboardInterrupt:
        click.echo(
            f"The redrive goes on. `broker redrive {task.source} --status` shows how far it is, "
            "--cancel ends it.",
            err=True,
        )
        return
    if as_json:
        print_json(task)
    click.echo(f"{task.status.lower()}: {task.moved:,} messages moved.", err=True)
    if task.status == "FAILED":
        click.echo(f"broker: {task.failure_reason}", err=True)
        sys.exit(EXIT_REFUSED)


def _cancel(client: Client, queue: str, as_json: bool) -> None:
    task = next((task for task in client.redrives(queue) if not task.ended), None)
    if task is None:
        click.echo(f"broker: no redrive of {queue} is under way.", err=True)
        sys.exit(EXIT_REFUSED)
    task = client.cancel_redrive(queue, task.id)
    if as_json:
        print_json(task)
    click.echo(f"It ends; {task.moved:,} messages were moved.", err=True)


def _print_tasks(tasks: list[Redrive], now_ms: int, as_json: bool) -> None:
    if as_json:
        print_json({"redrives": tasks})
        return
    print_table(
        ("redrive", "status", "moved", "of", "to", "rate", "began", "reason"),
        [
            (
                task.id,
                task.status.lower(),
                task.moved,
                task.to_move if task.to_move is not None else "",
                task.destination or "their sources",
                task.messages_per_second or "",
                ago(task.started_at_ms, now_ms),
                task.failure_reason or "",
            )
            for task in tasks
        ],
    )


def _say_what_would_be(
    client: Client,
    queue: str,
    wanted: dict[str, Any],
    destination: str | None,
    as_json: bool,
) -> None:
    """Count the messages by where they would go, and by why they would not."""
    counts: Counter[tuple[str, str]] = Counter()
    problems: dict[str, str] = {}
    for page in chosen(client, queue, **wanted):
        for message in page:
            target = destination or _source(message)
            if target and target not in problems:
                problems[target] = _problem(client, queue, target)
            why = problems[target] if target else "it doesn't tell where it came from"
            if not why and message.state == "delayed":
                why = "it is delayed"
            counts[target, why] += 1
    rows = [(count, target, why) for (target, why), count in counts.most_common()]
    if as_json:
        print_json(
            {
                "would_move": sum(count for count, _, why in rows if not why),
                "destinations": [
                    {"count": count, "destination": target, "problem": why or None}
                    for count, target, why in rows
                ],
            }
        )
        return
    print_table(("messages", "to", "can't be moved because"), rows)


def _source(message: PeekedMessage) -> str:
    """The queue that a message was dead-lettered from; "" if it doesn't tell."""
    return (message.dead_letter_source_arn or "").rpartition(":")[2]


def _problem(client: Client, queue: str, target: str) -> str:
    if target == queue:
        return "it is there already"
    try:
        found = client.queue(target)
    except BrokerRefused as refused:
        if refused.status != 404:
            raise
        return "there is no such queue"
    if found.fifo != client.queue(queue).fifo:
        return "one of the queues is FIFO and the other isn't"
    return ""
