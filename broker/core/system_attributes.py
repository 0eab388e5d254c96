"""system attributes: what a receiver is told of a message beside its body, as its sender gave it"""

from broker.core.commands import Peeked, Received
from broker.core.message import ORIGINAL_EVENT, Message
from broker.core.names import Namespace, uuid_text
from broker.core.trace_header import AWS_TRACE_HEADER


def sent_by(namespace: Namespace, trace_header: str | None) -> dict[str, str]:
    """What every message of a request has, whatever else is said of it."""
    attributes = {"SenderId": namespace.account}
    if trace_header is not None:
        attributes[AWS_TRACE_HEADER] = trace_header
    return attributes


def system_attributes(message: Message, found: Received | Peeked) -> dict[str, str]:
    """SenderId, AWSTraceHeader, and of a message of a FIFO queue its group, ids and number.

    Only messages of FIFO queues have a deduplication id. A dead letter was stored under its message
    id in place of that, lest two letters with one body be taken for one, and is shown so.
    """
    attributes = dict(message.system_attributes or {})
    attributes.pop(ORIGINAL_EVENT, None)
    if "MessageDeduplicationId" in attributes:
        attributes["SequenceNumber"] = sequence_number(found.sequence)
        if found.dead_letter_source_arn is not None:
            attributes["MessageDeduplicationId"] = uuid_text(found.message_id)
    return attributes


def sequence_number(sequence: int) -> str:
    """As SQS writes it: 20 digits, so that the order of texts is the order of messages."""
    return f"{sequence:020d}"
