"""receiving for a client over HTTP, whatever the protocol: one that leaves takes nothing with it"""

from broker.core.commands import Received
from broker.core.names import Namespace
from broker.edge.http.message import Request
from broker.runtime.queues import Queues


async def receive_for(
    request: Request,
    queues: Queues,
    namespace: Namespace,
    name: str,
    count: int,
    visibility_timeout_s: float,
    wait_time_s: float,
    attempt_id: str | None,
) -> list[Received]:
    """Up to `count` messages for the response to this request, waiting for the first one.

    If the client hangs up while it waits, or the response can't be sent, they are given back.
    Raises: QueueDoesNotExist, OverLimit.
    """
    if wait_time_s:
        with request.long_poll():
            received = await queues.receive(
                namespace, name, count, visibility_timeout_s, wait_time_s, attempt_id
            )
    else:
        received = await queues.receive(namespace, name, count, visibility_timeout_s, 0, attempt_id)
    if received:
        request.undelivered = lambda: queues.give_back(namespace, name, received)
    return received
