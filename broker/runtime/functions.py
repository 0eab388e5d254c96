"""functions as the edge uses them: synchronous and asynchronous invocation under one ledger"""

import math
from dataclasses import dataclass

import trio

from broker.core.commands import NewEntry
from broker.core.concurrency import SCALING_EXCEEDED, Ledger
from broker.core.errors import (
    FunctionDoesNotExist,
    InvalidPayload,
    InvokerFailed,
    PayloadTooLarge,
    TooManyRequests,
)
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import (
    ACCOUNT_CONCURRENCY,
    PAYLOAD_ASYNC_BYTES_MAX,
    PAYLOAD_SYNC_BYTES_MAX,
    SCALING_PER_S,
)
from broker.core.message import message
from broker.core.names import Namespace, function_queue, uuid_text
from broker.core.resources import Function, Queue
from broker.core.routed import Routed
from broker.plugin import InvokerError, InvokerThrottled
from broker.runtime.ids import Ids
from broker.runtime.invokers import Attempt, InvokerHost
from broker.runtime.metrics import THROTTLES
from broker.runtime.publisher import Publisher
from broker.runtime.registrar import Change, Registrar

RETRY_AFTER_S = 1.0  # what a refused caller is told, when the ledger is full


@dataclass(frozen=True, slots=True)
class Invoked:
    """A synchronous invocation's end."""

    request_id: str
    attempt: Attempt


