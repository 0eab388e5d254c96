"""CloudEvents 1.0 to events of a bus

`type` becomes the detail-type, `source` the source, `data` the detail, `subject` the one resource;
`id` and `time` are kept. An EventBridge event has no place for anything else, and nothing is
dropped silently, so `dataschema` and extension attributes are refused by name.
Source: CloudEvents 1.0.2, HTTP protocol binding and JSON format.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from broker.core.errors import InvalidParameter, NotSupported
from broker.core.event import Event
from broker.edge.native.errors import MalformedRequest
from broker.edge.native.event import NewEvent, to_time_ms

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PREFIX = "ce-"

_KNOWN = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "data"}
)


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent 1.0 in its JSON format, as far as an event of a bus can hold it."""

    specversion: str
    id: str
    source: str
    type: str
    time: str | None = None
    subject: str | None = None
    datacontenttype: str | None = None
    data: dict[str, Any]


def from_structured(document: Mapping[str, Any]) -> Event:
    """The event that a CloudEvent in JSON is.

    Raises: MalformedRequest, NotSupported, InvalidParameter.
    """
    for name in document:
        if name == "data_base64":
            raise NotSupported("data_base64: an event's data must be a JSON object here.")
        if name not in _KNOWN:
            raise NotSupported(
                f"{name}: a CloudEvent's dataschema and extension attributes have no place in an "
                "event of a bus; put what matters into data."
            )
    try:
        given = msgspec.convert(document, CloudEvent)
    except msgspec.ValidationError as error:
        raise MalformedRequest(f"CloudEvent: {error}".replace("`", "")) from None
    return _to_event(given)


def from_binary(headers: Mapping[str, str], body: bytes) -> Event:
    """The event whose attributes are in `ce-` headers and whose data is the body.

    Raises: MalformedRequest, NotSupported, InvalidParameter.
    """
    attributes: dict[str, Any] = {
        name.removeprefix(PREFIX): unquote(value)
        for name, value in headers.items()
        if name.startswith(PREFIX)
    }
    if "data" in attributes or "datacontenttype" in attributes:
        raise MalformedRequest("ce-data and ce-datacontenttype are no headers of a CloudEvent.")
    try:
        attributes["data"] = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedRequest(f"The body is not JSON: {error}") from None
    except RecursionError:
        raise MalformedRequest("The body is nested too deeply.") from None
    return from_structured(attributes)


def _to_event(given: CloudEvent) -> Event:
    if given.specversion != "1.0":
        raise NotSupported(f"CloudEvents {given.specversion} is not supported; 1.0 is.")
    if not (given.id and given.source and given.type):
        raise InvalidParameter("A CloudEvent's id, source and type must not be empty.")
    content_type = (given.datacontenttype or "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise NotSupported(f"data of the type {content_type} is not supported; JSON is.")
    return NewEvent(
        source=given.source,
        detail_type=given.type,
        detail=given.data,
        resources=[given.subject] if given.subject else [],
        id=given.id,
    ).to_event(to_time_ms(given.time))
