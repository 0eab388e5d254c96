"""runs what waits in functions' queues: invocations under the ledger, with retries and dead letters

Each function has a dispatcher of its own, and each version and alias of it, so none waits for
another. An invocation that finds no room in the ledger stays in its queue untouched; one that was
received and met a throttled or broken target goes back with its attempt refunded. Its end, what its
destination is told and its dead letter are one commit.
"""

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from broker.core.abandoned_event import Sender, sender_of
from broker.core.commands import NewEntry, Received
from broker.core.errors import BrokerError
from broker.core.invocation_record import InvocationRecord, InvocationRouter
from broker.core.json_text import InvalidJson, parse_json
from broker.core.ledger import Attempt as Noted
from broker.core.limits import RETRY_AFTER_S_MAX
from broker.core.message import (
    ORIGINAL_EVENT,
    Attributes,
    MessageAttribute,
    decode,
    rendered,
    trace_header_of,
)
from broker.core.names import LATEST, Arn, function_queue, labelled, uuid_text
from broker.core.registry import Registry
from broker.core.resources import EventInvokeConfig
from broker.plugin import InvokerError, InvokerThrottled
from broker.runtime.attempt import Attempt, Runnable
from broker.runtime.drain import Drain, WorkerGone, noted
from broker.runtime.event_buses import EventBuses
from broker.runtime.functions import Functions
from broker.runtime.ids import Ids
from broker.runtime.invokers import InvokerNotFound
from broker.runtime.metrics import ABANDONED, RECURSIONS, THROTTLES
from broker.runtime.publisher import Publisher

log = logging.getLogger(__name__)

LEASE_MARGIN_S = 60.0  # past the function's timeout, before a lost invocation is tried again
SYSTEM_BACKOFF_S = (1.0, 300.0)  # first and longest wait after a throttle or a broken way
ERROR_MESSAGE_BYTES = 1_024
ROOM_MAX = 100  # of one receive
RECURSIVE = "RecursiveInvocation"  # the condition of one that was stopped


@dataclass(frozen=True, slots=True)
class DispatcherParts:
    """What dispatchers need of the broker."""

    registry: Registry
    functions: Functions
    event_buses: EventBuses
    publisher: Publisher
    ids: Ids
    now_ms: Callable[[], int]


@dataclass(frozen=True, slots=True)
class _Occasion:
    """One attempt's circumstances: the code is the one that is current when it begins."""

    received: Received
    runnable: Runnable
    config: EventInvokeConfig
    came_with: str | None  # the event's trace header
    trace_header: str  # the invocation's
    # For recursion, as the header shows: what is told of that again may be the loop itself.
    stopped_before: bool

    @property
    def retry_attempts(self) -> int:
        """After the first."""
        own = self.config.retry_attempts
        return self.runnable.function.retry_attempts if own is None else own

    @property
    def maximum_event_age_s(self) -> int:
        """Older events are given up."""
        own = self.config.maximum_event_age_s
        return self.runnable.function.maximum_event_age_s if own is None else own

    @property
    def qualified(self) -> str:
        """What was invoked, with a qualifier in any case."""
        label = self.runnable.label
        return label if ":" in label else f"{label}:{LATEST}"


