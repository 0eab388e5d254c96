"""on which line of a TOML text each key stands

The text has been parsed before, so this only has to find its way through valid TOML: headers of
tables, dotted and quoted keys, and what is nested in arrays and inline tables.
"""

import re
import tomllib
from typing import Any

Path = tuple[str | int, ...]

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""(?:[^\s"'=.,\[\]{}#]+|"(?:[^"\\]|\\.)*"|'[^']*'|[ \t]*\.[ \t]*)+""")
_STRING = re.compile(
    r'"{3}(?:[^\\]|\\.)*?"{3,5}|' + r"'{3}.*?'{3,5}" + r"""|"(?:[^"\\]|\\.)*"|'[^']*'""",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]+")


def lines_of(text: str) -> dict[Path, int]:
    """Each key, table and element, as a path such as ("queue", 1, "name"), and its line."""
    return _Scanner(text).scan()


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._found: dict[Path, int] = {}
        self._lengths: dict[Path, int] = {}  # of arrays of tables

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip_space():
            if self._text.startswith("[[", self._at):
                table = self._array_header()
            elif self._text[self._at] == "[":
                start, self._at = self._at, self._at + 1
                table = self._resolve(self._key())
                self._note(table, start)
                self._expect("]")
            else:
                self._pair(table)
        return self._found

    def _array_header(self) -> Path:
        start, self._at = self._at, self._at + 2
        *outer, name = self._key()
        array = (*self._resolve(outer), name)
        number = self._lengths.get(array, 0)
        self._lengths[array] = number + 1
        self._note(array, start)
        self._note((*array, number), start)
        self._expect("]]")
        return (*array, number)

    def _resolve(self, names: list[str]) -> Path:
        """A header's path: an array of tables stands for its last table."""
        path: Path = ()
        for name in names:
            path = (*path, name)
            if path in self._lengths:
                path = (*path, self._lengths[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        start = self._at
        path = (*table, *self._key())
        for depth in range(len(table) + 1, len(path) + 1):
            self._note(path[:depth], start)
        self._expect("=")
        self._value(path)

    def _value(self, path: Path) -> None:
        self._skip_space()
        opening = self._text[self._at]
        if opening in "[{":
            self._at += 1
            number = 0
            while self._skip_space() and self._text[self._at] not in "]}":
                if opening == "{":
                    self._pair(path)
                else:
                    self._note((*path, number), self._at)
                    self._value((*path, number))
                    number += 1
                self._skip_space()
                if self._text[self._at] == ",":
                    self._at += 1
            self._at += 1
        else:
            pattern = _STRING if opening in "\"'" else _SCALAR
            self._take(pattern)

    def _key(self) -> list[str]:
        self._skip_space()
        # tomllib knows how keys are written.
        node: Any = tomllib.loads(self._take(_KEY) + "=0")
        names: list[str] = []
        while node:
            ((name, node),) = node.items()
            names.append(name)
        return names

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None, self._text[self._at : self._at + 40]
        self._at = match.end()
        return match[0]

    def _expect(self, text: str) -> None:
        self._skip_space()
        assert self._text.startswith(text, self._at), self._text[self._at : self._at + 40]
        self._at += len(text)

    def _skip_space(self) -> bool:
        """Go on to what is neither blank nor comment; False at the end."""
        self._take(_SPACE)
        return self._at < len(self._text)

    def _note(self, path: Path, at: int) -> None:
        self._found.setdefault(path, self._text.count("\n", 0, at) + 1)
