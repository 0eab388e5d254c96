"""what SQS checks of a message before it takes it"""

from broker.core.errors import InvalidParameter, MessageTooLong, MissingParameter
from broker.core.limits import VISIBILITY_TIMEOUT_S_MAX
from broker.core.resources import Queue
from broker.edge.aws.message_attributes import checked_bytes
from broker.edge.aws.sqs.message_group import not_of_this_type


def checked_body(body: str) -> bytes:
    """The body in UTF-8. Raises: MissingParameter, InvalidMessageContents."""
    if not body:
        raise MissingParameter("The request must contain the parameter MessageBody.")
    return checked_bytes(body)


def delay_of(queue: Queue, delay_s: int | None, delay_s_max: int) -> int:
    """A message's delay: its own, else the queue's.

    A FIFO queue delays all of its messages alike: 0 is accepted and means nothing.
    Raises: InvalidParameter.
    """
    if delay_s is None:
        return queue.delay_s
    if queue.fifo:
        if delay_s:
            raise not_of_this_type("DelaySeconds", delay_s)
        return queue.delay_s
    if not 0 <= delay_s <= delay_s_max:
        raise InvalidParameter(
            f"Value {delay_s} for parameter DelaySeconds is invalid. "
            f"Reason: DelaySeconds must be >= 0 and <= {delay_s_max}."
        )
    return delay_s


def check_size(size_bytes: int, maximum_bytes: int, *, in_batch: bool = False) -> None:
    """Raises: MessageTooLong."""
    if size_bytes > maximum_bytes:
        verb = "cannot be validated" if in_batch else "are invalid"
        raise MessageTooLong(
            f"One or more parameters {verb}. "
            f"Reason: Message must be shorter than {maximum_bytes} bytes.",
            size_bytes=size_bytes,
        )


def check_visibility_timeout(timeout_s: int) -> None:
    if not 0 <= timeout_s <= VISIBILITY_TIMEOUT_S_MAX:
        raise out_of_range(
            "VisibilityTimeout", timeout_s, "Must be between 0 and 43200, if provided."
        )


def out_of_range(name: str, value: int, reason: str) -> InvalidParameter:
    return InvalidParameter(f"Value {value} for parameter {name} is invalid. Reason: {reason}")
