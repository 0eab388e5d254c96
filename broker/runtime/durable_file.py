"""small files beside the store that are there whole or not at all, also after a power cut"""

import os
from pathlib import Path

TEMPORARY = ".temporary"


def write_durably(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, under another name first. Raises: OSError."""
    temporary = path.with_name(path.name + TEMPORARY)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    descriptor = os.open(temporary, flags, 0o600)
    try:
        written = os.write(descriptor, content)
        while written < len(content):  # a disk that gets full ends it with an error
            written += os.write(descriptor, content[written:])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.rename(temporary, path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Have what a directory lists on disk. Raises: OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
