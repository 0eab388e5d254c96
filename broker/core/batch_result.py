"""which messages of a batch a function says have failed"""

from collections.abc import Sequence
from typing import Any

from broker.core.json_text import InvalidJson, parse_json

__all__ = ["failed_items"]


def failed_items(payload: bytes, identifiers: Sequence[str]) -> set[str] | None:
    """The identifiers that a function's result lists as failed; None if the whole batch has.

    What reports no failures is success: an empty list, null, no `batchItemFailures`, no object.
    What can't be understood fails the whole batch: no JSON, an item without an identifier, one that
    isn't in the batch. Source: Lambda developer guide, partial batch responses.
    """
    try:
        result: Any = parse_json(payload or b"null")
    except InvalidJson:
        return None
    listed = result.get("batchItemFailures") if isinstance(result, dict) else None
    if listed is None:
        return set()
    if not isinstance(listed, list):
        return None
    known = set(identifiers)
    failed: set[str] = set()
    for item in listed:
        identifier = item.get("itemIdentifier") if isinstance(item, dict) else None
        if not isinstance(identifier, str) or identifier not in known:
            return None
        failed.add(identifier)
    return failed
