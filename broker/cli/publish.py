"""`broker publish` and `put-event`: to topics and event buses"""

from typing import Any

import click
import msgspec

from broker.cli.connection import connected, json_option, url_option
from broker.cli.messages import parse_attributes
from broker.cli.output import print_json, read_text


@click.command()
@click.argument("topic")
@click.argument("message", required=False)
@click.option("--subject")
@click.option("--attribute", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@url_option
@json_option
def publish(
    topic: str,
    message: str | None,
    subject: str | None,
    attribute: tuple[str, ...],
    url: str | None,
    as_json: bool,
) -> None:
    """Publish to every subscription of TOPIC and print the message's id.

    MESSAGE is the text, @FILE, or - for standard input, which is also read if it is left out.
    """
    text = read_text(message, "MESSAGE")
    if message in (None, "-"):
        text = text.removesuffix("\n")
    attributes = parse_attributes(attribute)
    with connected(url) as client:
        message_id = client.publish(topic, text, subject=subject, attributes=attributes)
    if as_json:
        print_json({"message_id": message_id})
    else:
        click.echo(message_id)


@click.command("put-event")
@click.option("--source", required=True, help="Who says it.")
@click.option("--detail-type", required=True, help="What has happened.")
@click.option("--detail", required=True, metavar="JSON", help="An object; @FILE or - reads it.")
@click.option("--bus", default="default", show_default=True)
@click.option("--resource", multiple=True, help="May be repeated.")
@click.option("--time", help="RFC 3339; now by default.")
@click.option("--id", "event_id", help="A new UUID by default.")
@url_option
@json_option
def put_event(
    source: str,
    detail_type: str,
    detail: str,
    bus: str,
    resource: tuple[str, ...],
    time: str | None,
    event_id: str | None,
    url: str | None,
    as_json: bool,
) -> None:
    """Put an event on a bus and print its id, once all its deliveries are on disk."""
    document = _json_object(read_text(detail, "--detail"))
    with connected(url) as client:
        event_id = client.put_event(
            source,
            detail_type,
            document,
            bus=bus,
            resources=resource,
            time=time,
            id=event_id,
        )
    if as_json:
        print_json({"event_id": event_id})
    else:
        click.echo(event_id)


def _json_object(text: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.UsageError(f"--detail must be a JSON object: {error}") from None
