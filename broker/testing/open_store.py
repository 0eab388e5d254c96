"""a store under test, and the words in which its tests speak of it"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

from broker.core import commands, errors, resources
from broker.core.commands import NewMessage, Peeked, Received
from broker.store.seam import Store, submit_one

NAMESPACE = "000000000000/us-east-1"
ERROR = TypeVar("ERROR", bound=errors.BrokerError)
_ids = count(1)


@dataclass(slots=True)
class OpenStore:
    """A store under test, and the words in which the tests speak of it."""

    store: Store
    pass_ms: Callable[[int], None]  # moves the store's clock

    async def submit(self, command: commands.Command) -> Any:
        """One command's result. Raises: what it was refused with."""
        return await submit_one(self.store, NAMESPACE, command)

    async def refused(self, kind: type[ERROR], command: commands.Command) -> ERROR:
        """The command's refusal, which must be of that kind."""
        (outcome,) = await self.store.submit(NAMESPACE, [command])
        assert isinstance(outcome, kind), f"{outcome!r} instead of {kind.__name__}"
        return outcome

    async def create(self, *names: str, **settings: Any) -> None:
        """Make queues, or give them new settings."""
        for name in names:
            value = resources.encode(resources.Queue(name=name, **settings))
            await self.submit(commands.Configure([commands.RecordChange("queue", name, value)]))

    async def remove(self, name: str) -> None:
        """Delete a queue."""
        await self.submit(commands.Configure([commands.RecordChange("queue", name, None)]))

    async def send(self, queue: str, *bodies: str, delay_ms: int = 0) -> None:
        """Send messages in one command."""
        new = [NewMessage(new_id(), body.encode(), delay_ms) for body in bodies]
        await self.submit(commands.SendMessages(queue, new))

    async def send_grouped(self, queue: str, *texts: str, **more: Any) -> Any:
        """Send messages of the groups that their texts begin with, as in "a1"; "-" is none."""
        new = [
            NewMessage(new_id(), text.encode(), group=None if text[0] == "-" else text[0], **more)
            for text in texts
        ]
        return await self.submit(commands.SendMessages(queue, new))

    async def receive(self, queue: str, limit: int = 10, timeout_ms: int = 30_000) -> Any:
        """Receive messages."""
        return await self.submit(commands.ReceiveMessages(queue, limit, timeout_ms, b"01234567"))

    async def texts(self, queue: str, limit: int = 10, timeout_ms: int = 30_000) -> list[str]:
        """Receive messages; what is in them."""
        received = await self.receive(queue, limit, timeout_ms)
        return [message.body.decode() for message in received]

    async def attempt(self, queue: str, attempt_id: str, limit: int = 10) -> list[Received]:
        """Receive under an attempt id, for half a minute."""
        received: list[Received] = await self.submit(
            commands.ReceiveMessages(queue, limit, 30_000, b"01234567", attempt_id)
        )
        return received

    async def receive_one(self, queue: str, timeout_ms: int = 30_000) -> Received:
        """Receive the one message that must be there."""
        (received,) = await self.receive(queue, 1, timeout_ms)
        assert isinstance(received, Received)
        return received

    async def bodies(self, queue: str) -> list[str]:
        """Receive all there is, and hand it back at once."""
        return [received.body.decode() for received in await self.receive(queue, 100, 0)]

    async def delete(self, queue: str, *handles: bytes) -> Any:
        """Delete by handle."""
        return await self.submit(commands.DeleteMessages(queue, list(handles)))

    async def hide(self, queue: str, handle: bytes, timeout_ms: int, **how: bool) -> str | None:
        """Change one message's visibility."""
        change = commands.VisibilityChange(handle, timeout_ms, **how)
        (result,) = await self.submit(commands.ChangeVisibility(queue, [change]))
        assert result is None or isinstance(result, str)
        return result

    async def counts(self, queue: str) -> tuple[int, int, int]:
        """Visible, in flight, delayed."""
        (counts,) = await self.submit(commands.CountMessages([queue]))
        return counts.visible, counts.in_flight, counts.delayed

    async def peek(self, queue: str, limit: int = 100, after: bytes = b"") -> list[Peeked]:
        """Look at messages."""
        peeked: list[Peeked] = await self.submit(commands.PeekMessages(queue, limit, after))
        return peeked

    async def start_move(self, source: str, destination: str | None = None) -> None:
        """Make the record of a message move task."""
        task = resources.MessageMoveTask(name="task", source=source, destination=destination)
        await self.put_task(task)

    async def put_task(self, task: resources.MessageMoveTask) -> None:
        """Change a message move task's record."""
        change = commands.RecordChange("message_move_task", task.name, resources.encode(task))
        await self.submit(commands.Configure([change]))

    async def move(self, limit: int = 10) -> resources.MessageMoveTask:
        """Carry out a slice of the task; what has become of it."""
        ids = [new_id() for _ in range(limit)]
        record = await self.submit(commands.MoveMessages("task", ids))
        task = resources.decode(record.value)
        assert isinstance(task, resources.MessageMoveTask)
        return task

    async def settle(self) -> None:
        """Have all done that is due, as the daemon does."""
        for _ in range(1_000):
            await self.submit(commands.Advance())
            status = self.store.status
            if status.due_at_ms is None or status.due_at_ms > status.now_ms:
                return
        raise AssertionError("there is no end to what is due")


def new_id() -> bytes:
    """A message id."""
    return next(_ids).to_bytes(16, "big")


class Conformance:
    """Tests of one concern; says how a store is opened."""

    def open_store(self) -> AbstractAsyncContextManager[OpenStore]:
        """A store on this test's data: empty at first, and the same data when opened again."""
        raise NotImplementedError
