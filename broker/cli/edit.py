"""`broker edit`: mend a message that can't be processed, and send it on"""

import base64
import binascii
import difflib
import sys
from typing import Any

import click
import msgspec

from broker.cli.confirm import confirm, yes_option
from broker.cli.connection import EXIT_REFUSED, connected, json_option, url_option
from broker.cli.output import print_json, printable, read_text
from broker.cli.progress import progress
from broker.cli.scan import depth, scan
from broker.client import Attribute, Client, PeekedMessage


class _Text(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message as it is edited; binary values are base64."""

    body: Any  # text, or the JSON that it holds
    attributes: dict[str, dict[str, str]] = {}


@click.command()
@click.argument("queue")
@click.argument("message_id")
@click.option("--to", "destination", metavar="QUEUE", help="Default: where it came from.")
@click.option("--body", help="The new body; @FILE reads it from a file, - from standard input.")
@yes_option
@url_option
@json_option
def edit(
    queue: str,
    message_id: str,
    destination: str | None,
    body: str | None,
    yes: bool,
    url: str | None,
    as_json: bool,
) -> None:
    """Edit a message of QUEUE in $EDITOR, or give it --body, and send it on.

    The edited message takes the old one's place in one step, whatever happens meanwhile. It is a
    new one: it has another id and was received never. `--to QUEUE` with the same QUEUE edits it
    where it is.
    """
    with connected(url) as client:
        message = _find(client, queue, message_id)
        if body is None:
            new_body, attributes = _edited(message)
        else:
            new_body, attributes = read_text(body, "--body"), None
        if new_body == message.body and attributes in (None, message.attributes):
            click.echo("Nothing was changed, and nothing is sent.", err=True)
            return
        _print_difference(message.body, new_body)
        where = destination or (message.dead_letter_source_arn or "its source").rpartition(":")[2]
        confirm(f"Send it to {where}?", yes)
        moved = client.resend_message(
            queue, message.cursor, body=new_body, attributes=attributes, destination=destination
        )
    if moved.errors:
        click.echo(f"broker: {moved.errors[0].detail}", err=True)
        sys.exit(EXIT_REFUSED)
    if as_json:
        print_json({"message_id": moved.message_ids[0]})
    else:
        click.echo(moved.message_ids[0])


def _find(client: Client, queue: str, message_id: str) -> PeekedMessage:
    with progress("looking", depth(client, queue)) as advance:
        for page in scan(client, queue, limit=1, message_ids=[message_id]):
            advance(page.scanned)
            if page.items:
                return page.items[0]
    click.echo(f"broker: there is no message {message_id} in {queue}.", err=True)
    sys.exit(EXIT_REFUSED)


def _edited(message: PeekedMessage) -> tuple[str, dict[str, Attribute]]:
    """What the user's editor makes of it; asked again until it can be read, or is given up."""
    text = _to_text(message)
    while True:
        edited = click.edit(text, extension=".json")
        if edited is None:
            return message.body, message.attributes
        try:
            return _from_text(edited, message)
        except (msgspec.DecodeError, ValueError) as error:
            click.echo(f"broker: {error}", err=True)
            confirm("Edit it again?", yes=False)
            text = edited


def _to_text(message: PeekedMessage) -> str:
    try:
        body = msgspec.json.decode(message.body)
    except (msgspec.DecodeError, RecursionError):
        body = message.body
    if not isinstance(body, dict | list):
        body = message.body  # a text in quotes would be taken for one without
    attributes = {}
    for name, attribute in message.attributes.items():
        value = attribute.string_value
        if attribute.binary_value is not None:
            value = base64.b64encode(attribute.binary_value).decode()
        attributes[name] = {"data_type": attribute.data_type, "value": value or ""}
    document = msgspec.json.encode({"body": body, "attributes": attributes})
    return msgspec.json.format(document, indent=2).decode() + "\n"


def _from_text(text: str, message: PeekedMessage) -> tuple[str, dict[str, Attribute]]:
    """Body and attributes. A body that wasn't changed keeps its spelling.

    Raises: msgspec.DecodeError, ValueError.
    """
    edited = msgspec.json.decode(text, type=_Text)
    body = edited.body
    if not isinstance(body, str):
        unchanged = msgspec.json.decode(_to_text(message))["body"] == body
        body = message.body if unchanged else msgspec.json.encode(body).decode()
    attributes = {}
    for name, given in edited.attributes.items():
        if given.keys() != {"data_type", "value"}:
            raise ValueError(f"attribute {name}: it has a data_type and a value, both text")
        if given["data_type"].startswith("Binary"):
            try:
                value = base64.b64decode(given["value"], validate=True)
            except binascii.Error as error:
                raise ValueError(f"attribute {name}: {error}") from None
            attributes[name] = Attribute(data_type=given["data_type"], binary_value=value)
        else:
            attributes[name] = Attribute(data_type=given["data_type"], string_value=given["value"])
    return body, attributes


def _print_difference(before: str, after: str) -> None:
    lines = difflib.unified_diff(_lines(before), _lines(after), "before", "after", lineterm="", n=2)
    for line in lines:
        click.echo(printable(line), err=True)


def _lines(body: str) -> list[str]:
    try:
        msgspec.json.decode(body)
        return msgspec.json.format(body, indent=2).split("\n")
    except (msgspec.DecodeError, RecursionError):
        return body.split("\n")
