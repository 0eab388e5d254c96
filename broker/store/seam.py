"""the storage seam: all that the rest of the broker knows of a store"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from broker.core import commands
from broker.core.commands import StoreStatus, Wakeup
from broker.core.errors import BrokerError

Listener = Callable[[StoreStatus, list[Wakeup]], None]


class Store(Protocol):
    """Durable queues and configuration records.

    `listener` hears of every answered batch before those who are waiting for its results: which
    queues have messages, and when something next happens by itself.
    """

    status: StoreStatus
    listener: Listener

    async def submit(self, namespace: str, commands: Sequence[commands.Command]) -> list[Any]:
        """Have commands applied in one commit; a result or a BrokerError for each, in order.

        Returns after the sync. Cancelled before that: the commands stand all the same.
        Raises: StoreUnavailable.
        """


async def submit_one(store: Store, namespace: str, command: commands.Command) -> Any:
    """One command's result. Raises: what it was refused with; StoreUnavailable."""
    (outcome,) = await store.submit(namespace, (command,))
    if isinstance(outcome, BrokerError):
        raise outcome
    return outcome
