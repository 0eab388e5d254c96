"""pipes as the edge uses them"""

from collections.abc import Callable, Mapping

import msgspec

from broker.core.errors import (
    InvalidParameter,
    LimitExceeded,
    PipeDoesNotExist,
    PipeExists,
)
from broker.core.limits import PIPES_MAX
from broker.core.names import Arn, Namespace, destination_name, event_bus_name, function_label
from broker.core.piping import check_pipe
from broker.core.registry import Resources
from broker.core.resources import Pipe
from broker.runtime.registrar import Registrar

__all__ = ["Pipes", "pipe_arn"]


def pipe_arn(namespace: Namespace, name: str) -> str:
    """`…:pipe/NAME`"""
    return namespace.arn("pipes", f"pipe/{name}")


class Pipes:
    """What programs do with pipes. Raises PipeDoesNotExist throughout."""

    def __init__(self, registrar: Registrar, now_ms: Callable[[], int]) -> None:
        self._registrar = registrar
        self._now_ms = now_ms

    def get(self, namespace: Namespace, name: str) -> Pipe:
        """One pipe."""
        found = self._resources(namespace).pipes.get(name)
        if found is None:
            raise PipeDoesNotExist(f"Pipe {name} does not exist.")
        return found

    def all(self, namespace: Namespace, prefix: str = "") -> list[Pipe]:
        """Pipes by name."""
        found = self._resources(namespace).pipes
        return [found[name] for name in sorted(found) if name.startswith(prefix)]

    async def create(self, namespace: Namespace, pipe: Pipe) -> Pipe:
        """Make a pipe; it runs at once, if it is to.

        Raises: PipeExists, InvalidParameter, NotSupported, LimitExceeded, StoreFull.
        """
        pipes = self._resources(namespace).pipes
        if pipe.name in pipes:
            raise PipeExists(f"Pipe {pipe.name} already exists.", name=pipe.name)
        if len(pipes) >= PIPES_MAX:
            raise LimitExceeded(f"There can be {PIPES_MAX} pipes.")
        self._check(namespace, pipe)
        now_ms = self._now_ms()
        made = msgspec.structs.replace(pipe, created_at_ms=now_ms, modified_at_ms=now_ms)
        await self._registrar.put(namespace, made, 0)
        return made

    async def update(self, namespace: Namespace, pipe: Pipe) -> Pipe:
        """Replace a pipe's settings; the source stays. Batches that are out go on as they were.

        Raises: InvalidParameter, NotSupported, RecordChanged, StoreFull.
        """
        before = self.get(namespace, pipe.name)
        assert before.source.arn == pipe.source.arn
        self._check(namespace, pipe)
        return await self._replace(namespace, pipe)

    async def run(self, namespace: Namespace, name: str, *, running: bool) -> Pipe:
        """Start or stop a pipe. A stopped one takes no more; its batches go on to their end."""
        pipe = self.get(namespace, name)
        return await self._replace(namespace, msgspec.structs.replace(pipe, running=running))

    async def tag(self, namespace: Namespace, name: str, tags: Mapping[str, str]) -> None:
        """Replace a pipe's tags."""
        pipe = self.get(namespace, name)
        version = self._registrar.version(namespace, "pipe", name)
        await self._registrar.put(
            namespace, msgspec.structs.replace(pipe, tags=dict(tags)), version
        )

    async def delete(self, namespace: Namespace, name: str) -> Pipe:
        """Delete a pipe; what it was."""
        pipe = self.get(namespace, name)
        await self._registrar.delete(namespace, "pipe", name)
        return pipe

    async def _replace(self, namespace: Namespace, pipe: Pipe) -> Pipe:
        version = self._registrar.version(namespace, "pipe", pipe.name)
        changed = msgspec.structs.replace(pipe, modified_at_ms=self._now_ms())
        await self._registrar.put(namespace, changed, version)
        return changed

    def _check(self, namespace: Namespace, pipe: Pipe) -> None:
        check_pipe(pipe, namespace)
        resources = self._resources(namespace)
        named = {"Source": pipe.source.arn, "Target": pipe.target.arn}
        if pipe.enrichment is not None:
            named["Enrichment"] = pipe.enrichment.arn
        for member, text in named.items():
            arn = Arn.parse(text)
            assert arn is not None
            if not _exists(resources, arn):
                raise InvalidParameter(f"{member} does not exist: {text}")

    def _resources(self, namespace: Namespace) -> Resources:
        return self._registrar.registry.resources(namespace)


def _exists(resources: Resources, arn: Arn) -> bool:
    if arn.service == "sqs":
        return arn.resource in resources.queues
    if arn.service == "sns":
        return arn.resource in resources.topics
    if arn.service == "lambda":
        return resources.can_invoke(function_label(arn.resource))
    if destination_name(arn):
        return destination_name(arn) in resources.api_destinations
    return event_bus_name(arn.resource) in resources.event_buses
