"""`broker send` and `receive`: messages of a queue"""

import sys
from datetime import UTC, datetime

import click

from broker.cli.connection import EXIT_REFUSED, connected, json_option, url_option
from broker.cli.follow import follow_queue
from broker.cli.output import print_json, read_text
from broker.core.limits import (
    LONG_DELAY_S_MAX,
    STREAM_CREDIT_MAX,
    VISIBILITY_TIMEOUT_S_MAX,
    WAIT_TIME_S_MAX,
)

COUNT_MAX = 1_000


def parse_attributes(given: tuple[str, ...], option: str = "--attribute") -> dict[str, str]:
    """`NAME=VALUE` options as a mapping."""
    attributes = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} {text!r}: write it as NAME=VALUE.")
        attributes[name] = value
    return attributes


def _epoch_ms(time: datetime | None) -> int | None:
    return int(time.replace(tzinfo=UTC).timestamp() * 1000) if time is not None else None


@click.command()
@click.argument("queue")
@click.argument("body", required=False)
@click.option(
    "--delay",
    type=click.IntRange(0, LONG_DELAY_S_MAX),
    help="Seconds until it is visible; more than 900 only if the configuration allows it.",
)
@click.option(
    "--deliver-at",
    type=click.DateTime(("%Y-%m-%dT%H:%M:%SZ",)),
    metavar="TIME",
    help="When it becomes visible, as 2026-01-02T03:04:05Z.",
)
@click.option("--group", help="Message group; a FIFO queue wants one.")
@click.option(
    "--deduplication-id",
    help="A FIFO queue wants one, unless it deduplicates by content.",
)
@click.option("--attribute", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@url_option
@json_option
def send(
    queue: str,
    body: str | None,
    delay: int | None,
    deliver_at: datetime | None,
    group: str | None,
    deduplication_id: str | None,
    attribute: tuple[str, ...],
    url: str | None,
    as_json: bool,
) -> None:
    """Send one message to QUEUE and print its id, once it is on disk.

    BODY is the text, @FILE, or - for standard input, which is also read if BODY is left out.
    One line break at the end of standard input is not part of the message.
    """
    text = read_text(body, "BODY")
    if body in (None, "-"):
        text = text.removesuffix("\n")
    attributes = parse_attributes(attribute)
    with connected(url) as client:
        message_id = client.send(
            queue,
            text,
            delay_s=delay,
            deliver_at_ms=_epoch_ms(deliver_at),
            attributes=attributes,
            message_group_id=group,
            message_deduplication_id=deduplication_id,
        )
    if as_json:
        print_json({"message_id": message_id})
    else:
        click.echo(message_id)


@click.command()
@click.argument("queue")
@click.option(
    "--count",
    type=click.IntRange(1, COUNT_MAX),
    help="How many messages; 1 by default, and with --follow no end.",
)
@click.option(
    "--wait",
    type=click.IntRange(0, WAIT_TIME_S_MAX),
    help="Seconds to wait for a message; the queue's setting by default.",
)
@click.option(
    "--visibility-timeout",
    type=click.IntRange(0, VISIBILITY_TIMEOUT_S_MAX),
    help="Seconds to hide what was received; the queue's setting by default.",
)
@click.option(
    "--ack/--no-ack",
    default=None,
    help="Delete the messages once they are printed. By default they are kept and come back "
    "after the visibility timeout, so nothing is lost by looking; with --follow they are deleted.",
)
@click.option(
    "--follow",
    is_flag=True,
    help="Print messages as they come, until interrupted. With --json, one on each line. With "
    f"--no-ack it ends after {STREAM_CREDIT_MAX:,}, and all of them are visible again at the end.",
)
@url_option
@json_option
def receive(
    queue: str,
    count: int | None,
    wait: int | None,
    visibility_timeout: int | None,
    ack: bool | None,
    follow: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Receive messages of QUEUE and print their bodies, one after the other.

    Prints nothing if there are none. Without --ack the messages are received again later, and
    count towards the queue's maximum receive count.
    """
    if follow:
        if wait is not None:
            raise click.UsageError("--follow waits for as long as it takes: leave out --wait.")
        follow_queue(queue, count, visibility_timeout, ack is not False, url, as_json)
        return
    with connected(url) as client:
        received = client.receive(
            queue, count=count or 1, visibility_timeout_s=visibility_timeout, wait_time_s=wait
        )
        if as_json:
            print_json({"messages": received})
        else:
            for message in received:
                click.echo(message.body)
        # What can't be printed must not be deleted.
        sys.stdout.flush()
        if not received:
            return
        if not ack:
            click.echo(
                f"{len(received)} received, not deleted; --ack deletes what is printed.", err=True
            )
            return
        done = client.acknowledge(queue, [message.receipt_handle for message in received])
    for error in done.errors:
        message_id = received[error.index].message_id
        click.echo(f"broker: {message_id} was not deleted: {error.detail}", err=True)
    if done.errors:
        sys.exit(EXIT_REFUSED)
