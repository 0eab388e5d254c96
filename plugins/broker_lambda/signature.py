"""AWS Signature Version 4, the signing side: a request to its Authorization header

Pure: the time comes in, nothing is sent. Source: AWS, Signing AWS API requests.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

__all__ = ["Credentials", "Scope", "authorization", "signed_headers"]

ALGORITHM = "AWS4-HMAC-SHA256"
UNRESERVED = "-._~"  # beside letters and digits


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key; temporary ones come with a session token."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where and when a signature holds."""

    region: str
    service: str
    at: datetime  # aware

    @property
    def amz_date(self) -> str:
        """The time as X-Amz-Date has it."""
        return self.at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")

    def __str__(self) -> str:
        return f"{self.amz_date[:8]}/{self.region}/{self.service}/aws4_request"


def signed_headers(
    *,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    credentials: Credentials,
    scope: Scope,
) -> Mapping[str, str]:
    """The headers to add to a request; `headers` must have `Host` and all that is to be signed.

    `target` is the path and query exactly as they will be sent.
    """
    added = {"X-Amz-Date": scope.amz_date}
    if credentials.session_token is not None:
        added["X-Amz-Security-Token"] = credentials.session_token
    signed = {**headers, **added}
    return {
        **added,
        "Authorization": authorization(
            method=method,
            target=target,
            headers=signed,
            body=body,
            credentials=credentials,
            scope=scope,
        ),
    }


def authorization(
    *,
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    credentials: Credentials,
    scope: Scope,
) -> str:
    """The value of the Authorization header. All of `headers` are signed."""
    values = {name.lower(): re.sub(" +", " ", value.strip()) for name, value in headers.items()}
    names = ";".join(sorted(values))
    path, _, query = target.partition("?")
    canonical_request = "\n".join(
        [
            method,
            _canonical_path(path),
            _canonical_query(query),
            *(f"{name}:{values[name]}" for name in sorted(values)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        ]
    )
    string_to_sign = "\n".join(
        [
            ALGORITHM,
            scope.amz_date,
            str(scope),
            hashlib.sha256(canonical_request.encode()).hexdigest(),
        ]
    )
    key = b"AWS4" + credentials.secret_access_key.encode()
    for part in str(scope).split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, string_to_sign.encode(), "sha256").hex()
    return (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def _canonical_path(path: str) -> str:
    """Without dot segments and double slashes, and percent-encoded once more than it is sent."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    normal = "/" + "/".join(segments) + ("/" if segments and path.endswith("/") else "")
    return quote(normal, safe="/" + UNRESERVED)


def _canonical_query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    return "&".join(f"{name}={value}" for name, value in sorted((p[0], p[2]) for p in pairs))
