"""what commands print: tables for people, JSON for programs; and texts they read"""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec


def print_json(value: Any) -> None:
    """One JSON document."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    click.echo(text.decode())


PIPED_COLUMNS = 240  # of a table that goes into a file or another program: ids stay whole


def print_json_line(value: Any) -> None:
    """One JSON document in a line of its own."""
    click.echo(msgspec.json.encode(value))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table; numbers stand right."""
    # Imported late: only tables need it.
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = bool(rows) and isinstance(rows[0][index], int | float)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(printable(_cell_text(cell)) for cell in row))
    console = Console(markup=False, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_COLUMNS
    console.print(table)


def _cell_text(cell: object) -> str:
    if cell is None:
        return ""
    return f"{cell:,.1f}" if isinstance(cell, float) else str(cell)


def shortened(text: str, length: int = 60) -> str:
    """The first line, cut."""
    line = text.replace("\n", "⏎")
    return line if len(line) <= length else line[: length - 1] + "…"


def ago(at_ms: int | None, now_ms: int) -> str:
    """How long since then: `12 s`, `3 min`, `5 h`, `2 d`."""
    if at_ms is None:
        return ""
    seconds = max(0, now_ms - at_ms) // 1000
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def time_text(at_ms: int, now_ms: int) -> str:
    """A time for people, with how long ago it was or how soon it will be."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    far = f"{ago(at_ms, now_ms)} ago" if at_ms <= now_ms else f"in {ago(now_ms, at_ms)}"
    return f"{at:%Y-%m-%d %H:%M:%S} UTC ({far})"


def size_text(count: int) -> str:
    """Bytes for people: `12.3 MiB`."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def read_text(given: str | None, what: str) -> str:
    """The argument itself; of `@FILE` the file, of `-` or nothing standard input.

    As it is: line ends stay what they are, and what is not UTF-8 is refused.
    """
    if given is None and sys.stdin.isatty():
        raise click.UsageError(f"{what}: give it as an argument, or pipe it in.")
    if given is None or given == "-":
        return _text(sys.stdin.buffer.read(), "standard input")
    if given.startswith("@"):
        return _file(Path(given[1:]))
    return _text(os.fsencode(given), what)


def _file(path: Path) -> str:
    try:
        return _text(path.read_bytes(), str(path))
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from None


def _text(raw: bytes, source: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{source}: this is not UTF-8 (byte {error.start})") from None


def printable(text: str) -> str:
    """Without what could drive the terminal: a body is somebody else's text."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
