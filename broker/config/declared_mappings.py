"""declared event source mappings: the file's tables as the mappings they describe"""

import uuid
from collections.abc import Mapping
from typing import Any

from broker.config.errors import Refused, json_text
from broker.config.lines import Path as Place
from broker.config.tables import EventSourceMappingTable, FunctionTable
from broker.core.errors import InvalidParameter
from broker.core.names import Namespace
from broker.core.piping import check_batch_source
from broker.core.resources import BatchSource, EventSourceMapping, Queue

_SPACE = uuid.UUID("6a0c3f0e-57c1-5f0c-9a52-3d4f6f0f6f0d")  # of declared mappings' UUIDs; ours


def declared_mapping(
    table: EventSourceMappingTable,
    namespace: Namespace,
    key: Place,
    queues: Mapping[str, Queue],
    functions: Mapping[str, FunctionTable],
) -> EventSourceMapping:
    """The mapping that a table describes; its UUID follows from the two names. Raises: Refused."""
    source = BatchSource(
        arn=namespace.arn("sqs", table.queue),
        batch_size=table.batch_size,
        window_s=table.window_s,
        filters=tuple(
            _text(each, (*key, "filters", index)) for index, each in enumerate(table.filters)
        ),
    )
    try:
        check_batch_source(source, namespace)
    except InvalidParameter as error:
        raise Refused(key, error.message) from None
    queue, function = queues.get(table.queue), functions.get(table.function)
    # That one of them isn't declared is told elsewhere.
    if (
        queue is not None
        and function is not None
        and queue.visibility_timeout_s < function.timeout_s
    ):
        reason = (
            f"the queue's visibility_timeout_s ({queue.visibility_timeout_s}) is less than "
            f"the function's timeout_s ({function.timeout_s:g})"
        )
        raise Refused(key, reason)
    return EventSourceMapping(
        name=str(uuid.uuid5(_SPACE, f"{namespace}|{table.queue}|{table.function}")),
        source=source,
        function=table.function,
        enabled=table.enabled,
        maximum_concurrency=table.maximum_concurrency,
        reports_failures=table.report_batch_item_failures,
        declared=True,
    )


def _text(pattern: dict[str, Any] | str, key: Place) -> str:
    return pattern if isinstance(pattern, str) else json_text(pattern, key)
