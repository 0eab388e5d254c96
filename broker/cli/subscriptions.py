"""`broker subscriptions`: what topics deliver to"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import click
import msgspec

from broker.cli.confirm import confirm as ask
from broker.cli.confirm import yes_option
from broker.cli.connection import connected, json_option, url_option
from broker.cli.json_option import json_object
from broker.cli.listing_group import ListingGroup
from broker.cli.output import print_json, print_table
from broker.client import Client, Subscription

F = TypeVar("F", bound=Callable[..., Any])

REPLAY_LOOK_S = 0.5  # between two looks at a replay


def name_of(given: str) -> tuple[str, str]:
    """Topic and id of a subscription: `TOPIC:ID`, or its ARN."""
    topic, _, id_ = given.rpartition(":")
    topic = topic.rpartition(":")[2]
    if not topic or not id_:
        raise click.UsageError(f"{given!r} is no subscription: write TOPIC:ID, or its ARN.")
    return topic, id_


def settings_options(command: F) -> F:
    """An option for each setting of a subscription."""
    for option in (
        click.option("--raw/--no-raw", default=None, help="Deliver the message alone."),
        click.option(
            "--filter",
            "filter_policy",
            metavar="JSON",
            help="A filter policy, {} for everything; @FILE or - reads it.",
        ),
        click.option(
            "--filter-scope",
            "filter_policy_scope",
            type=click.Choice(["MessageAttributes", "MessageBody"]),
        ),
        click.option("--dead-letter-queue", help='A queue; "" for none.'),
        click.option(
            "--delivery-policy",
            metavar="JSON",
            help="Of a URL, as SNS has it; @FILE or - reads it.",
        ),
    ):
        command = option(command)
    return command


def _settings(options: dict[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value is not None}
    for name, option in (("filter_policy", "--filter"), ("delivery_policy", "--delivery-policy")):
        if name in given:
            given[name] = json_object(given[name], option)
    if "raw" in given:
        given["raw_message_delivery"] = given.pop("raw")
    return given


@click.group(cls=ListingGroup)
def subscriptions() -> None:
    """Subscribe queues, functions, URLs, topics and buses. Lists if nothing else is said."""


@subscriptions.command("list")
@click.argument("topic", required=False)
@url_option
@json_option
def list_subscriptions(topic: str | None, url: str | None, as_json: bool) -> None:
    """List the subscriptions of TOPIC, or of all topics."""
    found: list[Subscription] = []
    after: str | None = ""
    with connected(url) as client:
        while after is not None:
            page = client.subscriptions(topic, after=after)
            found += page.items
            after = page.next
    if as_json:
        print_json({"subscriptions": [_described(each) for each in found]})
        return
    print_table(
        ("subscription", "endpoint", "status", "raw", "filter", "dead letters"),
        [
            (
                f"{each.topic}:{each.id}",
                each.endpoint,
                f"paused: {each.paused}" if each.paused else each.status,
                "yes" if each.raw_message_delivery else "",
                each.filter_policy_scope or "",
                each.dead_letter_queue or "",
            )
            for each in found
        ],
    )


@subscriptions.command()
@click.argument("topic")
@click.option("--to-queue", metavar="QUEUE")
@click.option("--to-function", metavar="FUNCTION")
@click.option("--to-url", metavar="URL", help="An HTTP endpoint, which is asked to confirm.")
@click.option("--to-topic", metavar="TOPIC", help="Another topic.")
@click.option("--to-event-bus", metavar="BUS")
@settings_options
@click.option("--confirmed", is_flag=True, help="The URL agrees: don't ask it.")
@click.option(
    "--webhook-secret",
    help='Of a URL: whsec_..., or "new" for one that is made and shown once.',
)
@url_option
@json_option
def add(
    topic: str,
    to_queue: str | None,
    to_function: str | None,
    to_url: str | None,
    to_topic: str | None,
    to_event_bus: str | None,
    confirmed: bool,
    webhook_secret: str | None,
    url: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Subscribe one endpoint to TOPIC; the same again is the subscription that is there."""
    endpoints = {
        "queue": to_queue,
        "function": to_function,
        "url": to_url,
        "topic": to_topic,
        "event_bus": to_event_bus,
    }
    given = {name: value for name, value in endpoints.items() if value is not None}
    if len(given) != 1:
        raise click.UsageError(
            "Name one of --to-queue, --to-function, --to-url, --to-topic and --to-event-bus."
        )
    if confirmed:
        given["confirmed"] = True  # type: ignore[assignment]
    if webhook_secret is not None:
        given["webhook_secret"] = webhook_secret
    with connected(url) as client:
        made = client.subscribe(topic, **given, **_settings(options))
    _tell(made, as_json, "asked to confirm" if made.status == "pending" else "subscribed")


