"""the code of functions that were uploaded: unpacked below the data directory, by its SHA-256

Code is there, whole and synced, before the record that names it is committed; what no record names
any more is removed afterwards, or at the next start. So a crash between the two leaves a directory
too much, and never a function without its code.
"""

import base64
import hashlib
import io
import os
import shutil
import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory, mkdtemp

import trio

from broker.core.errors import CodeTooLarge, InvalidParameter
from broker.core.limits import CODE_FILES_MAX, CODE_UNZIPPED_BYTES_MAX, CODE_ZIPPED_BYTES_MAX
from broker.core.names import Namespace
from broker.core.registry import Registry, Resources
from broker.core.resources import Function
from broker.runtime.durable_file import sync_directory, write_durably

__all__ = ["CODE_DIRECTORY", "Code", "CodeStore"]

CODE_DIRECTORY = "code"  # in the data directory
ARCHIVE = "code.zip"
TASK = "task"
TEMPORARY = ".temporary-"
COPY_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Code:
    """What is known of code by its content."""

    sha256: str  # of the zip file, in base64
    size: int  # of the zip file, in bytes


class CodeStore:
    """Owns the files below one directory; without one a temporary directory, kept until the end."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._temporary: TemporaryDirectory[str] | None = None
        self._writing = trio.Lock()

    def directory(self, namespace: Namespace, function: Function) -> str | None:
        """Where a function's code lies unpacked; None if it has none that was uploaded."""
        if not function.code_sha256:
            return None
        return str(self._place(namespace, function.name, function.code_sha256) / TASK)

    async def read(self, namespace: Namespace, function: Function) -> bytes:
        """The zip file. Raises: OSError."""
        place = self._place(namespace, function.name, function.code_sha256)
        return await trio.to_thread.run_sync((place / ARCHIVE).read_bytes)

    async def put(self, namespace: Namespace, function: str, archive: bytes) -> Code:
        """Unpack a zip file and keep it. Raises: InvalidParameter, CodeTooLarge, OSError."""
        if len(archive) > CODE_ZIPPED_BYTES_MAX:
            raise CodeTooLarge(f"Zipped size must be smaller than {CODE_ZIPPED_BYTES_MAX} bytes")
        async with self._writing:
            return await trio.to_thread.run_sync(self._put, namespace, function, archive)

    async def check(self, archive: bytes) -> Code:
        """The same without keeping it."""
        async with self._writing:
            return await trio.to_thread.run_sync(self._check, archive)

    async def forget(
        self, namespace: Namespace, function: str, resources: Resources, but: str = ""
    ) -> None:
        """Remove what no version of the function has any more, `but` this one.

        That is for what was current until now: what runs still may look for its files.
        """
        used = {_hex(sha256) for sha256 in (*_used(resources, function), but)}
        async with self._writing:
            place = self._root() / namespace.account / namespace.region / function
            await trio.to_thread.run_sync(_keep_only, place, used)

    async def keep_only(self, registry: Registry) -> None:
        """Remove all that a crash has left without its record."""
        if self._directory is None:
            return
        used = {
            (*text.split("/"), name, _hex(sha256))
            for text, resources in registry.namespaces.items()
            for name in resources.functions
            for sha256 in _used(resources, name)
        }
        await trio.to_thread.run_sync(_sweep, self._directory, used)

    def _place(self, namespace: Namespace, function: str, sha256: str) -> Path:
        return self._root() / namespace.account / namespace.region / function / _hex(sha256)

    def _root(self) -> Path:
        if self._directory is not None:
            return self._directory
        if self._temporary is None:
            self._temporary = TemporaryDirectory(prefix="broker-code-")
        return Path(self._temporary.name)

    def _check(self, archive: bytes) -> Code:
        folder = Path(mkdtemp(prefix="broker-code-"))
        try:
            _unpack(archive, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return _code(archive)

    def _put(self, namespace: Namespace, function: str, archive: bytes) -> Code:
        code = _code(archive)
        place = self._place(namespace, function, code.sha256)
        if (place / ARCHIVE).exists():
            return code
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=TEMPORARY, dir=place.parent))
        try:
            (folder / TASK).mkdir(mode=0o755)
            _unpack(archive, folder / TASK)
            _sync_tree(folder / TASK)
            write_durably(folder / ARCHIVE, archive)
            shutil.rmtree(place, ignore_errors=True)  # half of one, from before a crash
            folder.rename(place)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        for directory in (place.parent, *place.parent.parents[:3]):
            sync_directory(directory)
        return code


def _code(archive: bytes) -> Code:
    return Code(base64.b64encode(hashlib.sha256(archive).digest()).decode(), len(archive))


def _hex(sha256: str) -> str:
    return base64.b64decode(sha256).hex()


def _used(resources: Resources, function: str) -> Iterable[str]:
    latest = resources.functions.get(function)
    if latest is not None and latest.code_sha256:
        yield latest.code_sha256
    for version in resources.function_versions.values():
        if version.function.name == function and version.function.code_sha256:
            yield version.function.code_sha256


def _unpack(archive: bytes, folder: Path) -> None:
    """Raises: InvalidParameter, for what is no zip file, or would write elsewhere; CodeTooLarge."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            entries = opened.infolist()
            if not entries:
                raise InvalidParameter("Uploaded file must be a non-empty zip")
            if len(entries) > CODE_FILES_MAX:
                raise CodeTooLarge(f"The zip file must have at most {CODE_FILES_MAX} files")
            left = CODE_UNZIPPED_BYTES_MAX
            for entry in entries:
                left -= _unpack_one(opened, entry, folder, left)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise InvalidParameter(
            "Could not unzip uploaded file. Please check your file, then try to upload again. "
            f"({error})"
        ) from None


def _unpack_one(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path, left: int) -> int:
    """How many bytes it took."""
    path = PurePosixPath(entry.filename)
    if path.is_absolute() or ".." in path.parts or "\\" in entry.filename:
        raise InvalidParameter(f"The zip file has a path that leads out of it: {entry.filename}")
    mode = entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InvalidParameter(f"The zip file has what is no file: {entry.filename}")
    target = folder / path
    if entry.is_dir():
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if target.is_dir():
        raise InvalidParameter(f"The zip file has a file and a directory: {entry.filename}")
    size = 0
    with opened.open(entry) as source, target.open("wb") as file:
        # By what comes, not by what the entry says: that may be a lie.
        while chunk := source.read(COPY_BYTES):
            size += len(chunk)
            if size > left:
                raise CodeTooLarge(
                    f"Unzipped size must be smaller than {CODE_UNZIPPED_BYTES_MAX} bytes"
                )
            file.write(chunk)
    target.chmod(0o644 | (mode & 0o111))
    return size


def _sync_tree(folder: Path) -> None:
    for directory, _, files in os.walk(folder):
        for name in files:
            descriptor = os.open(Path(directory) / name, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_directory(Path(directory))


def _keep_only(place: Path, used: set[str]) -> None:
    if not place.is_dir():
        return
    for each in place.iterdir():
        if each.name not in used and not each.name.startswith(TEMPORARY):
            shutil.rmtree(each, ignore_errors=True)
    if not any(place.iterdir()):
        place.rmdir()


def _sweep(directory: Path, used: set[tuple[str, ...]]) -> None:
    for each in directory.glob("*/*/*/*"):
        if each.relative_to(directory).parts not in used:
            shutil.rmtree(each, ignore_errors=True)
    for function in directory.glob("*/*/*"):
        if not any(function.iterdir()):
            function.rmdir()