class Functions:
    """What programs do with functions. Raises FunctionDoesNotExist throughout."""

    def __init__(
        self,
        registrar: Registrar,
        publisher: Publisher,
        host: InvokerHost,
        ids: Ids,
        account_concurrency: int = ACCOUNT_CONCURRENCY,
        origin: str = "",
    ) -> None:
        self.origin = origin  # by which functions on this host reach the daemon
        self._registrar = registrar
        self._publisher = publisher
        self.host = host
        self._ids = ids
        self._account_concurrency = account_concurrency
        self._ledgers: dict[str, Ledger] = {}
        self._freed = trio.lowlevel.ParkingLot()

    def get(self, namespace: Namespace, name: str) -> Function:
        """The function's settings."""
        function = self._registrar.registry.resources(namespace).functions.get(name)
        if function is None:
            arn = namespace.arn("lambda", f"function:{name}")
            raise FunctionDoesNotExist(f"Function not found: {arn}")
        return function

    def all(self, namespace: Namespace) -> list[Function]:
        """Every function, by name."""
        functions = self._registrar.registry.resources(namespace).functions
        return [functions[name] for name in sorted(functions)]

    # The ledger

    def ledger(self, namespace: Namespace | str) -> Ledger:
        """The namespace's ledger."""
        ledger = self._ledgers.get(str(namespace))
        if ledger is None:
            ledger = self._ledgers[str(namespace)] = Ledger(self._account_concurrency)
            for name, function in self._registrar.registry.resources(namespace).functions.items():
                ledger.reserve(name, function.reserved_concurrency)
        return ledger

    async def wait_permit(self, namespace: Namespace | str, name: str) -> None:
        """Begin an execution as soon as the ledger has room for it, in no order among functions."""
        while not await self.take_permits(namespace, name, 1):
            await self._freed.park()

    async def take_permits(self, namespace: Namespace | str, name: str, wanted: int) -> int:
        """Begin up to `wanted` executions, as soon as there is room for one.

        None at all if the function is not to run: its reservation is of none.
        """
        counted = False
        ledger = self.ledger(namespace)
        while True:
            now_s = trio.current_time()
            taken = 0
            while taken < wanted and ledger.acquire(name, now_s, backlog=True) is None:
                taken += 1
            if taken or ledger.reserved.get(name) == 0:
                await trio.lowlevel.checkpoint()
                return taken
            if not counted:
                THROTTLES.labels(name, "asynchronous").inc()
                counted = True
            await self._wait_freed(ledger, name)

    async def _wait_freed(self, ledger: Ledger, name: str) -> None:
        """Until somebody is done; or for a moment, if time alone makes room."""
        if ledger.refusal(name, trio.current_time(), backlog=True) == SCALING_EXCEEDED:
            await trio.sleep(1 / SCALING_PER_S)
        else:
            await self._freed.park()

    def release(self, namespace: Namespace | str, name: str) -> None:
        """End an execution; whoever waits looks again."""
        self._ledgers[str(namespace)].release(name, trio.current_time())
        self._freed.unpark_all()

    def changed(self, namespace: str, name: str) -> None:
        """A function is another now, or gone: so is its reservation. Whoever waits looks again."""
        function = self._registrar.registry.resources(namespace).functions.get(name)
        self.ledger(namespace).reserve(name, function.reserved_concurrency if function else None)
        self._freed.unpark_all()

    # Invoking

    async def invoke(
        self,
        namespace: Namespace,
        name: str,
        payload: bytes,
        client_context: bytes | None = None,
    ) -> Invoked:
        """Run the function once and wait for it. A failed function is a result.

        Raises: TooManyRequests, PayloadTooLarge, InvalidPayload, InvokerFailed.
        """
        function = self.get(namespace, name)
        payload = check_payload(payload, PAYLOAD_SYNC_BYTES_MAX, "RequestResponse")
        refusal = self.ledger(namespace).acquire(name, trio.current_time())
        if refusal is not None:
            THROTTLES.labels(name, "synchronous").inc()
            raise TooManyRequests(reason=refusal, retry_after_s=RETRY_AFTER_S)
        request_id = uuid_text(self._ids.new())
        try:
            attempt = await self.host.attempt(
                namespace,
                function,
                payload,
                request_id,
                self._publisher.now_ms(),
                client_context=client_context,
            )
        except InvokerThrottled as throttled:
            THROTTLES.labels(name, "target").inc()
            retry_after_s = throttled.retry_after_s or RETRY_AFTER_S
            raise TooManyRequests(
                reason="CallerRateLimitExceeded", retry_after_s=retry_after_s
            ) from None
        except InvokerError as error:
            raise InvokerFailed(str(error)) from None
        finally:
            self.release(namespace, name)
        return Invoked(request_id, attempt)

    async def invoke_async(self, namespace: Namespace, name: str, payload: bytes) -> str:
        """Put an invocation into the function's durable queue; its request id.

        Returns when it is on disk. Raises: PayloadTooLarge, InvalidPayload, StoreFull.
        """
        self.get(namespace, name)
        payload = check_payload(payload, PAYLOAD_ASYNC_BYTES_MAX, "Event")
        message_id = self._ids.new()
        routed = Routed()
        body = routed.add_body(message(payload.decode()))
        routed.entries.append(NewEntry(function_queue(name), message_id, body))
        await self._publisher.publish(namespace, routed)
        return uuid_text(message_id)


def check_payload(payload: bytes, limit: int, kind: str) -> bytes:
    """The payload, `{}` for none. Raises: PayloadTooLarge, InvalidPayload."""
    if len(payload) > limit:
        raise PayloadTooLarge(
            f"{len(payload)} byte payload is too large for the {kind} invocation type "
            f"(limit {limit} bytes)"
        )
    if not payload:
        return b"{}"
    try:
        payload.decode()
        parse_json(payload)
    except (InvalidJson, UnicodeDecodeError) as error:
        raise InvalidPayload(f"Could not parse request body into json: {error}") from None
    return payload


def changes_for(function: Function) -> list[Change]:
    """What makes a function: its record, and the queue in which its invocations wait."""
    queue = Queue(
        name=function_queue(function.name),
        retention_s=max(function.maximum_event_age_s * 2, 86_400),
        visibility_timeout_s=math.ceil(function.timeout_s) + 60,
        created_at_ms=function.created_at_ms,
        declared=function.declared,
    )
    return [
        ("queue", queue.name, queue, None),
        ("function", function.name, function, None),
    ]