@subscriptions.command()
@click.argument("subscription")
@url_option
def show(subscription: str, url: str | None) -> None:
    """Show all settings of SUBSCRIPTION, named TOPIC:ID or by its ARN, as JSON."""
    with connected(url) as client:
        print_json(_described(client.subscription(*name_of(subscription))))


@subscriptions.command()
@click.argument("subscription")
@settings_options
@url_option
@json_option
def configure(subscription: str, url: str | None, as_json: bool, **options: Any) -> None:
    """Change how SUBSCRIPTION delivers; what isn't given stays as it is."""
    settings = _settings(options)
    if not settings:
        raise click.UsageError("Give the settings to change.")
    with connected(url) as client:
        changed = client.configure_subscription(*name_of(subscription), **settings)
    _tell(changed, as_json, "configured")


@subscriptions.command()
@click.argument("subscription")
@url_option
@json_option
def confirm(subscription: str, url: str | None, as_json: bool) -> None:
    """Confirm SUBSCRIPTION on behalf of its URL."""
    with connected(url) as client:
        _tell(client.confirm_subscription(*name_of(subscription)), as_json, "confirmed")


@subscriptions.command("rotate-secret")
@click.argument("subscription")
@url_option
@json_option
def rotate_secret(subscription: str, url: str | None, as_json: bool) -> None:
    """Make a new webhook secret, shown once. The one before signs as well until the next one."""
    with connected(url) as client:
        _tell(client.rotate_webhook_secret(*name_of(subscription)), as_json, "given a new secret")


@subscriptions.command()
@click.argument("subscription")
@click.option("--from", "from_", metavar="TIME", help="RFC 3339: replay what was published then.")
@click.option("--until", metavar="TIME", help="RFC 3339; now by default.")
@click.option("--stop", is_flag=True, help="End a replay; what was replayed stays.")
@url_option
@json_option
def replay(
    subscription: str,
    from_: str | None,
    until: str | None,
    stop: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Deliver what a FIFO topic's archive has to SUBSCRIPTION once more, and wait for the end.

    The replay goes on by itself if the command is interrupted.
    """
    if stop == (from_ is not None):
        raise click.UsageError("Give --from, or --stop.")
    name = name_of(subscription)
    with connected(url) as client:
        if stop:
            _tell(client.configure_subscription(*name, replay_from=""), as_json, "not replayed to")
            return
        started = client.configure_subscription(*name, replay_from=from_, replay_until=until)
        done = _watch(client, name, started)
    if as_json:
        print_json(_described(done))
    else:
        click.echo(f"{done.replay_status}: {done.replayed} messages.", err=True)


def _watch(client: Client, name: tuple[str, str], found: Subscription) -> Subscription:
    while found.replay_status in ("Pending", "In progress"):
        click.echo(f"{found.replay_status}: {found.replayed} messages so far", err=True)
        time.sleep(REPLAY_LOOK_S)
        found = client.subscription(*name)
    return found


@subscriptions.command()
@click.argument("subscription")
@yes_option
@url_option
def remove(subscription: str, yes: bool, url: str | None) -> None:
    """Unsubscribe SUBSCRIPTION. A URL is told, and can come back for three days."""
    name = name_of(subscription)
    with connected(url) as client:
        found = client.subscription(*name)
        ask(f"Unsubscribe {found.endpoint} from {found.topic}?", yes)
        client.unsubscribe(*name)
    click.echo(f"{found.endpoint} is unsubscribed.", err=True)


def _described(subscription: Subscription) -> dict[str, Any]:
    told = msgspec.structs.asdict(subscription)
    return {name: value for name, value in told.items() if value is not None}


def _tell(subscription: Subscription, as_json: bool, done: str) -> None:
    if as_json:
        print_json(_described(subscription))
        return
    click.echo(f"{subscription.topic}:{subscription.id}")
    click.echo(f"{subscription.endpoint} is {done}.", err=True)
    if subscription.webhook_secret is not None:
        click.echo(f"Its secret, which isn't shown again: {subscription.webhook_secret}", err=True)
