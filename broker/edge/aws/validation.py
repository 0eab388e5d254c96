"""what the model says of members' values, told in the service's own form, all of it at once"""

import re
from collections.abc import Sequence

from broker.core.errors import InvalidParameter

__all__ = ["NAME", "Violations"]

NAME = "[0-9a-zA-Z-_.]+"


class Violations:
    """Collects what is wrong with a request; each member by its path, e.g. `target.roleArn`."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def check(self) -> None:
        """Raises: InvalidParameter, if there is anything."""
        if self._found:
            raise self.error()

    def error(self) -> InvalidParameter:
        """All of it."""
        count = len(self._found)
        plural = "s" if count > 1 else ""
        return InvalidParameter(
            f"{count} validation error{plural} detected: {'; '.join(self._found)}"
        )

    def missing(self, path: str) -> None:
        """A member has to be there."""
        self._found.append(
            f"Value null at '{path}' failed to satisfy constraint: Member must not be null"
        )

    def length(self, path: str, value: str | None, low: int, high: int) -> None:
        """A text has so many characters."""
        if value is None:
            return
        if len(value) < low:
            self._add(path, value, f"Member must have length greater than or equal to {low}")
        elif len(value) > high:
            self._add(path, value, f"Member must have length less than or equal to {high}")

    def pattern(self, path: str, value: str | None, pattern: str) -> None:
        """A text has a form, which is written as Python and the model both read it."""
        if value is not None and not re.fullmatch(pattern, value, re.ASCII):
            self._add(path, value, f"Member must satisfy regular expression pattern: {pattern}")

    def name(self, path: str, value: str | None) -> None:
        """A schedule's, a group's, or the beginning of one."""
        self.length(path, value, 1, 64)
        self.pattern(path, value, NAME)

    def choice(self, path: str, value: str | None, choices: Sequence[str]) -> None:
        """A text is one of several."""
        if value is not None and value not in choices:
            self._add(path, value, f"Member must satisfy enum value set: [{', '.join(choices)}]")

    def range(self, path: str, value: int | None, low: int, high: int) -> None:
        """A number lies between two."""
        if value is None:
            return
        if value < low:
            self._add(path, value, f"Member must have value greater than or equal to {low}")
        elif value > high:
            self._add(path, value, f"Member must have value less than or equal to {high}")

    def count(self, path: str, count: int, high: int) -> None:
        """A list or a map has so many items at most."""
        if count > high:
            constraint = f"Member must have length less than or equal to {high}"
            self._add(path, f"of {count} items", constraint)

    def _add(self, path: str, value: object, constraint: str) -> None:
        self._found.append(
            f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"
        )
