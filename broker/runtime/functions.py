"""functions as the edge uses them: synchronous and asynchronous invocation under one ledger

A label says what to invoke: a function by its name, or one of its versions or aliases by
`NAME:QUALIFIER`. All of them share the function's concurrency.
"""

import math
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import trio

from broker.core.commands import NewEntry
from broker.core.concurrency import SCALING_EXCEEDED, Ledger
from broker.core.errors import (
    BrokerError,
    FunctionDoesNotExist,
    InvalidPayload,
    InvokerFailed,
    PayloadTooLarge,
    RecursiveInvocation,
    TooManyRequests,
)
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import (
    ACCOUNT_CONCURRENCY,
    PAYLOAD_ASYNC_BYTES_MAX,
    PAYLOAD_SYNC_BYTES_MAX,
    SCALING_PER_S,
)
from broker.core.message import traced_message
from broker.core.names import LATEST, Namespace, function_queue, label_of, labelled, uuid_text
from broker.core.registry import Resources
from broker.core.resources import EventInvokeConfig, Function, Queue
from broker.core.routed import Routed
from broker.plugin import InvokerError, InvokerThrottled
from broker.runtime.attempt import Attempt, Runnable
from broker.runtime.ids import Ids
from broker.runtime.invokers import InvokerHost
from broker.runtime.metrics import RECURSIONS, THROTTLES
from broker.runtime.publisher import Publisher
from broker.runtime.registrar import Change, Registrar

RETRY_AFTER_S = 1.0  # what a refused caller is told, when the ledger is full


@dataclass(frozen=True, slots=True)
class Invoked:
    """A synchronous invocation's end."""

    request_id: str
    attempt: Attempt


