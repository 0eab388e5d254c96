"""the Lambda Runtime API over HTTP: one worker's requests in, its answers out

What the requests mean is the worker's affair; see `Runtime`. Paths, statuses and bodies are those
of the Runtime API of 2018-06-01.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

import httptools
import msgspec
import trio

__all__ = ["Answer", "Request", "Runtime", "accepted", "refused", "serve"]

CHUNK_BYTES = 64 * 1024
HEADER_BYTES_MAX = 64 * 1024
BODY_BYTES_MAX = 6_291_556  # Lambda: 6 MiB and 100 bytes

STREAMED_BYTES_MAX = 200 * 1024 * 1024
RESPONSE_MODE = "lambda-runtime-function-response-mode"

ROOT = "/2018-06-01/runtime/"
_PATH = re.compile(rf"{ROOT}invocation/([^/]+)/(response|error)")


@dataclass(slots=True)
class Request:
    """One request, whole. What its body has beyond the limit was not kept."""

    method: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)  # names in lower case; trailers too
    body: bytearray = field(default_factory=bytearray)
    body_bytes: int = 0

    @property
    def is_streamed(self) -> bool:
        """Whether it is a result that is to be passed on as it comes."""
        return self.headers.get(RESPONSE_MODE) == "streaming"

    @property
    def is_too_large(self) -> bool:
        """Whether there was more of it than a function may answer."""
        return self.body_bytes > (STREAMED_BYTES_MAX if self.is_streamed else BODY_BYTES_MAX)


@dataclass(frozen=True, slots=True)
class Answer:
    """A response."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """As it stands on the wire."""
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append(f"Content-Type: application/json\r\nContent-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode() + self.body


def accepted() -> Answer:
    """What a worker hears of what it has reported."""
    return Answer(202, b'{"status":"OK"}')


def refused(status: int, error_type: str, message: str) -> Answer:
    """What it hears of what it must not say."""
    body = {"errorMessage": message, "errorType": error_type}
    return Answer(status, msgspec.json.encode(body))


class Runtime(Protocol):
    """What answers one worker's requests."""

    async def next(self) -> Answer:
        """It is ready for an event; returns when there is one."""

    def response(self, request_id: str, request: Request) -> Answer:
        """The function's result."""

    async def piece(self, request_id: str, data: bytes) -> None:
        """A part of the function's result, which comes in parts; `response` follows."""

    def error(self, request_id: str, request: Request) -> Answer:
        """The function has failed."""

    def init_error(self, request: Request) -> Answer:
        """It can't get ready for events at all."""


async def serve(stream: trio.SocketStream, runtime: Runtime) -> None:
    """Answer what comes on one connection, until it ends."""
    requests = _Requests()
    try:
        while data := await stream.receive_some(CHUNK_BYTES):
            requests.feed(data)
            if requests.expects_continue():
                await stream.send_all(b"HTTP/1.1 100 Continue\r\n\r\n")
            answers = b""
            for request in requests.take():
                await _pass_on(runtime, request)
                answers += (await _answer(runtime, request)).to_bytes()
            # Who asks for the next event right behind its result needs no answer in between.
            if answers:
                await stream.send_all(answers)
            await _pass_on(runtime, requests.current)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
        with suppress(trio.BrokenResourceError):
            await stream.send_all(refused(400, "InvalidRequest", str(error)).to_bytes())
    except trio.BrokenResourceError:
        pass


async def _pass_on(runtime: Runtime, request: Request) -> None:
    """Of a result that is streamed, what has come of it; the rest of the request may follow."""
    if not request.is_streamed or not request.body or request.is_too_large:
        return
    about = _PATH.fullmatch(request.path)
    if about is not None and about[2] == "response":
        data = bytes(request.body)
        request.body.clear()
        await runtime.piece(about[1], data)


async def _answer(runtime: Runtime, request: Request) -> Answer:
    if request.method == "GET" and request.path == ROOT + "invocation/next":
        return await runtime.next()
    if request.method != "POST":
        return refused(404, "NotFound", f"There is no {request.method} {request.path}.")
    if request.path == ROOT + "init/error":
        return runtime.init_error(request)
    about = _PATH.fullmatch(request.path)
    if about is None:
        return refused(404, "NotFound", f"There is no {request.method} {request.path}.")
    report = runtime.response if about[2] == "response" else runtime.error
    return report(about[1], request)


class _Requests:
    """Gathers what the parser finds."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self.current = Request()  # which is being received
        self._header_bytes = 0
        self._whole: list[Request] = []
        self._continues = False

    def feed(self, data: bytes | bytearray) -> None:
        """Take in what has come. Raises: HttpParserError."""
        self._parser.feed_data(data)

    def take(self) -> list[Request]:
        """Those that are whole."""
        whole, self._whole = self._whole, []
        return whole

    def expects_continue(self) -> bool:
        """Whether a client waits to be told to send its body."""
        waits, self._continues = self._continues and not self._whole, False
        return waits

    # Called by the parser

    def on_message_begin(self) -> None:
        self._url = b""
        self.current = Request()
        self._header_bytes = 0

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > HEADER_BYTES_MAX:
            raise ValueError("too many headers")
        self.current.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.current.method = self._parser.get_method().decode()
        self.current.path = self._url.decode("latin-1").partition("?")[0]
        self._continues = self.current.headers.get("expect", "").lower() == "100-continue"

    def on_body(self, body: bytes) -> None:
        request = self.current
        request.body_bytes += len(body)
        if not request.is_too_large:
            request.body += body

    def on_message_complete(self) -> None:
        self._whole.append(self.current)
        self.current = Request()
