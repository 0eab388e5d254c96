"""seals secrets before they are stored, with a key that lies in a file of its own

Who has the store's files without that key learns no secret. Both are needed in a backup.
"""

from pathlib import Path
from typing import Self

from broker.runtime.durable_file import write_durably

__all__ = ["SecretBox", "SecretsUnusable", "Unreadable"]


class SecretsUnusable(Exception):
    """The key can't be used; the message says what to do."""


class Unreadable(Exception):
    """A secret was sealed with another key."""


class SecretBox:
    """Seals with one key."""

    def __init__(self, key: bytes) -> None:
        """Raises: ValueError, for what is no key."""
        from cryptography.fernet import Fernet  # takes long to load

        self._fernet = Fernet(key)

    @classmethod
    def open(cls, path: Path) -> Self:
        """With the key in the file, which is made if it isn't there. Blocks.

        The caller holds the lock of the data directory. Raises: SecretsUnusable.
        """
        from cryptography.fernet import Fernet

        try:
            if not path.exists():
                write_durably(path, Fernet.generate_key())
            path.chmod(0o600)  # perhaps it came back from a backup
            return cls(path.read_bytes().strip())
        except OSError as error:
            raise SecretsUnusable(
                f"The key of secrets can't be used: {error.strerror} ({error.filename})"
            ) from None
        except ValueError:
            raise SecretsUnusable(
                f"{path} holds no key. Restore it from a backup. Or move it away, and the broker "
                "makes a new one: the secrets of connections must then be set again."
            ) from None

    @classmethod
    def in_memory(cls) -> Self:
        """With a key that is forgotten in the end: for tests."""
        from cryptography.fernet import Fernet

        return cls(Fernet.generate_key())

    def seal(self, secret: bytes) -> bytes:
        """What may be stored."""
        return self._fernet.encrypt(secret)

    def unseal(self, sealed: bytes) -> bytes:
        """The secret. Raises: Unreadable."""
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise Unreadable("it was sealed with another key") from None
