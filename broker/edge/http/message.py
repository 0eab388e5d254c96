"""requests as they were parsed, responses as they will be written"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from urllib.parse import parse_qsl, unquote_to_bytes

from broker.core.limits import QUERY_PARAMETERS_MAX
from broker.core.trace_header import accepted_header
from broker.edge.http.channel import Channel

REASONS = {
    100: "Continue",
    101: "Switching Protocols",
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    304: "Not Modified",
    400: "Bad Request",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    411: "Length Required",
    412: "Precondition Failed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    507: "Insufficient Storage",
}


_BODILESS = (101, 204, 304)
Takeover = Callable[[Channel], Awaitable[None]]


class MalformedTarget(Exception):
    """The target's path or query is not percent-encoded UTF-8; the message says which."""


class Request:
    """One request with its whole body. Header names are lower case; repeated ones are joined."""

    def __init__(
        self,
        method: str,
        target: bytes,
        headers: dict[str, str],
        body: bytes = b"",
        *,
        keep_alive: bool = True,
        peer: str = "",
        version: str = "1.1",
        upgrade: str = "",
    ) -> None:
        self.method = method
        self.target = target  # the raw path and query of the request line
        self.headers = headers
        self.body = body
        self.keep_alive = keep_alive
        self.peer = peer
        self.version = version
        self.upgrade = upgrade  # the protocol to which a 101 would switch: "websocket"
        # Within it, the handler is cancelled if the client hangs up.
        self.long_poll: Callable[[], AbstractContextManager[None]] = nullcontext
        # Set by a handler whose response takes something along: called if the client has gone
        # before all of it was sent.
        self.undelivered: Callable[[], None] | None = None
        raw_path, _, self.raw_query = target.partition(b"?")
        self.raw_path = raw_path

    @property
    def trace_header(self) -> str | None:
        """What SDKs send along that run within a function: see `broker.core.trace_header`."""
        return accepted_header(self.headers.get("x-amzn-trace-id"))

    @cached_property
    def path(self) -> str:
        """The path, percent-decoded. For splitting into labels use `raw_path`.

        Raises: MalformedTarget, which the connection answers with 400.
        """
        try:
            return unquote_to_bytes(self.raw_path).decode()
        except UnicodeDecodeError:
            raise MalformedTarget("the path is not percent-encoded UTF-8") from None

    @cached_property
    def query(self) -> dict[str, str]:
        """The query's parameters; of a repeated one the last.

        Raises: MalformedTarget, which the connection answers with 400.
        """
        if not self.raw_query:
            return {}
        try:
            pairs = parse_qsl(
                self.raw_query.decode(),
                keep_blank_values=True,
                errors="strict",
                max_num_fields=QUERY_PARAMETERS_MAX,
            )
        except UnicodeDecodeError:
            raise MalformedTarget("the query is not percent-encoded UTF-8") from None
        except ValueError:
            text = f"the query may have at most {QUERY_PARAMETERS_MAX} parameters"
            raise MalformedTarget(text) from None
        return dict(pairs)

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower case; "" if none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class Response:
    """One response: with its whole body, or with a handler that takes the connection over.

    `takeover` is called with the channel when the head is sent: of a 101 with the raw connection,
    of any other status with the body, to which it may send for as long as it likes. The connection
    ends with it. Of a response to HEAD it isn't called.
    """

    __slots__ = ("body", "close", "content_type", "headers", "status", "takeover")

    def __init__(
        self,
        status: int = 200,
        body: bytes = b"",
        content_type: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        *,
        close: bool = False,
        takeover: Takeover | None = None,
    ) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers
        self.close = close  # hang up after it
        self.takeover = takeover

    def encode(
        self,
        date: str,
        *,
        keep_alive: bool,
        head_only: bool = False,
        version: str = "1.1",
    ) -> bytes:
        """The bytes to send. Raises: ValueError, if a header has a line break in it."""
        lines = [_STATUS_LINES.get(self.status) or _status_line(self.status), date]
        if self.content_type is not None:
            lines.append(f"Content-Type: {self.content_type}\r\n")
        lines.extend(f"{name}: {value}\r\n" for name, value in self.headers)
        bodiless = self.status in _BODILESS
        if self.takeover is not None and not bodiless:
            if version != "1.0":  # which ends a body by closing the connection
                lines.append("Transfer-Encoding: chunked\r\n")
        elif not bodiless:
            lines.append(f"Content-Length: {len(self.body)}\r\n")
        if not keep_alive and self.status != 101:
            lines.append("Connection: close\r\n")
        text = "".join(lines)
        # A value that came from a client could else add headers, or a response of its own.
        if not text.count("\r") == text.count("\n") == len(lines):
            raise ValueError("a response header has a line break in it")
        head = (text + "\r\n").encode("latin-1", "replace")
        return head if head_only or bodiless else head + self.body


def _status_line(status: int) -> str:
    return f"HTTP/1.1 {status} {REASONS.get(status, 'Unknown')}\r\n"


_STATUS_LINES = {status: _status_line(status) for status in REASONS}
