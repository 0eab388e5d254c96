"""the certificates that SNS deliveries are signed with: one signs, all that ever did are served"""

import errno
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import trio

from broker.core.errors import LimitExceeded, StoreFull
from broker.core.limits import SIGNING_CERTIFICATES_MAX
from broker.runtime.signing_directory import Damaged, SigningDirectory

if TYPE_CHECKING:
    from broker.runtime.signing_key import Described, NewKey, SigningKey

log = logging.getLogger(__name__)

EXPIRES_SOON_MS = 365 * 86_400_000  # when a daemon that starts begins to mention it


class SigningUnusable(Exception):
    """The certificate to sign with can't be read; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SigningCertificate:
    """One certificate."""

    name: str  # of its file, and the last part of its URL
    pem: bytes
    not_before_ms: int
    not_after_ms: int
    fingerprint: str  # SHA-256, in hexadecimal


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate with its private key: what `sign` returns verifies by `name`, in any thread."""

    certificate: SigningCertificate
    _key: "SigningKey"

    @property
    def name(self) -> str:
        """The file name of the certificate."""
        return self.certificate.name

    def sign(self, text: bytes, version: str) -> str:
        """A signature in base64 of SignatureVersion 1 (SHA-1) or 2 (SHA-256)."""
        return self._key.sign(text, version)


class SigningCertificates:
    """What the daemon signs with, and what receivers verify by."""

    def __init__(self, directory: SigningDirectory | None, now_ms: Callable[[], int]) -> None:
        self._directory = directory
        self._now_ms = now_ms
        self._current: Signer | None = None
        self._certificates: dict[str, SigningCertificate] = {}
        self._rotating = trio.Lock()
        self._threads = trio.CapacityLimiter(1)

    @classmethod
    def open(cls, path: Path, now_ms: Callable[[], int]) -> Self:
        """Those of the directory, which gets its first one if it has none. Blocks.

        The caller holds the lock of the data directory. Raises: SigningUnusable.
        """
        directory = SigningDirectory(path)
        certificates = cls(directory, now_ms)
        try:
            certificates._load(directory)
        except (Damaged, ValueError) as damage:
            raise SigningUnusable(
                f"The signing certificate in {path} can't be used: {damage}. Restore the directory "
                "from a backup. Or move it away, and the broker makes a new certificate: what was "
                "signed before can then no longer be verified."
            ) from None
        except OSError as error:
            raise SigningUnusable(
                f"The signing certificates in {path} can't be used: {error.strerror} "
                f"({error.filename})"
            ) from None
        return certificates

    @classmethod
    def in_memory(cls, now_ms: Callable[[], int]) -> Self:
        """One that is made when it is first needed and forgotten in the end: for tests."""
        return cls(None, now_ms)

    @property
    def current(self) -> Signer:
        """What to sign with now, until the next rotation."""
        if self._current is None:
            name, new = _generate(self._now_ms())
            self._take(name, new)
        assert self._current is not None
        return self._current

    def sign(self, text: bytes, version: str) -> str:
        """What `current` signs."""
        return self.current.sign(text, version)

    def certificate(self, name: str) -> bytes | None:
        """The certificate with that file name, in PEM; None if there is none."""
        found = self._certificates.get(name)
        return None if found is None else found.pem

    def all(self) -> list[SigningCertificate]:
        """The newest first."""
        current = self.current.certificate
        # Reversed, for those of one second: certificates say no more of when they were made.
        others = (each for each in reversed(self._certificates.values()) if each is not current)
        return [current, *sorted(others, key=lambda each: each.not_before_ms, reverse=True)]

    async def rotate(self) -> SigningCertificate:
        """Sign with a new certificate from now on. The old private key is deleted.

        Returns when that is on disk; cancelled, it is done all the same. What was signed before
        still verifies.
        Raises: LimitExceeded, StoreFull.
        """
        async with self._rotating:
            if len(self._certificates) >= SIGNING_CERTIFICATES_MAX:
                raise LimitExceeded(
                    f"There are {len(self._certificates)} signing certificates, which is as many "
                    "as are kept. Stop the broker and move those away that nobody needs."
                )
            name, new = await trio.to_thread.run_sync(
                self._rotate, self._now_ms(), limiter=self._threads
            )
            self._take(name, new)
            log.info("deliveries are signed with %s now", name)
            return self.current.certificate

    def _load(self, directory: SigningDirectory) -> None:
        # Imported here and below: it takes long, and not every process that has a broker signs.
        from broker.runtime.signing_key import Described, SigningKey

        kept = directory.read()
        if kept is None:
            name, new = _generate(self._now_ms())
            directory.add(name, new.certificate, new.key)
            self._take(name, new)
            return
        key = SigningKey.read(kept.certificates[kept.current], kept.key)
        for name, pem in kept.certificates.items():
            try:
                described = Described.read(pem)
            except ValueError as error:
                log.error("%s is not served: %s", directory.path / name, error)
            else:
                self._certificates[name] = _certificate(name, pem, described)
        self._current = Signer(self._certificates[kept.current], key)
        directory.forget_other_keys(kept.current)
        if self._current.certificate.not_after_ms < self._now_ms() + EXPIRES_SOON_MS:
            log.warning(
                "the signing certificate %s ends within a year: `broker certificate rotate`",
                kept.current,
            )

    def _rotate(self, now_ms: int) -> "tuple[str, NewKey]":
        name, new = _generate(now_ms)
        if self._directory is None:
            return name, new
        try:
            self._directory.add(name, new.certificate, new.key)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StoreFull("There is no room for a new signing certificate.") from None
            raise
        try:
            self._directory.forget_other_keys(name)
        except OSError:
            # The new one is the current one all the same; the next start deletes the old key.
            log.exception("the old private key could not be deleted")
        return name, new

    def _take(self, name: str, new: "NewKey") -> None:
        from broker.runtime.signing_key import Described, SigningKey

        certificate = _certificate(name, new.certificate, Described.read(new.certificate))
        self._certificates[name] = certificate
        self._current = Signer(certificate, SigningKey.read(new.certificate, new.key))


def _generate(now_ms: int) -> "tuple[str, NewKey]":
    from broker.runtime.signing_key import NewKey

    name = f"SimpleNotificationService-{secrets.token_hex(16)}.pem"
    return name, NewKey.generate(now_ms)


def _certificate(name: str, pem: bytes, described: "Described") -> SigningCertificate:
    return SigningCertificate(
        name, pem, described.not_before_ms, described.not_after_ms, described.fingerprint
    )
