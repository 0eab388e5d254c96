"""one client connection: bytes to requests, in order, and responses back

The parser runs ahead of the handler: requests that came in one read wait in a queue (pipelining)
and are answered one after the other, before the next read, which bounds the queue. Deadlines are
attributes that the server's reaper looks at every second, which costs a connection nothing while
all goes well.
"""

import contextlib
import json
import logging
import math
import re
import socket
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from time import time

import httptools
import trio

from broker.core.limits import HEADER_BYTES_MAX, HEADERS_MAX
from broker.edge.http.channel import Channel, ChunkedChannel
from broker.edge.http.message import REASONS, MalformedTarget, Request, Response, Takeover
from broker.edge.http.turns import Turns

log = logging.getLogger(__name__)

# What is read is parsed at once and copied from there, so one buffer serves all connections. A body
# is read in larger pieces; else one read bounds how many pipelined requests may wait.
_BUFFER = memoryview(bytearray(1 << 20))
_SMALL = _BUFFER[: 1 << 16]

LINGER_BYTES = 1 << 16
IDLE_S = 75.0  # between requests
HEAD_S = 15.0  # from a request's first byte to its last header
PROGRESS_S = 30.0  # between two reads of a body, or two writes of a response
LINGER_S = 5.0  # for the client to take in a refusal

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_METHODS = {method.encode(): method for method in METHODS}
_RARE = frozenset(("upgrade", "transfer-encoding", "expect"))
_END_OF_AUTHORITY = re.compile(rb"[/?#]")

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
        turns: Turns,
    ) -> None:
        self._socket = client
        self._turns = turns
        self._line = turns.open_line(client)
        self._peer = peer
        self._handler = handler
        self._body_limit = body_limit
        self._parser = httptools.HttpRequestParser(self)
        self._requests: deque[Request] = deque()
        self._refusal: _Refused | None = None
        self._continue = False
        self._in_request = False
        self._in_head = False
        self._persistent = False
        self._upgrading = False
        self._websocket = False  # the client asks for it in the request that is the last one
        self._after_request = b""  # what it has sent right behind that
        self._split_head = False
        self._long_read = False
        self._dry_bytes = 0
        self._target = b""
        self._headers: dict[str, str] = {}
        self._body = b""
        self._body_rest = bytearray()
        self._body_bytes = 0
        self.deadline = math.inf  # on trio's clock; the reaper calls `expire` after it
        self._scope = trio.CancelScope()
        self._busy = False  # from a request's turn to the last byte of its answer
        self._draining = False  # the answer under way is the last

    # The parser's callbacks

    def on_message_begin(self) -> None:
        self._target = b""
        self._headers = {}
        self._header_count = 0
        self._body_bytes = 0
        self._in_request = self._in_head = True
        self._split_head = False
        self.deadline = math.inf

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        if self._header_count > HEADERS_MAX:
            raise _Refused(431, "too many header fields")
        if not self._in_head:
            return  # a trailer: it must not pass for a header
        key = _NAMES.get(name) or _lower(name)
        headers = self._headers
        text = value.decode("latin-1")
        if key in headers:
            if key in ("host", "content-length"):
                raise _Refused(400, f"repeated header {key}")
            text = f"{headers[key]},{text}"
        headers[key] = text

    def on_headers_complete(self) -> None:
        self._in_head = False
        headers = self._headers
        if self._split_head or self._long_read:  # in one short read it can't be too long
            size = sum(len(name) + len(value) + 4 for name, value in headers.items())
            if size + len(self._target) > HEADER_BYTES_MAX:
                raise _Refused(431, "the header is too long")
        method = self._parser.get_method()
        self._method = _METHODS.get(method, "")
        if not self._method:
            raise _Refused(501, f"the method {method.decode('latin-1')} is not supported")
        version = self._parser.get_http_version()
        self._persistent = version == "1.1"
        if self._persistent:
            if "host" not in headers:
                raise _Refused(400, "missing Host header")
        elif version != "1.0":
            raise _Refused(505, "this server speaks HTTP/1.1")
        if self._target[:1] != b"/":
            self._target = self._origin_form()
        self._limit = self._body_limit(self._method, self._target, headers)
        length = headers.get("content-length")
        if length is not None and int(length) > self._limit:
            raise _Refused(413, f"the body may have at most {self._limit} bytes")
        if not _RARE.isdisjoint(headers):
            self._heed_rare(headers)

    def _heed_rare(self, headers: dict[str, str]) -> None:
        """Headers that change how the request is read."""
        if "upgrade" in headers and self._parser.should_upgrade():
            # Only a GET of HTTP/1.1 can switch, and one with a body is read as any other request.
            self._websocket = (
                headers["upgrade"].lower() == "websocket"
                and self._persistent
                and self._method == "GET"
                and headers.get("content-length", "0") == "0"
                and "transfer-encoding" not in headers
            )
            if not self._websocket:
                self._upgrading = True
                return
        if "transfer-encoding" in headers:
            if not self._persistent:
                raise _Refused(400, "Transfer-Encoding in HTTP/1.0")
            if headers["transfer-encoding"].lower() != "chunked":
                raise _Refused(501, "the only transfer encoding is chunked")
        if "expect" in headers and self._persistent:
            if headers["expect"].lower() != "100-continue":
                raise _Refused(417, "unknown expectation")
            self._continue = True

    def on_body(self, data: bytes) -> None:
        if self._body_bytes == 0:
            self._body = data
            self._continue = False  # the client didn't wait
        else:
            if not self._body_rest:
                self._body_rest += self._body
            # Not a list: of a body in chunks of a few bytes it would take a hundredfold.
            self._body_rest += data
        self._body_bytes += len(data)
        if self._body_bytes > self._limit:
            raise _Refused(413, f"the body may have at most {self._limit} bytes")

    def on_message_complete(self) -> None:
        if self._upgrading:
            return  # what follows the header is still to be read: see `_without_upgrade`
        self._in_request = False
        self._continue = False
        body = self._body
        self._body = b""
        if self._body_rest:
            body = bytes(self._body_rest)
            self._body_rest.clear()
        self._requests.append(
            Request(
                self._method,
                self._target,
                self._headers,
                body,
                # HTTP/1.0 clients may keep a connection only by an extension of theirs.
                keep_alive=self._persistent
                and not self._websocket
                and self._parser.should_keep_alive(),
                peer=self._peer,
                version="1.1" if self._persistent else "1.0",
                upgrade="websocket" if self._websocket else "",
            )
        )

    # The loop

    async def serve(self) -> None:
        """Answer requests until the client leaves, asks to close, or breaks the protocol."""
        with self._scope:
            try:
                await self._serve()
                self._turns.flush()
                await self._send_rest()
            except OSError:
                return  # the client is gone, or the way to it
            finally:
                self._turns.flush()
                if self._line.undelivered is not None:
                    self._line.undelivered()

    async def _serve(self) -> None:
        while await self._read_requests():
            while self._requests:
                if not await self._answer(self._requests.popleft()):
                    return
            if self._refusal is not None:
                await self._refuse(self._refusal)
                return

    def expire(self) -> None:
        """The deadline has passed: end, with 408 if that's the answer to half a request."""
        if self._in_request and not self._busy:
            late = _Refused(408, "the rest of the request did not come in time")
            with contextlib.suppress(OSError):
                self._socket.send(late.response.encode(date_line(), keep_alive=False))
        self._scope.cancel()

    def drain(self) -> None:
        """End with the answer to the request that is under way; if none is, now."""
        self._draining = True
        self._turns.flush()
        if not (self._busy or self._in_request or self._line.unsent or self._has_input()):
            self._scope.cancel()

    def _has_input(self) -> bool:
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    async def _read_requests(self) -> bool:
        """Read until there is something to answer; False if the client has left."""
        while not self._requests and self._refusal is None:
            if self._draining and not (self._in_request or self._has_input()):
                return False
            if self._continue:
                self._continue = False
                self._line.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._set_deadline()
            await self._line.wait_readable()
            if self._line.unsent:
                await self._send_rest()
            buffer = _BUFFER if self._in_request and not self._in_head else _SMALL
            try:
                count = self._socket.recv_into(buffer)
            except BlockingIOError:
                continue
            if not count:
                return False
            if count == len(buffer):
                self._line.readable = True  # a shorter read has emptied the socket
            self._long_read = count > HEADER_BYTES_MAX
            self._feed(buffer[:count])
        return True

    def _set_deadline(self) -> None:
        now = trio.current_time()
        if self._in_head:
            self.deadline = min(self.deadline, now + HEAD_S)
        elif self._in_request:
            self.deadline = now + PROGRESS_S
        else:
            self.deadline = now + IDLE_S

    def _feed(self, data: memoryview | bytes) -> None:
        headers, body_bytes = self._headers, self._body_bytes
        try:
            while data:
                try:
                    self._parser.feed_data(data)
                    break
                except httptools.HttpParserUpgrade as upgrade:
                    if self._websocket:
                        self._after_request = bytes(data[upgrade.args[0] :])
                        return
                    data = self._without_upgrade(data[upgrade.args[0] :])
            if self._in_request:
                self._split_head = self._in_head
                # The parser keeps a field until it has all of it, in trailers too.
                if self._headers is headers and self._body_bytes == body_bytes:
                    self._dry_bytes += len(data)
                    if self._dry_bytes > HEADER_BYTES_MAX:
                        raise _Refused(431, "the header is too long")
                else:
                    self._dry_bytes = 0
        except _Refused as refusal:
            self._refusal = refusal
        except httptools.HttpParserError as error:
            # httptools wraps what a callback raised.
            cause = error.__context__
            self._refusal = cause if isinstance(cause, _Refused) else _Refused(400, str(error))

    def _origin_form(self) -> bytes:
        """The path and query of a target that doesn't begin with a slash."""
        scheme, separator, rest = self._target.partition(b"://")
        if separator and scheme.lower() in (b"http", b"https"):
            end = _END_OF_AUTHORITY.search(rest)
            authority, path = (rest[: end.start()], rest[end.start() :]) if end else (rest, b"")
            # The client names the host twice, and whoever checks it looks at the header.
            if authority.decode("latin-1").lower() != self._headers.get("host", "").lower():
                raise _Refused(400, "the target and the Host header name different hosts")
            return path if path[:1] == b"/" else b"/" + path
        if self._target == b"*" and self._method == "OPTIONS":
            return b"*"
        raise _Refused(400, "the request's target is not a path")

    def _without_upgrade(self, rest: memoryview | bytes) -> bytes:
        """The request again as one that asks for no upgrade, before the bytes that followed it.

        A server may ignore a wish to upgrade; Java's client has it in every first request. The
        parser stops at such a request and wouldn't read its body.
        """
        self._upgrading = False
        self._parser = httptools.HttpRequestParser(self)
        lines = [f"{self._method} {self._target.decode('latin-1')} HTTP/1.1"]
        lines += (f"{key}: {text}" for key, text in self._headers.items() if key != "upgrade")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + rest

    async def _answer(self, request: Request) -> bool:
        """Handle one request; whether the connection goes on."""
        self.deadline = math.inf
        self._busy = True
        request.long_poll = self._long_poll
        if self._line.undelivered is not None:  # by a request that came together with this one
            self._turns.flush()
            await self._send_rest()
        try:
            response = await self._handler(request)
            data, keep_alive = self._encode(request, response)
        except MalformedTarget as malformed:
            response = Response(400, f"{malformed}\n".encode(), "text/plain")
            data, keep_alive = self._encode(request, response)
        except Exception:
            log.exception("%s %s failed", request.method, request.raw_path.decode("latin-1"))
            response = Response(500, b"internal error\n", "text/plain")
            data, keep_alive = self._encode(request, response)
        if response.takeover is not None and request.method != "HEAD":
            await self._hand_over(request, response.takeover, response.status, data)
            return False
        if request.undelivered is not None:
            if self._line.hung_up or self._is_closed():
                request.undelivered()
                return False
            self._line.entrust(request.undelivered)
        self._line.send(data)
        self._busy = False
        return keep_alive

    async def _hand_over(
        self, request: Request, takeover: Takeover, status: int, head: bytes
    ) -> None:
        """Send the head, and leave the connection to the handler until it is done with it."""
        self._line.send(head)
        self._turns.flush()
        await self._send_rest()
        self.deadline = math.inf
        chunked = status != 101 and request.version != "1.0"
        kind = ChunkedChannel if chunked else Channel
        channel = kind(self._socket, self._line, self._after_request, self._expect_progress)
        try:
            await takeover(channel)
        except OSError:
            raise  # the client is gone
        except Exception:
            log.exception("%s failed", request.raw_path.decode("latin-1"))

    def _expect_progress(self, expected: bool) -> None:
        self.deadline = trio.current_time() + PROGRESS_S if expected else math.inf

    def _is_closed(self) -> bool:
        """Whether the client has hung up, if it has sent nothing before."""
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    @contextmanager
    def _long_poll(self) -> Iterator[None]:
        """While the handler waits, end the connection, and it, if the client hangs up."""
        if self._line.hung_up:
            self._scope.cancel()
        self._line.on_hang_up = self._scope.cancel
        try:
            yield
        finally:
            self._line.on_hang_up = None

    def _encode(self, request: Request, response: Response) -> tuple[bytes, bool]:
        """The bytes of the response, and whether the connection goes on after them."""
        keep_alive = request.keep_alive and not response.close and not self._draining
        if response.takeover is not None:
            keep_alive = False
        data = response.encode(
            date_line(),
            keep_alive=keep_alive,
            head_only=request.method == "HEAD",
            version=request.version,
        )
        return data, keep_alive

    async def _refuse(self, refusal: _Refused) -> None:
        """Answer, and read on a little: closing at once would send a reset after the answer.

        A client that is still sending would see only the reset.
        """
        self._in_request = False
        self._line.send(refusal.response.encode(date_line(), keep_alive=False))
        self._turns.flush()
        await self._send_rest()
        self._socket.shutdown(socket.SHUT_WR)
        self.deadline = trio.current_time() + LINGER_S
        data = b"unread"
        while data:
            await self._line.wait_readable()
            with contextlib.suppress(BlockingIOError):
                data = self._socket.recv(LINGER_BYTES)
                self._line.readable = True

    async def _send_rest(self) -> None:
        """Send what the client was not ready for, at its own pace."""
        line = self._line
        while line.unsent:
            if line.failed:
                raise BrokenPipeError
            self.deadline = trio.current_time() + PROGRESS_S
            await trio.lowlevel.wait_writable(self._socket)
            data, line.unsent = line.unsent, b""
            line.transmit(data)


# Names of header fields in lower case, by how clients write them: each has its one way.
_NAMES: dict[bytes, str] = {}
_NAMES_MAX = 1_000


def _lower(name: bytes) -> str:
    key = name.decode("latin-1").lower()
    if len(_NAMES) < _NAMES_MAX and len(name) <= 64:
        _NAMES[name] = key
    return key


_date_cache: tuple[int, str] = (0, "")


def date_line() -> str:
    """The Date header of this second."""
    global _date_cache
    now_s = int(time())
    if _date_cache[0] != now_s:
        _date_cache = now_s, f"Date: {formatdate(now_s, usegmt=True)}\r\n"
    return _date_cache[1]
