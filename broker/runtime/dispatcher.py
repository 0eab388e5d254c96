"""runs what waits in functions' queues: invocations under the ledger, with retries and dead letters

Each function has a dispatcher of its own, so none waits for another. An invocation that finds no
room in the ledger stays in its queue untouched; one that was received and met a throttled or broken
target goes back with its attempt refunded.
"""

import logging
import random
from collections.abc import Callable, Iterable, Sequence

import msgspec

from broker.core.commands import NewEntry, Received
from broker.core.errors import BrokerError
from broker.core.json_text import InvalidJson, parse_json
from broker.core.ledger import Attempt as Noted
from broker.core.limits import RETRY_AFTER_S_MAX
from broker.core.message import (
    Attributes,
    MessageAttribute,
    decode,
    encode,
    message,
    rendered,
)
from broker.core.names import Arn, Namespace, function_queue, uuid_text
from broker.core.registry import Registry
from broker.core.resources import Function
from broker.plugin import InvokerError, InvokerThrottled
from broker.runtime.drain import Drain, WorkerGone, noted
from broker.runtime.functions import Functions
from broker.runtime.ids import Ids
from broker.runtime.invokers import Attempt, InvokerNotFound
from broker.runtime.metrics import ABANDONED, THROTTLES
from broker.runtime.publisher import undeliverable

log = logging.getLogger(__name__)

LEASE_MARGIN_S = 60.0  # past the function's timeout, before a lost invocation is tried again
SYSTEM_BACKOFF_S = (1.0, 300.0)  # first and longest wait after a throttle or a broken way
ERROR_MESSAGE_BYTES = 1_024
ROOM_MAX = 100  # of one receive


class Dispatcher:
    """Runs what waits in one function's queue; the worker of its drain."""

    def __init__(
        self,
        drain: Drain,
        functions: Functions,
        ids: Ids,
        name: str,
        now_ms: Callable[[], int],
    ) -> None:
        self.label = f"function {name}"
        self._drain = drain
        self._functions = functions
        self._ids = ids
        self._namespace = drain.namespace
        self._name = name
        self._now_ms = now_ms
        self._system_failures = 0  # in a row, for the backoff
        self._doomed = 0  # taken to be given up, without a permit

    async def take_room(self, wanted: int) -> int:
        """See `broker.runtime.drain.Worker`: executions, or none if there never will be any."""
        wanted = min(wanted, ROOM_MAX)
        taken = await self._functions.take_permits(self._namespace, self._name, wanted)
        if not taken:
            self._doomed += wanted
            return wanted
        return taken

    def give_room(self, count: int) -> None:
        """See `broker.runtime.drain.Worker`."""
        doomed = min(count, self._doomed)
        self._doomed -= doomed
        for _ in range(count - doomed):
            self._functions.release(self._namespace, self._name)

    def lease_s(self) -> float:
        """See `broker.runtime.drain.Worker`."""
        return self._function().timeout_s + LEASE_MARGIN_S

    async def work(self, received: Received) -> None:
        """Invoke the function once."""
        await self._attempt(self._function(), received)

    async def aclose(self) -> None:
        """See `broker.runtime.drain.Worker`. Invokers are the host's."""

    def _payload(self, received: Received) -> str:
        return rendered(decode(received.body), received.via, self._functions.origin).body

    def _function(self) -> Function:
        try:
            return self._functions.get(self._namespace, self._name)
        except BrokerError:
            raise WorkerGone from None

    async def _attempt(self, function: Function, received: Received) -> None:
        if function.reserved_concurrency == 0:
            await self._abandon(function, received, "ZeroReservedConcurrency", "0", "")
            return
        payload = self._payload(received)
        age_s = (self._now_ms() - received.sent_at_ms) / 1000
        if age_s > function.maximum_event_age_s:
            await self._abandon(function, received, "EventAgeExceeded", "0", "")
            return
        try:
            attempt = await self._functions.host.attempt(
                self._namespace,
                function,
                payload.encode(),
                uuid_text(received.message_id),
                self._now_ms(),
                number=received.receive_count,
            )
        except (InvokerError, InvokerNotFound) as error:
            await self._put_back(received, error)
            return
        self._system_failures = 0
        if attempt.result.function_error is None:
            await self._drain.done(received, self._noted(received, "delivered"))
        else:
            await self._after_function_error(function, received, attempt, age_s)

    async def _after_function_error(
        self, function: Function, received: Received, attempt: Attempt, age_s: float
    ) -> None:
        error = _error_message(attempt.result.payload)
        retries = received.receive_count - 1
        if retries >= function.retry_attempts:
            await self._abandon(function, received, "RetriesExhausted", "200", error)
            return
        delays = function.retry_delays_s or (0.0,)
        delay_s = delays[min(retries, len(delays) - 1)]
        if age_s + delay_s > function.maximum_event_age_s:
            await self._abandon(function, received, "EventAgeExceeded", "200", error)
            return
        note = self._noted(received, "failed", error, self._now_ms() + round(delay_s * 1000))
        await self._drain.hide(received, delay_s, attempt=note)

    async def _put_back(self, received: Received, error: Exception) -> None:
        """Try again later, as if this attempt had never been."""
        first_s, longest_s = SYSTEM_BACKOFF_S
        delay_s = min(first_s * 2**self._system_failures, longest_s)
        self._system_failures = min(self._system_failures + 1, 16)
        if isinstance(error, InvokerThrottled):
            THROTTLES.labels(self._name, "target").inc()
            if error.retry_after_s is not None:
                delay_s = min(max(error.retry_after_s, 0), RETRY_AFTER_S_MAX)
        else:
            log.warning(
                "function %s can't be reached, again in %.0f s: %s", self._name, delay_s, error
            )
        await self._drain.hide(received, delay_s * random.uniform(1.0, 1.1), spend=False)

    async def _abandon(
        self, function: Function, received: Received, condition: str, code: str, error: str
    ) -> None:
        """Move the invocation to the dead-letter queue with its cause, or let it go and say so."""
        dead_letter_queue = _dead_letter_queue(function, self._namespace)
        log.warning(
            "function %s gives up request %s: %s %s",
            self._name,
            uuid_text(received.message_id),
            condition,
            error,
        )
        bodies: list[bytes] = []
        entries: Sequence[NewEntry] = []
        if dead_letter_queue is not None:
            payload = self._payload(received)
            cause = _cause(received, code, error or condition)
            bodies = [encode(message(payload, cause))]
            entries = [NewEntry(dead_letter_queue, self._ids.new(), 0)]
        note = self._noted(received, "given up", f"{condition} {error}".rstrip())
        if entries:
            note = msgspec.structs.replace(
                note, dead_letter_queue=dead_letter_queue, dead_letter_id=entries[0].message_id
            )
        replaced, homeless = await self._drain.replace(received, bodies, entries, note)
        if not replaced:
            return
        taken = dead_letter_queue is not None and not homeless
        ABANDONED.labels(self._name, "yes" if taken else "no").inc()
        if homeless:
            undeliverable(f"function {self._name}", function.dead_letter_target_arn or "")

    def _noted(
        self, received: Received, outcome: str, answer: str = "", next_at_ms: int | None = None
    ) -> Noted:
        return noted(received, self._now_ms(), outcome, answer, next_at_ms)


