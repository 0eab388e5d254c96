"""SQS actions that change how long received messages stay hidden"""

from typing import ClassVar

import msgspec

from broker.core.commands import VisibilityChange
from broker.core.errors import (
    BrokerError,
)
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sqs.batch import (
    BatchResultEntry,
    BatchResultErrorEntry,
    batch_outcome,
    check_batch,
    failed_entry,
)
from broker.edge.aws.sqs.receipt_handle import handle_bytes, handle_error, handle_of
from broker.edge.aws.sqs.service import locate_queue, sqs
from broker.edge.aws.sqs.validation import check_visibility_timeout


class ChangeMessageVisibilityRequest(Members, kw_only=True):
    queue_url: str
    receipt_handle: str
    visibility_timeout: int


@sqs.action("ChangeMessageVisibility", ChangeMessageVisibilityRequest)
async def change_message_visibility(call: Call, request: ChangeMessageVisibilityRequest) -> None:
    """Hide a received message until so long from now."""
    check_visibility_timeout(request.visibility_timeout)
    change = VisibilityChange(handle_of(request.receipt_handle), request.visibility_timeout * 1000)
    namespace, name = locate_queue(call, request.queue_url)
    (result,) = await call.broker.queues.change_visibility(namespace, name, [change])
    if result is not None:
        raise handle_error(result, request.receipt_handle)


class ChangeMessageVisibilityBatchRequestEntry(Members, kw_only=True):
    id: str
    receipt_handle: str
    visibility_timeout: int = 0


class ChangeMessageVisibilityBatchRequest(Members, kw_only=True):
    query_names: ClassVar = {"Entries": "ChangeMessageVisibilityBatchRequestEntry"}
    queue_url: str
    entries: list[ChangeMessageVisibilityBatchRequestEntry] = msgspec.field(default_factory=list)


class ChangeMessageVisibilityBatchResponse(Members, kw_only=True):
    query_names: ClassVar = {
        "Successful": "ChangeMessageVisibilityBatchResultEntry",
        "Failed": "BatchResultErrorEntry",
    }
    successful: list[BatchResultEntry] | None = None
    failed: list[BatchResultErrorEntry] | None = None


@sqs.action("ChangeMessageVisibilityBatch", ChangeMessageVisibilityBatchRequest)
async def change_message_visibility_batch(
    call: Call, request: ChangeMessageVisibilityBatchRequest
) -> ChangeMessageVisibilityBatchResponse:
    """Hide up to ten received messages until so long from now."""
    check_batch(request.entries, "ChangeMessageVisibilityBatchRequestEntry")
    namespace, name = locate_queue(call, request.queue_url)
    call.broker.queues.get(namespace, name)
    failed: list[BatchResultErrorEntry] = []
    accepted: list[ChangeMessageVisibilityBatchRequestEntry] = []
    for entry in request.entries:
        try:
            check_visibility_timeout(entry.visibility_timeout)
        except BrokerError as error:
            failed.append(failed_entry(entry.id, error))
        else:
            accepted.append(entry)
    changes = [
        VisibilityChange(handle_bytes(entry.receipt_handle), entry.visibility_timeout * 1000)
        for entry in accepted
    ]
    results = (
        await call.broker.queues.change_visibility(namespace, name, changes) if changes else []
    )
    successful, refused = batch_outcome(accepted, results)
    return ChangeMessageVisibilityBatchResponse(
        successful=successful, failed=[*failed, *(refused or [])] or None
    )
