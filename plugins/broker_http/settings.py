"""settings of a function behind a URL: where, with which headers and authorization"""

import re
from base64 import b64encode
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import httpx
import msgspec

from broker.outgoing.address import is_public
from broker.plugin import Settings, SettingsError, read_settings

__all__ = ["ApiKey", "Basic", "Bearer", "HttpSettings", "parse_settings"]

HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2: token
HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?|")  # printable, trimmed

OWN_HEADERS = {
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


class Basic(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="basic"):
    """A user name and a password (RFC 7617)."""

    username: str
    password: str

    def header(self) -> tuple[str, str]:
        """Name and value of the header that authorizes."""
        credentials = b64encode(f"{self.username}:{self.password}".encode()).decode()
        return "Authorization", f"Basic {credentials}"

    def __repr__(self) -> str:
        return "Basic(...)"


class Bearer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="bearer"):
    """A token (RFC 6750)."""

    token: str

    def header(self) -> tuple[str, str]:
        """Name and value of the header that authorizes."""
        return "Authorization", f"Bearer {self.token}"

    def __repr__(self) -> str:
        return "Bearer(...)"


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="api_key"):
    """A header of any name, as EventBridge connections have it."""

    name: str
    value: str

    def header(self) -> tuple[str, str]:
        """Name and value of the header that authorizes."""
        return self.name, self.value

    def __repr__(self) -> str:
        return f"ApiKey(name={self.name!r}, ...)"


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to POST an event, and how."""

    url: Annotated[str, msgspec.Meta(description="Where to POST the event.")]
    headers: Annotated[
        dict[str, str], msgspec.Meta(description="Sent with it, besides those of our own.")
    ] = {}
    authorization: Annotated[
        Basic | Bearer | ApiKey | None,
        msgspec.Meta(description='{ type = "basic", ... }, or "bearer", or "api_key".'),
    ] = None
    allow_private: Annotated[
        bool, msgspec.Meta(description="Also addresses that are not public.")
    ] = False

    @property
    def origin(self) -> str:
        """Scheme, host and port: all of the URL that messages may show."""
        url = httpx.URL(self.url)
        return f"{url.scheme}://{url.netloc.decode()}"

    def __repr__(self) -> str:
        return f"HttpSettings({self.origin!r}, ...)"


def parse_settings(settings: Settings) -> HttpSettings:
    """The settings, checked without asking the network.

    Raises: SettingsError, which shows no value.
    """
    parsed = read_settings(settings, HttpSettings)
    _check_url(parsed)
    for name, value in parsed.headers.items():
        _check_header("headers", name, value)
    if parsed.authorization is not None:
        _check_header("authorization", *parsed.authorization.header())
    return parsed


def _check_url(settings: HttpSettings) -> None:
    try:
        parts = urlsplit(settings.url)
        url = httpx.URL(settings.url)
        port = parts.port
    except (ValueError, httpx.InvalidURL):
        raise SettingsError("`url` is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host or port == 0:
        raise SettingsError("`url` must begin with http:// or https:// and name a host")
    if url.userinfo:
        raise SettingsError("`url` must not carry credentials; use `authorization`")
    if url.fragment:
        raise SettingsError("`url` must not have a fragment")
    if not settings.allow_private and _is_private(url.host):
        raise SettingsError("`url` names a private address; `allow_private` would permit it")


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not is_public(ip_address(host))
    except ValueError:
        return False  # a name: its addresses are checked when they are known


def _check_header(key: str, name: str, value: str) -> None:
    if not HEADER_NAME.fullmatch(name) or not HEADER_VALUE.fullmatch(value):
        raise SettingsError(f"`{key}` is not a header that can be sent")
    if name.lower() in OWN_HEADERS or name.lower().startswith("x-broker-"):
        raise SettingsError(f"`{key}` must not set {name}: the invoker sets it")
