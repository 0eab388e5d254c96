"""which of a bus's archives an event is kept in, without asking each one"""

from typing import Any

from broker.core.pattern import Matcher, parse
from broker.core.resources import Archive

__all__ = ["Archiver"]


class Archiver:
    """The archives of one bus."""

    def __init__(self) -> None:
        self._of_all: dict[str, None] = {}
        self._of_some: Matcher[str] = Matcher()

    def put(self, archive: Archive) -> None:
        """Take in an archive that isn't there."""
        if archive.event_pattern is None:
            self._of_all[archive.name] = None
        else:
            self._of_some.add(archive.name, parse(archive.event_pattern))

    def remove(self, name: str) -> None:
        """Forget one."""
        if name in self._of_some:
            self._of_some.remove(name)
        else:
            del self._of_all[name]

    def keeping(self, event: dict[str, Any]) -> list[str]:
        """The names of the archives that keep the event. Replayed ones were kept already."""
        if "replay-name" in event:
            return []
        found = list(self._of_all)
        return found + self._of_some.matching(event) if len(self._of_some) else found
