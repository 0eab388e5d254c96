"""attributes of FIFO queues: what makes a queue one, and how it deduplicates"""

from collections.abc import Mapping
from typing import Any

from broker.core.errors import InvalidAttributeName, InvalidAttributeValue
from broker.core.fifo import DEDUPLICATION_SCOPES, FIFO_THROUGHPUT_LIMITS
from broker.core.resources import Queue

TYPE, CONTENT_BASED = "FifoQueue", "ContentBasedDeduplication"
SCOPE, LIMIT = "DeduplicationScope", "FifoThroughputLimit"
NAMES = (TYPE, CONTENT_BASED, SCOPE, LIMIT)

_VALUES = {
    CONTENT_BASED: ("true", "false"),
    SCOPE: DEDUPLICATION_SCOPES,
    LIMIT: FIFO_THROUGHPUT_LIMITS,
}


def changes(queue: Queue, attributes: Mapping[str, str]) -> dict[str, Any]:
    """The settings that these attributes change.

    Raises: InvalidAttributeName, InvalidAttributeValue.
    """
    given = {name: attributes[name] for name in NAMES if name in attributes}
    if not given:
        return {}
    if not queue.fifo:
        raise _not_of_a_standard_queue(given)
    if given.get(TYPE, "true") != "true":
        raise _other_type()
    for name, values in _VALUES.items():
        if name in given and given[name] not in values:
            raise InvalidAttributeValue(f"Invalid value for the parameter {name}.")
    scope = given.get(SCOPE, queue.deduplication_scope)
    limit = given.get(LIMIT, queue.fifo_throughput_limit)
    if limit == "perMessageGroupId" and scope != "messageGroup":
        raise InvalidAttributeValue(
            f"Invalid value for the parameter {LIMIT}. Reason: perMessageGroupId is allowed only "
            f"when the value for {SCOPE} is messageGroup."
        )
    found: dict[str, Any] = {"deduplication_scope": scope, "fifo_throughput_limit": limit}
    if CONTENT_BASED in given:
        found["content_based_deduplication"] = given[CONTENT_BASED] == "true"
    return found


def shown(queue: Queue) -> dict[str, str]:
    """The attributes as they are returned; none of a standard queue."""
    if not queue.fifo:
        return {}
    return {
        TYPE: "true",
        CONTENT_BASED: "true" if queue.content_based_deduplication else "false",
        SCOPE: queue.deduplication_scope,
        LIMIT: queue.fifo_throughput_limit,
    }


def _not_of_a_standard_queue(given: Mapping[str, str]) -> Exception:
    if given.get(TYPE, "false") != "false":
        return _other_type()
    for name in (SCOPE, LIMIT):
        if name in given:
            return InvalidAttributeName(
                f"You can specify the {name} only when FifoQueue is set to true."
            )
    return InvalidAttributeName(f"Unknown Attribute {next(iter(given))}.")


def _other_type() -> Exception:
    return InvalidAttributeValue(
        f"Invalid value for the parameter {TYPE}. Reason: Modifying queue type is not supported."
    )
