"""`broker queues` and `purge`: make, list, configure, empty and delete queues"""

from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from broker.cli.confirm import confirm, yes_option
from broker.cli.connection import connected, json_option, url_option
from broker.cli.listing_group import ListingGroup
from broker.cli.messages import parse_attributes
from broker.cli.output import print_json, print_table, size_text
from broker.cli.scan import depth
from broker.client import BrokerRefused, Client, QueueInfo
from broker.core.limits import (
    DELAY_S_MAX,
    MAX_RECEIVE_COUNT_MAX,
    MESSAGE_BYTES_MAX,
    MESSAGE_BYTES_MIN_SETTING,
    RETENTION_S_MAX,
    RETENTION_S_MIN,
    VISIBILITY_TIMEOUT_S_MAX,
    WAIT_TIME_S_MAX,
)

F = TypeVar("F", bound=Callable[..., Any])

# Of what is told of a queue, what nobody sets.
_TOLD = frozenset(
    {
        "name",
        "arn",
        "fifo",
        "declared",
        "created_at_ms",
        "modified_at_ms",
        "visible",
        "in_flight",
        "delayed",
        "oldest_sent_at_ms",
    }
)

# What a queue may be told only if it is a FIFO queue.
_FIFO = frozenset({"content_based_deduplication", "deduplication_scope", "fifo_throughput_limit"})


def settings_options(command: F) -> F:
    """An option for each setting of a queue."""
    for name, kind, text in (
        (
            "--max-receive-count",
            click.IntRange(1, MAX_RECEIVE_COUNT_MAX),
            "Receives after which a message goes to the dead-letter queue.",
        ),
        ("--dead-letter-queue", str, "A queue; give --max-receive-count with it."),
        (
            "--visibility-timeout",
            click.IntRange(0, VISIBILITY_TIMEOUT_S_MAX),
            "Seconds for which a received message is hidden.",
        ),
        (
            "--retention",
            click.IntRange(RETENTION_S_MIN, RETENTION_S_MAX),
            "Seconds for which a message is kept.",
        ),
        ("--receive-wait-time", click.IntRange(0, WAIT_TIME_S_MAX), "Seconds of a long poll."),
        ("--delay", click.IntRange(0, DELAY_S_MAX), "Seconds until a message is visible."),
        (
            "--maximum-message-size",
            click.IntRange(MESSAGE_BYTES_MIN_SETTING, MESSAGE_BYTES_MAX),
            "Bytes, attributes included.",
        ),
    ):
        command = click.option(name, type=kind, help=text)(command)
    return click.option(
        "--setting",
        multiple=True,
        metavar="NAME=VALUE",
        help="Any other setting that the API has, its value in JSON; may be repeated.",
    )(command)


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    """The options that were given, under the names of the API."""
    settings = {}
    for name, text in parse_attributes(options.pop("setting"), "--setting").items():
        try:
            settings[name] = msgspec.json.decode(text)
        except msgspec.DecodeError:
            raise click.UsageError(
                f"--setting {name}: the value must be JSON, for instance true, 60 or '\"text\"'."
            ) from None
    renamed = {
        "visibility_timeout": "visibility_timeout_s",
        "retention": "retention_s",
        "receive_wait_time": "receive_wait_time_s",
        "delay": "delay_s",
    }
    given = {renamed.get(name, name): v for name, v in options.items() if v is not None}
    return settings | given


@click.group(cls=ListingGroup)
def queues() -> None:
    """Make, list, configure and delete queues. Lists them if nothing else is said."""


@queues.command("list")
@click.option("--prefix", default="", help="What the names begin with.")
@url_option
@json_option
def list_queues(prefix: str, url: str | None, as_json: bool) -> None:
    """List queues with their settings."""
    found: list[QueueInfo] = []
    after: str | None = ""
    with connected(url) as client:
        while after is not None:
            page = client.queues(prefix=prefix, after=after)
            found += page.items
            after = page.next
    if as_json:
        print_json({"queues": [_described(queue) for queue in found]})
        return
    print_table(
        ("queue", "hidden for", "kept for", "delay", "largest", "dead letters", "declared"),
        [
            (
                q.name,
                f"{q.visibility_timeout_s} s",
                f"{q.retention_s} s",
                f"{q.delay_s} s",
                size_text(q.maximum_message_size),
                f"{q.dead_letter_queue} after {q.max_receive_count}" if q.dead_letter_queue else "",
                "yes" if q.declared else "",
            )
            for q in found
        ],
    )


@queues.command()
@click.argument("queue")
@settings_options
@url_option
@json_option
def create(queue: str, url: str | None, as_json: bool, **options: Any) -> None:
    """Make QUEUE. One that is there is refused, and keeps its settings."""
    with connected(url) as client:
        if _exists(client, queue):
            raise click.UsageError(f"There is a queue {queue}; `queues configure` changes it.")
        _tell(client.put_queue(queue, **_settings(options)), as_json, "made")


@queues.command()
@click.argument("queue")
@settings_options
@click.option("--no-dead-letter-queue", is_flag=True, help="Dead letters stay in the queue.")
@url_option
@json_option
def configure(
    queue: str, no_dead_letter_queue: bool, url: str | None, as_json: bool, **options: Any
) -> None:
    """Change settings of QUEUE; those that aren't given stay as they are."""
    given = _settings(options)
    if not given and not no_dead_letter_queue:
        raise click.UsageError("Give the settings to change.")
    with connected(url) as client:
        found = client.queue(queue)
        kept = _described(found).items()
        left_out = _TOLD if found.fifo else _TOLD | _FIFO
        settings = {name: value for name, value in kept if name not in left_out} | given
        if no_dead_letter_queue:
            for name in ("dead_letter_queue", "max_receive_count"):
                if name in given:
                    raise click.UsageError("Either a dead-letter queue or none.")
                settings.pop(name, None)
        _tell(client.put_queue(queue, **settings), as_json, "configured")


@queues.command()
@click.argument("queue")
@yes_option
@url_option
def delete(queue: str, yes: bool, url: str | None) -> None:
    """Delete QUEUE with all its messages."""
    with connected(url) as client:
        messages = depth(client, queue)
        confirm(f"Delete {queue} with its {messages:,} messages?", yes)
        client.delete_queue(queue)
    click.echo(f"{queue} is deleted.", err=True)


@click.command()
@click.argument("queue")
@yes_option
@url_option
def purge(queue: str, yes: bool, url: str | None) -> None:
    """Delete all messages of QUEUE, those in flight and delayed too; once a minute at most."""
    with connected(url) as client:
        messages = depth(client, queue)
        confirm(f"Delete all {messages:,} messages of {queue}?", yes)
        client.purge(queue)
    click.echo(f"{queue} is empty; it had about {messages:,} messages.", err=True)


def _exists(client: Client, queue: str) -> bool:
    try:
        client.queue(queue)
    except BrokerRefused as refused:
        if refused.status == 404:
            return False
        raise
    return True


def _described(queue: QueueInfo) -> dict[str, Any]:
    """What was told of it, without what wasn't."""
    told = msgspec.structs.asdict(queue)
    return {name: value for name, value in told.items() if value is not None}


def _tell(queue: QueueInfo, as_json: bool, done: str) -> None:
    if as_json:
        print_json(_described(queue))
    else:
        click.echo(f"{queue.name} is {done}.", err=True)
