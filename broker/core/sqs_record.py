"""a queue's message as the functions, pipes and filters see it that are handed batches of them"""

import base64
from binascii import b2a_base64
from typing import Any

from broker.core.commands import Received
from broker.core.json_text import InvalidJson, parse_json
from broker.core.message import Attributes, Message, md5_of_attributes
from broker.core.names import Namespace, uuid_text
from broker.core.system_attributes import system_attributes
from broker.core.trace_header import AWS_TRACE_HEADER, accepted_header

__all__ = ["record_trace_header", "sqs_record", "taken_apart"]


def sqs_record(
    received: Received, message: Message, namespace: Namespace, arn: str
) -> dict[str, Any]:
    """One of the `Records` of Lambda's event; `message` is rendered, `arn` the queue's.

    Source: Lambda developer guide, using Lambda with Amazon SQS.
    """
    attributes = {
        "ApproximateReceiveCount": str(received.receive_count),
        "SentTimestamp": str(received.sent_at_ms),
        "SenderId": namespace.account,
        "ApproximateFirstReceiveTimestamp": str(received.first_received_at_ms),
        **system_attributes(message, received),
    }
    if received.dead_letter_source_arn is not None:
        attributes["DeadLetterQueueSourceArn"] = received.dead_letter_source_arn
    given = message.attributes
    return {
        "messageId": uuid_text(received.message_id),
        "receiptHandle": b2a_base64(received.receipt_handle, newline=False).decode(),
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": _message_attributes(given or {}),
        "md5OfMessageAttributes": md5_of_attributes(given) if given else None,
        "md5OfBody": message.md5.hex(),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": namespace.region,
    }


def record_trace_header(record: dict[str, Any]) -> str | None:
    """The trace header that the message came with."""
    return accepted_header(record["attributes"].get(AWS_TRACE_HEADER))


def taken_apart(event: Any) -> Any:
    """A record with its body parsed, if that is a JSON object or array, for patterns and paths.

    What is no record, as an enrichment may make, is as it was.
    """
    if not isinstance(event, dict) or not isinstance(event.get("body"), str):
        return event
    try:
        body = parse_json(event["body"])
    except InvalidJson:
        return event
    return {**event, "body": body} if isinstance(body, dict | list) else event


def _message_attributes(attributes: Attributes) -> dict[str, Any]:
    return {
        name: {
            **(
                {"stringValue": attribute.string_value}
                if attribute.string_value is not None
                else {"binaryValue": base64.b64encode(attribute.binary_value or b"").decode()}
            ),
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": attribute.data_type,
        }
        for name, attribute in attributes.items()
    }
