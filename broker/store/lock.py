"""exclusive use of a data directory: one daemon, whatever is left of an earlier one"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = "lock"
PATIENCE_S = 3.0  # a killed daemon's store process needs a moment to finish its commit


class DirectoryInUse(Exception):
    """Another daemon works on the data directory."""


class DirectoryUnusable(Exception):
    """The data directory can't be made or written to."""


@contextmanager
def lock_directory(directory: Path) -> Iterator[int]:
    """Hold the directory's lock; yields its descriptor, for the store process to hold too.

    The lock lasts until the last holder is gone: a daemon that dies leaves it to its store process
    for as long as that may still write.
    Raises: DirectoryInUse, DirectoryUnusable.
    """
    path = directory / LOCK_FILE
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DirectoryUnusable(
            f"The data directory {directory} can't be used: {error.strerror} ({error.filename})"
        ) from None
    try:
        _acquire(descriptor, directory)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, directory: Path) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
            if time.monotonic() >= give_up or _alive(holder):
                raise DirectoryInUse(
                    f"The data directory {directory} is in use by another broker (process "
                    f"{holder}). Stop it, or start this one with --data-dir DIR."
                ) from None
            time.sleep(0.02)


def _alive(process_id: str) -> bool:
    if not process_id.isdigit():
        return False
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # killed, and not yet taken note of by its parent
