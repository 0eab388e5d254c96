"""client tokens of deletions that were made a short while ago: the same request again is no error

What was deleted has no record that could tell. They are kept in memory: who asks again after a
restart is told that the resource isn't there.
"""

from collections import OrderedDict
from collections.abc import Hashable

__all__ = ["RecentTokens"]

TOKENS_MAX = 10_000


class RecentTokens:
    """The latest tokens, each with what it was given for."""

    def __init__(self, limit: int = TOKENS_MAX) -> None:
        self._limit = limit
        self._known: OrderedDict[Hashable, None] = OrderedDict()

    def add(self, place: Hashable, token: str | None) -> None:
        """Remember a token, if there is one; the oldest one is forgotten."""
        if token is None:
            return
        self._known[place, token] = None
        if len(self._known) > self._limit:
            self._known.popitem(last=False)

    def has(self, place: Hashable, token: str | None) -> bool:
        """Whether it was given for this a short while ago."""
        return token is not None and (place, token) in self._known
