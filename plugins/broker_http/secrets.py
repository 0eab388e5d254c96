"""secrets in settings: as they were given, or by reference to a file or a systemd credential"""

import os
from pathlib import Path

import msgspec

from broker.plugin import InvokerUnavailable, SettingsError
from broker.plugin import Secret as GivenSecret

__all__ = ["Secret", "SecretReference", "check_secret", "secret_text"]

SECRET_BYTES_MAX = 64 * 1024


class SecretReference(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where it is to be read, for each request: one of the two."""

    file: str | None = None  # an absolute path; a line break at its end doesn't count
    credential: str | None = None  # of systemd (`LoadCredential=`), by name


Secret = GivenSecret | SecretReference


def check_secret(key: str, secret: Secret) -> None:
    """Raises: SettingsError."""
    if isinstance(secret, str):
        return
    if (secret.file is None) == (secret.credential is None):
        raise SettingsError(f"`{key}`: a secret is a text, or has `file` or `credential`")
    if secret.file is not None and not os.path.isabs(secret.file):
        raise SettingsError(f"`{key}`: `file` must be an absolute path")
    name = secret.credential
    if name is not None and (not name or "/" in name or name.startswith(".")):
        raise SettingsError(f"`{key}`: `credential` must be a name")


def secret_text(secret: Secret) -> str:
    """The secret. Raises: InvokerUnavailable, if it can't be had just now."""
    if isinstance(secret, str):
        return secret
    if secret.file is not None:
        path = Path(secret.file)
    else:
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        if directory is None:
            raise InvokerUnavailable("systemd gives the daemon no credentials")
        path = Path(directory, secret.credential or "")
    try:
        with path.open("rb") as file:
            return file.read(SECRET_BYTES_MAX).decode().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvokerUnavailable(f"the secret in {path} can't be read: {reason}") from None
