"""stored bodies: a message, a notification or a handshake, and the text each receiver gets of it

A fan-out stores one body however many queues it reaches. What differs between receivers (the
envelope around a notification names the subscription) is not stored but rendered when the message
is received: an entry says by which subscription it came and in which form.
"""

import base64
import hashlib
import struct
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from broker.core.trace_header import AWS_TRACE_HEADER, accepted_header

# OpenSSL's MD5 is the faster one for long bodies, but takes a microsecond to begin; Python's own
# takes half of that for a short one.
_SMALL_BYTES = 1024
try:
    from _md5 import md5 as _small_md5  # type: ignore[import-not-found]
except ImportError:  # a Python built without it
    _small_md5 = hashlib.md5


# A system attribute for the broker alone: the event of which a function's text was made.
ORIGINAL_EVENT = "broker.event"


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


class Signature(msgspec.Struct, frozen=True, array_like=True):
    """What proves to receivers that a document comes from the topic's broker."""

    version: str  # "1" or "2"
    certificate: str  # the file name in its URL
    by_protocol: dict[str, str]  # base64; several if the message differs by protocol


class Notification(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A publish to a topic, before it takes the form its receiver wants."""

    topic_arn: str
    message_id: str
    timestamp_ms: int
    message: str
    subject: str | None = None
    attributes: Attributes | None = None
    by_protocol: dict[str, str] | None = None  # MessageStructure=json, `default` included
    group: str | None = None
    deduplication_id: str | None = None  # of a FIFO topic
    trace_header: str | None = None
    signature: Signature | None = None  # if the topic signs what goes into queues, too

    def for_protocol(self, protocol: str) -> str:
        """The message, as it is for endpoints of that protocol."""
        if self.by_protocol is None:
            return self.message
        return self.by_protocol.get(protocol, self.by_protocol["default"])


class Handshake(msgspec.Struct, frozen=True, array_like=True, tag=3):
    """What an HTTP endpoint is asked when it is subscribed, or told when it no longer is."""

    kind: str  # SubscriptionConfirmation or UnsubscribeConfirmation
    topic_arn: str
    subscription_arn: str
    message_id: str
    timestamp_ms: int
    token: str


AnyBody = Message | Notification | Handshake


class Via(msgspec.Struct, frozen=True, array_like=True):
    """The subscription by which an entry came, and the form in which it is received.

    Of what a rule sent, `subscription` is `<bus>|<rule>|<target id>` and the protocol "events"; of
    what a rule of another namespace sent into this one, `<rule's ARN>|<target id>`.
    """

    subscription: str  # what its ARN has behind the topic's; up to format 2 the whole ARN
    form: str  # "raw", "envelope" (the SNS document) or "record" (Lambda's event)
    protocol: str = "sqs"  # of the subscription
    sequence: int = 0  # of a FIFO topic's message
    replayed: bool = False
    cause: str | None = None  # why it is a dead letter
    hops: int = 0  # from topic to bus to bus, so far
    trace: bytes = b""  # of an event in the ledger: what `core.ledger` wrote

    def arn(self, topic_arn: str) -> str:
        """The subscription's ARN, of the topic that the entry's notification names."""
        if self.subscription.startswith("arn:"):
            return self.subscription
        return f"{topic_arn}:{self.subscription}"


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


def traced_message(
    body: str,
    trace_header: str | None,
    attributes: Attributes | None = None,
    system_attributes: dict[str, str] | None = None,
) -> Message:
    """A message that keeps the trace header of what it comes of."""
    if trace_header is not None:
        system_attributes = {**(system_attributes or {}), AWS_TRACE_HEADER: trace_header}
    return message(body, attributes, system_attributes)


def trace_header_of(rendered: Message) -> str | None:
    """The trace header that a message has kept."""
    return accepted_header((rendered.system_attributes or {}).get(AWS_TRACE_HEADER))


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
    if isinstance(body, Handshake):
        return message(document_text(handshake_document(body, None, origin)))
    system_attributes = _system_attributes(body)
    if via is None or via.form == "raw":
        text = body.for_protocol(via.protocol if via else "sqs")
        return message(text, body.attributes, system_attributes)
    if via.form == "record":
        text = _lambda_record(body, via, origin)
    else:
        text = document_text(notification_document(body, via, body.signature, origin))
    return message(text, None, system_attributes)


def notification_document(
    body: Notification, via: Via, signature: Signature | None, origin: str
) -> dict[str, Any]:
    """The JSON document that SNS delivers, members in its order."""
    document: dict[str, Any] = {"Type": "Notification", "MessageId": body.message_id}
    if via.sequence:
        document["SequenceNumber"] = f"{via.sequence:020d}"
    document["TopicArn"] = body.topic_arn
    if body.subject is not None:
        document["Subject"] = body.subject
    document["Message"] = body.for_protocol(via.protocol)
    document["Timestamp"] = iso_time(body.timestamp_ms)
    if signature is not None:
        document |= signature_members(signature, via.protocol, origin)
    document["UnsubscribeURL"] = _unsubscribe_url(body, via, origin)
    if via.replayed:
        document["Replayed"] = "true"
    if body.attributes:
        document["MessageAttributes"] = _typed_values(body.attributes)
    return document


_HANDSHAKE_TEXT = {
    "SubscriptionConfirmation": (
        "You have chosen to subscribe to the topic {topic}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message."
    ),
    "UnsubscribeConfirmation": (
        "You have chosen to deactivate subscription {subscription}.\n"
        "To cancel this operation and restore the subscription, visit the SubscribeURL included "
        "in this message."
    ),
}


def handshake_document(body: Handshake, signature: Signature | None, origin: str) -> dict[str, Any]:
    """The JSON document by which an endpoint confirms, or restores, its subscription."""
    text = _HANDSHAKE_TEXT[body.kind]
    confirm = urlencode({"TopicArn": body.topic_arn, "Token": body.token})
    document: dict[str, Any] = {
        "Type": body.kind,
        "MessageId": body.message_id,
        "Token": body.token,
        "TopicArn": body.topic_arn,
        "Message": text.format(topic=body.topic_arn, subscription=body.subscription_arn),
        "SubscribeURL": f"{origin}/?Action=ConfirmSubscription&{confirm}",
        "Timestamp": iso_time(body.timestamp_ms),
    }
    if signature is not None:
        document |= signature_members(signature, "http", origin)
    return document


def document_text(document: dict[str, Any]) -> str:
    """A document as it is sent."""
    return msgspec.json.encode(document).decode()


def signature_members(
    signature: Signature, protocol: str, origin: str, url_member: str = "SigningCertURL"
) -> dict[str, str]:
    """The members that carry a signature."""
    return {
        "SignatureVersion": signature.version,
        "Signature": signature.by_protocol[protocol],
        url_member: f"{origin}/{signature.certificate}",
    }


def _system_attributes(body: Notification) -> dict[str, str] | None:
    given = {
        "MessageGroupId": body.group,
        "MessageDeduplicationId": body.deduplication_id,
        AWS_TRACE_HEADER: body.trace_header,
    }
    return {name: value for name, value in given.items() if value is not None} or None


def _lambda_record(body: Notification, via: Via, origin: str) -> str:
    """The event that SNS hands to a function."""
    sns: dict[str, Any] = {
        "Type": "Notification",
        "MessageId": body.message_id,
        "TopicArn": body.topic_arn,
        "Subject": body.subject,
        "Message": body.for_protocol("lambda"),
        "Timestamp": iso_time(body.timestamp_ms),
    }
    if body.signature is not None:
        sns |= signature_members(body.signature, "lambda", origin, "SigningCertUrl")
    sns["UnsubscribeUrl"] = _unsubscribe_url(body, via, origin)
    sns["MessageAttributes"] = _typed_values(body.attributes or {})
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": via.arn(body.topic_arn),
        "Sns": sns,
    }
    return document_text({"Records": [record]})


def _typed_values(attributes: Attributes) -> dict[str, dict[str, str]]:
    values = plain_attributes(attributes)
    return {name: {"Type": a.data_type, "Value": values[name]} for name, a in attributes.items()}


def plain_attributes(attributes: Attributes) -> dict[str, str]:
    """The attributes' values as text; binary ones in base64."""
    return {
        name: a.string_value
        if a.string_value is not None
        else base64.b64encode(a.binary_value or b"").decode()
        for name, a in attributes.items()
    }


def _unsubscribe_url(body: Notification, via: Via, origin: str) -> str:
    return f"{origin}/?Action=Unsubscribe&SubscriptionArn={via.arn(body.topic_arn)}"


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
