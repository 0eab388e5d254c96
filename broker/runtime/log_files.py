"""files that rules write events into, a line each: one file for each log group

A line is on disk before its event counts as delivered. A file that is full is set aside under the
next number, and of those the oldest goes. After a crash the last line may be torn, or be there
twice: its event is delivered at least once.
"""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import trio

from broker.core.names import Namespace, log_file_name
from broker.runtime.durable_file import sync_directory

__all__ = ["DIRECTORY", "LogFileOptions", "LogFiles"]

DIRECTORY = "log-groups"  # in the data directory


@dataclass(frozen=True, slots=True)
class LogFileOptions:
    """How large the files of one log group get."""

    file_bytes_max: int = 64 * 1024 * 1024
    kept: int = 4  # full ones, beside the one that is written


class LogFiles:
    """Owns the files below one directory; without a directory there are none."""

    def __init__(self, directory: Path | None, options: LogFileOptions = LogFileOptions()) -> None:
        self._directory = directory
        self._options = options
        self._locks: defaultdict[Path, trio.Lock] = defaultdict(trio.Lock)

    def path(self, namespace: Namespace, group: str) -> Path | None:
        """Where a log group's lines go: `<account>/<region>/<group, quoted>.log`."""
        if self._directory is None:
            return None
        return self._directory / namespace.account / namespace.region / log_file_name(group)

    async def append(self, path: Path, text: str) -> None:
        """Write one line; line breaks in the text become spaces. Raises: OSError."""
        line = text.replace("\r", " ").replace("\n", " ").encode() + b"\n"
        async with self._locks[path]:
            await trio.to_thread.run_sync(self._append, path, line)

    def _append(self, path: Path, line: bytes) -> None:
        new = not path.exists()
        if new:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif path.stat().st_size + len(line) > self._options.file_bytes_max:
            self._set_aside(path)
            new = True
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line  # behind a line that a crash has torn
            try:
                _write(descriptor, line)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            sync_directory(path.parent)

    def _set_aside(self, path: Path) -> None:
        for number in range(self._options.kept, 0, -1):
            older = path.with_name(f"{path.name}.{number}")
            newer = path if number == 1 else path.with_name(f"{path.name}.{number - 1}")
            if newer.exists():
                newer.replace(older)
        if not self._options.kept:
            path.unlink()


def _write(descriptor: int, line: bytes) -> None:
    written = os.write(descriptor, line)
    while written < len(line):
        written += os.write(descriptor, line[written:])
