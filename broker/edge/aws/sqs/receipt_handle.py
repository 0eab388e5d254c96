"""receipt handles as SQS writes them, and what is wrong with one"""

import base64
import binascii

from broker.core.errors import (
    BrokerError,
    MessageNotInFlight,
    ReceiptHandleIsInvalid,
)
from broker.core.limits import (
    VISIBILITY_TIMEOUT_S_MAX,
)

# By the name of the store's error.
_REASONS = {
    "VisibilityTimeoutTooLong": "Total VisibilityTimeout for the message is beyond the limit "
    f"[{VISIBILITY_TIMEOUT_S_MAX} seconds]",
    "MessageNotInFlight": "Message does not exist or is not available for visibility timeout "
    "change.",
    "ReceiptHandleExpired": "The receipt handle has expired.",  # of FIFO queues alone
}


def handle_error(name: str, receipt_handle: str) -> BrokerError:
    if name == "ReceiptHandleIsInvalid":
        return ReceiptHandleIsInvalid(
            f'The input receipt handle "{receipt_handle}" is not a valid receipt handle.'
        )
    return MessageNotInFlight(
        f"Value {receipt_handle} for parameter ReceiptHandle is invalid. Reason: {_REASONS[name]}"
    )


def handle_of(text: str) -> bytes:
    handle = handle_bytes(text)
    if not handle:
        raise handle_error("ReceiptHandleIsInvalid", text)
    return handle


def handle_bytes(text: str) -> bytes:
    """The handle, or b"" for what can't be one: the store says so of each."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
