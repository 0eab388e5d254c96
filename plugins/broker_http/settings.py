"""settings of a function behind a URL: where, with which headers and authorization"""

import re
from base64 import b64encode
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import httpx
import msgspec

from broker.outgoing.address import is_public
from broker.plugin import Settings, SettingsError, read_settings
from broker_http.secrets import Secret, check_secret, secret_text

__all__ = [
    "ApiKey",
    "Basic",
    "Bearer",
    "HttpSettings",
    "OAuth",
    "checked_header",
    "parse_settings",
]

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
    password: Secret

    def header(self) -> tuple[str, str]:
        """Name and value of the header that authorizes. Raises: InvokerUnavailable."""
        credentials = b64encode(f"{self.username}:{secret_text(self.password)}".encode()).decode()
        return "Authorization", f"Basic {credentials}"

    def secrets(self) -> Iterable[Secret]:
        """What isn't to be shown."""
        return (self.password,)

    def __repr__(self) -> str:
        return "Basic(...)"


class Bearer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="bearer"):
    """A token (RFC 6750)."""

    token: Secret

    def header(self) -> tuple[str, str]:
        """Name and value of the header that authorizes. Raises: InvokerUnavailable."""
        return "Authorization", f"Bearer {secret_text(self.token)}"

    def secrets(self) -> Iterable[Secret]:
        """What isn't to be shown."""
        return (self.token,)

    def __repr__(self) -> str:
        return "Bearer(...)"


class ApiKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="api_key"):
    """A header of any name, as EventBridge connections have it."""

    name: str
    value: Secret

    def header(self) -> tuple[str, str]:
        """Name and value of the header that authorizes. Raises: InvokerUnavailable."""
        return self.name, secret_text(self.value)

    def secrets(self) -> Iterable[Secret]:
        """What isn't to be shown."""
        return (self.value,)

    def __repr__(self) -> str:
        return f"ApiKey(name={self.name!r}, ...)"


class OAuth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="oauth"):
    """Client credentials (RFC 6749, 4.4), for which a server gives tokens."""

    token_url: str
    client_id: Secret
    client_secret: Secret
    scope: str = ""

    def secrets(self) -> Iterable[Secret]:
        """What isn't to be shown."""
        return self.client_id, self.client_secret

    def __repr__(self) -> str:
        return f"OAuth(token_url={self.token_url!r}, ...)"


class HttpSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to POST an event, and how."""

    url: Annotated[str, msgspec.Meta(description="Where to POST the event.")]
    headers: Annotated[
        dict[str, Secret], msgspec.Meta(description="Sent with it, besides those of our own.")
    ] = {}
    authorization: Annotated[
        Basic | Bearer | ApiKey | OAuth | None,
        msgspec.Meta(description='{ type = "basic", ... }, "bearer", "api_key" or "oauth".'),
    ] = None
    requests_per_second: Annotated[
        Annotated[float, msgspec.Meta(gt=0)] | None,
        msgspec.Meta(description="At most; others wait for their turn."),
    ] = None
    adaptive_concurrency: Annotated[
        bool, msgspec.Meta(description="As many at a time as it is seen to bear.")
    ] = False
    http2: Annotated[
        bool, msgspec.Meta(description="Over HTTP/2, if the server speaks it; for https only.")
    ] = False
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
    _check_url("url", parsed.url, allow_private=parsed.allow_private)
    if parsed.http2 and httpx.URL(parsed.url).scheme != "https":
        raise SettingsError("`http2` needs a `url` that begins with https://")
    for name, value in parsed.headers.items():
        check_secret("headers", value)
        _check_header("headers", name, value if isinstance(value, str) else "")
    authorization = parsed.authorization
    if authorization is None:
        return parsed
    own = authorization.name if isinstance(authorization, ApiKey) else "Authorization"
    if any(name.lower() == own.lower() for name in parsed.headers):
        raise SettingsError(f"`headers` must not set {own}: the `authorization` does")
    if isinstance(authorization, Basic) and ":" in authorization.username:
        raise SettingsError("`authorization`: a `username` must not have a colon")
    for secret in authorization.secrets():
        check_secret("authorization", secret)
    if isinstance(authorization, OAuth):
        allow_private = parsed.allow_private
        _check_url("authorization.token_url", authorization.token_url, allow_private=allow_private)
    elif all(isinstance(secret, str) for secret in authorization.secrets()):
        _check_header("authorization", *authorization.header())
    elif isinstance(authorization, ApiKey):
        _check_header("authorization", authorization.name, "")
    return parsed


def checked_header(key: str, name: str, value: str) -> tuple[str, str]:
    """A header whose secret was read just now. Raises: SettingsError."""
    _check_header(key, name, value)
    return name, value


def _check_url(key: str, text: str, *, allow_private: bool) -> None:
    try:
        parts = urlsplit(text)
        url = httpx.URL(text)
        port = parts.port
    except (ValueError, httpx.InvalidURL):
        raise SettingsError(f"`{key}` is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host or port == 0:
        raise SettingsError(f"`{key}` must begin with http:// or https:// and name a host")
    if url.userinfo:
        raise SettingsError(f"`{key}` must not carry credentials; use `authorization`")
    if url.fragment:
        raise SettingsError(f"`{key}` must not have a fragment")
    if not allow_private and _is_private(url.host):
        raise SettingsError(f"`{key}` names a private address; `allow_private` would permit it")


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
