"""what is wrong with a configuration, and on which line"""

import json
import re
from pathlib import Path
from typing import Any

from broker.config import lines


class ConfigError(Exception):
    """The configuration can't be used; the message names file, line and key."""


class Refused(Exception):
    """A table's value can't be used; `key` is where it stands."""

    def __init__(self, key: lines.Path, reason: str) -> None:
        super().__init__(reason)
        self.key = key


def json_text(value: Any, key: lines.Path) -> str:
    """A value of the file as JSON, which is what the store keeps. Raises: Refused."""
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise Refused(key, f"this can't be said in JSON: {error}") from None


def config_error(path: Path, text: str, document: Any, problem: str) -> ConfigError:
    """The error with the line of the key that msgspec's ``… - at `$.queue[0].name` `` names."""
    where = re.search(r" - at `\$\.?([^`]*)`$", problem)
    unknown = re.search(r"unknown field `([^`]*)`", problem)
    key = where[1] if where else ""
    place = _place(key, document)
    if unknown:
        place = (*place, unknown[1])
    message = problem[: where.start()] if where else problem
    return ConfigError(f"{path}:{line_of(text, place)}: {spelled(place) or 'file'}: {message}")


def line_of(text: str, place: lines.Path) -> int:
    """The line on which a key stands; of what it should stand in, if it isn't there."""
    found = lines.lines_of(text)
    for depth in range(len(place), 0, -1):
        if place[:depth] in found:
            return found[place[:depth]]
    return 1


def spelled(place: lines.Path) -> str:
    """The key as people write it: `queue[1].name`."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        name = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"'
        text += f".{name}" if text else name
    return text


def _place(key: str, document: Any) -> lines.Path:
    place: list[str | int] = []
    node = document
    for name, index in re.findall(r"([^.\[\]]+)|\[([^\]]*)\]", key):
        part: str | int = name or (int(index) if index.isdigit() else _culprit(node))
        place.append(part)
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            node = None
    return tuple(place)


def _culprit(table: Any) -> str:
    """msgspec doesn't say which value of a table of texts isn't one: the first that isn't."""
    if not isinstance(table, dict):
        return "..."
    return next((name for name, value in table.items() if not isinstance(value, str)), "...")
