"""what tests of pipes and of event source mappings do alike: functions, and messages in `orders`"""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from broker.core.commands import NewMessage
from broker.core.message import encode, message
from broker.core.names import Namespace
from broker.plugin import Invocation, InvocationResult
from broker.runtime.broker import Broker

NS = Namespace()

Behaviour = Callable[[Invocation], Awaitable[InvocationResult]]


def says(result: Any) -> Behaviour:
    async def behaviour(_: Invocation) -> InvocationResult:
        return InvocationResult(payload=json.dumps(result).encode())

    return behaviour


async def fails(_: Invocation) -> InvocationResult:
    return InvocationResult(payload=b'{"errorMessage":"no"}', function_error="Unhandled")


async def send(broker: Broker, *texts: str) -> None:
    for text in texts:
        await broker.queues.send(NS, "orders", [(message(text), 0)])


async def send_fifo(broker: Broker, group: str, *texts: str) -> None:
    for text in texts:
        body = encode(message(text, None, {"MessageGroupId": group}))
        new = NewMessage(broker.ids.new(), body, 0, group, text)
        await broker.queues.send_encoded(NS, "orders.fifo", [new])


async def counts(broker: Broker, name: str = "orders") -> tuple[int, int, int]:
    (found,) = await broker.queues.counts(NS, name)
    return found.visible, found.in_flight, found.delayed
