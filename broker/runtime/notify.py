"""systemd's notification protocol: ready, reloading, stopping, and the watchdog"""

import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping

import trio

log = logging.getLogger(__name__)


class Notifier:
    """Sends to the socket that systemd names; silent without one. Source: sd_notify(3)."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._watchdog_us = int(environment.get("WATCHDOG_USEC") or 0)
        if environment.get("WATCHDOG_PID") not in (None, str(os.getpid())):
            self._watchdog_us = 0  # inherited: it is another process that is watched

    def ready(self) -> None:
        """Start-up or reload is complete."""
        self._send("READY=1\nSTATUS=Serving")

    def reloading(self) -> None:
        """The configuration is being read again."""
        monotonic_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={monotonic_us}")

    def stopping(self) -> None:
        """No more requests are taken."""
        self._send("STOPPING=1\nSTATUS=Finishing what is under way")

    async def keep_alive(self, alive: Callable[[], Awaitable[bool]]) -> None:
        """Tell the watchdog twice per interval, for as long as `alive` says so."""
        if not self._watchdog_us or not self._address:
            return
        interval_s = self._watchdog_us / 2_000_000
        while True:
            if await alive():
                self._send("WATCHDOG=1")
            await trio.sleep(interval_s)

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # A leading @ stands for the abstract namespace.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.connect(address)
                sender.sendall(text.encode())
        except OSError as error:
            log.warning("can't notify systemd: %s", error)
