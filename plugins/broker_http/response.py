"""what an HTTP response says about the event: status, body and Retry-After to a result"""

from collections.abc import Callable
from http import HTTPStatus

import httpx
import msgspec

from broker.outgoing.retry_after import retry_after_s as parse_retry_after
from broker.plugin import InvocationResult, InvokerThrottled, InvokerUnavailable

__all__ = ["BODY_BYTES_MAX", "read_body", "result_of"]

BODY_BYTES_MAX = 6 * 1024 * 1024  # Lambda: synchronous response
EXCERPT_CHARS_MAX = 1024  # of a body that explains a refusal


async def read_body(response: httpx.Response) -> bytes | None:
    """The body as it was sent, or None if it is over `BODY_BYTES_MAX`. Raises: httpx.HTTPError."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        if len(body) + len(chunk) > BODY_BYTES_MAX:
            return None
        body += chunk
    return bytes(body)


def result_of(
    response: httpx.Response, body: bytes | None, now_s: Callable[[], float]
) -> InvocationResult:
    """The result that a response of any status stands for.

    Raises: InvokerThrottled, InvokerUnavailable.
    """
    status = response.status_code
    phrase = _phrase(status)
    retry_after_s = parse_retry_after(response.headers.get("Retry-After"), now_s())
    if status == 429 or (status == 503 and retry_after_s is not None):
        raise InvokerThrottled(f"the target answered {phrase}", retry_after_s=retry_after_s)
    if status >= 500:
        raise InvokerUnavailable(f"the target answered {phrase}")
    if 300 <= status < 400:
        return InvocationResult.failed(f"Http.{status}", f"{phrase}; redirects are not followed")
    if status >= 400:
        excerpt = _text(response, body)[:EXCERPT_CHARS_MAX] if _is_plain(response) and body else ""
        return InvocationResult.failed(
            f"Http.{status}", f"{phrase}: {excerpt}" if excerpt else phrase
        )
    if body is None:
        return InvocationResult.failed(
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size "
            f"({BODY_BYTES_MAX} bytes).",
        )
    if not _is_plain(response):
        return InvocationResult.failed(
            "Http.ContentEncoding", "the response is encoded, though none was accepted"
        )
    return _success(response, body)


def _success(response: httpx.Response, body: bytes) -> InvocationResult:
    payload = body.strip() or b"null"
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        payload = msgspec.json.encode(_text(response, body))
        if len(payload) > BODY_BYTES_MAX:
            return InvocationResult.failed(
                "Function.ResponseSizeTooLarge",
                f"The response is over {BODY_BYTES_MAX} bytes as a JSON string.",
            )
    return InvocationResult(payload=payload)


def _is_plain(response: httpx.Response) -> bool:
    encoding: str = response.headers.get("Content-Encoding", "identity")
    return encoding.lower() == "identity"


def _text(response: httpx.Response, body: bytes) -> str:
    try:
        return body.decode(response.charset_encoding or "utf-8", errors="replace")
    except LookupError:  # a charset nobody knows
        return body.decode("utf-8", errors="replace")


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
