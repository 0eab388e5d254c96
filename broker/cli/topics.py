"""`broker topics`: make, list, look at, configure and delete topics"""

from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from broker.cli.confirm import confirm, yes_option
from broker.cli.connection import connected, json_option, url_option
from broker.cli.json_option import json_object
from broker.cli.listing_group import ListingGroup
from broker.cli.output import print_json, print_table, size_text
from broker.client import BrokerRefused, TopicInfo
from broker.core.limits import (
    ARCHIVE_RETENTION_DAYS_MAX,
    MESSAGE_BYTES_MIN_SETTING,
    TOPIC_MESSAGE_BYTES_MAX,
)

F = TypeVar("F", bound=Callable[..., Any])

# What the API takes; of a FIFO topic only, the last ones.
_SETTINGS = ("display_name", "maximum_message_size", "signature_version", "delivery_policy")
_FIFO_SETTINGS = ("content_based_deduplication", "fifo_throughput_scope", "archive_retention_days")


def settings_options(command: F) -> F:
    """An option for each setting of a topic."""
    for option in (
        click.option("--display-name"),
        click.option(
            "--maximum-message-size",
            type=click.IntRange(MESSAGE_BYTES_MIN_SETTING, TOPIC_MESSAGE_BYTES_MAX),
            help="Bytes, attributes included.",
        ),
        click.option(
            "--signature-version",
            type=click.Choice(["1", "2"]),
            help="Sign also what goes into queues; HTTP deliveries always are.",
        ),
        click.option(
            "--delivery-policy", metavar="JSON", help="As SNS has it; @FILE or - reads it."
        ),
        click.option(
            "--content-based-deduplication/--no-content-based-deduplication", default=None
        ),
        click.option("--fifo-throughput-scope", type=click.Choice(["Topic", "MessageGroup"])),
        click.option(
            "--archive-retention-days",
            type=click.IntRange(0, ARCHIVE_RETENTION_DAYS_MAX),
            help="Of a FIFO topic: keep messages to be replayed; 0 gives the archive up.",
        ),
    ):
        command = option(command)
    return command


def _given(options: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value is not None}
    if "delivery_policy" in given:
        given["delivery_policy"] = json_object(given["delivery_policy"], "--delivery-policy")
    return given


@click.group(cls=ListingGroup)
def topics() -> None:
    """Make, list, configure and delete topics. Lists them if nothing else is said."""


@topics.command("list")
@click.option("--prefix", default="", help="What the names begin with.")
@url_option
@json_option
def list_topics(prefix: str, url: str | None, as_json: bool) -> None:
    """List topics with their settings."""
    found: list[TopicInfo] = []
    after: str | None = ""
    with connected(url) as client:
        while after is not None:
            page = client.topics(prefix=prefix, after=after)
            found += page.items
            after = page.next
    if as_json:
        print_json({"topics": [_described(topic) for topic in found]})
        return
    print_table(
        ("topic", "subscriptions", "pending", "largest", "archive", "declared"),
        [
            (
                each.name,
                each.subscriptions,
                each.subscriptions_pending,
                size_text(each.maximum_message_size),
                f"{each.archive_retention_days} days" if each.archive_retention_days else "",
                "yes" if each.declared else "",
            )
            for each in found
        ],
    )


@topics.command()
@click.argument("topic")
@url_option
def show(topic: str, url: str | None) -> None:
    """Show all settings of TOPIC, as JSON."""
    with connected(url) as client:
        print_json(_described(client.topic(topic)))


@topics.command()
@click.argument("topic")
@settings_options
@url_option
@json_option
def create(topic: str, url: str | None, as_json: bool, **options: Any) -> None:
    """Make TOPIC. One that is there is refused, and keeps its settings."""
    with connected(url) as client:
        try:
            client.topic(topic)
        except BrokerRefused as refused:
            if refused.status != 404:
                raise
        else:
            raise click.UsageError(f"There is a topic {topic}; `topics configure` changes it.")
        _tell(client.put_topic(topic, **_settings(_given(options))), as_json, "made")


@topics.command()
@click.argument("topic")
@settings_options
@url_option
@json_option
def configure(topic: str, url: str | None, as_json: bool, **options: Any) -> None:
    """Change settings of TOPIC; those that aren't given stay as they are."""
    given = _given(options)
    if not given:
        raise click.UsageError("Give the settings to change.")
    with connected(url) as client:
        found = client.topic(topic)
        kept = (*_SETTINGS, *_FIFO_SETTINGS) if found.fifo else _SETTINGS
        settings = {name: getattr(found, name) for name in kept} | given
        _tell(client.put_topic(topic, **_settings(settings)), as_json, "configured")


def _settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Without an archive of no days, which is none."""
    return {
        name: value
        for name, value in settings.items()
        if not (name == "archive_retention_days" and value == 0)
    }


@topics.command()
@click.argument("topic")
@yes_option
@url_option
def delete(topic: str, yes: bool, url: str | None) -> None:
    """Delete TOPIC with its subscriptions; not while it has an archive."""
    with connected(url) as client:
        found = client.topic(topic)
        confirm(f"Delete {topic} with its {found.subscriptions} subscriptions?", yes)
        client.delete_topic(topic)
    click.echo(f"{topic} is deleted.", err=True)


def _described(topic: TopicInfo) -> dict[str, Any]:
    told = msgspec.structs.asdict(topic)
    return {name: value for name, value in told.items() if value is not None}


def _tell(topic: TopicInfo, as_json: bool, done: str) -> None:
    if as_json:
        print_json(_described(topic))
    else:
        click.echo(f"{topic.name} is {done}.", err=True)
