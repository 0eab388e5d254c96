"""the net of a bus's rules, which may take in the rules of the start bit by bit

Parsing and compiling a hundred thousand rules takes seconds. At the start they only wait here; they
are taken in in slices, between other work, and what is asked for before that takes in all at once.
"""

from itertools import islice
from typing import Any

from broker.core.pattern import Matcher, parse
from broker.core.pattern.event import RepeatedKeys

__all__ = ["RuleNet"]


class RuleNet:
    """Rules by name, of one bus."""

    def __init__(self) -> None:
        self._matcher: Matcher[str] = Matcher()
        self._waiting: dict[str, str] = {}  # patterns, as text

    @property
    def waiting(self) -> int:
        """How many rules are still to be taken in."""
        return len(self._waiting)

    def put(self, name: str, pattern: str, *, later: bool = False) -> None:
        """Let a rule take part, in the place of one of that name; its pattern is checked."""
        self.remove(name)
        if later:
            self._waiting[name] = pattern
        else:
            self._matcher.add(name, parse(pattern))

    def remove(self, name: str) -> None:
        """Let a rule take part no longer, if it does."""
        self._waiting.pop(name, None)
        if name in self._matcher:
            self._matcher.remove(name)

    def take_in(self, count: int) -> None:
        """Take in some of those that wait, the first first."""
        for name in list(islice(self._waiting, count)):
            self._matcher.add(name, parse(self._waiting.pop(name)))

    def matching(self, event: dict[str, Any] | RepeatedKeys) -> list[str]:
        """The names of the rules that match the event."""
        if self._waiting:
            self.take_in(self.waiting)
        return self._matcher.matching(event)
