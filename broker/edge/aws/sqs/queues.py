"""SQS actions on queues: create, find, list, configure, purge, delete"""

from typing import ClassVar

import msgspec

from broker.core.commands import QueueCounts
from broker.core.errors import (
    InvalidParameter,
    InvalidRedrivePolicy,
    MissingParameter,
    QueueDoesNotExist,
    QueueNameExists,
    RecordChanged,
)
from broker.core.names import (
    ACCOUNT,
    FIFO_QUEUE_NAME,
    STANDARD_QUEUE_NAME,
    Namespace,
    is_fifo,
    is_internal,
)
from broker.core.resources import Queue
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sqs.attributes import attributes_of, with_attributes
from broker.edge.aws.sqs.page_token import page_of_queues
from broker.edge.aws.sqs.redrive_policy import invalid_redrive_policy
from broker.edge.aws.sqs.service import QueueUrlRequest, locate_queue, queue_url, sqs
from broker.edge.aws.sqs.tags import check_tags


class CreateQueueRequest(Members, kw_only=True):
    query_names: ClassVar = {"Attributes": "Attribute", "tags": "Tag"}
    queue_name: str
    attributes: dict[str, str] | None = None
    tags: dict[str, str] | None = msgspec.field(default=None, name="tags")


class QueueUrlResponse(Members, kw_only=True):
    queue_url: str


@sqs.action("CreateQueue", CreateQueueRequest)
async def create_queue(call: Call, request: CreateQueueRequest) -> QueueUrlResponse:
    """Make a queue; one that is there with the same attributes and tags is as good."""
    name = request.queue_name
    attributes = request.attributes or {}
    _check_name(name, attributes.get("FifoQueue"))
    existing = _existing(call, name)
    if existing is None:
        existing = await _create(call, name, attributes, request.tags or {})
    if existing is not None:
        _check_same(call, existing, attributes, request.tags)
    return QueueUrlResponse(queue_url=queue_url(call, name))


async def _create(
    call: Call, name: str, attributes: dict[str, str], tags: dict[str, str]
) -> Queue | None:
    """Make the queue; the one of this name if somebody else was faster."""
    check_tags(name, tags)
    now_ms = call.broker.now_ms()
    new = Queue(
        name=name, created_at_ms=now_ms, modified_at_ms=now_ms, tags=tags, fifo=is_fifo(name)
    )
    queue = with_attributes(new, call.namespace, attributes)
    try:
        await call.broker.queues.create(call.namespace, queue, unless_deleted_recently=True)
    except RecordChanged:
        return call.broker.queues.get(call.namespace, name)
    except InvalidRedrivePolicy as error:
        raise invalid_redrive_policy(attributes["RedrivePolicy"], error.message) from None
    return None


def _check_name(name: str, fifo: str | None) -> None:
    """The name goes with the type. Raises: InvalidParameter."""
    if fifo == "true":
        if not FIFO_QUEUE_NAME.fullmatch(name):
            raise InvalidParameter(
                "The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
                "underscores, must end with .fifo suffix and be 1 to 80 in length"
            )
    elif not STANDARD_QUEUE_NAME.fullmatch(name):
        raise InvalidParameter(
            "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
        )


def _check_same(
    call: Call, existing: Queue, attributes: dict[str, str], tags: dict[str, str] | None
) -> None:
    """What is given must be as the queue has it. Raises: QueueNameExists."""
    wanted = with_attributes(existing, call.namespace, attributes)
    for attribute in attributes:
        if _value(call, wanted, attribute) != _value(call, existing, attribute):
            raise QueueNameExists(
                "A queue already exists with the same name and a different value for attribute "
                f"{attribute}"
            )
    if tags is not None and tags != existing.tags:
        raise QueueNameExists(
            "A queue already exists with the same name and a different value for tags"
        )


class GetQueueUrlRequest(Members, kw_only=True):
    queue_name: str
    queue_owner_account_id: str | None = msgspec.field(default=None, name="QueueOwnerAWSAccountId")


@sqs.action("GetQueueUrl", GetQueueUrlRequest)
async def get_queue_url(call: Call, request: GetQueueUrlRequest) -> QueueUrlResponse:
    """The URL of a queue that is there, in the caller's account or in another one."""
    owner = request.queue_owner_account_id
    namespace = call.namespace
    if owner is not None:
        if not ACCOUNT.fullmatch(owner):
            raise QueueDoesNotExist
        namespace = Namespace(owner, namespace.region)
    if is_internal(request.queue_name):
        raise QueueDoesNotExist
    call.broker.queues.get(namespace, request.queue_name)
    return QueueUrlResponse(queue_url=queue_url(call, request.queue_name, namespace))


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
    names = [q.name for q in call.broker.queues.all(call.namespace, request.queue_name_prefix)]
    page, next_token = page_of_queues(names, request.next_token, request.max_results)
    return ListQueuesResponse(
        queue_urls=[queue_url(call, name) for name in page] or None, next_token=next_token
    )


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
    try:
        await call.broker.queues.configure(namespace, changed)
    except InvalidRedrivePolicy as error:
        raise invalid_redrive_policy(request.attributes["RedrivePolicy"], error.message) from None


@sqs.action("PurgeQueue", QueueUrlRequest)
async def purge_queue(call: Call, request: QueueUrlRequest) -> None:
    """Delete all messages; once a minute at most."""
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