class Dispatcher:
    """Runs what waits in one function's queue, or a version's or alias's; a drain's worker."""

    def __init__(self, parts: DispatcherParts, drain: Drain, label: str) -> None:
        self.label = f"function {label}"
        self._parts = parts
        self._functions = parts.functions
        self._drain = drain
        self._namespace = drain.namespace
        self._invoked = label
        self._name = labelled(label)[0]
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
        return self._runnable().function.timeout_s + LEASE_MARGIN_S

    async def work(self, received: Received) -> None:
        """Invoke the function once."""
        config = self._functions.event_invoke_config(self._namespace, self._invoked)
        config = config or EventInvokeConfig(name=self._invoked)
        event = rendered(decode(received.body), received.via, self._functions.origin)
        occasion = self._occasion(received, config, trace_header_of(event))
        if occasion.runnable.is_recursion(self._namespace, occasion.came_with):
            RECURSIONS.labels(self._name).inc()
            await self._end(occasion, RECURSIVE)
            return
        if occasion.runnable.reserved_concurrency == 0:
            await self._end(occasion, "ZeroReservedConcurrency")
            return
        age_s = (self._parts.now_ms() - received.sent_at_ms) / 1000
        if age_s > occasion.maximum_event_age_s:
            await self._end(occasion, "EventAgeExceeded")
            return
        try:
            attempt = await self._functions.host.attempt(
                self._namespace,
                occasion.runnable,
                event.body.encode(),
                uuid_text(received.message_id),
                self._parts.now_ms(),
                trace_header=occasion.trace_header,
                number=received.receive_count,
            )
        except (InvokerError, InvokerNotFound) as error:
            await self._put_back(received, error)
            return
        self._system_failures = 0
        if attempt.result.function_error is None:
            await self._end(occasion, "Success", attempt)
        else:
            await self._after_function_error(occasion, attempt, age_s)

    async def aclose(self) -> None:
        """See `broker.runtime.drain.Worker`. Invokers are the host's."""

    def _occasion(
        self, received: Received, config: EventInvokeConfig, came_with: str | None
    ) -> _Occasion:
        runnable = self._runnable()
        request_id = uuid_text(received.message_id)
        header = runnable.traced(self._namespace, came_with, request_id, received.sent_at_ms)
        before = runnable.is_recursion(self._namespace, came_with, stopped_before=True)
        return _Occasion(received, runnable, config, came_with, header, before)

    def _payload(self, received: Received) -> str:
        return rendered(decode(received.body), received.via, self._functions.origin).body

    def _runnable(self) -> Runnable:
        try:
            return self._functions.find(self._namespace, self._invoked)
        except BrokerError:
            raise WorkerGone from None

    async def _after_function_error(
        self, occasion: _Occasion, attempt: Attempt, age_s: float
    ) -> None:
        received = occasion.received
        retries = received.receive_count - 1
        if retries >= occasion.retry_attempts:
            await self._end(occasion, "RetriesExhausted", attempt)
            return
        delays = occasion.runnable.function.retry_delays_s or (0.0,)
        delay_s = delays[min(retries, len(delays) - 1)]
        if age_s + delay_s > occasion.maximum_event_age_s:
            await self._end(occasion, "EventAgeExceeded", attempt)
            return
        error = error_message(attempt.result.payload)
        now_ms = self._parts.now_ms()
        note = noted(received, now_ms, "failed", error, now_ms + round(delay_s * 1000))
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
                "function %s can't be reached, again in %.0f s: %s", self._invoked, delay_s, error
            )
        await self._drain.hide(received, delay_s * random.uniform(1.0, 1.1), spend=False)

    # The end of an invocation

    async def _end(
        self, occasion: _Occasion, condition: str, attempt: Attempt | None = None
    ) -> None:
        """Have its destination told, and keep it as a dead letter, in one commit with its end."""
        if condition == "Success" and occasion.config.on_success is None:
            note = noted(occasion.received, self._parts.now_ms(), "delivered", "")
            await self._drain.done(occasion.received, note)
            return
        resources = self._parts.registry.resources(self._namespace)
        sender = None
        if condition != "Success":
            sender = sender_of(resources, self._namespace, occasion.received.via)
            if sender is not None and sender.queues[0] not in resources.queues:
                await self._parts.event_buses.make_default_queues(self._namespace)
        router = InvocationRouter(
            resources,
            self._namespace,
            self._parts.ids.new,
            self._parts.now_ms(),
            occasion.trace_header,
            sender.queues[-1] if sender is not None else None,
        )
        told = self._tell(router, occasion, condition, attempt)
        note = noted(occasion.received, self._parts.now_ms(), "delivered", "")
        if condition != "Success":
            # What the function's destination keeps, nobody else needs to.
            heir = None if told else sender
            note = self._give_up(router, occasion, condition, attempt, heir)
        routed = router.routed
        replaced, homeless = await self._drain.replace(
            occasion.received, routed.bodies, routed.entries, note
        )
        if not replaced:
            return
        self._parts.publisher.committed(self._namespace, self.label, routed, homeless)
        if condition != "Success":
            kept = len(routed.entries) > len(homeless)
            ABANDONED.labels(self._name, "yes" if kept else "no").inc()

    def _tell(
        self,
        router: InvocationRouter,
        occasion: _Occasion,
        condition: str,
        attempt: Attempt | None,
    ) -> bool:
        config, received, runnable = occasion.config, occasion.received, occasion.runnable
        destination = config.on_success if condition == "Success" else config.on_failure
        if destination is None:
            return False
        if occasion.stopped_before:
            router.routed.undeliverable.append((self.label, destination, condition))
            return False
        result = attempt.result if attempt is not None else None
        record = InvocationRecord(
            request_id=uuid_text(received.message_id),
            function_arn=self._namespace.arn("lambda", f"function:{occasion.qualified}"),
            condition=condition,
            attempts=_attempts(received, attempt),
            payload=self._payload(received),
            executed_version=attempt.version if attempt is not None else runnable.version,
            result=result.payload if result is not None else None,
            function_error=result.function_error if result is not None else None,
            at_ms=self._parts.now_ms(),
        )
        return router.tell(destination, record)

    def _give_up(
        self,
        router: InvocationRouter,
        occasion: _Occasion,
        condition: str,
        attempt: Attempt | None,
        heir: Sender | None,
    ) -> Noted:
        """Keep it as a dead letter, if there is a place for that; the note of its end.

        What the function has no place for goes to the heir, if there is one.
        """
        received = occasion.received
        error = error_message(attempt.result.payload) if attempt is not None else ""
        log.warning(
            "function %s gives up request %s: %s %s",
            self._invoked,
            uuid_text(received.message_id),
            condition,
            error,
        )
        answer = f"{condition} {error}".rstrip()
        note = noted(received, self._parts.now_ms(), "given up", answer)
        cause = _cause(received, "200" if attempt is not None else "0", error or condition)
        kept, letter = self._keep(router, occasion, condition, cause)
        if not kept and heir is not None:
            attempts = _attempts(received, attempt)
            letter = self._bequeath(router, received, condition, error, attempts, heir)
        if letter is None:
            return note
        return msgspec.structs.replace(
            note, dead_letter_queue=letter.queue, dead_letter_id=letter.message_id
        )

    def _keep(
        self, router: InvocationRouter, occasion: _Occasion, condition: str, cause: Attributes
    ) -> tuple[bool, NewEntry | None]:
        """Put it where the function has its dead letters: whether it could be, and the letter."""
        arn = Arn.parse(occasion.runnable.function.dead_letter_target_arn or "")
        if arn is None or arn.namespace != self._namespace:
            return False, None
        payload = self._payload(occasion.received)
        lost = router.routed.undeliverable
        if arn.service == "sns":
            if occasion.stopped_before:
                lost.append((self.label, str(arn), condition))
                return False, None
            if router.publish(arn, payload, cause) is not None:
                lost.append((self.label, str(arn), "the topic does not exist"))
                return False, None
            return True, None
        if arn.resource not in self._parts.registry.resources(self._namespace).queues:
            lost.append((self.label, arn.resource, "no such resource"))
            return False, None
        return True, router.enter(arn.resource, payload, cause)

    def _bequeath(
        self,
        router: InvocationRouter,
        received: Received,
        condition: str,
        error: str,
        attempts: int,
        heir: Sender,
    ) -> NewEntry:
        """Make a dead letter of the event where its rule, or its bus, has them."""
        arn = self._namespace.arn("lambda", f"function:{self._invoked}")
        body = rendered(decode(received.body), received.via, self._functions.origin)
        event = (body.system_attributes or {}).get(ORIGINAL_EVENT, body.body)
        letter = heir.dead_letter(event, arn, condition, error, attempts)
        return router.enter(heir.queues[0], letter.body, letter.attributes)


