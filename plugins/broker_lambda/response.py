"""what an answer of the Lambda API says about the event: status and headers to a result"""

from base64 import b64decode

import httpx
import msgspec

from broker.plugin import InvocationResult, InvokerThrottled, InvokerUnavailable

__all__ = ["PAYLOAD_BYTES_MAX", "log_of", "read_body", "result_of"]

PAYLOAD_BYTES_MAX = 6_291_556  # Lambda: 6 MiB and 100 bytes
MESSAGE_CHARS_MAX = 1024
RETRY_AFTER_S_MAX = 86_400.0  # a day


async def read_body(response: httpx.Response) -> bytes | None:
    """The body, or None if it is over `PAYLOAD_BYTES_MAX`. Raises: httpx.HTTPError."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        if len(body) + len(chunk) > PAYLOAD_BYTES_MAX:
            return None
        body += chunk
    return bytes(body)


def result_of(response: httpx.Response, body: bytes | None) -> InvocationResult:
    """The result that an answer of any status stands for.

    Raises: InvokerThrottled, InvokerUnavailable.
    """
    status = response.status_code
    if body is None:
        if status >= 500:
            raise InvokerUnavailable(f"Lambda answered {status}")
        return InvocationResult.failed(
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size "
            f"({PAYLOAD_BYTES_MAX} bytes).",
        )
    if status == 200:
        return _ran(response, body)
    if status == 202:  # as an Event: it is Lambda's affair from now on
        return InvocationResult()
    code, message = _error(response, body)
    explained = f"{code}: {message}" if message else code
    if status == 429:
        raise InvokerThrottled(
            explained, retry_after_s=_retry_after_s(response.headers.get("Retry-After"))
        )
    if status >= 500:
        raise InvokerUnavailable(f"Lambda answered {status} {explained}")
    return InvocationResult.failed(f"Lambda.{code}", message or f"Lambda answered {status}")


def _ran(response: httpx.Response, body: bytes) -> InvocationResult:
    payload = body.strip() or b"null"
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return InvocationResult.failed(
            "Lambda.MalformedResponse", "the answer of Lambda is not JSON"
        )
    function_error = response.headers.get("X-Amz-Function-Error")
    if function_error not in (None, "Handled", "Unhandled"):
        function_error = "Unhandled"
    return InvocationResult(
        payload=payload,
        function_error=function_error,
        executed_version=response.headers.get("X-Amz-Executed-Version"),
    )


def log_of(response: httpx.Response) -> bytes:
    """The tail of the log that came with the answer."""
    encoded = response.headers.get("X-Amz-Log-Result", "")
    try:
        return b64decode(encoded, validate=True)
    except ValueError:
        return b""  # a log that cannot be read is no reason to lose the result


def _error(response: httpx.Response, body: bytes) -> tuple[str, str]:
    """Code and message. Source: AWS restJson1, error serialization."""
    try:
        members = msgspec.json.decode(body, type=dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        members = {}
    code = response.headers.get("x-amzn-ErrorType") or members.get("__type") or members.get("code")
    message = members.get("message") or members.get("Message")
    # The code may stand between a namespace and a link: `ns#Code:http://...`.
    code = str(code or f"Http{response.status_code}").partition(":")[0].rpartition("#")[2]
    return code, str(message or "")[:MESSAGE_CHARS_MAX]


def _retry_after_s(value: str | None) -> float | None:
    if value is None or not value.isascii() or not value.isdigit():
        return None
    return min(float(value[:9]), RETRY_AFTER_S_MAX)
