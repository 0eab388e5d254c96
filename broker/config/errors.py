"""what is wrong with a configuration, and on which line"""

import re
from pathlib import Path


class ConfigError(Exception):
    """The configuration can't be used; the message names file, line and key."""


def config_error(path: Path, text: str, problem: str) -> ConfigError:
    """The error with the line of the key that msgspec's ``… - at `$.queue[0].name` `` names."""
    where = re.search(r" - at `\$\.?([^`]*)`$", problem)
    unknown = re.search(r"unknown field `([^`]*)`", problem)
    key = where[1] if where else ""
    if unknown:
        key = f"{key}.{unknown[1]}".lstrip(".")
    message = problem[: where.start()] if where else problem
    return ConfigError(f"{path}:{line_of(text, key)}: {key or 'file'}: {message}")


def line_of(text: str, key: str) -> int:
    """The line on which a key such as `queue[1].name` stands; of its table, if not on its own."""
    parts = re.findall(r"([^.\[\]]+)(?:\[(\d+)\])?", key)
    if not parts:
        return 1
    table, index = parts[0][0], int(parts[0][1] or 0)
    header = re.compile(rf"^[ \t]*\[\[?[ \t]*{re.escape(table)}\s*\]\]?", re.MULTILINE)
    headers = list(header.finditer(text))
    start = headers[index].start() if index < len(headers) else 0
    for name, _ in reversed(parts[1:]):
        end_match = re.compile(r"^[ \t]*\[", re.MULTILINE).search(text, _line_end(text, start))
        end = end_match.start() if end_match else len(text)
        found = re.compile(rf"^[ \t]*\"?{re.escape(name)}\"?\s*[=.]", re.MULTILINE).search(
            text, start, end
        )
        if found:
            start = found.start() + len(found[0]) - len(found[0].lstrip())
            break
    return text.count("\n", 0, start) + 1


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end
