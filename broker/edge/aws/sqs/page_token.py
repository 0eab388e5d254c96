"""pages of queues: how many, and the token that says where the next one begins"""

import base64
import binascii

from broker.core.errors import InvalidParameter
from broker.core.limits import LIST_QUEUES_MAX
from broker.core.names import QUEUE_NAME
from broker.edge.aws.paging import page_of


def page_of_queues(
    names: list[str], next_token: str | None, max_results: int | None
) -> tuple[list[str], str | None]:
    """One page of sorted names, and the token of the next; a token only if a size was asked for.

    Raises: InvalidParameter. Source: SQS API, ListQueues.
    """
    if max_results is not None and not 1 <= max_results <= LIST_QUEUES_MAX:
        raise InvalidParameter(
            f"Value {max_results} for parameter MaxResults is invalid. "
            f"Reason: MaxResults must be an integer between 1 and {LIST_QUEUES_MAX}."
        )
    after = _name(next_token) if next_token is not None else None
    page, last = page_of(names, after, max_results or LIST_QUEUES_MAX)
    return page, _token(last) if last is not None and max_results is not None else None


def _token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _name(token: str) -> str:
    try:
        name = base64.b64decode(token, b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        name = ""
    if not QUEUE_NAME.fullmatch(name):
        raise InvalidParameter(
            f"Value {token} for parameter NextToken is invalid. Reason: No list has given it out."
        )
    return name
