"""stored bodies: a message or a notification, and the text each receiver gets of it

A fan-out stores one body however many queues it reaches. What differs between receivers (the
envelope around a notification names the subscription) is not stored but rendered when the message
is received: an entry says by which subscription it came and in which form.
"""

import base64
import hashlib
import struct
from datetime import UTC, datetime
from typing import Any

import msgspec

# OpenSSL's MD5 is the faster one for long bodies, but takes a microsecond to begin; Python's own
# takes half of that for a short one.
_SMALL_BYTES = 1024
try:
    from _md5 import md5 as _small_md5  # type: ignore[import-not-found]
except ImportError:  # a Python built without it
    _small_md5 = hashlib.md5


class MessageAttribute(msgspec.Struct, frozen=True, array_like=True):
    """One message attribute; exactly one of the two values is there."""

    data_type: str  # String, Number or Binary, with an optional label
    string_value: str | None = None
    binary_value: bytes | None = None


Attributes = dict[str, MessageAttribute]


class Message(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A body that every receiver gets as it is."""

    body: str
    md5: bytes  # of the body's UTF-8, 16 bytes
    attributes: Attributes | None = None
    system_attributes: dict[str, str] | None = None  # SenderId, AWSTraceHeader, MessageGroupId


class Notification(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A publish to a topic, before it takes the form its receiver wants."""

    topic_arn: str
    message_id: str
    timestamp_ms: int
    message: str
    subject: str | None = None
    attributes: Attributes | None = None
    by_protocol: dict[str, str] | None = None  # MessageStructure=json, `default` included


AnyBody = Message | Notification


class Via(msgspec.Struct, frozen=True, array_like=True):
    """The subscription by which an entry came, and the form in which it is received."""

    subscription_arn: str
    form: str  # "raw", "envelope" (the SNS document) or "record" (Lambda's event)


_decoder: msgspec.msgpack.Decoder[AnyBody] = msgspec.msgpack.Decoder(AnyBody)
_encoder = msgspec.msgpack.Encoder()


def encode(body: AnyBody) -> bytes:
    """The record to store."""
    return _encoder.encode(body)


def decode(record: bytes) -> AnyBody:
    """The body that a record holds."""
    return _decoder.decode(record)


def message(
    body: str,
    attributes: Attributes | None = None,
    system_attributes: dict[str, str] | None = None,
) -> Message:
    """A message with its MD5."""
    return Message(body, md5_digest(body.encode()), attributes or None, system_attributes or None)


def md5_digest(data: bytes) -> bytes:
    """The MD5 that SDKs verify; it protects nothing."""
    if len(data) < _SMALL_BYTES:
        digest: bytes = _small_md5(data, usedforsecurity=False).digest()
        return digest
    return hashlib.md5(data, usedforsecurity=False).digest()


def rendered(body: AnyBody, via: Via | None, origin: str) -> Message:
    """What the receiver of an entry gets; `origin` is `http://host` by which it reaches us."""
    if isinstance(body, Message):
        return body
    if via is None or via.form == "raw":
        text = body.message if body.by_protocol is None else _for_protocol(body, "sqs")
        return message(text, body.attributes)
    form = _lambda_record if via.form == "record" else _envelope
    return message(form(body, via, origin))


def _for_protocol(body: Notification, protocol: str) -> str:
    if body.by_protocol is None:
        return body.message
    return body.by_protocol.get(protocol, body.by_protocol["default"])


def _envelope(body: Notification, via: Via, origin: str) -> str:
    """The JSON document that SNS delivers, members in its order."""
    document: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": body.message_id,
        "TopicArn": body.topic_arn,
    }
    if body.subject is not None:
        document["Subject"] = body.subject
    document["Message"] = _for_protocol(body, "sqs")
    document["Timestamp"] = iso_time(body.timestamp_ms)
    document["UnsubscribeURL"] = _unsubscribe_url(via, origin)
    if body.attributes:
        document["MessageAttributes"] = _typed_values(body.attributes)
    return msgspec.json.encode(document).decode()


def _lambda_record(body: Notification, via: Via, origin: str) -> str:
    """The event that SNS hands to a function."""
    return msgspec.json.encode(
        {
            "Records": [
                {
                    "EventSource": "aws:sns",
                    "EventVersion": "1.0",
                    "EventSubscriptionArn": via.subscription_arn,
                    "Sns": {
                        "Type": "Notification",
                        "MessageId": body.message_id,
                        "TopicArn": body.topic_arn,
                        "Subject": body.subject,
                        "Message": _for_protocol(body, "lambda"),
                        "Timestamp": iso_time(body.timestamp_ms),
                        "UnsubscribeUrl": _unsubscribe_url(via, origin),
                        "MessageAttributes": _typed_values(body.attributes or {}),
                    },
                }
            ]
        }
    ).decode()


def _typed_values(attributes: Attributes) -> dict[str, dict[str, str]]:
    return {
        name: {
            "Type": a.data_type,
            "Value": a.string_value
            if a.string_value is not None
            else base64.b64encode(a.binary_value or b"").decode(),
        }
        for name, a in attributes.items()
    }


def _unsubscribe_url(via: Via, origin: str) -> str:
    return f"{origin}/?Action=Unsubscribe&SubscriptionArn={via.subscription_arn}"


def iso_time(at_ms: int) -> str:
    """`2026-01-02T03:04:05.678Z`"""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def md5_of_attributes(attributes: Attributes) -> str:
    """The hex MD5 that SDKs verify. Source: SQS developer guide, message metadata."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        digest.update(_counted(name.encode()))
        digest.update(_counted(attribute.data_type.encode()))
        if attribute.data_type.startswith("Binary"):
            digest.update(b"\x02" + _counted(attribute.binary_value or b""))
        else:
            digest.update(b"\x01" + _counted((attribute.string_value or "").encode()))
    return digest.hexdigest()


def _counted(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
