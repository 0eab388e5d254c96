"""credentials to sign with: of the settings, a profile in the shared file, or the environment

Source: AWS SDKs and Tools reference guide: shared credentials files, process credentials.
"""

import configparser
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import trio

from broker.plugin import InvokerUnavailable
from broker_lambda.settings import LambdaSettings
from broker_lambda.signature import Credentials

__all__ = ["CredentialsFinder"]

PROCESS_S_MAX = 30.0
UNDATED = timedelta(minutes=10)  # for this long credentials are used that don't say
MARGIN = timedelta(minutes=5)  # before they end, credentials are no longer used


class _Answer(msgspec.Struct, rename="pascal"):
    """What a credential process prints."""

    version: int
    access_key_id: str
    secret_access_key: str
    session_token: str | None = None
    expiration: datetime | None = None


@dataclass(slots=True)
class _Kept:
    credentials: Credentials
    until: datetime


class CredentialsFinder:
    """Finds them for each request; those of a process are kept until they end."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._asking: dict[tuple[str, str], trio.Lock] = {}

    async def find(self, settings: LambdaSettings) -> Credentials | None:
        """None if there are none. Raises: InvokerUnavailable, if they can't be read just now."""
        if settings.access_key_id is not None and settings.secret_access_key is not None:
            return Credentials(
                settings.access_key_id, settings.secret_access_key, settings.session_token
            )
        environment = self._environment
        if settings.profile is None and settings.credentials_file is None:
            access_key_id = environment.get("AWS_ACCESS_KEY_ID")
            secret_access_key = environment.get("AWS_SECRET_ACCESS_KEY")
            if access_key_id and secret_access_key:
                token = environment.get("AWS_SESSION_TOKEN") or None
                return Credentials(access_key_id, secret_access_key, token)
        profile = settings.profile or environment.get("AWS_PROFILE") or "default"
        file = settings.credentials_file or environment.get("AWS_SHARED_CREDENTIALS_FILE")
        path = Path(file) if file else _home(environment)
        return await self._of_profile(path, profile)

    async def _of_profile(self, path: Path, profile: str) -> Credentials | None:
        key = str(path), profile
        if (kept := self._kept_still(key)) is not None:
            return kept
        async with self._asking.setdefault(key, trio.Lock()):
            if (kept := self._kept_still(key)) is not None:
                return kept
            section = await trio.to_thread.run_sync(_section, path, profile)
            if section is None:
                return None
            if "credential_process" in section:
                self._kept[key] = asked = await _asked(section["credential_process"])
                return asked.credentials
            access_key_id = section.get("aws_access_key_id")
            secret_access_key = section.get("aws_secret_access_key")
            if not access_key_id or not secret_access_key:
                return None
            token = section.get("aws_session_token") or None
            return Credentials(access_key_id, secret_access_key, token)

    def _kept_still(self, key: tuple[str, str]) -> Credentials | None:
        kept = self._kept.get(key)
        still = kept is not None and kept.until - MARGIN > datetime.now(UTC)
        return kept.credentials if kept is not None and still else None


def _home(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("HOME", "/"), ".aws", "credentials")


def _section(path: Path, profile: str) -> dict[str, str] | None:
    parser = configparser.RawConfigParser()
    try:
        with path.open() as file:
            parser.read_file(file)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise InvokerUnavailable(f"{path} can't be read: {type(error).__name__}") from None
    return dict(parser[profile]) if profile in parser else None


async def _asked(command: str) -> _Kept:
    """What a credential process says; it may come from a vault, or from another identity."""
    try:
        with trio.fail_after(PROCESS_S_MAX):
            done = await trio.run_process(
                shlex.split(command), capture_stdout=True, stderr=subprocess.DEVNULL, check=False
            )
    except (OSError, ValueError, trio.TooSlowError) as error:
        text = str(error) or type(error).__name__
        raise InvokerUnavailable(f"the credential process: {text}") from None
    if done.returncode != 0:
        raise InvokerUnavailable(f"the credential process ended with {done.returncode}")
    try:
        answer = msgspec.json.decode(done.stdout, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvokerUnavailable("the credential process printed no credentials") from None
    credentials = Credentials(answer.access_key_id, answer.secret_access_key, answer.session_token)
    until = answer.expiration or datetime.now(UTC) + UNDATED + MARGIN
    return _Kept(credentials, until if until.tzinfo else until.replace(tzinfo=UTC))
