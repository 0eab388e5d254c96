"""queues as the edge uses them: send, receive with long poll, delete, and their resources"""

import math

import trio

from broker.core import commands
from broker.core.commands import NewMessage, Peeked, QueueCounts, Received, VisibilityChange
from broker.core.errors import BrokerError, QueueDoesNotExist
from broker.core.limits import COMMIT_BYTES_MAX
from broker.core.message import Message, encode
from broker.core.names import Namespace, is_internal
from broker.core.resources import Queue
from broker.runtime.ids import Ids
from broker.runtime.registrar import Registrar
from broker.runtime.returns import Returns
from broker.runtime.waiters import Waiters
from broker.store.seam import Store, submit_one


class Queues:
    """What programs do with queues. Raises QueueDoesNotExist throughout."""

    def __init__(self, store: Store, registrar: Registrar, waiters: Waiters, ids: Ids) -> None:
        self._store = store
        self._registrar = registrar
        self._waiters = waiters
        self._ids = ids
        self.returns = Returns(store)

    def get(self, namespace: Namespace, name: str) -> Queue:
        """The queue's settings."""
        queue = self._registrar.registry.resources(namespace).queues.get(name)
        if queue is None:
            raise QueueDoesNotExist
        return queue

    def all(self, namespace: Namespace, prefix: str = "") -> list[Queue]:
        """Queues that programs may see, by name."""
        queues = self._registrar.registry.resources(namespace).queues
        return [
            queues[name]
            for name in sorted(queues)
            if name.startswith(prefix) and not is_internal(name)
        ]

    async def create(self, namespace: Namespace, queue: Queue) -> None:
        """Raises: RecordChanged, if the name was taken in the meantime."""
        await self._registrar.put(namespace, queue, expected_version=0)

    async def configure(self, namespace: Namespace, queue: Queue) -> None:
        """Replace the settings of a queue that is there."""
        version = self._registrar.version(namespace, "queue", queue.name)
        await self._registrar.put(namespace, queue, expected_version=version)

    async def delete(self, namespace: Namespace, name: str) -> None:
        """Delete the queue with all its messages."""
        self.get(namespace, name)
        await self._registrar.delete(namespace, "queue", name)

    async def send(
        self, namespace: Namespace, name: str, messages: list[tuple[Message, int]]
    ) -> list[bytes]:
        """Send messages, given with their delay in seconds; their ids.

        Returns when they are on disk. All are stored or none. Raises: StoreFull.
        """
        new_id = self._ids.new
        new = [
            NewMessage(new_id(), encode(message), delay_s * 1000) for message, delay_s in messages
        ]
        await self.send_encoded(namespace, name, new)
        return [message.message_id for message in new]

    async def send_encoded(
        self, namespace: Namespace, name: str, messages: list[NewMessage]
    ) -> None:
        """Send messages that are encoded and have their ids, all or none; bulk sends do so.

        Returns when they are on disk. Raises: StoreFull.
        """
        command = commands.SendMessages(name, messages)
        (outcome,) = await self._store.submit(namespace.text, (command,))
        if outcome is not None:
            raise outcome

    async def receive(
        self,
        namespace: Namespace,
        name: str,
        count: int = 1,
        visibility_timeout_s: float = 30,
        wait_time_s: float = 0,
    ) -> list[Received]:
        """Up to `count` (1..1,000) messages, hidden for `visibility_timeout_s`.

        Waits at most `wait_time_s`, and not while the daemon stops. Cancelled at any time: no
        message is taken; what the commit under way may have hidden is given back, as if it had
        never been received.
        Raises: OverLimit.
        """
        if wait_time_s <= 0:
            return await self._receive_now(namespace, name, count, visibility_timeout_s)
        received: list[Received] = []
        with self._waiters.line_up((str(namespace), name), count) as waiter:
            deadline = trio.current_time() + wait_time_s
            while not received:
                await trio.lowlevel.checkpoint_if_cancelled()  # with the wake-up still unused
                waiter.woken = False
                try:
                    received = await self._receive_now(namespace, name, count, visibility_timeout_s)
                except Exception:
                    waiter.woken = True  # what it was woken for may be there still: see `line_up`
                    raise
                if received or self._waiters.closed or trio.current_time() >= deadline:
                    break
                with trio.move_on_at(deadline) as patience:
                    await waiter.wait()
                if patience.cancelled_caught:
                    break
            if _cut_short(received, count):
                waiter.woken = True  # there may be more than it took: for the next in line
        return received

    async def _receive_now(
        self, namespace: Namespace, name: str, count: int, visibility_timeout_s: float
    ) -> list[Received]:
        command = commands.ReceiveMessages(
            name, count, math.ceil(visibility_timeout_s * 1000), self._ids.new()[:8]
        )
        # Shielded, for as long as a commit takes: else nobody would hear what it has hidden.
        with trio.CancelScope(shield=True):
            received: list[Received] = await submit_one(self._store, str(namespace), command)
        if received:
            try:
                await trio.lowlevel.checkpoint_if_cancelled()
            except trio.Cancelled:
                self.give_back(namespace, name, received)
                raise
        return received

    def give_back(self, namespace: Namespace, name: str, received: list[Received]) -> None:
        """Undo a receive whose messages didn't reach their receiver. Doesn't wait."""
        handles = [one.receipt_handle for one in received]
        self.returns.give_back(namespace, name, handles, spend_receive=False)

    async def wait_visible(self, namespace: Namespace, name: str) -> None:
        """Until the queue has a message to receive; takes none."""
        with self._waiters.line_up((str(namespace), name)) as waiter:
            while True:
                waiter.woken = False
                (counts,) = await self.counts(namespace, name)
                if counts.visible:
                    return
                await waiter.wait()

    async def delete_messages(
        self, namespace: Namespace, name: str, receipt_handles: list[bytes]
    ) -> list[str | None]:
        """None or an error's name for each handle."""
        command = commands.DeleteMessages(name, receipt_handles)
        results: list[str | None] = await submit_one(self._store, str(namespace), command)
        return results

    async def change_visibility(
        self, namespace: Namespace, name: str, changes: list[VisibilityChange]
    ) -> list[str | None]:
        """None or an error's name for each change."""
        command = commands.ChangeVisibility(name, changes)
        results: list[str | None] = await submit_one(self._store, str(namespace), command)
        return results

    async def settle(
        self,
        namespace: Namespace,
        name: str,
        changes: list[VisibilityChange],
        receipt_handles: list[bytes],
    ) -> tuple[list[str | None], list[str | None]]:
        """Change visibilities, then delete, in one commit; None or an error's name for each."""
        both: list[commands.Command] = []
        if changes:
            both.append(commands.ChangeVisibility(name, changes))
        if receipt_handles:
            both.append(commands.DeleteMessages(name, receipt_handles))
        outcomes = await self._store.submit(str(namespace), both)
        for outcome in outcomes:
            if isinstance(outcome, BrokerError):
                raise outcome
        changed = outcomes[0] if changes else []
        deleted = outcomes[-1] if receipt_handles else []
        return changed, deleted

    async def purge(self, namespace: Namespace, name: str) -> None:
        """Raises: PurgeQueueInProgress."""
        await submit_one(self._store, str(namespace), commands.PurgeQueue(name))

    async def counts(self, namespace: Namespace, *names: str) -> list[QueueCounts]:
        """How many messages each queue holds, by state."""
        counts: list[QueueCounts] = await submit_one(
            self._store, str(namespace), commands.CountMessages(list(names))
        )
        return counts

    async def peek(
        self, namespace: Namespace, name: str, count: int = 10, after: bytes = b""
    ) -> list[Peeked]:
        """Messages in the order in which they become visible, from behind the cursor `after`."""
        command = commands.PeekMessages(name, count, after)
        peeked: list[Peeked] = await submit_one(self._store, str(namespace), command)
        return peeked


def _cut_short(received: list[Received], count: int) -> bool:
    """Whether a receive ended because its messages were large, and not for want of more."""
    return 0 < len(received) < count and sum(len(one.body) for one in received) >= COMMIT_BYTES_MAX
