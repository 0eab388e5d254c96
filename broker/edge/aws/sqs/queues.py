"""SQS actions on queues: create, find, list, configure, purge, delete"""

from typing import ClassVar

import msgspec

from broker.core.commands import QueueCounts
from broker.core.errors import (
    InvalidParameter,
    MissingParameter,
    NotSupported,
    QueueDoesNotExist,
    QueueNameExists,
    RecordChanged,
)
from broker.core.limits import LIST_QUEUES_MAX
from broker.core.names import QUEUE_NAME
from broker.core.resources import Queue
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sqs.attributes import attributes_of, with_attributes
from broker.edge.aws.sqs.service import locate_queue, queue_url, sqs


class CreateQueueRequest(Members, kw_only=True):
    query_names: ClassVar = {"Attributes": "Attribute", "tags": "Tag"}
    queue_name: str
    attributes: dict[str, str] | None = None
    tags: dict[str, str] | None = msgspec.field(default=None, name="tags")


class QueueUrlResponse(Members, kw_only=True):
    queue_url: str


@sqs.action("CreateQueue", CreateQueueRequest)
async def create_queue(call: Call, request: CreateQueueRequest) -> QueueUrlResponse:
    """Make a queue; one that is there with the same attributes is as good."""
    name = request.queue_name
    attributes = request.attributes or {}
    if name.endswith(".fifo") or attributes.get("FifoQueue") == "true":
        raise NotSupported("FIFO queues are not supported by this broker.")
    if not QUEUE_NAME.fullmatch(name):
        raise InvalidParameter(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )
    queues = call.broker.queues
    existing = _existing(call, name)
    if existing is None:
        now_ms = call.broker.now_ms()
        queue = Queue(
            name=name, created_at_ms=now_ms, modified_at_ms=now_ms, tags=request.tags or {}
        )
        queue = with_attributes(queue, call.namespace, attributes)
        try:
            await queues.create(call.namespace, queue)
        except RecordChanged:
            existing = queues.get(call.namespace, name)
    if existing is not None:
        wanted = with_attributes(existing, call.namespace, attributes)
        for attribute in attributes:
            if _value(call, wanted, attribute) != _value(call, existing, attribute):
                raise QueueNameExists(
                    "A queue already exists with the same name and a different value for "
                    f"attribute {attribute}"
                )
    return QueueUrlResponse(queue_url=queue_url(call, name))


class GetQueueUrlRequest(Members, kw_only=True):
    queue_name: str
    queue_owner_account_id: str | None = msgspec.field(default=None, name="QueueOwnerAWSAccountId")


@sqs.action("GetQueueUrl", GetQueueUrlRequest)
async def get_queue_url(call: Call, request: GetQueueUrlRequest) -> QueueUrlResponse:
    """The URL of a queue that is there."""
    owner = request.queue_owner_account_id
    if owner is not None and owner != call.namespace.account:
        raise QueueDoesNotExist
    call.broker.queues.get(call.namespace, request.queue_name)
    return QueueUrlResponse(queue_url=queue_url(call, request.queue_name))


class ListQueuesRequest(Members, kw_only=True):
    queue_name_prefix: str = ""
    next_token: str | None = None
    max_results: int | None = None


class ListQueuesResponse(Members, kw_only=True):
    query_names: ClassVar = {"QueueUrls": "QueueUrl"}
    queue_urls: list[str] | None = None
    next_token: str | None = None


@sqs.action("ListQueues", ListQueuesRequest)
async def list_queues(call: Call, request: ListQueuesRequest) -> ListQueuesResponse:
    """URLs of queues whose names begin with the prefix."""
    count = request.max_results
    if count is not None and not 1 <= count <= LIST_QUEUES_MAX:
        raise InvalidParameter(
            f"Value {count} for parameter MaxResults is invalid. "
            f"Reason: MaxResults must be an integer between 1 and {LIST_QUEUES_MAX}."
        )
    names = [q.name for q in call.broker.queues.all(call.namespace, request.queue_name_prefix)]
    if request.next_token is not None:
        names = [name for name in names if name > request.next_token]
    page = names[: count or LIST_QUEUES_MAX]
    more = count is not None and len(page) < len(names)
    return ListQueuesResponse(
        queue_urls=[queue_url(call, name) for name in page] or None,
        next_token=page[-1] if more else None,
    )


class QueueUrlRequest(Members, kw_only=True):
    queue_url: str


class GetQueueAttributesRequest(Members, kw_only=True):
    query_names: ClassVar = {"AttributeNames": "AttributeName"}
    queue_url: str
    attribute_names: list[str] = []


class GetQueueAttributesResponse(Members, kw_only=True):
    query_names: ClassVar = {"Attributes": "Attribute"}
    attributes: dict[str, str] | None = None


@sqs.action("GetQueueAttributes", GetQueueAttributesRequest)
async def get_queue_attributes(
    call: Call, request: GetQueueAttributesRequest
) -> GetQueueAttributesResponse:
    """The attributes asked for, counts included."""
    namespace, name = locate_queue(call, request.queue_url)
    queue = call.broker.queues.get(namespace, name)
    (counts,) = await call.broker.queues.counts(namespace, name)
    found = attributes_of(queue, namespace, request.attribute_names, counts)
    return GetQueueAttributesResponse(attributes=found or None)


class SetQueueAttributesRequest(Members, kw_only=True):
    query_names: ClassVar = {"Attributes": "Attribute"}
    queue_url: str
    attributes: dict[str, str]


@sqs.action("SetQueueAttributes", SetQueueAttributesRequest)
async def set_queue_attributes(call: Call, request: SetQueueAttributesRequest) -> None:
    """Change attributes; those not named stay."""
    if not request.attributes:
        raise MissingParameter("The request must contain the parameter Attribute.Name.")
    namespace, name = locate_queue(call, request.queue_url)
    queue = call.broker.queues.get(namespace, name)
    changed = with_attributes(queue, namespace, request.attributes)
    changed = msgspec.structs.replace(changed, modified_at_ms=call.broker.now_ms())
    await call.broker.queues.configure(namespace, changed)


@sqs.action("PurgeQueue", QueueUrlRequest)
async def purge_queue(call: Call, request: QueueUrlRequest) -> None:
    """Delete all messages."""
    await call.broker.queues.purge(*locate_queue(call, request.queue_url))


@sqs.action("DeleteQueue", QueueUrlRequest)
async def delete_queue(call: Call, request: QueueUrlRequest) -> None:
    """Delete the queue with all its messages."""
    await call.broker.queues.delete(*locate_queue(call, request.queue_url))


def _existing(call: Call, name: str) -> Queue | None:
    try:
        return call.broker.queues.get(call.namespace, name)
    except QueueDoesNotExist:
        return None


def _value(call: Call, queue: Queue, attribute: str) -> str | None:
    return attributes_of(queue, call.namespace, [attribute], QueueCounts()).get(attribute)
