"""what Lambda's actions have in common: where they lie, what they answer, pages"""

from typing import Any

import msgspec

from broker.core.errors import InvalidParameter
from broker.core.limits import LIST_PAGE_FUNCTIONS, LIST_PAGE_FUNCTIONS_MAX
from broker.edge.aws.service import Call
from broker.edge.http.message import Response

__all__ = ["FUNCTIONS", "answer", "limit_of", "takes_code"]

FUNCTIONS = "/2015-03-31/functions"


def limit_of(call: Call) -> int:
    """How many are wanted on a page. Raises: InvalidParameter."""
    text = call.request.query.get("MaxItems", str(LIST_PAGE_FUNCTIONS))
    limit = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= limit <= LIST_PAGE_FUNCTIONS_MAX:
        raise InvalidParameter(
            f"1 validation error detected: Value '{text}' at 'maxItems' failed to satisfy "
            f"constraint: Member must be between 1 and {LIST_PAGE_FUNCTIONS_MAX}"
        )
    return min(limit, LIST_PAGE_FUNCTIONS)


def answer(call: Call, body: dict[str, Any] | None, status: int = 200) -> Response:
    """What an action answers; None is nothing at all."""
    headers = (("x-amzn-RequestId", call.request_id),)
    if body is None:
        return Response(status, headers=headers)
    return Response(status, msgspec.json.encode(body), "application/json", headers)


def takes_code(method: str, target: bytes) -> bool:
    """Whether a request's body may be a function's code, before it has come."""
    path = target.partition(b"?")[0].rstrip(b"/")
    if not path.startswith(FUNCTIONS.encode()):
        return False
    return (method == "POST" and path == FUNCTIONS.encode()) or (
        method == "PUT" and path.endswith(b"/code")
    )
