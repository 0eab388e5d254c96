"""the log of each function: a file of bounded size, and the full one before it

A line has a time, the beginning of its request's id and a text. Lines are gathered and written a
few times a second, in a thread; they are not synced: a power cut may take the last of them.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import trio

from broker.core.limits import (
    LOG_GATHERED_BYTES_MAX,
    LOG_KEPT_BYTES,
    LOG_LINE_BYTES_MAX,
    LOG_PAGE_BYTES,
)
from broker.core.message import iso_time
from broker.core.names import Namespace

__all__ = ["DIRECTORY", "FunctionLogs", "InvocationLog", "LogLine", "LogPage"]

DIRECTORY = "function-logs"  # in the data directory
GATHER_S = 0.1
REQUEST_CHARS = 8  # of a request's id, on each line
FULL = ".1"  # behind the name of the file that is full


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a function's log."""

    time: str
    request: str  # the beginning of its id
    text: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines in order, and the cursor behind the last."""

    lines: list[LogLine]
    cursor: str


@dataclass(slots=True)
class _Gathered:
    size: int = 0
    parts: list[tuple[int, str, bytes]] = field(default_factory=list)  # time, request, lines
    lost_bytes: int = 0


class InvocationLog:
    """What one attempt logs: kept from its end as well, for who waits for its result."""

    def __init__(self, keep: Callable[[str, bytes], None], request_id: str, version: str) -> None:
        self._keep = keep
        self._request_id = request_id
        self._begin = f"START RequestId: {request_id} Version: {version}\n".encode()
        self._partial = b""  # a line that has no end yet
        self.tail = bytearray()

    def write(self, chunk: bytes) -> None:
        """Take what the function wrote, as it comes."""
        self._start()
        self._add(chunk)
        lines, newline, self._partial = (self._partial + chunk).rpartition(b"\n")
        if len(self._partial) > LOG_LINE_BYTES_MAX:
            lines, newline, self._partial = lines + newline + self._partial, b"\n", b""
        if newline:
            self._keep(self._request_id, lines + newline)

    def end(self, report: str) -> None:
        """It has ended, and came to this."""
        self._start()
        last = f"END RequestId: {self._request_id}\n{report}\n".encode()
        if self._partial:
            last = b"\n" + last
        self._add(last)
        self._keep(self._request_id, self._partial + last)
        self._partial = b""

    def _start(self) -> None:
        """An attempt that never began leaves no line."""
        if self._begin:
            self._add(self._begin)
            self._keep(self._request_id, self._begin)
            self._begin = b""

    def _add(self, chunk: bytes) -> None:
        self.tail += chunk
        del self.tail[:-LOG_KEPT_BYTES]


class FunctionLogs:
    """Owns the files below one directory; without a directory nothing is kept."""

    def __init__(
        self, directory: Path | None, file_bytes_max: int, now_ms: Callable[[], int]
    ) -> None:
        self._directory = directory
        self._file_bytes_max = file_bytes_max
        self._now_ms = now_ms
        self._gathered: dict[Path, _Gathered] = {}
        self._news = trio.Event()
        self._written = trio.lowlevel.ParkingLot()

    def begin(
        self, namespace: Namespace, function: str, request_id: str, version: str
    ) -> InvocationLog:
        """The log of one attempt."""
        path = self._path(namespace, function)

        def keep(request: str, lines: bytes) -> None:
            if path is not None:
                self._gather(path, request[:REQUEST_CHARS], lines)

        return InvocationLog(keep, request_id, version)

    async def run(self) -> None:
        """Write what was gathered, until cancelled; then the rest of it."""
        try:
            while True:
                await self._news.wait()
                self._news = trio.Event()
                await trio.sleep(GATHER_S)
                gathered, self._gathered = self._gathered, {}
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(self._write, gathered)
                self._written.unpark_all()
        finally:
            self._write(self._gathered)

    async def read(
        self, namespace: Namespace, function: str, lines: int, after: str = "", wait_s: float = 0
    ) -> LogPage:
        """The last lines, or those behind a cursor; waits for some, if there are none."""
        path = self._path(namespace, function)
        if path is None:
            return LogPage([], "")
        deadline = trio.current_time() + wait_s
        while True:
            page = await trio.to_thread.run_sync(_read, path, lines, after)
            if page.lines or trio.current_time() >= deadline:
                return page
            with trio.move_on_at(deadline):
                await self._written.park()

    async def forget(self, namespace: Namespace, function: str) -> None:
        """Remove the files of a function that is gone."""
        path = self._path(namespace, function)
        if path is not None:
            self._gathered.pop(path, None)
            await trio.to_thread.run_sync(_remove, path)

    def _path(self, namespace: Namespace, function: str) -> Path | None:
        if self._directory is None:
            return None
        return self._directory / namespace.account / namespace.region / f"{function}.log"

    def _gather(self, path: Path, request: str, lines: bytes) -> None:
        gathered = self._gathered.setdefault(path, _Gathered())
        self._news.set()
        if gathered.size + len(lines) > LOG_GATHERED_BYTES_MAX:
            gathered.lost_bytes += len(lines)
            return
        gathered.size += len(lines)
        gathered.parts.append((self._now_ms(), request, lines))

    def _write(self, gathered: dict[Path, _Gathered]) -> None:
        for path, each in gathered.items():
            # Without room on the disk functions go on, and their logs have a gap.
            with suppress(OSError):
                self._write_one(path, each)

    def _write_one(self, path: Path, gathered: _Gathered) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > self._file_bytes_max:
            path.replace(path.with_name(path.name + FULL))
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        with open(os.open(path, flags, 0o600), "wb") as file:
            for at_ms, request, lines in gathered.parts:
                prefix = f"{iso_time(at_ms)} {request} ".encode()
                for line in lines[:-1].split(b"\n"):
                    file.write(prefix + line.rstrip(b"\r") + b"\n")
            if gathered.lost_bytes:
                text = f"{gathered.lost_bytes} bytes came too fast and are not here"
                last = iso_time(gathered.parts[-1][0])
                file.write(f"{last} {'-' * REQUEST_CHARS} {text}\n".encode())


def _read(path: Path, count: int, after: str) -> LogPage:
    full = path.with_name(path.name + FULL)
    if not after:
        data = b"".join(_end(each) for each in (full, path))
        lines = data.splitlines()[-count:] if count else []
        return LogPage([_line(each) for each in lines], _cursor(path))
    inode, _, offset = after.partition("-")
    found = [(each, _inode(each)) for each in (full, path)]
    data, cursor = b"", after
    for each, number in _behind(found, inode):
        start = int(offset) if str(number) == inode else 0
        data, cursor = _whole_lines(each, start)
        if data:
            break
    return LogPage([_line(each) for each in data.splitlines()], cursor or _cursor(path))


def _behind(found: list[tuple[Path, int]], inode: str) -> Iterator[tuple[Path, int]]:
    """The file of a cursor and the one after it; all, if that file is gone."""
    known = [number for _, number in found]
    seen = int(inode) not in known if inode.isdigit() else True
    for each, number in found:
        seen = seen or str(number) == inode
        if seen and number:
            yield each, number


def _whole_lines(path: Path, start: int) -> tuple[bytes, str]:
    """What stands behind a place, up to the end of a line, and the place behind that."""
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(LOG_PAGE_BYTES)
            data = data[: data.rfind(b"\n") + 1]
            return data, f"{os.fstat(file.fileno()).st_ino}-{start + len(data)}"
    except FileNotFoundError:
        return b"", ""


def _end(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - LOG_PAGE_BYTES, 0))
            data = file.read()
    except FileNotFoundError:
        return b""
    return data if size <= LOG_PAGE_BYTES else data.partition(b"\n")[2]


def _cursor(path: Path) -> str:
    try:
        found = path.stat()
    except FileNotFoundError:
        return "0-0"
    return f"{found.st_ino}-{found.st_size}"


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def _line(data: bytes) -> LogLine:
    time, _, rest = data.decode("utf-8", "replace").partition(" ")
    request, _, text = rest.partition(" ")
    return LogLine(time, request, text)


def _remove(path: Path) -> None:
    for each in (path, path.with_name(path.name + FULL)):
        with suppress(FileNotFoundError):
            each.unlink()
