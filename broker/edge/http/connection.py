"""one client connection: bytes to requests, in order, and responses back

The parser runs ahead of the handler: requests that came in one read wait in a queue (pipelining)
and are answered one after the other. Deadlines are attributes that the server's reaper looks at
every second, which costs a connection nothing while all goes well.
"""

import json
import logging
import math
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from time import time

import httptools
import trio

from broker.core.limits import HEADER_BYTES_MAX, HEADERS_MAX, PIPELINE_MAX
from broker.edge.http.message import REASONS, Request, Response

log = logging.getLogger(__name__)

READ_BYTES = 1 << 16
IDLE_S = 75.0  # between requests
HEAD_S = 15.0  # from a request's first byte to its last header
PROGRESS_S = 30.0  # between two reads of a body, or two writes of a response

Handler = Callable[[Request], Awaitable[Response]]
BodyLimit = Callable[[str, bytes, dict[str, str]], int]


class _Refused(Exception):
    """What was read can't become a request; the connection ends with this answer."""

    def __init__(self, status: int, text: str) -> None:
        title = REASONS[status]
        problem = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": text,
            "code": title.replace(" ", ""),
        }
        body = json.dumps(problem).encode()
        self.response = Response(status, body, "application/problem+json", close=True)


class Connection:
    """Serves one accepted socket until either side is done."""

    def __init__(
        self,
        client: socket.socket,
        peer: str,
        handler: Handler,
        body_limit: BodyLimit,
        tasks: trio.Nursery,
    ) -> None:
        self._socket = client
        self._tasks = tasks  # where a long poll's watch runs, which never outlives the poll
        self._peer = peer
        self._handler = handler
        self._body_limit = body_limit
        self._parser = httptools.HttpRequestParser(self)
        self._requests: deque[Request] = deque()
        self._refusal: _Refused | None = None
        self._continue = False
        self._in_request = False
        self._in_head = False
        self._head_bytes = 0
        self.deadline = math.inf  # on trio's clock; the reaper cancels `scope` after it
        self.scope = trio.CancelScope()
        self.busy = False  # a request is being answered
        self.draining = False  # the answer under way is the last

    # The parser's callbacks

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._header_count = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._in_request = self._in_head = True

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers = self._headers
        if key in headers:
            if key in ("host", "content-length"):
                raise _Refused(400, f"repeated header {key}")
            text = f"{headers[key]},{text}"
        headers[key] = text
        self._header_count += 1
        if self._header_count > HEADERS_MAX:
            raise _Refused(431, "too many header fields")

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        headers = self._headers
        self._method = self._parser.get_method().decode("latin-1")
        if self._parser.get_http_version() == "1.1" and "host" not in headers:
            raise _Refused(400, "missing Host header")
        self._limit = self._body_limit(self._method, self._target, headers)
        length = headers.get("content-length")
        if length is not None and int(length) > self._limit:
            raise _Refused(413, f"the body may have at most {self._limit} bytes")
        expect = headers.get("expect")
        if expect is not None:
            if expect.lower() != "100-continue":
                raise _Refused(417, "unknown expectation")
            self._continue = True

    def on_body(self, data: bytes) -> None:
        self._body.append(data)
        self._body_bytes += len(data)
        if self._body_bytes > self._limit:
            raise _Refused(413, f"the body may have at most {self._limit} bytes")

    def on_message_complete(self) -> None:
        self._in_request = False
        self._continue = False
        body = self._body
        self._requests.append(
            Request(
                self._method,
                self._target,
                self._headers,
                body[0] if len(body) == 1 else b"".join(body),
                keep_alive=self._parser.should_keep_alive(),
                peer=self._peer,
            )
        )
        if len(self._requests) > PIPELINE_MAX:
            raise _Refused(400, "too many pipelined requests")

    # The loop

    async def serve(self) -> None:
        """Answer requests until the client leaves, asks to close, or breaks the protocol."""
        with self.scope:
            try:
                while await self._read_requests():
                    while self._requests:
                        if not await self._answer(self._requests.popleft()):
                            return
                    if self._refusal is not None:
                        await self._send(self._refusal.response.encode(_date(), keep_alive=False))
                        return
            except (ConnectionError, TimeoutError):
                return

    async def _read_requests(self) -> bool:
        """Read until there is something to answer; False if the client has left."""
        while not self._requests and self._refusal is None:
            if self.draining and not self._in_request:
                return False
            self._set_deadline()
            await trio.lowlevel.wait_readable(self._socket)
            try:
                data = self._socket.recv(READ_BYTES)
            except BlockingIOError:
                continue
            if not data:
                return False
            self._feed(data)
            if self._continue:
                self._continue = False
                await self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    def _set_deadline(self) -> None:
        now = trio.current_time()
        if self._in_head:
            self.deadline = min(self.deadline, now + HEAD_S)
        elif self._in_request:
            self.deadline = now + PROGRESS_S
        else:
            self.deadline = now + IDLE_S

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
            if self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > HEADER_BYTES_MAX:
                    raise _Refused(431, "the header is too long")
        except _Refused as refusal:
            self._refusal = refusal
        except httptools.HttpParserUpgrade:
            self._refusal = _Refused(501, "this protocol can't be upgraded to")
        except httptools.HttpParserError as error:
            # httptools wraps what a callback raised.
            cause = error.__context__
            self._refusal = cause if isinstance(cause, _Refused) else _Refused(400, str(error))

    async def _answer(self, request: Request) -> bool:
        """Handle one request; whether the connection goes on."""
        self.deadline = math.inf
        self.busy = True
        request.long_poll = self._long_poll
        try:
            response = await self._handler(request)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            response = Response(500, b"internal error\n", "text/plain")
        finally:
            self.busy = False
        keep_alive = request.keep_alive and not response.close and not self.draining
        await self._send(
            response.encode(_date(), keep_alive=keep_alive, head_only=request.method == "HEAD")
        )
        return keep_alive

    @contextmanager
    def _long_poll(self) -> Iterator[None]:
        """While the handler waits, end the connection, and it, if the client hangs up.

        A client that has pipelined more behind its poll can't be watched that way: its bytes hide
        the end that may follow.
        """
        watch = trio.CancelScope()
        self._tasks.start_soon(self._watch_hang_up, watch)
        try:
            yield
        finally:
            # Takes effect at once, so the socket can be waited for again.
            watch.cancel()

    async def _watch_hang_up(self, watch: trio.CancelScope) -> None:
        with watch:
            await trio.lowlevel.wait_readable(self._socket)
            try:
                ended = not self._socket.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                ended = False
            except ConnectionError:
                ended = True
            if ended:
                self.scope.cancel()

    async def _send(self, data: bytes) -> None:
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            sent = 0
        if sent == len(data):
            return
        rest = memoryview(data)[sent:]
        while rest:
            self.deadline = trio.current_time() + PROGRESS_S
            await trio.lowlevel.wait_writable(self._socket)
            rest = rest[self._socket.send(rest) :]


_date_cache: tuple[int, str] = (0, "")


def _date() -> str:
    global _date_cache
    now_s = int(time())
    if _date_cache[0] != now_s:
        _date_cache = now_s, f"Date: {formatdate(now_s, usegmt=True)}\r\n"
    return _date_cache[1]
