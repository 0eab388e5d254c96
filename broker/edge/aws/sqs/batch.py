"""what the batches of SQS have in common: entries that are checked, and an outcome for each"""

import re
from collections.abc import Sequence
from typing import Protocol, TypeVar

from broker.core.errors import (
    BatchEntryIdsNotDistinct,
    BrokerError,
    EmptyBatch,
    InvalidBatchEntryId,
    TooManyEntriesInBatch,
)
from broker.core.limits import (
    BATCH_ENTRIES_MAX,
)
from broker.edge.aws.service import Members
from broker.edge.aws.sqs.receipt_handle import handle_error
from broker.edge.aws.sqs.service import sqs

_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")


class BatchResultEntry(Members, kw_only=True):
    id: str


class BatchResultErrorEntry(Members, kw_only=True):
    id: str
    sender_fault: bool
    code: str
    message: str


class _Identified(Protocol):
    id: str


class _WithHandle(_Identified, Protocol):
    receipt_handle: str


E = TypeVar("E", bound=_WithHandle)


def check_batch(entries: Sequence[_Identified], entry_name: str) -> None:
    if not entries:
        raise EmptyBatch(f"There should be at least one {entry_name} in the request.")
    if len(entries) > BATCH_ENTRIES_MAX:
        raise TooManyEntriesInBatch(
            f"Maximum number of entries per request are {BATCH_ENTRIES_MAX}. "
            f"You have sent {len(entries)}."
        )
    seen = set()
    for entry in entries:
        if not _ENTRY_ID.fullmatch(entry.id):
            raise InvalidBatchEntryId
        if entry.id in seen:
            raise BatchEntryIdsNotDistinct(f"Id {entry.id} repeated.")
        seen.add(entry.id)


def batch_outcome(
    entries: Sequence[E], results: list[str | None]
) -> tuple[list[BatchResultEntry] | None, list[BatchResultErrorEntry] | None]:
    successful, failed = [], []
    for entry, result in zip(entries, results, strict=True):
        if result is None:
            successful.append(BatchResultEntry(id=entry.id))
        else:
            failed.append(failed_entry(entry.id, handle_error(result, entry.receipt_handle)))
    return successful or None, failed or None


def failed_entry(entry_id: str, error: BrokerError) -> BatchResultErrorEntry:
    wire = sqs.wire(error)
    return BatchResultErrorEntry(
        id=entry_id, sender_fault=wire.status < 500, code=wire.query_code, message=error.message
    )