@dataclass(slots=True)
class Streamed:
    """An invocation under way; one of the last two is there when the pieces have ended."""

    pieces: trio.MemoryReceiveChannel[bytes]
    invoked: Invoked | None = None
    refusal: BrokerError | None = None


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
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.origin = origin  # by which functions on this host reach the daemon
        self._registrar = registrar
        self._publisher = publisher
        self.host = host
        self._ids = ids
        self._account_concurrency = account_concurrency
        self._chance = chance
        self._ledgers: dict[str, Ledger] = {}
        self._freed = trio.lowlevel.ParkingLot()

    def get(self, namespace: Namespace, name: str) -> Function:
        """The function's settings, as they are in $LATEST."""
        function = self._resources(namespace).functions.get(name)
        if function is None:
            arn = namespace.arn("lambda", f"function:{name}")
            raise FunctionDoesNotExist(f"Function not found: {arn}")
        return function

    def all(self, namespace: Namespace) -> list[Function]:
        """Every function, by name."""
        functions = self._resources(namespace).functions
        return [functions[name] for name in sorted(functions)]

    def find(self, namespace: Namespace, label: str) -> Runnable:
        """What a label names just now: of an alias with two versions, either one by chance."""
        resources = self._resources(namespace)
        name, qualifier = labelled(label)
        alias = resources.aliases.get(label)
        version = qualifier
        if alias is not None:
            other = alias.other_weight > 0 and self._chance() < alias.other_weight
            version = alias.other_version if other else alias.version
        latest = self.get(namespace, name)
        if version in ("", LATEST):
            return Runnable(label, LATEST, latest, latest.reserved_concurrency)
        published = resources.function_versions.get(f"{name}:{version}")
        if published is None:
            arn = namespace.arn("lambda", f"function:{label}")
            raise FunctionDoesNotExist(f"Function not found: {arn}")
        return Runnable(label, version, published.function, latest.reserved_concurrency)

    def event_invoke_config(self, namespace: Namespace, label: str) -> EventInvokeConfig | None:
        """What was set for the label's asynchronous invocations, if anything was."""
        return self._resources(namespace).event_invoke_configs.get(label)

    def _resources(self, namespace: Namespace | str) -> Resources:
        return self._registrar.registry.resources(namespace)

    # The ledger

    def ledger(self, namespace: Namespace | str) -> Ledger:
        """The namespace's ledger."""
        ledger = self._ledgers.get(str(namespace))
        if ledger is None:
            ledger = self._ledgers[str(namespace)] = Ledger(self._account_concurrency)
            for name, function in self._resources(namespace).functions.items():
                ledger.reserve(name, function.reserved_concurrency)
        return ledger

    async def wait_permit(self, namespace: Namespace, label: str) -> None:
        """Begin an execution as soon as the function is there and the ledger has room for it."""
        while not self._resources(namespace).can_invoke(label) or not await self.take_permits(
            namespace, labelled(label)[0], 1
        ):
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
        function = self._resources(namespace).functions.get(name)
        self.ledger(namespace).reserve(name, function.reserved_concurrency if function else None)
        self._freed.unpark_all()

    # Invoking

    async def invoke(
        self,
        namespace: Namespace,
        label: str,
        payload: bytes,
        *,
        client_context: bytes | None = None,
        write_response: Callable[[bytes], Awaitable[None]] | None = None,
        trace_header: str | None = None,
    ) -> Invoked:
        """Run the function once and wait for it. A failed function is a result.

        With `write_response` the result may come by that, piece by piece: see `InvocationResult`.

        Raises: TooManyRequests, RecursiveInvocation, PayloadTooLarge, InvalidPayload,
        InvokerFailed.
        """
        runnable = self.find(namespace, label)
        name = runnable.function.name
        payload = check_payload(payload, PAYLOAD_SYNC_BYTES_MAX, "RequestResponse")
        check_recursion(namespace, runnable, trace_header)
        refusal = self.ledger(namespace).acquire(name, trio.current_time())
        if refusal is not None:
            THROTTLES.labels(name, "synchronous").inc()
            raise TooManyRequests(reason=refusal, retry_after_s=RETRY_AFTER_S)
        request_id = uuid_text(self._ids.new())
        now_ms = self._publisher.now_ms()
        try:
            attempt = await self.host.attempt(
                namespace,
                runnable,
                payload,
                request_id,
                now_ms,
                trace_header=runnable.traced(namespace, trace_header, request_id, now_ms),
                client_context=client_context,
                write_response=write_response,
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

    def stream(
        self, namespace: Namespace, label: str, payload: bytes, trace_header: str | None
    ) -> "Streamed":
        """Run the function, whose response is read piece by piece.

        It runs on if nobody reads any more. What it came to is known at the end of the pieces.
        """
        send, receive = trio.open_memory_channel[bytes](0)
        streamed = Streamed(receive)

        async def write(data: bytes) -> None:
            with suppress(trio.BrokenResourceError):  # whoever read it has gone
                await send.send(data)

        async def run() -> None:
            async with send:
                try:
                    streamed.invoked = await self.invoke(
                        namespace,
                        label,
                        payload,
                        write_response=write,
                        trace_header=trace_header,
                    )
                except BrokerError as error:
                    streamed.refusal = error

        self.host.start_soon(run)
        return streamed

    def check_room(self, namespace: Namespace, label: str, trace_header: str | None) -> None:
        """Whether an invocation could begin just now.

        Raises: TooManyRequests, RecursiveInvocation.
        """
        runnable = self.find(namespace, label)
        check_recursion(namespace, runnable, trace_header)
        name = runnable.function.name
        refusal = self.ledger(namespace).refusal(name, trio.current_time())
        if refusal is not None:
            raise TooManyRequests(reason=refusal, retry_after_s=RETRY_AFTER_S)

    async def invoke_async(
        self, namespace: Namespace, label: str, payload: bytes, trace_header: str | None = None
    ) -> str:
        """Put an invocation into the label's durable queue; its request id.

        Returns when it is on disk. Raises: PayloadTooLarge, InvalidPayload, StoreFull.
        """
        self.find(namespace, label)
        payload = check_payload(payload, PAYLOAD_ASYNC_BYTES_MAX, "Event")
        message_id = self._ids.new()
        routed = Routed()
        body = routed.add_body(traced_message(payload.decode(), trace_header))
        routed.entries.append(NewEntry(function_queue(label), message_id, body))
        await self._publisher.publish(namespace, routed)
        return uuid_text(message_id)


def check_recursion(namespace: Namespace, runnable: Runnable, trace_header: str | None) -> None:
    """Raises: RecursiveInvocation, if the function has led to itself too often."""
    if runnable.is_recursion(namespace, trace_header):
        RECURSIONS.labels(runnable.function.name).inc()
        raise RecursiveInvocation


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


def queue_change(function: Function, qualifier: str | None = None) -> Change:
    """The queue in which asynchronous invocations wait, of a function, a version or an alias."""
    queue = Queue(
        name=function_queue(label_of(function.name, qualifier)),
        retention_s=max(function.maximum_event_age_s * 2, 86_400),
        visibility_timeout_s=math.ceil(function.timeout_s) + 60,
        created_at_ms=function.created_at_ms,
        declared=function.declared,
    )
    return "queue", queue.name, queue, None


def changes_for(function: Function) -> list[Change]:
    """What makes a function: its record, and its queue."""
    return [queue_change(function), ("function", function.name, function, None)]
