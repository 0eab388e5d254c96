"""`broker stats`: how full queues are, and what goes on in them"""

import time

import click

from broker.cli.connection import connected, json_option, url_option
from broker.cli.output import ago, print_json, print_json_line, print_table
from broker.client import Client, QueueStatistics


@click.command()
@click.argument("queues", nargs=-1, metavar="[QUEUE]...")
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
def stats(
    queues: tuple[str, ...], watch: bool, interval: float, url: str | None, as_json: bool
) -> None:
    """Show the depth, age and rates of queues; of all if none are named.

    Shown are messages that are visible, in flight and delayed, the age of the one that is next to
    be received, how many receivers wait, and messages a second over the last minute. --json tells
    more: totals, five minutes, messages that were given back or received again. With --watch too,
    each look is a line.
    """
    with connected(url) as client:
        if not watch:
            found = _look(client, queues)
            if as_json:
                print_json({"queues": found})
            else:
                _print(found)
            return
        try:
            while True:
                found = _look(client, queues)
                if as_json:
                    print_json_line({"queues": found})
                else:
                    click.clear()  # does nothing unless stdout is a terminal
                    _print(found)
                time.sleep(interval)
        except KeyboardInterrupt:
            return


def _look(client: Client, names: tuple[str, ...]) -> list[QueueStatistics]:
    if names:
        return [client.queue_statistics(name) for name in names]
    found: list[QueueStatistics] = []
    after: str | None = ""
    while after is not None:
        page = client.statistics(after=after)
        found += page.items
        after = page.next
    return found


def _print(found: list[QueueStatistics]) -> None:
    print_table(
        # Short, because a terminal of 80 columns has to have room for the names of queues.
        (
            "queue",
            "visible",
            "flight",
            "delayed",
            "oldest",
            "waits",
            "sent/s",
            "recv/s",
            "del/s",
        ),
        [
            (
                q.name,
                q.visible,
                q.in_flight,
                q.delayed,
                "" if q.oldest_age_s is None else ago(0, int(q.oldest_age_s * 1000)),
                q.waiting_receivers,
                q.last_minute.sent,
                q.last_minute.received,
                q.last_minute.deleted,
            )
            for q in found
        ],
    )
