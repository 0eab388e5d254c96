"""drains functions' queues: invocations under the ledger, with retries and dead letters

Each function has a dispatcher of its own, so none waits for another. A dispatcher first waits for
a message, then for a permit of the ledger, and receives only then: an invocation that finds no room
stays in the queue untouched and loses no attempt. One that was received and met a throttled or
broken target goes back with its attempt refunded.
"""

import logging
import math
import random
from collections.abc import Callable, Sequence

import trio

from broker.core import commands
from broker.core.commands import NewEntry, Received, ReplaceMessage, VisibilityChange
from broker.core.errors import (
    BrokerError,
    OverLimit,
    QueueDoesNotExist,
    StoreFailed,
    StoreFull,
)
from broker.core.json_text import InvalidJson, parse_json
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
from broker.core.resources import Function
from broker.plugin import InvokerError, InvokerThrottled
from broker.runtime.functions import Functions
from broker.runtime.ids import Ids
from broker.runtime.invokers import Attempt, InvokerNotFound
from broker.runtime.metrics import ABANDONED, THROTTLES
from broker.runtime.publisher import undeliverable
from broker.runtime.queues import Queues
from broker.store.seam import Store, submit_one

log = logging.getLogger(__name__)

LEASE_MARGIN_S = 60.0  # past the function's timeout, before a lost invocation is tried again
SYSTEM_BACKOFF_S = (1.0, 300.0)  # first and longest wait after a throttle or a broken way
STORE_PAUSE_S = 1.0
ERROR_MESSAGE_BYTES = 1_024


class Dispatcher:
    """Runs what waits in one function's queue."""

    def __init__(
        self,
        store: Store,
        functions: Functions,
        queues: Queues,
        ids: Ids,
        namespace: Namespace,
        name: str,
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._functions = functions
        self._queues = queues
        self._ids = ids
        self._namespace = namespace
        self._name = name
        self._queue = function_queue(name)
        self._now_ms = now_ms
        self._system_failures = 0  # in a row, for the backoff
        self._taking = trio.CancelScope()

    async def run(self) -> None:
        """Until cancelled, stopped and done, or until the function is gone."""
        try:
            await self._release_interrupted()
            async with trio.open_nursery() as invocations:
                with self._taking:
                    await self._take(invocations)
        except* (QueueDoesNotExist, FunctionGone):
            log.info("the function %s is gone; its dispatcher ends", self._name)

    def stop(self) -> None:
        """Take no more; what is being invoked goes on to its end."""
        self._taking.cancel()

    async def _release_interrupted(self) -> None:
        """Make visible again what was being invoked when the daemon last ended."""
        command = commands.ReleaseInFlight(self._queue)
        released = 1
        while released:
            try:
                released = await submit_one(self._store, str(self._namespace), command)
            except (StoreFailed, StoreFull) as error:
                await self._pause(error)

    async def _take(self, invocations: trio.Nursery) -> None:
        while True:
            try:
                await self._queues.wait_visible(self._namespace, self._queue)
                await self._functions.wait_permit(self._namespace, self._name)
                await self._start_one(invocations)
            except (StoreFailed, StoreFull, OverLimit) as error:
                await self._pause(error)

    async def _pause(self, error: BrokerError) -> None:
        log.warning("function %s waits for the store: %s", self._name, error.message)
        await trio.sleep(STORE_PAUSE_S)

    async def _start_one(self, invocations: trio.Nursery) -> None:
        """Receive one invocation and run it, or give the permit back."""
        started = False
        try:
            function = self._function()
            received = await self._queues.receive(
                self._namespace, self._queue, 1, function.timeout_s + LEASE_MARGIN_S
            )
            if received:
                invocations.start_soon(self._invoke, function, received[0])
                started = True
        finally:
            if not started:
                self._functions.release(self._namespace, self._name)

    def _payload(self, received: Received) -> str:
        return rendered(decode(received.body), received.via, self._functions.origin).body

    def _function(self) -> Function:
        try:
            return self._functions.get(self._namespace, self._name)
        except BrokerError:
            raise FunctionGone from None

    async def _invoke(self, function: Function, received: Received) -> None:
        try:
            await self._attempt(function, received)
        except BrokerError as error:
            # The store has it still: it comes back when its lease ends.
            log.warning("invocation of %s put off: %s", self._name, error.message)
        except Exception:
            # One function's trouble must not end the others' work.
            log.exception("an invocation of %s failed, and is put off", self._name)
        finally:
            self._functions.release(self._namespace, self._name)

    async def _attempt(self, function: Function, received: Received) -> None:
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
            await self._queues.delete_messages(
                self._namespace, self._queue, [received.receipt_handle]
            )
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
        await self._hide(received, delay_s)

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
        await self._hide(received, delay_s * random.uniform(1.0, 1.1), spend=False)

    async def _hide(self, received: Received, delay_s: float, *, spend: bool = True) -> None:
        change = VisibilityChange(
            received.receipt_handle, math.ceil(delay_s * 1000), spend_receive=spend, delayed=True
        )
        await self._queues.change_visibility(self._namespace, self._queue, [change])

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
        command = ReplaceMessage(self._queue, received.receipt_handle, bodies, list(entries))
        replaced, homeless = await submit_one(self._store, str(self._namespace), command)
        if not replaced:
            return
        taken = dead_letter_queue is not None and not homeless
        ABANDONED.labels(self._name, "yes" if taken else "no").inc()
        if homeless:
            undeliverable(f"function {self._name}", function.dead_letter_target_arn or "")


class FunctionGone(Exception):
    """The function was deleted while its dispatcher ran."""


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