class FunctionQueues:
    """The queues of all functions, versions or aliases, to be drained by a dispatcher each."""

    def __init__(self, kind: str, parts: DispatcherParts) -> None:
        self._kind = kind
        self._parts = parts

    def names(self, namespace: str) -> Iterable[str]:
        """See `broker.runtime.dispatchers.Workers`."""
        return self._parts.registry.resources(namespace).of_kind(self._kind)

    def has(self, namespace: str, name: str) -> bool:
        """See `broker.runtime.dispatchers.Workers`."""
        self._parts.functions.changed(namespace, labelled(name)[0])
        return name in self._parts.registry.resources(namespace).of_kind(self._kind)

    def queue(self, name: str) -> str:
        """See `broker.runtime.dispatchers.Workers`."""
        return function_queue(name)

    def worker(self, drain: Drain, name: str) -> Dispatcher:
        """See `broker.runtime.dispatchers.Workers`."""
        return Dispatcher(self._parts, drain, name)


def _attempts(received: Received, attempt: Attempt | None) -> int:
    """How often the function ran: a receive that found it too late, or not allowed, is none."""
    return received.receive_count - (0 if attempt is not None else 1)


def error_message(payload: bytes) -> str:
    """What a failed function's result says of it."""
    try:
        document = parse_json(payload)
    except InvalidJson:
        return payload.decode("utf-8", "replace")
    if isinstance(document, dict) and "errorMessage" in document:
        return str(document["errorMessage"])
    return payload.decode("utf-8", "replace")


def _cause(received: Received, code: str, error: str) -> Attributes:
    """The attributes that Lambda puts on a dead letter."""
    text = error.encode()[:ERROR_MESSAGE_BYTES].decode("utf-8", "ignore")
    return {
        "RequestID": MessageAttribute("String", uuid_text(received.message_id)),
        "ErrorCode": MessageAttribute("Number", code),
        "ErrorMessage": MessageAttribute("String", text or "Unknown"),
    }
