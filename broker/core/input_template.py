"""texts with placeholders, filled in by EventBridge's quoting rules

A template is mostly JSON with placeholders in the place of values, or inside of strings; or it is a
JSON string, or several on lines of their own, with placeholders inside. What comes out must be JSON
again. Source: EventBridge user guide, input transformation; LocalStack's recordings of AWS.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from broker.core.event_path import MISSING
from broker.core.json_text import InvalidJson, parse_json

__all__ = ["InputTemplate", "TransformationFailed"]

_PLACEHOLDER = re.compile(r"<([^<>\"\s]+)>")
_QUOTE_OR_ESCAPE = re.compile(r'\\.|"', re.DOTALL)


class TransformationFailed(Exception):
    """An event can't take the form its target asks for; says why."""


@dataclass(frozen=True, slots=True)
class _Placeholder:
    name: str
    quoted: bool  # inside of a JSON string


class InputTemplate:
    """A template, taken apart once."""

    def __init__(self, text: str) -> None:
        self._lines = text.lstrip().startswith('"')
        self._parts: list[str | _Placeholder] = []
        at, quoted = 0, False
        for found in _PLACEHOLDER.finditer(text):
            literal = text[at : found.start()]
            quoted ^= _opens_or_closes(literal)
            self._parts += [literal, _Placeholder(found[1], quoted)]
            at = found.end()
        self._parts.append(text[at:])

    @property
    def names(self) -> list[str]:
        """The placeholders' names, in the order in which they stand there."""
        return [part.name for part in self._parts if isinstance(part, _Placeholder)]

    @property
    def can_be_filled(self) -> bool:
        """Whether there are values with which it is JSON."""
        always: tuple[Callable[[str], Any], ...] = (lambda _: "x"), (lambda _: 0)
        return any(self._is_json("".join(self._filled(each))) for each in always)

    def fill(self, value_of: Callable[[str], Any]) -> str:
        """The text, with each placeholder's value (MISSING for none) in its place.

        Raises: TransformationFailed, if that is no JSON.
        """
        text = "".join(self._filled(value_of))
        if not self._is_json(text):
            raise TransformationFailed("What the input template makes of the event is no JSON.")
        return text

    def _filled(self, value_of: Callable[[str], Any]) -> Iterator[str]:
        for part in self._parts:
            yield part if isinstance(part, str) else self._written(part, value_of(part.name))

    def _written(self, place: _Placeholder, value: Any) -> str:
        if value is MISSING:
            return "" if place.quoted else '""'
        text = msgspec.json.encode(value).decode()
        if not place.quoted:
            return text
        if isinstance(value, str):
            return text[1:-1]
        # An object within a string is no JSON; of a string of its own EventBridge makes something.
        return text.replace('"', "") if self._lines else text

    def _is_json(self, text: str) -> bool:
        if self._lines:
            return all(_parses(line) for line in text.split("\n") if line.strip())
        return _parses(text)


def _opens_or_closes(literal: str) -> bool:
    """Whether a JSON string that is open at its begin is closed at its end, or the other way."""
    return sum(found[0] == '"' for found in _QUOTE_OR_ESCAPE.finditer(literal)) % 2 == 1


def _parses(text: str) -> bool:
    try:
        parse_json(text)
    except InvalidJson:
        return False
    return True
