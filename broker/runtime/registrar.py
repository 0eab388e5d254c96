"""changing resources: one commit, then the registry, then the caller"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import trio

from broker.core import commands, resources
from broker.core.commands import NewEntry, NewMessage, RecordChange
from broker.core.names import Namespace
from broker.core.registry import Registry
from broker.core.resources import KINDS, AnyResource, EventReplay, Subscription
from broker.store.seam import Store, submit_one


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in an internal queue on behalf of resources, and changes with them."""

    queue: str
    messages: list[NewMessage] = field(default_factory=list)
    cancelled: list[bytes] = field(default_factory=list)  # ids of cancellable messages


Change = tuple[str, str, AnyResource | None, int | None]  # kind, name, resource, expected version


class Registrar:
    """Owns the way in which resources change; everybody else only reads the registry."""

    def __init__(self, store: Store, registry: Registry) -> None:
        self._store = store
        self.registry = registry
        self.listeners: list[Callable[[str, str, str], None]] = []  # namespace, kind, name
        self._changing = trio.Lock()

    async def load(self) -> None:
        """Read all resources from the store; rules are still to be taken into their nets."""
        records: list[commands.Record] = await submit_one(self._store, "", commands.ReadRecords())
        for record in records:
            self.registry.change(
                record.namespace,
                record.kind,
                record.name,
                resources.decode(record.value),
                record.version,
                starting=True,
            )

    def version(self, namespace: Namespace, kind: str, name: str) -> int:
        """The version of a resource's record; 0 if there is none."""
        return self.registry.resources(namespace).versions.get((kind, name), 0)

    async def put(
        self, namespace: Namespace, resource: AnyResource, expected_version: int | None = None
    ) -> None:
        """Store one resource. Raises: RecordChanged, StoreFull."""
        change = (KINDS[type(resource)], resource.name, resource, expected_version)
        await self.change(namespace, [change])

    async def delete(
        self, namespace: Namespace, kind: str, name: str, expected_version: int | None = None
    ) -> None:
        """Delete one resource, if it is there. Raises: RecordChanged."""
        await self.change(namespace, [(kind, name, None, expected_version)])

    async def change(
        self,
        namespace: Namespace,
        changes: Sequence[Change],
        check: Callable[[], None] = lambda: None,
        waiting: Waiting | None = None,
    ) -> None:
        """Make all changes in one commit, or none. Raises: RecordChanged, StoreFull.

        `check` is called when no other change is under way, and may refuse by raising, or add to
        the changes: what it finds in the registry holds until they are made. `waiting` changes in
        the same commit, which may have made its queue.
        """
        # One after another: callers that are answered together go on in any order, and the registry
        # must take in their changes as the store did. Shielded: what was committed must reach the
        # registry, whoever has lost interest.
        async with self._changing:
            check()
            records = [record_change(*change) for change in changes]
            command: commands.Command = commands.Configure(records)
            if waiting is not None and (waiting.messages or waiting.cancelled):
                command = commands.ConfigureAndSend(
                    records, waiting.queue, waiting.cancelled, waiting.messages
                )
            with trio.CancelScope(shield=True):
                versions = await submit_one(self._store, str(namespace), command)
            for (kind, name, resource, _), version in zip(changes, versions, strict=True):
                self.registry.change(str(namespace), kind, name, resource, version)
            for kind, name, _, _ in changes:
                for listener in self.listeners:
                    listener(str(namespace), kind, name)

    async def submit(self, namespace: Namespace, command: commands.MoveMessages) -> None:
        """Have a command applied that changes a resource beside what else it does.

        Raises: MoveTaskDoesNotExist, StoreFailed.
        """
        async with self._changing:
            with trio.CancelScope(shield=True):
                record = await submit_one(self._store, str(namespace), command)
            resource = resources.decode(record.value)
            self.registry.change(
                record.namespace, record.kind, record.name, resource, record.version
            )

    async def replay(
        self,
        namespace: Namespace,
        changed: Subscription | EventReplay,
        bodies: list[bytes],
        entries: list[NewEntry],
    ) -> list[int]:
        """Deliver a slice of a replay with the record that says how far it has come.

        Answers which entries found no place. Raises: RecordChanged, StoreFull, StoreFailed.
        """
        kind = KINDS[type(changed)]
        expected = self.version(namespace, kind, changed.name)
        change = record_change(kind, changed.name, changed, expected)
        command = commands.ReplayMessages(change, bodies, entries)
        async with self._changing:
            with trio.CancelScope(shield=True):
                version, homeless = await submit_one(self._store, str(namespace), command)
            self.registry.change(str(namespace), kind, changed.name, changed, version)
        answer: list[int] = homeless
        return answer


def record_change(
    kind: str, name: str, resource: AnyResource | None, expected: int | None
) -> RecordChange:
    """A change as the store takes it."""
    return RecordChange(kind, name, resources.encode(resource) if resource else None, expected)
