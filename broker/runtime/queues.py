"""queues as the edge uses them: send, receive with long poll, delete, and their resources"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import trio

from broker.core import commands
from broker.core.commands import (
    Accepted,
    NewMessage,
    Peeked,
    Pick,
    QueueCounts,
    Received,
    VisibilityChange,
)
from broker.core.dead_letters import check_redrive_policy
from broker.core.errors import BrokerError, QueueDoesNotExist
from broker.core.limits import COMMIT_BYTES_MAX, DELAY_S_MAX, DELETED_NAME_BLOCKED_S
from broker.core.message import Message, encode
from broker.core.names import Namespace, is_internal
from broker.core.resources import Queue
from broker.runtime.deleted_queues import check_not_blocked, forget_deletion, note_deletion
from broker.runtime.ids import Ids
from broker.runtime.registrar import Change, Registrar
from broker.runtime.returns import Returns
from broker.runtime.waiters import Waiters
from broker.store.seam import Store, submit_one


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """What the configuration says of all queues; SQS's own limits by default."""

    delay_s_max: int = DELAY_S_MAX  # of one message
    deleted_name_blocked_s: int = DELETED_NAME_BLOCKED_S


class Queues:
    """What programs do with queues. Raises QueueDoesNotExist throughout."""

    def __init__(
        self,
        store: Store,
        registrar: Registrar,
        waiters: Waiters,
        ids: Ids,
        now_ms: Callable[[], int],
        options: QueueOptions,
    ) -> None:
        self.options = options
        self._store = store
        self._registrar = registrar
        self._waiters = waiters
        self._ids = ids
        self._now_ms = now_ms
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

    async def create(
        self, namespace: Namespace, queue: Queue, *, unless_deleted_recently: bool = False
    ) -> None:
        """Make a queue; if asked to, not under the name of one that was deleted recently.

        Raises: RecordChanged if the name was taken in the meantime, QueueDeletedRecently,
        InvalidRedrivePolicy, StoreFull.
        """

        def check() -> None:
            resources = self._registrar.registry.resources(namespace)
            if unless_deleted_recently:
                blocked_s = self.options.deleted_name_blocked_s
                check_not_blocked(resources, queue.name, self._now_ms(), blocked_s)
            check_redrive_policy(queue, namespace, resources.queues)

        changes: list[Change] = [("queue", queue.name, queue, 0)]
        changes += forget_deletion(self._registrar.registry.resources(namespace), queue.name)
        await self._registrar.change(namespace, changes, check)

    async def configure(self, namespace: Namespace, queue: Queue) -> None:
        """Replace the settings of a queue that is there.

        A redrive policy that stays as it is may have become one that can't be set: its dead-letter
        queue may be gone. Raises: RecordChanged, InvalidRedrivePolicy, StoreFull.
        """
        before = self.get(namespace, queue.name)
        resources = self._registrar.registry.resources(namespace)

        def check() -> None:
            if queue.redrive_policy != before.redrive_policy:
                check_redrive_policy(queue, namespace, resources.queues)

        version = self._registrar.version(namespace, "queue", queue.name)
        await self._registrar.change(namespace, [("queue", queue.name, queue, version)], check)

    async def delete(self, namespace: Namespace, name: str) -> None:
        """Delete the queue with all its messages."""
        self.get(namespace, name)
        resources = self._registrar.registry.resources(namespace)
        changes: list[Change] = [("queue", name, None, None)]
        blocked_s = self.options.deleted_name_blocked_s
        changes += note_deletion(resources, name, self._now_ms(), blocked_s)
        await self._registrar.change(namespace, changes)

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
    ) -> list[Accepted] | None:
        """Send messages that are encoded and have their ids, all or none; bulk sends do so.

        Returns when they are on disk; of a FIFO queue, with what each came to: a duplicate has the
        id and number of the message that is there already. Raises: StoreFull.
        """
        command = commands.SendMessages(name, messages)
        (outcome,) = await self._store.submit(namespace.text, (command,))
        if outcome is None:
            return None
        if isinstance(outcome, BrokerError):
            raise outcome
        accepted: list[Accepted] = outcome
        return accepted

    async def receive(
        self,
        namespace: Namespace,
        name: str,
        count: int = 1,
        visibility_timeout_s: float = 30,
        wait_time_s: float = 0,
        attempt_id: str | None = None,
    ) -> list[Received]:
        """Up to `count` (1..1,000) messages, hidden for `visibility_timeout_s`.

        With an `attempt_id`, for FIFO queues: a receive that is made again gets the same messages.

        Waits at most `wait_time_s`, and not while the daemon stops. Cancelled at any time: no
        message is taken; what the commit under way may have hidden is given back, as if it had
        never been received.
        Raises: OverLimit.
        """
        if wait_time_s <= 0:
            return await self._receive_now(namespace, name, count, visibility_timeout_s, attempt_id)
        received: list[Received] = []
        with self._waiters.line_up((str(namespace), name), count) as waiter:
            deadline = trio.current_time() + wait_time_s
            while not received:
                await trio.lowlevel.checkpoint_if_cancelled()  # with the wake-up still unused
                waiter.woken = False
                try:
                    received = await self._receive_now(
                        namespace, name, count, visibility_timeout_s, attempt_id
                    )
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
        self,
        namespace: Namespace,
        name: str,
        count: int,
        visibility_timeout_s: float,
        attempt_id: str | None,
    ) -> list[Received]:
        timeout_ms = math.ceil(visibility_timeout_s * 1000)
        nonce = self._ids.new()[:8]
        command = commands.ReceiveMessages(name, count, timeout_ms, nonce, attempt_id)
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

    async def wait_visible(self, namespace: Namespace, name: str) -> int:
        """Until the queue has messages that can be received, and how many; takes none."""
        with self._waiters.line_up((str(namespace), name)) as waiter:
            while True:
                waiter.woken = False
                (counts,) = await self.counts(namespace, name)
                if counts.receivable:
                    return counts.receivable
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

    async def at_cursors(
        self, namespace: Namespace, name: str, cursors: list[bytes]
    ) -> list[Peeked | None]:
        """The messages that peeks found there; None for each that isn't there any more."""
        command = commands.FindMessages(name, cursors)
        found: list[Peeked | None] = await submit_one(self._store, str(namespace), command)
        return found

    async def by_id(
        self, namespace: Namespace, name: str, message_ids: list[bytes]
    ) -> list[Peeked | None]:
        """The findable messages with these ids; None for each that isn't there."""
        command = commands.FindById(name, message_ids)
        found: list[Peeked | None] = await submit_one(self._store, str(namespace), command)
        return found

    async def cancel_scheduled(self, namespace: Namespace, name: str, message_id: bytes) -> bool:
        """Delete a cancellable message; whether it was still to become visible."""
        command = commands.CancelMessages(name, [message_id])
        (cancelled,) = await submit_one(self._store, str(namespace), command)
        return bool(cancelled)

    async def relocate(
        self, namespace: Namespace, name: str, picks: list[Pick], destination: str | None = None
    ) -> list[str | None]:
        """Move messages that a peek found; see `commands.RelocateMessages`."""
        command = commands.RelocateMessages(name, picks, destination)
        results: list[str | None] = await submit_one(self._store, str(namespace), command)
        return results

    async def discard(
        self, namespace: Namespace, name: str, cursors: list[bytes]
    ) -> list[str | None]:
        """Delete messages that a peek found; None or MessageNotFound for each."""
        command = commands.DiscardMessages(name, cursors)
        results: list[str | None] = await submit_one(self._store, str(namespace), command)
        return results


def _cut_short(received: list[Received], count: int) -> bool:
    """Whether a receive ended because its messages were large, and not for want of more."""
    return 0 < len(received) < count and sum(len(one.body) for one in received) >= COMMIT_BYTES_MAX
