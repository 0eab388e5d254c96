"""the addresses of a host"""

import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from ipaddress import ip_address

import trio

from broker.outgoing.address import Address

LOOKUPS_MAX = 40  # at a time
Resolve = Callable[[str], Awaitable[Sequence[Address]]]


class SystemResolver:
    """Asks the operating system, in threads that nobody else waits for."""

    def __init__(self) -> None:
        self._limiter = trio.CapacityLimiter(LOOKUPS_MAX)

    async def __call__(self, host: str) -> Sequence[Address]:
        """All addresses of `host`, best first. Raises: OSError, UnicodeError."""
        found = await trio.to_thread.run_sync(
            partial(socket.getaddrinfo, host, None, type=socket.SOCK_STREAM),
            limiter=self._limiter,
            abandon_on_cancel=True,
        )
        return [ip_address(sockaddr[0]) for *_, sockaddr in found]
