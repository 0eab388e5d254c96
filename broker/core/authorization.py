"""what a connection knows of how to be let in, and what of it may be shown"""

from typing import Any

import msgspec

__all__ = [
    "ApiKey",
    "Authorization",
    "Basic",
    "ClientCredentials",
    "HttpParts",
    "Method",
    "Parameter",
]


class _Secret(msgspec.Struct, frozen=True, kw_only=True):
    """Shown by its name only, wherever it is printed."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class Parameter(_Secret, frozen=True, kw_only=True):
    """A header, a member of the query, or one of the body."""

    key: str
    value: str
    secret: bool = False

    @property
    def shown(self) -> str | None:
        """Its value, if that may be seen."""
        return None if self.secret else self.value


class HttpParts(_Secret, frozen=True, kw_only=True):
    """What is added to requests."""

    headers: tuple[Parameter, ...] = ()
    query: tuple[Parameter, ...] = ()
    body: tuple[Parameter, ...] = ()


class Basic(_Secret, frozen=True, kw_only=True, tag="BASIC"):
    """A name and a password, in the header Authorization."""

    username: str
    password: str


class ApiKey(_Secret, frozen=True, kw_only=True, tag="API_KEY"):
    """A header with a key."""

    name: str
    value: str


class ClientCredentials(_Secret, frozen=True, kw_only=True, tag="OAUTH_CLIENT_CREDENTIALS"):
    """A token from an authorization server, which is asked for it with an id and a secret."""

    client_id: str
    client_secret: str
    endpoint: str
    method: str  # GET, POST or PUT
    parts: HttpParts = HttpParts()


Method = Basic | ApiKey | ClientCredentials


class Authorization(_Secret, frozen=True, kw_only=True):
    """All that a connection adds to a request."""

    method: Method
    parts: HttpParts = HttpParts()

    @property
    def kind(self) -> str:
        """BASIC, API_KEY or OAUTH_CLIENT_CREDENTIALS."""
        kind: Any = self.method.__struct_config__.tag
        return str(kind)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Authorization)


def pack(authorization: Authorization) -> bytes:
    """The record, to be sealed."""
    return _encoder.encode(authorization)


def unpack(record: bytes) -> Authorization:
    """What `pack` made."""
    return _decoder.decode(record)
