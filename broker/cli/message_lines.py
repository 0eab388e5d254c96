"""messages as JSON lines: what `broker export` writes and `broker import` reads

A line has what a peek tells of a message. An import takes the body and the attributes from it, and
the group and deduplication id from its system attributes; what belongs to a message's life so far
(its id, times, receives, where it came from) begins anew. A line that is written by hand may say
`delay_s`, `message_group_id` and `message_deduplication_id` itself.
"""

from typing import Any

import msgspec

from broker.client.results import Attribute, PeekedMessage

# What a message has from its sender, and the system attributes that tell of it.
_GIVEN = {
    "message_group_id": "MessageGroupId",
    "message_deduplication_id": "MessageDeduplicationId",
}


class MessageLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line. Only the body must be there; what isn't known is refused, not ignored."""

    body: str
    attributes: dict[str, Attribute] = {}
    system_attributes: dict[str, str] = {}
    delay_s: int | None = None
    message_group_id: str | None = None
    message_deduplication_id: str | None = None
    message_id: str = ""
    state: str = ""
    sent_at_ms: int = 0
    visible_at_ms: int = 0
    receive_count: int = 0
    dead_letter_source_arn: str | None = None
    cursor: str = ""


class BadLine(Exception):
    """A line that is no message; the text says why."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(MessageLine).decode


def encode(message: PeekedMessage) -> bytes:
    """The line, with its end."""
    return _encode(message) + b"\n"


def decode(line: bytes) -> MessageLine:
    """Raises: BadLine."""
    try:
        return _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadLine(str(error)) from None
    except RecursionError:
        raise BadLine("it is nested too deeply") from None


def entry(line: MessageLine) -> dict[str, Any]:
    """The message to send, for `Client.send_many`."""
    given: dict[str, Any] = {"body": line.body}
    if line.attributes:
        given["attributes"] = line.attributes
    if line.delay_s is not None:
        given["delay_s"] = line.delay_s
    for name, attribute in _GIVEN.items():
        value = getattr(line, name)
        if value is None:
            value = line.system_attributes.get(attribute)
        if value is not None:
            given[name] = value
    return given
