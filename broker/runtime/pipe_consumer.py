"""takes batches through a pipe: filter, enrichment, target; what is done is deleted at the source

What stays within the broker (a queue, a topic, a bus, a function that isn't waited for) is put in
the place of what it comes of, in one commit: such a pipe neither loses a message nor doubles one.
"""

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from broker.core.batch_result import failed_items
from broker.core.commands import Received
from broker.core.errors import (
    FunctionDoesNotExist,
    InvokerFailed,
    RecursiveInvocation,
    TooManyRequests,
)
from broker.core.input_template import TransformationFailed
from broker.core.json_text import InvalidJson, parse_json
from broker.core.limits import PAYLOAD_SYNC_BYTES_MAX
from broker.core.names import Arn, Namespace, destination_name, function_label, is_fifo
from broker.core.pipe_input import PipeOccasion, piped
from broker.core.pipe_routing import PipeRouter
from broker.core.record_filter import filtered
from broker.core.registry import Registry
from broker.core.resources import HttpParameters, Pipe
from broker.core.sqs_record import record_trace_header, taken_apart
from broker.core.trace_header import leading
from broker.runtime.api_senders import ApiSenders
from broker.runtime.attempt import Runnable
from broker.runtime.batch_loops import parted
from broker.runtime.connections import Connections
from broker.runtime.drain import WorkerGone
from broker.runtime.functions import Functions
from broker.runtime.ids import Ids
from broker.runtime.poller import BatchFailed, BatchThrottled, Poller, Polling
from broker.runtime.publisher import Publisher
from broker.runtime.queues import Queues
from broker.runtime.rule_nets import ready
from broker.runtime.secret_box import Unreadable

__all__ = ["PipeParts", "PipePollers"]

log = logging.getLogger(__name__)

COMMIT_ITEMS_MAX = 500  # events that are put in their messages' place at once


@dataclass(frozen=True, slots=True)
class PipeParts:
    """What pipes need of the broker."""

    registry: Registry
    queues: Queues
    publisher: Publisher
    functions: Functions
    connections: Connections
    senders: ApiSenders
    ids: Ids


@dataclass(frozen=True, slots=True)
class _Item:
    """An event on its way, and the messages that are done when it is."""

    event: Any
    messages: tuple[Received, ...]
    identifier: str  # by which a function names it as failed
    trace_header: str | None
    group: str | None = None  # of a FIFO queue

    def without(self, receipt_handles: set[bytes]) -> "_Item":
        """The same, less messages that it can't speak for any more."""
        held = tuple(one for one in self.messages if one.receipt_handle not in receipt_handles)
        return replace(self, messages=held)


def _item(received: Received, record: dict[str, Any]) -> _Item:
    fifo = is_fifo(record["eventSourceARN"])
    group = record["attributes"].get("MessageGroupId") if fifo else None
    return _Item(record, (received,), record["messageId"], record_trace_header(record), group)


def _trace_header(items: Sequence[_Item], function_arn: str | None = None) -> str | None:
    return leading((item.trace_header for item in items), function_arn)


