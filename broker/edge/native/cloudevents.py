"""CloudEvents 1.0 as they come by HTTP, in structured and binary mode, to events of a bus

Source: CloudEvents 1.0.2, HTTP protocol binding and JSON format.
"""

import base64
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from broker.core.cloudevent import event_of_cloud_event, is_json
from broker.core.errors import InvalidParameter, NotSupported
from broker.core.event import Event
from broker.edge.native.errors import MalformedRequest
from broker.edge.native.event import check_size, to_time_ms

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
PREFIX = "ce-"


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent 1.0 in its JSON format; it may have extension attributes."""

    specversion: str
    id: str
    source: str
    type: str
    time: str | None = None
    subject: str | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: Any = None
    data_base64: str | None = None


def from_structured(document: Mapping[str, Any]) -> Event:
    """The event that a CloudEvent in JSON is.

    Raises: MalformedRequest, NotSupported, InvalidParameter, MessageTooLong.
    """
    try:
        given = msgspec.convert(document, CloudEvent)
    except msgspec.ValidationError as error:
        raise MalformedRequest(f"CloudEvent: {error}".replace("`", "")) from None
    if given.specversion != "1.0":
        raise NotSupported(f"CloudEvents {given.specversion} is not supported; 1.0 is.")
    if not (given.id and given.source and given.type):
        raise InvalidParameter("A CloudEvent's id, source and type must not be empty.")
    if "data" in document and given.data_base64 is not None:
        raise MalformedRequest("A CloudEvent has data or data_base64, and not both.")
    event = event_of_cloud_event(document, to_time_ms(given.time))
    check_size(event)
    return event


def from_binary(headers: Mapping[str, str], body: bytes) -> Event:
    """The event whose attributes are in `ce-` headers and whose data is the body.

    Raises: MalformedRequest, NotSupported, InvalidParameter, MessageTooLong.
    """
    attributes: dict[str, Any] = {
        name.removeprefix(PREFIX): unquote(value)
        for name, value in headers.items()
        if name.startswith(PREFIX)
    }
    if not attributes.keys().isdisjoint({"data", "data_base64", "datacontenttype"}):
        raise MalformedRequest("A CloudEvent's data and its type are no ce- headers.")
    content_type = headers.get("content-type")
    if content_type is not None:
        attributes["datacontenttype"] = content_type
    if body:
        attributes |= _data(content_type or "application/json", body)
    return from_structured(attributes)


def _data(content_type: str, body: bytes) -> dict[str, Any]:
    if is_json(content_type):
        try:
            return {"data": msgspec.json.decode(body)}
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise MalformedRequest(f"The body is not JSON: {error}") from None
        except RecursionError:
            raise MalformedRequest("The body is nested too deeply.") from None
    if content_type.startswith("text/"):
        try:
            return {"data": body.decode()}
        except UnicodeDecodeError:
            pass  # of another character set
    return {"data_base64": base64.b64encode(body).decode()}
