"""invokes functions with batches of a queue's messages; what is done is deleted there

A batch is received only when the function has room for it, so that want of room costs no receive.
Source: Lambda developer guide, using Lambda with Amazon SQS.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import msgspec

from broker.core.batch_result import failed_items
from broker.core.commands import Received
from broker.core.errors import FunctionDoesNotExist
from broker.core.limits import PAYLOAD_SYNC_BYTES_MAX, POLLER_CONCURRENCY_MAX
from broker.core.names import Namespace, labelled, uuid_text
from broker.core.record_filter import Records, filtered
from broker.core.registry import Registry
from broker.core.resources import EventSourceMapping
from broker.core.sqs_record import record_trace_header
from broker.core.trace_header import leading
from broker.plugin import InvokerError, InvokerThrottled
from broker.runtime.attempt import Runnable
from broker.runtime.batch_loops import parted
from broker.runtime.drain import WorkerGone
from broker.runtime.functions import Functions
from broker.runtime.ids import Ids
from broker.runtime.invokers import InvokerNotFound
from broker.runtime.poller import BatchFailed, BatchThrottled, Poller, Polling
from broker.runtime.queues import Queues

__all__ = ["MappingParts", "MappingPollers"]

OK, FAILED = "OK", "PROBLEM: Function call failed"


@dataclass(frozen=True, slots=True)
class MappingParts:
    """What mappings need of the broker."""

    registry: Registry
    queues: Queues
    functions: Functions
    ids: Ids
    now_ms: Callable[[], int]
    last_results: dict[tuple[str, str], str]  # of `EventSourceMappings`


class _MappingConsumer:
    """One mapping's; see `broker.runtime.poller.Consumer`."""

    def __init__(self, parts: MappingParts, namespace: Namespace, name: str) -> None:
        self.label = f"event source mapping {name}"
        self._parts = parts
        self._namespace = namespace
        self._name = name

    def polling(self) -> Polling:
        """See `broker.runtime.poller.Consumer`."""
        mapping = self._mapping()
        source = mapping.source
        return Polling(
            mapping.source.queue,
            source.batch_size,
            source.window_s,
            mapping.maximum_concurrency or POLLER_CONCURRENCY_MAX,
        )

    async def take_room(self) -> str:
        """See `broker.runtime.poller.Consumer`: an execution of the function."""
        label = self._mapping().function
        await self._parts.functions.wait_permit(self._namespace, label)
        return label

    def give_room(self, room: str) -> None:
        """See `broker.runtime.poller.Consumer`."""
        self._parts.functions.release(self._namespace, labelled(room)[0])

    async def consume(self, batch: list[Received], room: str) -> list[Received]:
        """See `broker.runtime.poller.Consumer`."""
        mapping = self._mapping()
        origin = self._parts.functions.origin
        records, unwanted = filtered(batch, mapping.source, self._namespace, origin)
        if unwanted:
            await self._delete(mapping, unwanted)
        if not records:
            return []
        try:
            function = self._function(room)
            parts = parted(records, self._namespace, mapping.source.queue, [function], self.label)
            failed = await self._invoke(mapping, function, parts.rest) if parts.rest else set()
        except BatchFailed:
            self._note(FAILED)
            raise
        self._parts.queues.give_back(self._namespace, mapping.source.queue, parts.behind)
        self._note(FAILED if failed or parts.looping else OK)
        done = [one for one, record in parts.rest if record["messageId"] not in failed]
        if done:
            await self._delete(mapping, done)
        # Those in a loop stay as failed ones do, until the queue's redrive policy moves them.
        return parts.looping + [one for one, record in parts.rest if record["messageId"] in failed]

    async def _invoke(
        self,
        mapping: EventSourceMapping,
        function: Runnable,
        records: Records,
    ) -> set[str]:
        """The ids of the messages that have failed. Raises: BatchThrottled, BatchFailed."""
        payload = msgspec.json.encode({"Records": [record for _, record in records]})
        if len(payload) > PAYLOAD_SYNC_BYTES_MAX and len(records) > 1:
            # Written as JSON it is larger than it was: in two halves, one after the other.
            middle = len(records) // 2
            first = await self._invoke(mapping, function, records[:middle])
            return first | await self._invoke(mapping, function, records[middle:])
        headers = [record_trace_header(record) for _, record in records]
        came_with = leading(headers, function.arn(self._namespace))
        request_id, now_ms = uuid_text(self._parts.ids.new()), self._parts.now_ms()
        try:
            attempt = await self._parts.functions.host.attempt(
                self._namespace,
                function,
                payload,
                request_id,
                now_ms,
                trace_header=function.traced(self._namespace, came_with, request_id, now_ms),
            )
        except InvokerThrottled as throttled:
            reason = f"function {function.label} is throttled"
            raise BatchThrottled(reason, throttled.retry_after_s) from None
        except (InvokerError, InvokerNotFound) as error:
            reason = f"function {function.label} can't be reached: {error}"
            raise BatchThrottled(reason) from None
        result = attempt.result
        if result.function_error is not None:
            text = result.payload[:300].decode(errors="replace")
            raise BatchFailed(f"function {function.label}: {text}")
        if not mapping.reports_failures:
            return set()
        failed = failed_items(result.payload, [record["messageId"] for _, record in records])
        if failed is None:
            raise BatchFailed("the function's batchItemFailures can't be understood")
        return failed

    def _note(self, result: str) -> None:
        self._parts.last_results[str(self._namespace), self._name] = result

    async def _delete(self, mapping: EventSourceMapping, messages: Sequence[Received]) -> None:
        handles = [one.receipt_handle for one in messages]
        await self._parts.queues.delete_messages(self._namespace, mapping.source.queue, handles)

    def _function(self, label: str) -> Runnable:
        try:
            return self._parts.functions.find(self._namespace, label)
        except FunctionDoesNotExist as error:
            raise BatchFailed(error.message) from None

    def _mapping(self) -> EventSourceMapping:
        resources = self._parts.registry.resources(self._namespace)
        mapping = resources.event_source_mappings.get(self._name)
        if mapping is None:
            raise WorkerGone
        return mapping


class MappingPollers:
    """A poller for every mapping that is enabled; see `broker.runtime.dispatchers.Runners`."""

    def __init__(self, parts: MappingParts) -> None:
        self._parts = parts

    def names(self, namespace: str) -> Iterable[str]:
        """See `broker.runtime.dispatchers.Runners`."""
        mappings = self._parts.registry.resources(namespace).event_source_mappings
        return [name for name in mappings if self.has(namespace, name)]

    def has(self, namespace: str, name: str) -> bool:
        """See `broker.runtime.dispatchers.Runners`."""
        mappings = self._parts.registry.resources(namespace).event_source_mappings
        mapping = mappings.get(name)
        if mapping is None:
            self._parts.last_results.pop((namespace, name), None)
        return mapping is not None and mapping.enabled

    def runner(self, namespace: Namespace, name: str) -> Poller:
        """See `broker.runtime.dispatchers.Runners`."""
        consumer = _MappingConsumer(self._parts, namespace, name)
        return Poller(self._parts.queues, namespace, consumer)