class _PipeConsumer:
    """One pipe's; see `broker.runtime.poller.Consumer`."""

    def __init__(self, parts: PipeParts, namespace: Namespace, name: str) -> None:
        self.label = f"pipe {name}"
        self._parts = parts
        self._namespace = namespace
        self._name = name

    def polling(self) -> Polling:
        """See `broker.runtime.poller.Consumer`."""
        source = self._pipe().source
        return Polling(source.queue, source.batch_size, source.window_s)

    async def take_room(self) -> str:
        """See `broker.runtime.poller.Consumer`. What is called says itself when it has none."""
        return ""

    def give_room(self, room: str) -> None:
        """See `broker.runtime.poller.Consumer`."""

    async def consume(self, batch: list[Received], room: str) -> list[Received]:
        """See `broker.runtime.poller.Consumer`."""
        pipe = self._pipe()
        origin = self._parts.functions.origin
        records, unwanted = filtered(batch, pipe.source, self._namespace, origin)
        if unwanted:
            await self._delete(pipe, unwanted)
        if not records:
            return []
        parts = parted(
            records, self._namespace, pipe.source.queue, self._waited_for(pipe), self.label
        )
        self._parts.queues.give_back(self._namespace, pipe.source.queue, parts.behind)
        # Those in a loop stay as failed ones do, until the queue's redrive policy moves them.
        if not parts.rest:
            return parts.looping
        items = [_item(received, record) for received, record in parts.rest]
        return parts.looping + await self._pass_on(pipe, items)

    def _waited_for(self, pipe: Pipe) -> list[Runnable]:
        """The functions that the pipe waits for: what it doesn't is stopped at its own queue."""
        arns = [pipe.enrichment.arn] if pipe.enrichment is not None else []
        if pipe.target.waits_for_function:
            arns.append(pipe.target.arn)
        found = []
        for arn in map(Arn.parse, arns):
            if arn is not None and arn.service == "lambda":
                with suppress(FunctionDoesNotExist):  # then it is said when it is invoked
                    label = function_label(arn.resource)
                    found.append(self._parts.functions.find(self._namespace, label))
        return found

    async def _pass_on(self, pipe: Pipe, items: Sequence[_Item]) -> list[Received]:
        occasion = PipeOccasion(
            self._namespace.arn("pipes", f"pipe/{pipe.name}"),
            pipe.name,
            pipe.source.arn,
            pipe.enrichment.arn if pipe.enrichment is not None else "",
            pipe.target.arn,
            self._parts.publisher.now_ms(),
        )
        if pipe.enrichment is not None:
            enriched = await self._enriched(pipe, items, occasion)
            if not enriched:
                await self._delete(pipe, [one for item in items for one in item.messages])
                return []
            items = enriched
        arn = Arn.parse(pipe.target.arn)
        assert arn is not None
        if destination_name(arn):
            return await self._to_destination(pipe, items, occasion, arn)
        if arn.service == "lambda" and pipe.target.waits_for_function:
            return await self._to_function(pipe, items, occasion, arn)
        return await self._to_resource(pipe, items, occasion)

    # Enrichment

    async def _enriched(
        self, pipe: Pipe, items: Sequence[_Item], occasion: PipeOccasion
    ) -> list[_Item]:
        """The events that the enrichment makes of them; all messages are done with all of them."""
        enrichment = pipe.enrichment
        assert enrichment is not None
        arn = Arn.parse(enrichment.arn)
        assert arn is not None
        payload = _array(_texts(enrichment.input_template, items, occasion))
        if destination_name(arn):
            parameters = enrichment.http_parameters or HttpParameters()
            first = taken_apart(items[0].event)
            answer = await self._call(arn, parameters, first, payload.decode())
        else:
            answer = await self._invoke(arn, payload, items)
        try:
            result = parse_json(answer or b"null")
        except InvalidJson as error:
            raise BatchFailed(f"the enrichment's answer is no JSON: {error}") from None
        events = result if isinstance(result, list) else [result]
        messages = tuple(one for item in items for one in item.messages)
        # An empty answer keeps the events from the target.
        header = _trace_header(items)
        return [
            _Item(event, messages, "", header)
            for event in events
            if event not in (None, "", {}, [])
        ]

    # Targets

    async def _to_resource(
        self, pipe: Pipe, items: Sequence[_Item], occasion: PipeOccasion
    ) -> list[Received]:
        if pipe.enrichment is not None:
            # All stand for all messages, which can be replaced only once.
            return await self._commit(pipe, items, occasion)
        failed: list[Received] = []
        for start in range(0, len(items), COMMIT_ITEMS_MAX):
            failed += await self._commit(pipe, items[start : start + COMMIT_ITEMS_MAX], occasion)
        return failed

    async def _commit(
        self, pipe: Pipe, items: Sequence[_Item], occasion: PipeOccasion
    ) -> list[Received]:
        resources = self._parts.registry.resources(self._namespace)
        await ready(resources)
        router = PipeRouter(
            resources,
            self._namespace,
            pipe,
            self._parts.ids.new,
            occasion.now_ms,
        )
        routed, failed = _routed(router, pipe, items, occasion)
        if not routed:
            return failed
        handles = list(dict.fromkeys(one.receipt_handle for one in _of(routed)))
        queue = pipe.source.queue
        stale = await self._parts.publisher.publish_in_place(
            self._namespace, router.routed, queue, handles
        )
        if stale:
            # Their visibility timeout has ended; whoever has them now hands them on.
            gone = {handles[index] for index in stale}
            held = [item.without(gone) for item in routed]
            left = [item for item in held if item.messages]
            failed += await self._commit(pipe, left, occasion) if left else []
        return failed

    async def _to_function(
        self, pipe: Pipe, items: Sequence[_Item], occasion: PipeOccasion, arn: Arn
    ) -> list[Received]:
        payload = _array(_texts(pipe.target.input_template, items, occasion))
        result = await self._invoke(arn, payload, items)
        identifiers = [item.identifier for item in items]
        failed = failed_items(result, identifiers)
        if failed is None:
            raise BatchFailed("the function's batchItemFailures can't be understood")
        return await self._settle(pipe, items, failed)

    async def _to_destination(
        self, pipe: Pipe, items: Sequence[_Item], occasion: PipeOccasion, arn: Arn
    ) -> list[Received]:
        parameters = pipe.target.http_parameters or HttpParameters()
        texts = _texts(pipe.target.input_template, items, occasion)
        done: list[_Item] = []
        try:
            for item, text in zip(items, texts, strict=True):
                await self._call(arn, parameters, taken_apart(item.event), text)
                done.append(item)
        finally:
            if done and pipe.enrichment is None:
                await self._delete(pipe, [one for item in done for one in item.messages])
        if pipe.enrichment is not None:
            await self._delete(pipe, list(items[0].messages))
        return []

    async def _settle(self, pipe: Pipe, items: Sequence[_Item], failed: set[str]) -> list[Received]:
        if failed and pipe.enrichment is not None:
            return list(items[0].messages)
        done = _of(item for item in items if item.identifier not in failed)
        if done:
            await self._delete(pipe, done)
        return _of(item for item in items if item.identifier in failed)

    # Calls

    async def _invoke(self, arn: Arn, payload: bytes, items: Sequence[_Item]) -> bytes:
        """A function's result. Raises: BatchThrottled, BatchFailed."""
        if len(payload) > PAYLOAD_SYNC_BYTES_MAX:
            raise BatchFailed(f"the batch is larger than {PAYLOAD_SYNC_BYTES_MAX} bytes")
        name = function_label(arn.resource)
        try:
            invoked = await self._parts.functions.invoke(
                self._namespace, name, payload, trace_header=_trace_header(items, str(arn))
            )
        except TooManyRequests as full:
            raise BatchThrottled(
                f"function {name} has no room", full.details["retry_after_s"]
            ) from None
        except InvokerFailed as error:
            raise BatchThrottled(f"function {name} can't be reached: {error.message}") from None
        except (FunctionDoesNotExist, RecursiveInvocation) as error:
            raise BatchFailed(f"function {name}: {error.message}") from None
        result = invoked.attempt.result
        if result.function_error is not None:
            text = result.payload[:300].decode(errors="replace")
            raise BatchFailed(f"function {name}: {text}")
        return result.payload

    async def _call(self, arn: Arn, parameters: HttpParameters, event: Any, text: str) -> bytes:
        """An API destination's answer. Raises: BatchThrottled, BatchFailed."""
        resources = self._parts.registry.resources(self._namespace)
        destination = resources.api_destinations.get(destination_name(arn))
        connection = resources.connections.get(destination.connection) if destination else None
        if destination is None or connection is None:
            raise BatchFailed(f"there is no API destination {arn}")
        try:
            authorization = self._parts.connections.authorization(connection)
        except Unreadable as error:
            raise BatchFailed(f"the secret of {connection.name} can't be read: {error}") from None
        answer = await self._parts.senders.of(self._namespace).send(
            destination, connection, authorization, parameters, event, text, PAYLOAD_SYNC_BYTES_MAX
        )
        if answer.verdict == "parked":
            raise BatchThrottled(f"{destination.name}: {answer.text}", answer.retry_after_s)
        if answer.verdict != "delivered":
            raise BatchFailed(f"{destination.name}: {answer.text}")
        return answer.body

    # The source

    async def _delete(self, pipe: Pipe, messages: Sequence[Received]) -> None:
        handles = [one.receipt_handle for one in messages]
        await self._parts.queues.delete_messages(self._namespace, pipe.source.queue, handles)

    def _pipe(self) -> Pipe:
        pipe = self._parts.registry.resources(self._namespace).pipes.get(self._name)
        if pipe is None:
            raise WorkerGone
        return pipe


