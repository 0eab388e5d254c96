"""who sends to API destinations: a sender for each namespace, as each may reach other addresses"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import trio

from broker.core.names import Namespace
from broker.runtime.endpoint import DeliveryOptions

if TYPE_CHECKING:
    from broker.runtime.api_sender import ApiSender  # httpx takes long to load

CLOSE_S = 1.0


class ApiSenders:
    """The senders, each made when it is first needed."""

    def __init__(self, options: DeliveryOptions, now_ms: Callable[[], int]) -> None:
        self._options = options
        self._now_ms = now_ms
        self._senders: dict[Namespace, ApiSender] = {}

    def of(self, namespace: Namespace) -> "ApiSender":
        """That of a namespace."""
        found = self._senders.get(namespace)
        if found is None:
            from broker.runtime.api_sender import ApiSender

            options = self._options
            found = self._senders[namespace] = ApiSender(
                options.permits(namespace),
                lambda: self._now_ms() / 1000,
                resolve=options.resolve,
                ca_file=options.ca_file,
            )
        return found

    async def run(self) -> None:
        """Until cancelled; then close all connections."""
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + CLOSE_S):
                for sender in self._senders.values():
                    await sender.aclose()
