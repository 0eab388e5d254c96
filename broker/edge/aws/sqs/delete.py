"""SQS actions that delete received messages"""

from typing import ClassVar

import msgspec

from broker.edge.aws.service import Call, Members
from broker.edge.aws.sqs.batch import (
    BatchResultEntry,
    BatchResultErrorEntry,
    batch_outcome,
    check_batch,
)
from broker.edge.aws.sqs.receipt_handle import handle_bytes, handle_error, handle_of
from broker.edge.aws.sqs.service import locate_queue, sqs


class DeleteMessageRequest(Members, kw_only=True):
    queue_url: str
    receipt_handle: str


@sqs.action("DeleteMessage", DeleteMessageRequest)
async def delete_message(call: Call, request: DeleteMessageRequest) -> None:
    """Delete one received message."""
    namespace, name = locate_queue(call, request.queue_url)
    handle = handle_of(request.receipt_handle)
    (result,) = await call.broker.queues.delete_messages(namespace, name, [handle])
    if result is not None:
        raise handle_error(result, request.receipt_handle)


class DeleteMessageBatchRequestEntry(Members, kw_only=True):
    id: str
    receipt_handle: str


class DeleteMessageBatchRequest(Members, kw_only=True):
    query_names: ClassVar = {"Entries": "DeleteMessageBatchRequestEntry"}
    queue_url: str
    entries: list[DeleteMessageBatchRequestEntry] = msgspec.field(default_factory=list)


class DeleteMessageBatchResponse(Members, kw_only=True):
    query_names: ClassVar = {
        "Successful": "DeleteMessageBatchResultEntry",
        "Failed": "BatchResultErrorEntry",
    }
    successful: list[BatchResultEntry] | None = None
    failed: list[BatchResultErrorEntry] | None = None


@sqs.action("DeleteMessageBatch", DeleteMessageBatchRequest)
async def delete_message_batch(
    call: Call, request: DeleteMessageBatchRequest
) -> DeleteMessageBatchResponse:
    """Delete up to ten received messages."""
    check_batch(request.entries, "DeleteMessageBatchRequestEntry")
    namespace, name = locate_queue(call, request.queue_url)
    handles = [handle_bytes(entry.receipt_handle) for entry in request.entries]
    results = await call.broker.queues.delete_messages(namespace, name, handles)
    successful, failed = batch_outcome(request.entries, results)
    return DeleteMessageBatchResponse(successful=successful, failed=failed)
