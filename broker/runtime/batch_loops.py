"""takes out of a batch the messages by which a function has led to itself too often"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from broker.core.commands import Received
from broker.core.names import Namespace, is_fifo
from broker.core.record_filter import Records
from broker.core.sqs_record import record_trace_header
from broker.runtime.attempt import Runnable
from broker.runtime.metrics import RECURSIONS

__all__ = ["Parted", "parted"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Parted:
    """A batch, in order."""

    rest: Records = field(default_factory=list)
    looping: list[Received] = field(default_factory=list)
    behind: list[Received] = field(default_factory=list)  # a looping one, in its FIFO queue's group


def parted(
    records: Records, namespace: Namespace, queue: str, functions: Sequence[Runnable], label: str
) -> Parted:
    """What any of the functions may be invoked with, and what not; this is counted, and logged."""
    batch = Parted()
    fifo = is_fifo(queue)
    stopped: set[str] = set()
    for received, record in records:
        group = record["attributes"]["MessageGroupId"] if fifo else ""
        if group in stopped:
            batch.behind.append(received)
            continue
        header = record_trace_header(record)
        looping = [each for each in functions if each.is_recursion(namespace, header)]
        if not looping:
            batch.rest.append((received, record))
            continue
        RECURSIONS.labels(looping[0].function.name).inc()
        batch.looping.append(received)
        if fifo:
            stopped.add(group)
    if batch.looping:
        log.warning("%s: %d messages are a function's own, in a loop", label, len(batch.looping))
    return batch
