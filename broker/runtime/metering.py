"""counts what functions use, by day, function and version

Counts are gathered and stored once a second: a crash takes those of its last second.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from broker.core.errors import BrokerError
from broker.core.limits import USAGE_DAYS
from broker.core.message import iso_time
from broker.core.names import Namespace
from broker.core.registry import Resources
from broker.core.resources import Usage
from broker.core.usage import Prices, usage_name, with_more
from broker.runtime.attempt import Attempt, Runnable
from broker.runtime.registrar import Change, Registrar

__all__ = ["Metering"]

log = logging.getLogger(__name__)

GATHER_S = 1.0
DAY_MS = 86_400_000


@dataclass(slots=True)
class _Gathered:
    by_name: dict[str, Usage] = field(default_factory=dict)  # as they are to be stored


class Metering:
    """Owns the records of use."""

    def __init__(self, registrar: Registrar, now_ms: Callable[[], int], prices: Prices) -> None:
        self.prices = prices
        self._registrar = registrar
        self._now_ms = now_ms
        self._gathered: dict[Namespace, _Gathered] = {}
        self._news = trio.Event()
        self._today = -1, ""

    def add(self, namespace: Namespace, runnable: Runnable, attempt: Attempt) -> None:
        """Count one attempt."""
        day = self._day()
        function, version = runnable.function.name, attempt.version
        name = usage_name(day, function, version)
        gathered = self._gathered.setdefault(namespace, _Gathered()).by_name
        before = gathered.get(name) or self._resources(namespace).usages.get(name)
        before = before or Usage(name=name, day=day, function=function, version=version)
        gathered[name] = with_more(
            before,
            attempt.billed_ms,
            runnable.function.memory_mb,
            cold=attempt.init_s is not None,
            failed=attempt.result.function_error is not None,
        )
        self._news.set()

    def _day(self) -> str:
        """Today's date, which is worked out once a day."""
        number = self._now_ms() // DAY_MS
        if number != self._today[0]:
            self._today = number, iso_time(number * DAY_MS)[:10]
        return self._today[1]

    def rows(self, namespace: Namespace, since: str = "", until: str = "") -> list[Usage]:
        """All that was used on days from `since` to `until`, what isn't stored yet included."""
        rows = dict(self._resources(namespace).usages)
        if namespace in self._gathered:
            rows |= self._gathered[namespace].by_name
        return [
            rows[name]
            for name in sorted(rows)
            if since <= rows[name].day and (not until or rows[name].day <= until)
        ]

    async def run(self) -> None:
        """Store what was gathered, until cancelled; then the rest of it."""
        try:
            while True:
                await self._news.wait()
                await trio.sleep(GATHER_S)
                self._news = trio.Event()
                await self._store()
        finally:
            with trio.move_on_after(GATHER_S, shield=True):
                await self._store()

    async def _store(self) -> None:
        for namespace, gathered in list(self._gathered.items()):
            stored = dict(gathered.by_name)
            changes: list[Change] = [("usage", name, row, None) for name, row in stored.items()]
            changes += self._too_old(namespace, changes)
            try:
                await self._registrar.change(namespace, changes)
            except BrokerError as error:
                log.warning("what functions used is not stored yet: %s", error.message)
                self._news.set()
                continue
            for name, row in stored.items():
                if gathered.by_name.get(name) is row:  # nothing came meanwhile
                    del gathered.by_name[name]
            if gathered.by_name:
                self._news.set()
            else:
                self._gathered.pop(namespace, None)

    def _too_old(self, namespace: Namespace, changes: list[Change]) -> list[Change]:
        """Records to go, looked for when a new one comes."""
        usages = self._resources(namespace).usages
        if all(name in usages for _, name, _, _ in changes):
            return []
        oldest = iso_time(max(self._now_ms() - USAGE_DAYS * DAY_MS, 0))[:10]
        return [("usage", name, None, None) for name, row in usages.items() if row.day < oldest]

    def _resources(self, namespace: Namespace) -> Resources:
        return self._registrar.registry.resources(namespace)
