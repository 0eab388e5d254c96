"""event source mappings as the edge uses them"""

import uuid
from collections.abc import Callable

import msgspec

from broker.core.errors import InvalidParameter, MappingDoesNotExist, MappingExists
from broker.core.limits import MAPPING_CONCURRENCY_MIN, POLLER_CONCURRENCY_MAX
from broker.core.names import Namespace
from broker.core.piping import check_batch_source
from broker.core.registry import Resources
from broker.core.resources import EventSourceMapping
from broker.runtime.functions import Functions
from broker.runtime.registrar import Registrar

__all__ = ["EventSourceMappings"]


class EventSourceMappings:
    """What programs do with mappings. Raises MappingDoesNotExist throughout."""

    def __init__(
        self, registrar: Registrar, functions: Functions, now_ms: Callable[[], int]
    ) -> None:
        self._registrar = registrar
        self._functions = functions
        self._now_ms = now_ms
        # How the last batch of each ended, by namespace and UUID; not kept over a restart.
        self.last_results: dict[tuple[str, str], str] = {}

    def last_result(self, namespace: Namespace, name: str) -> str:
        """How a mapping's last batch ended, in Lambda's words."""
        return self.last_results.get((str(namespace), name), "No records processed")

    def get(self, namespace: Namespace, name: str) -> EventSourceMapping:
        """One mapping, by its UUID."""
        found = self._resources(namespace).event_source_mappings.get(name)
        if found is None:
            raise MappingDoesNotExist
        return found

    def all(
        self, namespace: Namespace, source: str | None = None, function: str | None = None
    ) -> list[EventSourceMapping]:
        """Mappings by UUID; of one queue's ARN or one function, if that is asked for."""
        found = self._resources(namespace).event_source_mappings
        return [
            found[name]
            for name in sorted(found)
            if source in (None, found[name].source.arn) and function in (None, found[name].function)
        ]

    async def create(self, namespace: Namespace, mapping: EventSourceMapping) -> EventSourceMapping:
        """Make a mapping, with a UUID of its own.

        Raises: MappingExists, InvalidParameter, NotSupported, FunctionDoesNotExist, StoreFull.
        """
        self._check(namespace, mapping)
        for other in self.all(namespace, mapping.source.arn, mapping.function):
            raise MappingExists(
                f'An event source mapping with SQS arn (" {mapping.source.arn} ") and function '
                f'(" {mapping.function} ") already exists. Please update or delete the existing '
                f"mapping with UUID {other.name}"
            )
        now_ms = self._now_ms()
        made = msgspec.structs.replace(
            mapping, name=str(uuid.uuid4()), created_at_ms=now_ms, modified_at_ms=now_ms
        )
        await self._registrar.put(namespace, made, 0)
        return made

    async def configure(
        self, namespace: Namespace, mapping: EventSourceMapping
    ) -> EventSourceMapping:
        """Replace a mapping's settings; batches that are out go on as they were.

        Raises: InvalidParameter, NotSupported, FunctionDoesNotExist, RecordChanged, StoreFull.
        """
        self.get(namespace, mapping.name)
        self._check(namespace, mapping)
        version = self._registrar.version(namespace, "event_source_mapping", mapping.name)
        changed = msgspec.structs.replace(mapping, modified_at_ms=self._now_ms())
        await self._registrar.put(namespace, changed, version)
        return changed

    async def tag(self, namespace: Namespace, name: str, tags: dict[str, str]) -> None:
        """Replace a mapping's tags."""
        changed = msgspec.structs.replace(self.get(namespace, name), tags=tags)
        version = self._registrar.version(namespace, "event_source_mapping", name)
        await self._registrar.put(namespace, changed, version)

    async def delete(self, namespace: Namespace, name: str) -> EventSourceMapping:
        """Delete a mapping; what it was. Its batches go on to their end."""
        mapping = self.get(namespace, name)
        await self._registrar.delete(namespace, "event_source_mapping", name)
        return mapping

    def _check(self, namespace: Namespace, mapping: EventSourceMapping) -> None:
        check_batch_source(mapping.source, namespace)
        limit = mapping.maximum_concurrency
        if limit is not None and not MAPPING_CONCURRENCY_MIN <= limit <= POLLER_CONCURRENCY_MAX:
            raise InvalidParameter(
                f"MaximumConcurrency must be between {MAPPING_CONCURRENCY_MIN} and "
                f"{POLLER_CONCURRENCY_MAX}."
            )
        resources = self._resources(namespace)
        queue = resources.queues.get(mapping.source.queue)
        if queue is None:
            raise InvalidParameter(
                "Error occurred while ReceiveMessage. SQS Error Code: "
                "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: The specified queue "
                "does not exist."
            )
        function = self._functions.find(namespace, mapping.function).function
        if queue.visibility_timeout_s < function.timeout_s:
            raise InvalidParameter(
                f"Queue visibility timeout: {queue.visibility_timeout_s} seconds is less than "
                f"Function timeout: {function.timeout_s:g} seconds"
            )

    def _resources(self, namespace: Namespace) -> Resources:
        return self._registrar.registry.resources(namespace)
