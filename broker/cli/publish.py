"""`broker publish` and `put-event`: to topics and event buses"""

import click

from broker.cli.connection import connected, json_option, url_option
from broker.cli.json_option import json_object
from broker.cli.messages import parse_attributes
from broker.cli.output import print_json, read_text


@click.command()
@click.argument("topic")
@click.argument("message", required=False)
@click.option("--subject")
@click.option("--attribute", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@click.option("--group", help="Of a FIFO topic; on others, the tenant in fair queues.")
@click.option("--deduplication-id", help="Of a FIFO topic; by default from the message.")
@url_option
@json_option
def publish(
    topic: str,
    message: str | None,
    subject: str | None,
    attribute: tuple[str, ...],
    group: str | None,
    deduplication_id: str | None,
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
        message_id = client.publish(
            topic,
            text,
            subject=subject,
            attributes=attributes,
            message_group_id=group,
            message_deduplication_id=deduplication_id,
        )
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
    document = json_object(detail, "--detail")
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
