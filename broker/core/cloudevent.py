"""CloudEvents 1.0 and the events of a bus, each as the other, with nothing lost

`type` is the detail-type, `data` the detail, `subject` the one resource; `id`, `source` and `time`
are the same in both. What an event has beside them are the extension attributes `awsaccount`,
`awsregion` and `replayname`, and `awsresources` (JSON) if its resources aren't one. What a
CloudEvent has beside them stands in the event's member `cloudevent`, where patterns can match it.
An event's detail is an object: of other data it is `{"data": …}`, or `{"data_base64": …}`, and
`cloudevent._data` says so.
Source: CloudEvents 1.0.2, JSON format and HTTP protocol binding.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import msgspec

from broker.core.errors import InvalidParameter
from broker.core.event import Event
from broker.core.json_text import InvalidJson, parse_json
from broker.core.message import iso_time

__all__ = [
    "HttpContent",
    "binary_content",
    "cloud_event",
    "event_of_cloud_event",
    "is_json",
    "structured_content",
]

JSON = "application/json"
_DATA = "_data"  # what the detail is of data that is no object; no name that an attribute can have
_VALUE, _BASE64, _NONE = "value", "base64", "none"
_NAME = re.compile("[a-z0-9]+")
_INTEGERS = range(-(1 << 31), 1 << 31)
_MAPPED = frozenset({"specversion", "id", "source", "type", "data", "data_base64"})
# What a header may hold as it is: printable ASCII without space, quote and percent.
_PLAIN = "".join(map(chr, range(0x21, 0x7F))).replace('"', "").replace("%", "")


@dataclass(frozen=True, slots=True)
class HttpContent:
    """A CloudEvent as HTTP has it."""

    headers: dict[str, str]
    body: bytes


def event_of_cloud_event(document: Mapping[str, Any], time_ms: int | None) -> Event:
    """The event that a CloudEvent in its JSON format is; `time_ms` is what its time comes to.

    Raises: InvalidParameter, for attributes that CloudEvents doesn't allow.
    """
    kept = {name: value for name, value in document.items() if name not in _MAPPED}
    for name, value in kept.items():
        _check_attribute(name, value)
    given_time = kept.pop("time", None)
    if time_ms is not None and given_time != _time(time_ms):
        kept["time"] = given_time
    if kept.get("datacontenttype") == JSON:
        del kept["datacontenttype"]
    detail: Any = document.get("data")
    if not isinstance(detail, dict):
        detail, kept[_DATA] = _wrapped(document)
    return Event(
        source=document["source"],
        detail_type=document["type"],
        detail=detail,
        resources=_resources(kept),
        time_ms=time_ms,
        id=document["id"],
        cloud_event={name: value for name, value in kept.items() if value is not None},
    )


def cloud_event(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event of a bus, whole, as a CloudEvent in its JSON format."""
    kept: dict[str, Any] = dict(event.get("cloudevent") or {})
    data = kept.pop(_DATA, "")
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": event["id"],
        "source": event["source"],
        "type": event["detail-type"],
        "time": event["time"],
        "datacontenttype": JSON,
        "awsaccount": event["account"],
        "awsregion": event["region"],
    }
    resources = event["resources"]
    if len(resources) == 1 and resources[0] and "subject" not in kept:
        document["subject"] = resources[0]
    elif resources:
        document["awsresources"] = msgspec.json.encode(resources).decode()
    if "replay-name" in event:
        document["replayname"] = event["replay-name"]
    document |= kept
    detail = event["detail"]
    if data == _BASE64:
        document["data_base64"] = detail["data_base64"]
    elif data != _NONE:
        document["data"] = detail["data"] if data == _VALUE else detail
    return document


def structured_content(event: Mapping[str, Any]) -> HttpContent:
    """An event of a bus as a CloudEvent in structured mode."""
    headers = {"Content-Type": "application/cloudevents+json"}
    return HttpContent(headers, msgspec.json.encode(cloud_event(event)))


def binary_content(event: Mapping[str, Any]) -> HttpContent:
    """An event of a bus as a CloudEvent in binary mode."""
    document = cloud_event(event)
    content_type = document.pop("datacontenttype")
    if "data_base64" in document:
        body = base64.b64decode(document.pop("data_base64"))
    elif "data" not in document:
        body = b""
    else:
        data = document.pop("data")
        text = isinstance(data, str) and not is_json(content_type)
        body = data.encode() if text else msgspec.json.encode(data)
    headers = {f"ce-{name}": quote(_text(value), safe=_PLAIN) for name, value in document.items()}
    return HttpContent({"Content-Type": content_type, **headers}, body)


def is_json(content_type: str) -> bool:
    """Whether data of this media type is JSON."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type in (JSON, "text/json") or media_type.endswith("+json")


def _wrapped(document: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The detail that holds data that is no object, and what it is."""
    if "data_base64" in document:
        text = document["data_base64"]
        try:
            base64.b64decode(text, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise InvalidParameter("A CloudEvent's data_base64 is not valid Base64.") from None
        return {"data_base64": text}, _BASE64
    if "data" in document:
        return {"data": document["data"]}, _VALUE
    return {}, _NONE


def _resources(kept: dict[str, Any]) -> list[str]:
    """What the attributes say of resources; takes those out that say nothing else."""
    listed = _listed(kept.get("awsresources"))
    if listed is not None:
        del kept["awsresources"]
        return listed
    subject = kept.pop("subject", None)
    return [subject] if subject else []


def _listed(text: Any) -> list[str] | None:
    try:
        found = parse_json(text) if isinstance(text, str) else None
    except InvalidJson:
        return None
    is_list = isinstance(found, list) and all(isinstance(each, str) for each in found)
    return found if is_list else None


def _check_attribute(name: str, value: Any) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidParameter(
            f"{name!r}: the name of a CloudEvent's attribute has lower-case letters and digits."
        )
    whole = isinstance(value, int) and value in _INTEGERS
    if not (whole or isinstance(value, bool | str) or value is None):
        raise InvalidParameter(
            f"{name}: a CloudEvent's attribute is a text, a Boolean or an integer of 32 bits."
        )


def _time(time_ms: int) -> str:
    return iso_time(time_ms)[:19] + "Z"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
