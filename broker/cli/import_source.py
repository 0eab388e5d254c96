"""the lines of an import, in bulks; and how far it came, kept in a file so that it can go on"""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import msgspec

from broker.cli.message_lines import BadLine, MessageLine, decode

_CHECKED_BYTES = 4096  # before the place: whether it is still the same file


class Place(msgspec.Struct, frozen=True):
    """Behind so many lines, which are so many bytes."""

    lines: int = 0
    offset: int = 0
    digest: str = ""  # of what stands before


@dataclass(slots=True)
class Bulk:
    """Lines that are sent together, and what ended them before there were enough."""

    lines: list[MessageLine] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)  # of the lines, from 1
    size: int = 0
    bad: tuple[int, str] | None = None  # the line that comes next, and what is wrong with it


class Source:
    """A file of lines that is read from a place on."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lines = 0
        self._offset = 0
        self._tail = b""  # the last bytes before the place
        self._bad = b""

    def place(self) -> Place:
        """Behind the last line of the last bulk."""
        return Place(self._lines, self._offset, hashlib.sha256(self._tail).hexdigest())

    def go_to(self, place: Place) -> bool:
        """Read on from there; False if what stands before is not what stood there then."""
        start = max(0, place.offset - _CHECKED_BYTES)
        self._file.seek(start)
        self._tail = self._file.read(place.offset - start)
        self._lines, self._offset = place.lines, place.offset
        return self.place() == place

    def skip(self, count: int) -> None:
        """Leave out so many lines."""
        for _ in range(count):
            self._passed(self._file.readline())

    def bulk(self, messages_max: int, bytes_max: int) -> Bulk:
        """The next lines; none at the end. Empty lines are left out.

        A bad line ends the bulk before it; `pass_bad` goes on behind it.
        """
        bulk = Bulk()
        while len(bulk.lines) < messages_max and bulk.size < bytes_max:
            raw = self._file.readline()
            if not raw:
                break
            if raw.strip():
                try:
                    bulk.lines.append(decode(raw))
                except BadLine as bad:
                    bulk.bad = (self._lines + 1, str(bad))
                    self._bad = raw
                    break
                bulk.numbers.append(self._lines + 1)
            bulk.size += len(raw)
            self._passed(raw)
        return bulk

    def pass_bad(self) -> None:
        """Leave out the line that was bad."""
        self._passed(self._bad)

    def _passed(self, raw: bytes) -> None:
        if raw:
            self._lines += 1
            self._offset += len(raw)
            self._tail = (self._tail + raw[-_CHECKED_BYTES:])[-_CHECKED_BYTES:]


class PlaceFile:
    """Where the place of one import is kept: beside its source, by the queue's name."""

    def __init__(self, source: Path, queue: str) -> None:
        self.path = source.with_name(f"{source.name}.{queue}.imported")

    def load(self) -> Place | None:
        """None if nothing was cut off. Raises: OSError, msgspec.DecodeError."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Place)
        except FileNotFoundError:
            return None

    def save(self, place: Place) -> None:
        """There whole or not at all, and on disk. Raises: OSError."""
        new = self.path.with_name(self.path.name + ".new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(place))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    def forget(self) -> None:
        """The import is done."""
        self.path.unlink(missing_ok=True)
