"""message groups and deduplication ids: what a message of a FIFO queue must have, and others may

On a standard queue a group is the tenant that shares it fairly with others; there are no
deduplication ids.
"""

import hashlib

from broker.core.errors import InvalidParameter, MissingParameter
from broker.core.limits import MESSAGE_GROUP_ID_CHARS_MAX
from broker.core.names import MESSAGE_GROUP_ID
from broker.core.resources import Queue


def check_group_given(queue: Queue, group: str | None) -> None:
    """Raises: MissingParameter. Of a batch, one entry without a group refuses it whole."""
    if group is None and queue.fifo:
        raise MissingParameter("The request must contain the parameter MessageGroupId.")


def check_group(group: str) -> None:
    """Raises: InvalidParameter."""
    _check_id("MessageGroupId", group)


def deduplication_id_of(queue: Queue, body: str, given: str | None) -> str | None:
    """The id under which a message is deduplicated: as given, else the SHA-256 of its body.

    None on a standard queue. Raises: InvalidParameter.
    """
    if given is not None:
        if not queue.fifo:
            raise not_of_this_type("MessageDeduplicationId", given)
        _check_id("MessageDeduplicationId", given)
        return given
    if not queue.fifo:
        return None
    if not queue.content_based_deduplication:
        raise InvalidParameter(
            "The queue should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly"
        )
    return hashlib.sha256(body.encode()).hexdigest()


def check_attempt_id(queue: Queue, attempt_id: str) -> None:
    """A ReceiveRequestAttemptId. Raises: InvalidParameter."""
    if not queue.fifo:
        raise not_of_this_type("ReceiveRequestAttemptId", attempt_id)
    _check_id("ReceiveRequestAttemptId", attempt_id)


def not_of_this_type(name: str, value: str | int) -> InvalidParameter:
    """The refusal of a parameter that queues of the other type have."""
    return InvalidParameter(
        f"Value {value} for parameter {name} is invalid. "
        "Reason: The request include parameter that is not valid for this queue type."
    )


def _check_id(name: str, value: str) -> None:
    if not MESSAGE_GROUP_ID.fullmatch(value):
        raise InvalidParameter(
            f"Value {value} for parameter {name} is invalid. Reason: {name} can only include "
            f"alphanumeric and punctuation characters. 1 to {MESSAGE_GROUP_ID_CHARS_MAX} in length."
        )