class PipePollers:
    """A poller for every pipe that is to run; see `broker.runtime.dispatchers.Runners`."""

    def __init__(self, parts: PipeParts) -> None:
        self._parts = parts

    def names(self, namespace: str) -> Iterable[str]:
        """See `broker.runtime.dispatchers.Runners`."""
        pipes = self._parts.registry.resources(namespace).pipes
        return [name for name in pipes if self.has(namespace, name)]

    def has(self, namespace: str, name: str) -> bool:
        """See `broker.runtime.dispatchers.Runners`."""
        resources = self._parts.registry.resources(namespace)
        pipe = resources.pipes.get(name)
        return pipe is not None and pipe.running

    def runner(self, namespace: Namespace, name: str) -> Poller:
        """See `broker.runtime.dispatchers.Runners`."""
        consumer = _PipeConsumer(self._parts, namespace, name)
        return Poller(self._parts.queues, namespace, consumer)


def _routed(
    router: PipeRouter, pipe: Pipe, items: Sequence[_Item], occasion: PipeOccasion
) -> tuple[list[_Item], list[Received]]:
    """The events that were routed, and the messages of those that couldn't be.

    After one of a FIFO queue's group, no later one of it goes on. What was enriched goes all
    together, or fails: part of it can't be told from the rest.
    """
    done: list[_Item] = []
    failed: list[Received] = []
    held_back: set[str] = set()
    for item in items:
        if item.group in held_back:
            failed += item.messages
            continue
        try:
            text = piped(pipe.target.input_template, item.event, occasion)
            obstacle = router.deliver(
                item.event, text, item.messages[0].message_id, item.trace_header
            )
            reason = ": ".join(obstacle) if obstacle is not None else ""
        except TransformationFailed as error:
            reason = str(error)
        if not reason:
            done.append(item)
        elif pipe.enrichment is not None or len(items) == 1:
            raise BatchFailed(reason)
        else:
            log.info("pipe %s can't hand on an event: %s", pipe.name, reason)
            failed += item.messages
            if item.group is not None:
                held_back.add(item.group)
    return done, failed


def _texts(template: str | None, items: Sequence[_Item], occasion: PipeOccasion) -> list[str]:
    try:
        return [piped(template, item.event, occasion) for item in items]
    except TransformationFailed as error:
        raise BatchFailed(str(error)) from None


def _array(texts: Sequence[str]) -> bytes:
    return f"[{','.join(texts)}]".encode()


def _of(items: Iterable[_Item]) -> list[Received]:
    return [one for item in items for one in item.messages]