class FunctionQueues:
    """The queues of all functions, to be drained by a dispatcher each."""

    def __init__(
        self, registry: Registry, functions: Functions, ids: Ids, now_ms: Callable[[], int]
    ) -> None:
        self._registry = registry
        self._functions = functions
        self._ids = ids
        self._now_ms = now_ms

    def names(self, namespace: str) -> Iterable[str]:
        """See `broker.runtime.dispatchers.Workers`."""
        return self._registry.resources(namespace).functions

    def has(self, namespace: str, name: str) -> bool:
        """See `broker.runtime.dispatchers.Workers`."""
        self._functions.changed(namespace, name)
        return name in self._registry.resources(namespace).functions

    def queue(self, name: str) -> str:
        """See `broker.runtime.dispatchers.Workers`."""
        return function_queue(name)

    def worker(self, drain: Drain, name: str) -> Dispatcher:
        """See `broker.runtime.dispatchers.Workers`."""
        return Dispatcher(drain, self._functions, self._ids, name, self._now_ms)


def _dead_letter_queue(function: Function, namespace: Namespace) -> str | None:
    arn = Arn.parse(function.dead_letter_target_arn or "")
    if arn is None or arn.service != "sqs" or arn.namespace != namespace:
        return None
    return arn.resource


def _cause(received: Received, code: str, error: str) -> Attributes:
    """The attributes that Lambda puts on a dead letter."""
    text = error.encode()[:ERROR_MESSAGE_BYTES].decode("utf-8", "ignore")
    return {
        "RequestID": MessageAttribute("String", uuid_text(received.message_id)),
        "ErrorCode": MessageAttribute("Number", code),
        "ErrorMessage": MessageAttribute("String", text or "Unknown"),
    }


def _error_message(payload: bytes) -> str:
    try:
        document = parse_json(payload)
    except InvalidJson:
        return payload.decode("utf-8", "replace")
    if isinstance(document, dict) and "errorMessage" in document:
        return str(document["errorMessage"])
    return payload.decode("utf-8", "replace")
