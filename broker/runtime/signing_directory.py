"""the files of signing certificates: each whole or not there, and one of them the current one

    SimpleNotificationService-<32 hex>.pem   a certificate, kept so that what it signed verifies
    SimpleNotificationService-<32 hex>.key   the private key of the current one
    current                                  the name of the current one

A new one is written key first, then certificate, then `current`, each under a temporary name that
is synced and renamed, with the directory synced after each. Then the key of the one before is
deleted. A crash therefore leaves one of these, and `read` and `forget_other_keys` mend them:

- a temporary file: deleted;
- no `current`, and a key without a certificate: the very first one, which signed nothing: deleted;
- no `current`, and one certificate with its key: the very first one, whole: made the current one;
- a key beside that of the current one: of a rotation that did not get as far as `current`, or of
  the certificate before: deleted. The certificate stays; nobody minds one that signed nothing.

Whatever else is found is no trace of a crash but damage. It is reported, and nothing is changed.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from broker.runtime.durable_file import TEMPORARY, sync_directory, write_durably

CERTIFICATE_NAME = re.compile(r"SimpleNotificationService-[0-9a-f]{32}\.pem")
_CURRENT = "current"


class Damaged(Exception):
    """The files are not as a crash could have left them; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the directory has."""

    certificates: dict[str, bytes]  # PEM by file name
    current: str
    key: bytes  # of the current one, PEM


class SigningDirectory:
    """The directory, for one daemon: that holds the lock of the data directory around it.

    Raises throughout: OSError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Kept | None:
        """What is there; None if there is no certificate yet. Raises: Damaged."""
        self._make()
        names = os.listdir(self.path)
        for name in names:
            if name.endswith(TEMPORARY):
                os.unlink(self.path / name)
        certificates = sorted(name for name in names if CERTIFICATE_NAME.fullmatch(name))
        if _CURRENT not in names and not self._finish_first(certificates, set(names)):
            return None
        current = self._bytes(_CURRENT).decode(errors="replace").strip()
        if current not in certificates:
            raise Damaged(f"{_CURRENT} names {current!r}, which is not there")
        key = _key_name(current)
        if key not in names:
            raise Damaged(f"{key} is not there")
        return Kept({name: self._bytes(name) for name in certificates}, current, self._bytes(key))

    def add(self, name: str, certificate: bytes, key: bytes) -> None:
        """Keep a new certificate and make it the current one."""
        self._write(_key_name(name), key)
        self._write(name, certificate)
        self._write(_CURRENT, f"{name}\n".encode())

    def forget_other_keys(self, current: str) -> None:
        """Delete the private keys of all certificates but this one."""
        kept = _key_name(current)
        others = [n for n in os.listdir(self.path) if _is_key(n) and n != kept]
        for name in others:
            os.unlink(self.path / name)
        if others:
            sync_directory(self.path)

    def _make(self) -> None:
        try:
            os.mkdir(self.path, 0o700)
        except FileExistsError:
            os.chmod(self.path, 0o700)  # perhaps it came back from a backup
        sync_directory(self.path.parent)

    def _finish_first(self, certificates: list[str], names: set[str]) -> bool:
        """Whether there is one, which then is the current one."""
        if not certificates:
            for key in filter(_is_key, names):
                os.unlink(self.path / key)
            return False
        if len(certificates) > 1 or _key_name(certificates[0]) not in names:
            raise Damaged(f"{_CURRENT} is not there")
        self._write(_CURRENT, f"{certificates[0]}\n".encode())
        return True

    def _bytes(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def _write(self, name: str, content: bytes) -> None:
        write_durably(self.path / name, content)


def _key_name(certificate: str) -> str:
    return certificate.removesuffix(".pem") + ".key"


def _is_key(name: str) -> bool:
    return name.endswith(".key") and CERTIFICATE_NAME.fullmatch(name[:-4] + ".pem") is not None
