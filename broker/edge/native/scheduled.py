"""/v1/queues/{name}/scheduled: messages that wait to become visible can be cancelled until then"""

from uuid import UUID

from broker.core.errors import MessageNotScheduled, QueueDoesNotExist
from broker.edge.native.messages import queue_of
from broker.edge.native.operation import Call, operations


@operations.add(
    "DELETE",
    "/v1/queues/{name}/scheduled/{message_id}",
    answers={204: None},
    raises=(QueueDoesNotExist, MessageNotScheduled),
)
async def cancel_scheduled_message(call: Call, name: str, message_id: str) -> None:
    """Delete a message before it becomes visible, once: answered when that is on disk.

    Only messages that were sent with deliver_at_ms or with a delay of more than 900 seconds can be
    found by their id.
    """
    queue_of(call, name)
    try:
        wanted = UUID(message_id).bytes
    except ValueError:
        raise MessageNotScheduled from None
    if not await call.broker.queues.cancel_scheduled(call.namespace, name, wanted):
        raise MessageNotScheduled
