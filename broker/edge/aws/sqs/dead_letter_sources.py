"""SQS ListDeadLetterSourceQueues: whose dead letters a queue takes"""

from typing import ClassVar

import msgspec

from broker.core.dead_letters import source_queues
from broker.edge.aws.service import Call, Members
from broker.edge.aws.sqs.page_token import page_of_queues
from broker.edge.aws.sqs.service import locate_queue, queue_url, sqs


class ListDeadLetterSourceQueuesRequest(Members, kw_only=True):
    queue_url: str
    next_token: str | None = None
    max_results: int | None = None


class ListDeadLetterSourceQueuesResponse(Members, kw_only=True):
    query_names: ClassVar = {"queueUrls": "QueueUrl"}
    queue_urls: list[str] = msgspec.field(name="queueUrls")  # given even if there are none
    next_token: str | None = None


@sqs.action("ListDeadLetterSourceQueues", ListDeadLetterSourceQueuesRequest)
async def list_dead_letter_source_queues(
    call: Call, request: ListDeadLetterSourceQueuesRequest
) -> ListDeadLetterSourceQueuesResponse:
    """URLs of the queues whose redrive policy names this one."""
    namespace, name = locate_queue(call, request.queue_url)
    call.broker.queues.get(namespace, name)
    queues = call.broker.registry.resources(namespace).queues
    names = source_queues(namespace.arn("sqs", name), queues)
    page, next_token = page_of_queues(names, request.next_token, request.max_results)
    return ListDeadLetterSourceQueuesResponse(
        queue_urls=[queue_url(call, each, namespace) for each in page], next_token=next_token
    )
