"""`broker dead-letters`: what is in a dead-letter queue, by what gave it up and why"""

from typing import Any

import click

from broker.cli.connection import connected, json_option, url_option
from broker.cli.output import ago, print_json, print_table
from broker.cli.progress import progress
from broker.cli.scan import depth, wanted_options
from broker.client import Client, DeadLetters


@click.command("dead-letters")
@click.argument("queue")
@wanted_options
@url_option
@json_option
def dead_letters(queue: str, filters: dict[str, Any], url: str | None, as_json: bool) -> None:
    """Count the messages of QUEUE by source and cause; nothing is received.

    `broker peek QUEUE --cause TEXT` lists those of one cause, `show` shows one, `edit` mends one,
    `redrive` has them processed again, `discard` deletes them.
    """
    with connected(url) as client:
        now_ms = client.status().now_ms
        found = _count(client, queue, filters)
    if as_json:
        print_json({"dead_letters": found})
        return
    print_table(
        ("messages", "from", "cause", "oldest", "newest", "for instance"),
        [
            (
                each.count,
                (each.source_arn or "").rpartition(":")[2],
                each.cause or "not known",
                ago(each.oldest_sent_at_ms, now_ms),
                ago(each.newest_sent_at_ms, now_ms),
                each.sample[0].message_id if each.sample else "",
            )
            for each in found
        ],
    )


def _count(client: Client, queue: str, filters: dict[str, Any]) -> list[DeadLetters]:
    """All parts of the queue added up, the most frequent cause first."""
    sums: dict[tuple[str | None, str | None], DeadLetters] = {}
    after: str | None = ""
    with progress("counting", depth(client, queue)) as advance:
        while after is not None:
            page = client.dead_letters(queue, after=after, **filters)
            for each in page.dead_letters:
                key = each.source_arn, each.cause
                sums[key] = _added(sums[key], each) if key in sums else each
            advance(page.scanned)
            after = page.next
    return sorted(sums.values(), key=lambda each: each.count, reverse=True)


def _added(one: DeadLetters, other: DeadLetters) -> DeadLetters:
    return DeadLetters(
        source_arn=one.source_arn,
        code=one.code,
        cause=one.cause,
        count=one.count + other.count,
        oldest_sent_at_ms=min(one.oldest_sent_at_ms, other.oldest_sent_at_ms),
        newest_sent_at_ms=max(one.newest_sent_at_ms, other.newest_sent_at_ms),
        sample=one.sample,
    )
