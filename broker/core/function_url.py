"""a request to a function's URL as its event, and a result as the response: payload format 2.0

Source: Lambda developer guide, invoking Lambda function URLs.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

import msgspec

from broker.core.json_text import InvalidJson, parse_json
from broker.core.resources import FunctionUrl

__all__ = [
    "UrlRequest",
    "UrlResponse",
    "cors_headers",
    "streamed_head",
    "url_event",
    "url_response",
]

PRELUDE_ZEROS, PRELUDE_BYTES_MAX = 8, 16 * 1024
TEXT = ("text/", "application/json", "application/javascript", "application/xml")


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlRequest:
    """A request, as HTTP has it."""

    method: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes
    peer: str
    host: str
    http_version: str
    at_ms: int
    request_id: str


@dataclass(slots=True)
class UrlResponse:
    """A response, as HTTP has it."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: list[tuple[str, str]] = field(default_factory=list)


def url_event(url: FunctionUrl, account: str, request: UrlRequest) -> bytes:
    """The event, as JSON."""
    headers = dict(request.headers)
    cookies = [each.strip() for each in headers.pop("cookie", "").split(";") if each.strip()]
    at = datetime.fromtimestamp(request.at_ms / 1000, UTC)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.raw_path or "/",
        "rawQueryString": request.raw_query,
    }
    if cookies:
        event["cookies"] = cookies
    event["headers"] = headers
    if request.raw_query:
        event["queryStringParameters"] = _parameters(request.raw_query)
    event["requestContext"] = {
        "accountId": account if url.auth_type == "AWS_IAM" else "anonymous",
        "apiId": url.id,
        "domainName": request.host,
        "domainPrefix": url.id,
        "http": {
            "method": request.method,
            "path": request.raw_path or "/",
            "protocol": f"HTTP/{request.http_version}",
            "sourceIp": request.peer,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request.request_id,
        "routeKey": "$default",
        "stage": "$default",
        "time": f"{at:%d/%b/%Y:%H:%M:%S +0000}",
        "timeEpoch": request.at_ms,
    }
    event["isBase64Encoded"] = False
    if request.body:
        text = _text(request.body, headers.get("content-type", ""))
        event["isBase64Encoded"] = text is None
        event["body"] = base64.b64encode(request.body).decode() if text is None else text
    return msgspec.json.encode(event)


def url_response(payload: bytes) -> UrlResponse:
    """What a function's result says; without `statusCode` it is itself the body, as JSON.

    Raises: ValueError, for one that can't be a response.
    """
    try:
        result = parse_json(payload)
    except InvalidJson as error:
        raise ValueError(str(error)) from None
    if not isinstance(result, dict) or "statusCode" not in result:
        return UrlResponse(body=payload)
    status = result["statusCode"]
    if isinstance(status, str) and status.isdigit():
        status = int(status)
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status <= 599:
        raise ValueError(f"statusCode is {status!r}")
    response = UrlResponse(status)
    headers = result.get("headers") or {}
    if not isinstance(headers, dict):
        raise ValueError("headers is no object")
    for name, value in headers.items():
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        if name.lower() == "content-type":
            response.content_type = text
        elif name.lower() not in ("content-length", "transfer-encoding", "connection"):
            response.headers.append((name, text))
    for cookie in result.get("cookies") or ():
        response.headers.append(("Set-Cookie", str(cookie)))
    body = result.get("body")
    if body is None:
        return response
    text = body if isinstance(body, str) else msgspec.json.encode(body).decode()
    try:
        encoded = bool(result.get("isBase64Encoded"))
        response.body = base64.b64decode(text, validate=True) if encoded else text.encode()
    except binascii.Error:
        raise ValueError("body is not base64") from None
    return response


def streamed_head(beginning: bytes) -> tuple[UrlResponse, bytes] | None:
    """The response's head, and what of its body has come already; None: more is needed to say.

    A prelude is a JSON object and eight zero bytes, as `HttpResponseStream` writes it. Anything
    else is a body of its own.
    """
    if not beginning.startswith(b"{"):
        return UrlResponse(content_type="application/octet-stream"), beginning
    prelude, end, rest = beginning.partition(bytes(PRELUDE_ZEROS))
    if not end:
        if len(beginning) < PRELUDE_BYTES_MAX:
            return None
        return UrlResponse(content_type="application/octet-stream"), beginning
    try:
        response = url_response(prelude)
    except ValueError:
        return UrlResponse(content_type="application/octet-stream"), beginning
    return response, rest


def cors_headers(url: FunctionUrl, origin: str, *, preflight: bool) -> list[tuple[str, str]]:
    """What lets a page of the origin read the response; nothing if it may not."""
    cors = url.cors or {}
    origins = cors.get("AllowOrigins") or []
    if origin not in origins and "*" not in origins:
        return []
    headers = [("Access-Control-Allow-Origin", origin), ("Vary", "Origin")]
    if cors.get("AllowCredentials"):
        headers.append(("Access-Control-Allow-Credentials", "true"))
    lists = [("AllowMethods", "Methods"), ("AllowHeaders", "Headers")] if preflight else []
    for member, name in lists:
        if cors.get(member):
            headers.append((f"Access-Control-Allow-{name}", ", ".join(cors[member])))
    if preflight and cors.get("MaxAge") is not None:
        headers.append(("Access-Control-Max-Age", str(cors["MaxAge"])))
    if not preflight and cors.get("ExposeHeaders"):
        headers.append(("Access-Control-Expose-Headers", ", ".join(cors["ExposeHeaders"])))
    return headers


def _parameters(raw_query: str) -> dict[str, str]:
    """Of a repeated one all values, joined by commas."""
    found: dict[str, str] = {}
    for each in raw_query.split("&"):
        if not each:
            continue
        name, _, value = each.partition("=")
        name, value = unquote_plus(name), unquote_plus(value)
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _text(body: bytes, content_type: str) -> str | None:
    if not content_type.startswith(TEXT) and "json" not in content_type:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
