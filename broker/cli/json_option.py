"""options whose value is a JSON object: written out, or read from a file"""

from typing import Any

import click
import msgspec

from broker.cli.output import read_text


def json_object(given: str, option: str) -> dict[str, Any]:
    """The object; `@FILE` or `-` reads it. Raises: click.UsageError."""
    try:
        return msgspec.json.decode(read_text(given, option), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise click.UsageError(f"{option} must be a JSON object: {error}") from None
